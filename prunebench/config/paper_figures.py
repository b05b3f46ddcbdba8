"""The figures of a paper's layout: curves over sparsity, or over any number in a method, a target or a dataset.

What kind of figure one is stands in its `kind`; without one it has curves.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from prunebench.config.paper_internals import EcdfFigure, GraphFigure
from prunebench.config.paper_metrics import Accuracy, PaperMetric, Quantity
from prunebench.config.paper_parts import Place, Reference, Token
from prunebench.config.strict import Strict
from prunebench.targets import Target

_X = "{x}"


class Series(Strict):
    """One curve.

    Attributes:
        title: in the legend.
        method: its name; on an `axis`, `{x}` in it or in `dataset` stands for each of the axis' values.
        target: needed on an `axis`.
        metric, dataset: the figure's where they are not given.
    """

    title: str
    method: str
    target: Token | None = None
    metric: PaperMetric | None = None
    dataset: str | None = None


class Panel(Strict):
    """One set of axes of a figure.

    Attributes:
        title: above it.
        series: its curves.
    """

    title: str = ""
    series: tuple[Series, ...] = Field(min_length=1)


class Axis(Strict):
    """A horizontal axis.

    Attributes:
        title: below it.
        values: what `{x}` stands for.
        log: whether it is logarithmic.
    """

    title: str
    values: tuple[int | float, ...] = Field(min_length=2)
    log: bool = False


class Figure(Strict):
    """Curves of one model: perplexity against sparsity over `targets`, or any metric over the values of an `axis`.

    Attributes:
        title, caption: what the paper calls it and what it shows.
        model: the paper's.
        targets, axis: what is on the horizontal axis, one of the two.
        metric, dataset, tasks: what is measured where a series does not say; `tasks` are those of an `average`.
        panels: one beside the other.
        references: the published numbers.
    """

    kind: Literal["curves"] = "curves"
    title: str
    caption: str
    model: str
    targets: tuple[Token, ...] = ()
    axis: Axis | None = None
    metric: PaperMetric = "perplexity"
    dataset: str = ""
    tasks: dict[str, Accuracy] = Field(default_factory=dict)
    panels: tuple[Panel, ...] = Field(min_length=1)
    references: tuple[Reference, ...] = ()

    @model_validator(mode="after")
    def _has_one_axis(self) -> "Figure":
        if (self.axis is None) != bool(self.targets):
            raise ValueError("a figure has either `targets` or an `axis`")
        if len(self.targets) == 1:
            raise ValueError("targets: a figure's axis has two or more")
        for token in self.targets:
            if Target.parse(token).pattern not in ("unstructured", "dense"):
                raise ValueError(f"target {token!r}: a figure's axis is unstructured sparsity")
        for panel in self.panels:
            for series in panel.series:
                self._check(series)
        return self

    def _check(self, series: Series) -> None:
        where = f"series {series.title!r}"
        if self.axis and series.target is None:
            raise ValueError(f"{where}: no target")
        dataset = self.dataset if series.dataset is None else series.dataset
        if self.axis and _X not in series.method + dataset:
            raise ValueError(f"{where}: {_X}, the value of the axis, is neither in its method nor in its dataset")
        if not self.axis and series.target is not None:
            raise ValueError(f"{where}: the targets are the axis, so it has none of its own")
        for _, place in self.points(series):
            place.quantity.check()

    def points(self, series: Series) -> list[tuple[float, Place]]:
        """The points of a curve: x (pruned percent, or the value of the axis) and where the number stands."""
        if self.axis is None:
            return [
                (100 * Target.parse(token).sparsity, self._place(series, series.method, token, ""))
                for token in self.targets
            ]
        return [(x, self._place(series, series.method, series.target or "", str(x))) for x in self.axis.values]

    def _place(self, series: Series, method: str, token: str, x: str) -> Place:
        metric = series.metric or self.metric
        dataset = self.dataset if series.dataset is None else series.dataset
        tasks = tuple(self.tasks.items()) if metric == "average" else ()
        quantity = Quantity(metric, dataset.replace(_X, x), (), tasks)
        return Place(self.model, method.replace(_X, x), token, quantity)

    def needed(self) -> Iterator[Place]:
        """What has to be measured for the figure."""
        for panel in self.panels:
            for series in panel.series:
                for _, place in self.points(series):
                    yield place


def _kind(figure: Any) -> str:
    if isinstance(figure, Mapping):
        return str(figure.get("kind", "curves"))
    return str(getattr(figure, "kind", ""))


AnyFigure = Annotated[
    Annotated[Figure, Tag("curves")] | Annotated[EcdfFigure, Tag("ecdf")] | Annotated[GraphFigure, Tag("graph")],
    Discriminator(_kind),
]
