"""The part of a variant that the framework reads itself: `wanda@only=o_proj,allocation=owl,nsamples=32`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from pydantic import ValidationError

from prunebench.errors import PrunebenchError, unknown_name
from prunebench.plugins.header import FRAMEWORK_PARAMS, LORA_KEYS, Header, Need, Value
from prunebench.plugins.unit_settings import UNIT_KEYS, UnitSettings

Allocation = Literal["uniform", "owl", "alphapruning"]
Data = Literal["calibration", "self"]
ALLOCATIONS: tuple[Allocation, ...] = get_args(Allocation)
_COMPENSATION_NEEDS: dict[str, tuple[Need, ...]] = {"bias": ("input_mean",), "least_squares": ("gram",)}


@dataclass(frozen=True)
class Recovery:
    """Recovery fine-tuning with LoRA after pruning: `lora=8,lora_text=sotu-train`.

    Attributes:
        samples: how many sequences it trains on, each once per epoch.
        text: name in the data registry; None for the protocol's calibration text.
        epochs, learning_rate: LLM-Pruner's, where a variant does not say.
    """

    samples: int
    text: str | None = None
    epochs: int = 2
    learning_rate: float = 1e-4


@dataclass(frozen=True)
class FrameworkParams:
    """How the framework uses a method.

    Attributes:
        nsamples: calibration samples, None for the protocol's number.
        only: prune just the linears whose name ends in one of these; empty for all.
        allocation: how the blocks share the sparsity.
        units: what is done with the scores of units, and what their targets mean; `only` and `allocation` above are
            not for such methods.
        data: whether the calibration is the protocol's text, or as much that the dense model writes itself.
        recovery: the fine-tuning that follows the pruning, if any.
    """

    nsamples: int | None = None
    only: tuple[str, ...] = ()
    allocation: Allocation = "uniform"
    units: UnitSettings = field(default_factory=UnitSettings)
    data: Data = "calibration"
    recovery: Recovery | None = None


@dataclass(frozen=True)
class Reads:
    """What a variant's cells are made of beside the model's weights.

    Attributes:
        needs: the statistics that the method itself sees.
        repair: those that its compensation is made of.
        attention: whether heads are compared by what they attend to.
        calibration: whether calibration data counts for any of it; if not, other data prunes the same.
    """

    needs: tuple[Need, ...] = ()
    repair: tuple[Need, ...] = ()
    attention: bool = False
    calibration: bool = False


def framework_params(spec: str, values: Mapping[str, Value], header: Header) -> FrameworkParams:
    """Read them from a variant's values; those of the method itself are left aside.

    Raises:
        PrunebenchError: a value makes no sense, or is not for a method of this kind.
    """
    nsamples, only, allocation = (values.get(key) for key in ("nsamples", "only", "allocation"))
    if nsamples is not None and (type(nsamples) is not int or nsamples < 1):
        raise PrunebenchError(f"method {spec!r}: nsamples is a number of calibration sequences, 1 or more")
    if (data := values.get("data", "calibration")) not in get_args(Data):
        raise unknown_name("data", str(data), get_args(Data), f"method {spec!r}")
    source: Data = "self" if data == "self" else "calibration"
    recovery = recovery_settings(spec, values)
    if header.kind == "units":
        units = _unit_settings(spec, values, header)
        return FrameworkParams(nsamples, units=units, data=source, recovery=recovery)
    for key in FRAMEWORK_PARAMS:
        if key in LORA_KEYS:
            continue
        if key in values and key not in ("nsamples", "data", "only", "allocation"):
            raise PrunebenchError(f"method {spec!r}: {key} is for methods that define score_units")
        if key in values and key not in ("nsamples", "data") and header.kind == "model":
            raise PrunebenchError(f"method {spec!r}: {key} is for methods that define score or prune_layer")
    names = tuple(str(only).split("+")) if only is not None else ()
    if "" in names:
        raise PrunebenchError(f"method {spec!r}: only={only} is not of the form layer or layer+layer")
    if allocation is not None and allocation not in ALLOCATIONS:
        raise unknown_name("allocation", str(allocation), ALLOCATIONS, f"method {spec!r}")
    chosen = next((known for known in ALLOCATIONS if known == allocation), ALLOCATIONS[0])
    units = header.units or UnitSettings()  # of whole-model methods, what their targets mean
    return FrameworkParams(nsamples, names, chosen, units, source, recovery)


def reads(header: Header, framework: FrameworkParams) -> Reads:
    """What the method of this header reads when the framework uses it so: all that is asked for, by whomever."""
    units, needs = framework.units, tuple(header.needs)
    if header.kind == "model":  # given the calibration itself
        return Reads(needs, calibration=True)
    attention = header.kind == "units" and units.allocation == "similarity" and units.only != "mlp"
    calibration = (
        bool(needs)
        or attention
        or units.compensation != "none"  # two_step has no statistics, but fits to the outputs on this data
        or framework.allocation == "owl"
        or framework.data == "self"  # as many sequences, and as long
    )
    return Reads(needs, _COMPENSATION_NEEDS.get(units.compensation, ()), attention, calibration)


def recovery_settings(spec: str, values: Mapping[str, Value]) -> Recovery | None:
    """The fine-tuning a variant asks for.

    Raises:
        PrunebenchError: a value makes no sense.
    """
    given = {key: values[key] for key in LORA_KEYS if key in values}
    if not given:
        return None
    samples, text = given.get("lora"), given.get("lora_text")
    epochs, rate = given.get("lora_epochs", Recovery.epochs), given.get("lora_lr", Recovery.learning_rate)
    if type(samples) is not int or samples < 1:
        raise PrunebenchError(f"method {spec!r}: lora is a number of sequences to fine-tune on, 1 or more")
    if type(epochs) is not int or epochs < 1:
        raise PrunebenchError(f"method {spec!r}: lora_epochs is 1 or more")
    if not isinstance(rate, int | float) or not 0 < rate < 1:  # True, an int, is 1
        raise PrunebenchError(f"method {spec!r}: lora_lr is a learning rate between 0 and 1")
    return Recovery(samples, None if text is None else str(text), epochs, float(rate))


def _unit_settings(spec: str, values: Mapping[str, Value], header: Header) -> UnitSettings:
    defaults = header.units or UnitSettings()
    chosen = {key: value for key, value in values.items() if key in UNIT_KEYS}
    try:
        settings = UnitSettings.model_validate(defaults.model_dump() | chosen)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        message = first["msg"].removeprefix("Value error, ")
        raise PrunebenchError(f"method {spec!r}: {key}={first['input']}: {message[0].lower()}{message[1:]}") from error
    # A header may have the ridge that suits its method where a variant asks for a compensation.
    if "ridge" in chosen and settings.compensation not in ("least_squares", "two_step"):
        raise PrunebenchError(
            f"method {spec!r}: ridge={settings.ridge:g}: it is for least squares, and means nothing without "
            "compensation=least_squares or two_step"
        )
    return settings
