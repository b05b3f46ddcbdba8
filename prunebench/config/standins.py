"""What of a run is shown for a paper's models, methods and datasets, and what a paper therefore needs measured."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from prunebench.config.paper import Paper
from prunebench.config.paper_parts import Place

Wanted = tuple[str, str, str]  # model, method, target


def shown_names(asked: Iterable[str], run: Collection[str], stand_in: Mapping[str, str]) -> dict[str, str]:
    """By model (method, dataset) of one table, in the order they appear there, the one of the run that is shown for it.

    One that is in the run is shown itself. Otherwise its stand-in is, but once per table, for the first it can
    replace: a table that repeats one model's numbers under several names would mislead. Those without either are
    left out.
    """
    asked = list(dict.fromkeys(asked))
    shown = {name: name for name in asked if name in run}
    for name in asked:
        substitute = stand_in.get(name, "")
        if name not in shown and substitute in run and substitute not in shown.values():
            shown[name] = substitute
    return shown


def shown_models(places: Iterable[Place], run: Collection[str], paper: Paper) -> dict[str, str]:
    """The models of the run that are shown in one table, figure or claim, by the paper's models."""
    return shown_names((place.model for place in places), run, paper.stand_in)


def shown_methods(places: Iterable[Place], run: Collection[str], paper: Paper) -> dict[str, str]:
    """The methods of the run that are shown, by the layout's methods."""
    return shown_names((place.method for place in places), run, paper.stand_in_methods)


def shown_datasets(places: Iterable[Place], run: Collection[str], paper: Paper) -> dict[str, str]:
    """The texts and tasks of the run that are shown, by the paper's."""
    asked = (dataset for place in places for dataset in place.quantity.datasets)
    return shown_names(asked, run, paper.stand_in_data)


def needed_cells(paper: Paper, models: Collection[str], methods: Collection[str]) -> dict[Wanted, frozenset[str]]:
    """What tables, figures and claims show of the run: kinds of evaluation by (model, method, target)."""
    needed: dict[Wanted, frozenset[str]] = {}
    for places in _parts(paper):
        for place, cell in _shown(places, models, methods, paper):
            needed[cell] = needed.get(cell, frozenset()) | set(place.quantity.kinds)
    return needed


def needed_tasks(
    paper: Paper, models: Collection[str], methods: Collection[str], tasks: Collection[str]
) -> dict[Wanted, frozenset[str]]:
    """Which of the run's zero-shot tasks they show, by (model, method, target).

    Of an accuracy that names no task all count: it is the mean over them.
    """
    needed: dict[Wanted, frozenset[str]] = {}
    for places in _parts(paper):
        task_of = shown_datasets(places, tasks, paper)
        for place, cell in _shown(places, models, methods, paper):
            if "zeroshot" in place.quantity.kinds:
                named = place.quantity.datasets
                found = {task_of[name] for name in named if name in task_of} if named else set(tasks)
                needed[cell] = needed.get(cell, frozenset()) | found
    return needed


def _parts(paper: Paper) -> Iterator[list[Place]]:
    return (list(part.needed()) for part in paper.parts())


def _shown(
    places: Iterable[Place], models: Collection[str], methods: Collection[str], paper: Paper
) -> Iterator[tuple[Place, Wanted]]:
    """The places of one table, figure or claim that the run has something for, each with the cell it shows there."""
    places = list(places)
    model_of, method_of = shown_models(places, models, paper), shown_methods(places, methods, paper)
    for place in places:
        if place.model in model_of and place.method in method_of:
            yield place, (model_of[place.model], method_of[place.method], place.target)
