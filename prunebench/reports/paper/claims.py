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

HOLDS, FAILS, TIED, UNKNOWN = "holds", "does not hold", "not separated", NOT_RUN


@dataclass(frozen=True)
class Point:
    """A claim at one target: the word on it, and the numbers in words.

    It is `TIED` where nothing contradicts the claim but what was measured cannot tell some of its methods apart,
    and `UNKNOWN` where a number is missing.
    """

    target: str
    word: str
    numbers: str


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
        """The verdict: the claim holds if it does wherever it can be decided."""
        return _worst(self.points)

    @property
    def share(self) -> str:
        """At how many of the decided targets it holds, and how many are left open."""
        words = [point.word for point in self.points]
        decided, tied = words.count(HOLDS) + words.count(FAILS), words.count(TIED)
        parts = [f"{words.count(HOLDS)} of {decided} targets"] if decided or not tied else []
        return ", ".join([*parts, *([f"{tied} not separated"] if tied else [])])

    @property
    def shown(self) -> tuple[Point, ...]:
        """The points that have numbers."""
        return tuple(point for point in self.points if point.word != UNKNOWN)

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
            in_paper = _worst(own)
            verdicts.append(Verdict(claim, asked, model, points, "no numbers" if in_paper == UNKNOWN else in_paper))
    return verdicts


def _measured(
    measured: Measured, quantity: Quantity, methods: dict[str, str], model: str, method: str, target: str
) -> Value:
    return measured.value(model, methods.get(method, method), target_of(method, target), quantity)


def _tied(
    measured: Measured, quantity: Quantity, methods: dict[str, str], model: str, pair: tuple[str, str], target: str
) -> bool:
    first, second = ((methods.get(method, method), target_of(method, target)) for method in pair)
    return measured.tied(model, (first, second), quantity)


def _printed(published: Published, claim: Claim, model: str, method: str, target: str) -> Value:
    number = published.number(model, method, target_of(method, target), claim.quantity)
    return Value(number, "", NOT_RUN if number is None else "ok")


def describe(title: str, verdicts: Sequence[Verdict]) -> str:
    """The verdicts as lines for a person."""
    lines = [f"claims of {title}:"]
    for verdict in verdicts:
        lines.append(f"  {verdict.word}: {verdict.claim.claim} [{verdict.model_words}, {verdict.share}]")
        lines += [
            f"      {Target.parse(point.target).label}: {point.numbers}"
            + {FAILS: "  <- not so here", TIED: "  (not separated)"}.get(point.word, "")
            for point in verdict.shown
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
    steps = []
    for first, relation, second in claim.steps:
        step = _compare(values[first].number, relation, values[second].number, claim)
        # Closeness needs no test, and what is not far apart is not so because nothing separates it.
        open_ = relation in ("<", "<=", ">", ">=") or (relation in ("<<", ">>") and step == HOLDS)
        steps.append(TIED if open_ and tied((first, second), target) else step)
    # A step that fails refutes the claim whatever the others; one that is missing or tied leaves it open.
    word = next((word for word in (FAILS, UNKNOWN, TIED) if word in steps), HOLDS)
    numbers = (f"{names.get(method, method)} {_in_words(values[method], claim)}" for method in claim.methods)
    return Point(target, word, ", ".join(numbers))


def _compare(first: float | None, relation: str, second: float | None, claim: Claim) -> str:
    if first is None or second is None:
        return UNKNOWN
    near = first == second or abs(first - second) <= claim.tolerance * min(first, second)
    holds = {
        "<": first < second,
        "<=": first <= second,
        ">": first > second,
        ">=": first >= second,
        "<<": first * claim.factor <= second and first < inf,
        ">>": second * claim.factor <= first and second < inf,
        "~": near,
        "<~": near or first < second,
        ">~": near or first > second,
    }
    return HOLDS if holds[relation] else FAILS


def _in_words(value: Value, claim: Claim) -> str:
    if value.number is None:
        return value.status
    mantissa, power = written_number(value.number, claim.metric)
    return f"{mantissa}e{power}" if power else mantissa


def _worst(points: Sequence[Point]) -> str:
    words = {point.word for point in points}
    return next((word for word in (FAILS, HOLDS, TIED) if word in words), UNKNOWN)
