"""What a trial found: one line per method, ranked as on the leaderboard, and one sentence on what it means."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from prunebench.config.grid import expand
from prunebench.plugins.description import Description, variant_title
from prunebench.results.cells import CellResult, load_cells
from prunebench.results.collect import collect
from prunebench.results.expected import PERPLEXITY
from prunebench.results.gates import gated
from prunebench.results.gather import described_methods, measured_pairs
from prunebench.results.ranking import separate
from prunebench.results.rows import RANK
from prunebench.results.stale import stale_as_errors
from prunebench.trial.plan import Trial

# What is a mistake in a method; `na` and `diverged` are answers.
_MISTAKES = ("rejected", "error", "timeout", "oom")


@dataclass(frozen=True)
class Line:
    """One method's result; numbers are None where there are none.

    Attributes:
        method, title: its name with the variant, and what it is called.
        rank, best, worst: as in `ranking.Rank`; the dense model has none.
        perplexity, low, high: on the trial's text, with its 95 % interval.
        over_dense: by what share of the dense model's perplexity it is above that (below, if negative).
        seconds, gigabytes: wall time of pruning, and its peak memory.
        status, reason: of the cell.
    """

    method: str
    title: str
    rank: int | None
    best: int | None
    worst: int | None
    perplexity: float | None
    low: float | None
    high: float | None
    over_dense: float | None
    seconds: float | None
    gigabytes: float | None
    status: str
    reason: str


@dataclass(frozen=True)
class Outcome:
    """Lines in the order of a leaderboard, the dense model's first.

    Attributes:
        caption: what was measured on what.
        verdict: one sentence on the method on trial.
        mistaken: whether the method on trial failed in a way that is a mistake in it.
    """

    caption: str
    lines: tuple[Line, ...]
    verdict: str
    mistaken: bool


def read_outcome(trial: Trial) -> Outcome:
    """Collect the records of a trial that has been computed, found in the working directory."""
    config, methods = trial.config, described_methods(trial.config)
    results = gated(load_cells(Path(), expand(config).cells, stale_as_errors(config)), config.references)
    frame = collect(results, methods, measured_pairs(config))
    lines = sorted(_lines(frame, trial, methods), key=_place)
    tried = next(line for line in lines if line.method == trial.method)
    items = {name: values for name, values in _items(results, trial.text) if name != "dense"}
    windows = max((len(values) for values in items.values()), default=0)
    text = config.data.texts[trial.text].title
    caption = (
        f"{config.model_registry[config.models[0]].title}, {trial.target}: {PERPLEXITY} on {windows} windows of "
        f"{text}; protocol {config.protocol}, seed {config.seeds[0]}"
    )
    return Outcome(caption, tuple(lines), _verdict(tried, lines, items), tried.status in _MISTAKES)


def _lines(frame: pd.DataFrame, trial: Trial, methods: Mapping[str, Description]) -> Iterable[Line]:
    """One line per cell, from the rows of `collect`."""
    named = frame.set_index(["method", "metric", "dataset"])
    dense = named.loc["dense", PERPLEXITY, trial.text].value
    for method in frame.method.unique():
        scored = named.loc[method, PERPLEXITY, trial.text]
        ranked = (method, RANK, f"{PERPLEXITY}/{trial.text}")
        found = named.loc[ranked] if ranked in named.index else None
        perplexity = _number(scored.value)
        place = [None] * 3 if found is None else [_number(found.value), _number(found.ci_low), _number(found.ci_high)]
        rank, best, worst = (None if number is None else int(number) for number in place)
        yield Line(
            method=method,
            title=variant_title(method, methods),
            rank=rank,
            best=best,
            worst=worst,
            perplexity=perplexity,
            low=_number(scored.ci_low),
            high=_number(scored.ci_high),
            over_dense=None
            if perplexity is None or method == "dense" or not _number(dense)
            else perplexity / dense - 1,
            seconds=_number(named.loc[method, "prune_seconds", ""].value),
            gigabytes=_number(named.loc[method, "peak_memory_gb", "prune"].value),
            status=scored.status,
            reason=scored.reason,
        )


def _number(value: float | None) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _place(line: Line) -> tuple[bool, float, float, str]:
    rank, perplexity = (float("inf") if value is None else value for value in (line.rank, line.perplexity))
    return line.method != "dense", rank, perplexity, line.method


def _items(results: Iterable[CellResult], text: str) -> Iterable[tuple[str, list[float]]]:
    """By method, the losses of the windows, where there are any."""
    for result in results:
        found = result.measurement(PERPLEXITY, PERPLEXITY, text)
        if found is not None and result.outcome(PERPLEXITY)[0] == "ok":
            yield result.sweep.method, found.items


def _verdict(tried: Line, lines: Iterable[Line], items: Mapping[str, list[float]]) -> str:
    """How the method on trial stands with each rival, by the test that the ranks are made with."""
    if tried.method not in items:
        return f"{tried.title} has no number to compare: {tried.status}{f', {tried.reason}' if tried.reason else ''}."
    rivals = {line.method: line for line in lines if line.method in items and line is not tried}
    if not rivals:
        return f"{tried.title} has nothing to be compared with: no other method gave a number."
    if any(len(a) != len(b) for a, b in pairwise(items.values())):
        return f"{tried.title} is not compared: the methods were not measured on the same windows."
    names = list(items)
    separated = separate(np.array([items[name] for name in names]).T)[names.index(tried.method)]
    found: dict[str, list[str]] = {"is better than": [], "cannot be separated from": [], "is worse than": []}
    for name, rival in rivals.items():
        words = "cannot be separated from"
        if separated[names.index(name)]:
            words = "is better than" if np.mean(items[tried.method]) < np.mean(items[name]) else "is worse than"
        found[words].append(rival.title)
    parts = [f"{words} {' and '.join(titles)}" for words, titles in found.items() if titles]
    return f"{tried.title} {', '.join(parts[:-1])}{' and ' if parts[1:] else ''}{parts[-1]}."
