"""What of a run is shown for a paper's models, methods and datasets, and what a paper therefore needs measured."""

from collections.abc import Collection, Iterable, Mapping

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
    for part in paper.parts():
        places = list(part.needed())
        model_of, method_of = shown_models(places, models, paper), shown_methods(places, methods, paper)
        for place in places:
            if place.model in model_of and place.method in method_of:
                key = model_of[place.model], method_of[place.method], place.target
                needed[key] = needed.get(key, frozenset()) | set(place.quantity.kinds)
    return needed
