"""Which model of a run is shown for which model of a paper, and what a paper therefore needs measured."""

from collections.abc import Collection, Iterable, Mapping

from prunebench.config.paper import Paper

Wanted = tuple[str, str, str]  # model, method, target


def shown_models(asked: Iterable[str], run: Collection[str], stand_in: Mapping[str, str]) -> dict[str, str]:
    """By model of one table, in the order they appear there, the model of the run that is shown for it.

    A model that is in the run is shown itself. Otherwise its stand-in is, but once per table, for the first
    model it can replace: a table that repeats one model's numbers under several names would mislead. Models
    without either are left out.
    """
    asked = list(dict.fromkeys(asked))
    shown = {model: model for model in asked if model in run}
    for model in asked:
        substitute = stand_in.get(model, "")
        if model not in shown and substitute in run and substitute not in shown.values():
            shown[model] = substitute
    return shown


def needed_cells(paper: Paper, run: Collection[str]) -> dict[Wanted, frozenset[str]]:
    """What tables, figures and claims show of the run's models: kinds of evaluation by (model, method, target)."""
    needed: dict[Wanted, frozenset[str]] = {}
    for part in paper.parts():
        places = list(part.needed())
        shown = shown_models((place.model for place in places), run, paper.stand_in)
        for place in places:
            if place.model in shown:
                key = shown[place.model], place.method, place.target
                needed[key] = needed.get(key, frozenset()) | set(place.kinds)
    return needed
