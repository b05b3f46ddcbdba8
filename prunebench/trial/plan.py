"""Which cells a trial of a method computes: its own, those of two rivals, and the dense model's."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prunebench.config.load import DENSE_METHOD, Config, load_config
from prunebench.errors import PrunebenchError, unknown_name
from prunebench.plugins.header import parse_variant, read_header
from prunebench.targets import Pattern, Target

# Of each pattern, the target that is tried unless another is asked for, and the methods to beat.
_TARGETS: dict[Pattern, str] = {"unstructured": "u50", "n:m": "n2m4", "structured": "s20"}
_RIVALS = {"structured": ("wanda_sp", "mag_sp")}
_MASKING_RIVALS = ("wanda", "magnitude")


@dataclass(frozen=True)
class Trial:
    """A grid of one model, one target and one seed.

    Attributes:
        method: the method on trial, with its variant.
        target: the target token.
        overrides: the keys of the run's config that differ from its file, as lists of words.
        config: the run's config with them.
    """

    method: str
    target: str
    overrides: Mapping[str, tuple[str, ...]]
    config: Config

    @property
    def text(self) -> str:
        """The text that perplexities are compared on: the protocol's first."""
        return self.config.protocol_spec.perplexity.texts[0]


def plan_trial(
    settings: Mapping[str, Any], method: str, model: str, target: str | None = None, minutes: float | None = None
) -> Trial:
    """Cut a config down to a trial. Rivals are those of the target's pattern that the config's folders have.

    Args:
        settings: the config as it was read from its file.
        method: a method of the config's folders, with a variant if wanted; the config need not list it.
        target: a target token; None takes the first of u50, n2m4 and s20 that the method can do.
        minutes: of wall time that a cell may take at most; None leaves that to the config.

    Raises:
        PrunebenchError: there is no such method or model, or the method cannot do the target.
    """
    config = load_config(settings)
    name = parse_variant(method)[0]
    if name not in config.method_files:
        raise unknown_name("method", name, config.method_files, " ".join(map(str, config.method_paths)))
    if name == DENSE_METHOD:
        raise PrunebenchError("dense prunes nothing: every trial shows it; try another method")
    patterns = _patterns(name, config)
    target = target or next(
        (token for pattern, token in _TARGETS.items() if pattern in patterns), _TARGETS["unstructured"]
    )
    pattern = Target.parse(target).pattern
    if pattern not in patterns:
        raise PrunebenchError(
            f"{method} cannot do {target}, which is {pattern}: its patterns are {', '.join(patterns)}"
        )
    rivals = [rival for rival in _RIVALS.get(pattern, _MASKING_RIVALS) if rival in config.method_files]
    overrides: dict[str, tuple[str, ...]] = {
        "models": (model,),
        "methods": tuple(dict.fromkeys((method, *rivals))),
        "targets": (target,),
        "seeds": (str(config.seeds[0]),),
        "evaluate": ("perplexity",),
        "paper": (),  # a paper's grid is cut to what it shows
    }
    changed: dict[str, Any] = {key: list(words) for key, words in overrides.items()}
    changed |= {"seeds": [config.seeds[0]], "paper": None}
    if minutes is not None:
        limit = {"cell_minutes": minutes}
        overrides["limits"] = (json.dumps(limit),)
        changed["limits"] = {**settings.get("limits", {}), **limit}
    return Trial(method, target, overrides, load_config({**settings, **changed}))


def _patterns(name: str, config: Config) -> list[Pattern]:
    """What the method can do; a broken file is tried at anything, and its cell says what is wrong with it."""
    try:
        return read_header(config.method_files[name]).patterns
    except PrunebenchError:
        return list(_TARGETS)
