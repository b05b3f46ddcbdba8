"""How the framework turns scores of units into a smaller model: a method's defaults, or what a variant asks for."""

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

_RANGE = re.compile(r"(?P<first>\d+(\.\d+)?)-(?P<last>\d+(\.\d+)?)")


class UnitSettings(BaseModel):
    """The steps around `score_units`, each usable with any method.

    Attributes:
        only: which depth-2 modules lose units.
        allocation: `uniform` takes the same share of every module (UL-UM); in `global` all units compete, by scores
            standardised within their module, for every weight they have (FLAP's AL-AM). With `similarity`, heads
            go that attend to what another attends to, however many that are in a layer, and every MLP loses the
            same share of its channels (ML-MM of Greedy Output Approximation).
        attention: the share of attention's units to be removed, whatever the target (UL-MM, or AL-MM with `global`);
            MLPs lose what the target asks for beyond that. None leaves it to the allocation.
        tau: with `similarity`, the Jensen-Shannon distance below which of two heads one goes. None takes what
            meets the share of attention.
        blocks: `all`, or the first block and the one after the last, as numbers (`4-30`) or as shares of the depth
            (`0.125-0.9375`), as LLM-Pruner and others leave the outer blocks alone.
        share_of: what a target is a share of: the weights of `all` linears in decoder blocks, or only of the `pruned`
            modules, those that `only` and `blocks` leave. A whole-model method's default is the only one of these
            settings that it may have; there `pruned` are the modules of the kinds that have lost units.
        statistics: what a block's inputs are gathered from: the blocks before it as they are by then (`pruned`) or
            as they were (`dense`).
        compensation: `bias` adds to the exit's bias what the removed units gave it on average; `least_squares`
            refits the exit's weights to what it gave before; `two_step` refits, before anything of a module goes, its
            entrance and then its exit to what they gave in the dense model.
        ridge: of the least squares: a multiple of the mean of the Gram matrix's diagonal that draws the refitted
            weights towards those they had.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    only: Literal["all", "attention", "mlp"] = "all"
    allocation: Literal["uniform", "global", "similarity"] = "uniform"
    attention: float | None = Field(default=None, ge=0, lt=1)
    tau: float | None = Field(default=None, gt=0)
    blocks: str = "all"
    share_of: Literal["all", "pruned"] = "all"
    statistics: Literal["pruned", "dense"] = "pruned"
    compensation: Literal["none", "bias", "least_squares", "two_step"] = "none"
    ridge: float = Field(default=0.1, ge=0)

    @field_validator("blocks", mode="before")
    @classmethod
    def _is_a_range(cls, value: Any) -> Any:
        match = _RANGE.fullmatch(str(value))  # a single number comes as one
        if value != "all" and (match is None or float(match["first"]) >= float(match["last"])):
            raise ValueError("it is `all`, numbers of blocks such as 4-30, or shares of the depth such as 0.125-0.9375")
        if match and "." in match[0] and float(match["last"]) > 1:
            raise ValueError("with a decimal point both ends are shares of the depth, and those are at most 1")
        return value

    @field_validator("attention")
    @classmethod
    def _is_for_heads(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and info.data.get("only") == "mlp":
            raise ValueError("it is the share of the heads that goes, and only=mlp leaves all of them")
        return value

    @field_validator("tau")
    @classmethod
    def _is_for_similarity(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is None:
            return value
        if info.data.get("allocation") != "similarity":
            raise ValueError("it is the threshold of allocation=similarity and means nothing with another")
        if info.data.get("only") == "mlp":
            raise ValueError("it decides which heads go, and only=mlp leaves all of them")
        if info.data.get("attention") is not None:
            raise ValueError("it decides how many heads go, and so does attention: give one of the two")
        return value

    @field_validator("compensation")
    @classmethod
    def _sees_pruned_blocks(cls, value: str, info: ValidationInfo) -> str:
        if value == "two_step" and info.data.get("statistics") == "dense":
            raise ValueError("it repairs what pruned blocks give, so it needs statistics=pruned")
        return value

    def block_range(self, depth: int) -> range:
        """The numbers of the blocks that lose units, of a model with so many."""
        match = _RANGE.fullmatch(self.blocks)
        if match is None:
            return range(depth)
        first, last = float(match["first"]), float(match["last"])
        if "." in self.blocks:
            first, last = round(first * depth), round(last * depth)
        return range(int(first), min(int(last), depth))


UNIT_KEYS = tuple(UnitSettings.model_fields)
