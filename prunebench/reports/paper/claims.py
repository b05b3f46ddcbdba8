"""The orderings a paper claims, checked on a run's numbers and on the paper's own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from types import MappingProxyType

from prunebench.config.paper import Paper
from prunebench.config.paper_metrics import Quantity
from prunebench.config.paper_parts import Claim, target_of
from prunebench.config.standins import shown_datasets, shown_methods, shown_models
from prunebench.reports.paper.measured import NOT_RUN, Measured, Value
from prunebench.reports.paper.published import Published, read_published
from prunebench.reports.paper.writing import written_number
from prunebench.targets import Target

HOLDS, FAILS, UNKNOWN = "holds", "does not hold", NOT_RUN


@dataclass(frozen=True)
class Point:
    """A claim at one target: whether it holds there (None: something is missing), and the numbers in words."""

    target: str
    holds: bool | None
    numbers: str
    untested: bool = False  # it holds or not, but the paired test does not separate all the methods


@dataclass(frozen=True)
class Verdict:
    """A claim on one model.

    Attributes:
        asked: the paper's model; `model`: the one of the run that is shown for it, empty if there is none.
        points: one per target.
        in_paper: the verdict on the paper's own numbers.
    """

    claim: Claim
    asked: str
    model: str
    points: tuple[Point, ...]
    in_paper: str

    @property
    def word(self) -> str:
        """The verdict: the claim holds if it does at every target that could be judged."""
        return _word(self.points)

    @property
    def share(self) -> str:
        """At how many of the judged targets it holds."""
        judged = [point for point in self.points if point.holds is not None]
        return f"{sum(bool(point.holds) for point in judged)} of {len(judged)}"

    @property
    def model_words(self) -> str:
        """The model, and for which one it stands in; all of them if none was run."""
        if not self.model:
            return ", ".join(self.claim.models)
        return self.asked if self.model == self.asked else f"{self.model} (for {self.asked})"


def judge_claims(paper: Paper, folder: Path, measured: Measured) -> list[Verdict]:
    """Every claim on each of its models that the run shows; if it shows none, once, as not run."""
    verdicts = []
    for claim in paper.claims:
        published = read_published(folder, claim.references)
        needed = list(claim.needed())
        shown = shown_models(needed, measured.models, paper)
        methods = shown_methods(needed, measured.methods, paper)
        quantity = claim.quantity.on(shown_datasets(needed, measured.datasets, paper))
        for asked in shown or claim.models[:1]:
            model = shown.get(asked, "")
            ours = partial(_measured, measured, quantity, methods, model)
            tied = partial(_tied, measured, quantity, methods, model)
            points = tuple(_judge(claim, target, ours, tied, methods) for target in claim.targets)
            own = [_judge(claim, target, partial(_printed, published, claim, asked)) for target in claim.targets]
            verdicts.append(Verdict(claim, asked, model, points, _word(own) if _known(own) else "no numbers"))
    return verdicts


def _measured(
    measured: Measured, quantity: Quantity, methods: dict[str, str], model: str, method: str, target: str
) -> Value:
    return measured.value(model, methods.get(method, method), target_of(method, target), quantity)


def _tied(
    measured: Measured, quantity: Quantity, methods: dict[str, str], model: str, pair: tuple[str, str], target: str
) -> bool:
    first, second = (methods.get(method, method) for method in pair)
    if target_of(first, target) != target_of(second, target):
        return False  # ranks are those of one target
    return measured.tied(model, (first, second), target, quantity)


def _printed(published: Published, claim: Claim, model: str, method: str, target: str) -> Value:
    number = published.number(model, method, target_of(method, target), claim.quantity)
    return Value(number, "", NOT_RUN if number is None else "ok")


def describe(title: str, verdicts: Sequence[Verdict]) -> str:
    """The verdicts as lines for a person."""
    lines = [f"claims of {title}:"]
    for verdict in verdicts:
        lines.append(f"  {verdict.word}: {verdict.claim.claim} [{verdict.model_words}, {verdict.share} targets]")
        lines += [
            f"      {Target.parse(point.target).label}: {point.numbers}{'' if point.holds else '  <- not so here'}"
            + (" (not separated by the paired test)" if point.untested else "")
            for point in verdict.points
            if point.holds is not None
        ]
    return "\n".join(lines)


def _judge(
    claim: Claim,
    target: str,
    value: Callable[[str, str], Value],
    tied: Callable[[tuple[str, str], str], bool] = lambda methods, target: False,
    names: Mapping[str, str] = MappingProxyType({}),
) -> Point:
    """The claim at one target; `names` are those of the methods that are shown."""
    values = {method: value(method, target) for method in claim.methods}
    found = {method: value.number for method, value in values.items()}
    steps = [
        _compare(found[first], relation, found[second], claim, tied((first, second), target))
        for first, relation, second in claim.steps
    ]
    holds = False if False in steps else None if None in steps else True
    numbers = ", ".join(f"{names.get(method, method)} {_in_words(values[method], claim)}" for method in claim.methods)
    together = any(tied((first, second), target) for first, _, second in claim.steps)
    return Point(target, holds, numbers, together and holds is not None)


def _compare(first: float | None, relation: str, second: float | None, claim: Claim, tied: bool) -> bool | None:
    """None where a number is missing. Two that no test separates are each at least as good as the other."""
    if first is None or second is None:
        return None
    match relation:
        case "<":
            return first < second
        case "<=":
            return tied or first <= second
        case ">":
            return first > second
        case ">=":
            return tied or first >= second
        case "<<":
            return first * claim.factor <= second and first < inf
        case ">>":
            return second * claim.factor <= first and second < inf
    near = first == second or abs(first - second) <= claim.tolerance * min(first, second)
    return near or (relation == "<~" and first < second) or (relation == ">~" and first > second)


def _in_words(value: Value, claim: Claim) -> str:
    if value.number is None:
        return value.status
    mantissa, power = written_number(value.number, claim.metric)
    return f"{mantissa}e{power}" if power else mantissa


def _known(points: Sequence[Point]) -> bool:
    return any(point.holds is not None for point in points)


def _word(points: Sequence[Point]) -> str:
    if not _known(points):
        return UNKNOWN
    return FAILS if any(point.holds is False for point in points) else HOLDS
