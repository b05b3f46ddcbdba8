"""The command that computes one cell again, whatever config its run had."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prunebench.layout import Sweep
from prunebench.targets import DENSE

# A word that a list of words may hold as it is (see `config.schema`); with any other it is written as a YAML list.
_PLAIN = re.compile(r"(?![A-Za-z_]\w*=)[A-Za-z_./](?:[A-Za-z0-9_@=.+/-]|,(?=[A-Za-z_]\w*=))*")
# Settings of a group of keys: those that differ are given, the others stay the project's own.
_GROUPS = ("limits", "sandbox", "registry")
_SELECTING = ("protocol", "seeds", "evaluate", "zeroshot_tasks", "threads")  # given in any case
_WHEN = "job_minutes"  # decides when a cluster runs a job, not what comes out
_ENVIRONMENT = "make environment"  # that commit may pin other packages than those that are installed

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Reproduction:
    """Commands for a shell in a clone of the project, and what a reader should know before running them."""

    commands: tuple[str, ...]
    export: str
    remarks: tuple[str, ...]


def reproduce(cell: Json, settings: Json, environments: Sequence[Json]) -> Reproduction:
    """The commands for a cell of `provenance.json`, which need the project's own config and no other.

    The checkout is that of the clean commit that all records of the cell were made at, and left out if there is none.
    What selects the cell and what its records say is given in any case, since the config there may have other
    defaults; of the rest what differs from the project's own config of today. A limit that the run lifted while the
    project's own config sets it is not given: `--config` cannot.

    Args:
        cell: its entry (`results.entries.cell_entries`).
        settings: what its run's config said (`results.gather.decisive_settings`).
        environments: what records were made in.
    """
    made_in = [environments[number] for number, _ in cell["records"].values() if number is not None]
    given = {**_selecting(cell, settings["run"], made_in), **_differing(settings)}
    arguments = [f"{key}={_written(value)}" for key, value in given.items()]
    commit, remarks = _checkout(made_in)
    run = shlex.join(["snakemake", "--cores", "all", "--config", *arguments])
    sweep = Sweep(cell["protocol"], cell["model"], cell["method"], cell["seed"])
    name = f"{sweep.path}/{cell['target']}"
    export = shlex.join(["prunebench", "export", name, name.replace("/", "-")])
    return Reproduction((*commit, run), export, remarks)


def _selecting(cell: Json, run: Json, made_in: Sequence[Json]) -> dict[str, Any]:
    """By key of the config, what has to be said to get this cell alone, measured by what it was."""
    kinds = [kind for kind in run["evaluate"] if kind in cell["records"]]
    # The heads of all seeds are compared on the first seed's tokens.
    first = run["seeds"][:1] if "internals" in kinds else []
    counts = {environment.get("threads") for environment in made_in}
    threads = (counts.pop() if len(counts) == 1 else None) or run.get("threads")
    return {
        "protocol": cell["protocol"],
        "models": [cell["model"]],
        "methods": [cell["method"]],
        **({} if cell["target"] == DENSE.token else {"targets": [cell["target"]]}),
        "seeds": list(dict.fromkeys([*first, cell["seed"]])),
        "evaluate": kinds,
        **({"zeroshot_tasks": cell.get("tasks") or run["zeroshot_tasks"]} if "zeroshot" in kinds else {}),
        **({"threads": threads} if threads else {}),
    }


def _differing(settings: Json) -> dict[str, Any]:
    """By key of the config, what the run said of the rest and the project's own config does not."""
    own = settings["defaults"]
    differing: dict[str, Any] = {}
    for key, value in {**settings["run"], "paper": None}.items():
        if key in _GROUPS:
            known = own.get(key, {})
            parts = {part: v for part, v in value.items() if part != _WHEN and v not in (None, known.get(part))}
            if parts:
                differing[key] = parts
        elif key not in _SELECTING and value != own.get(key):
            differing[key] = value
    return differing


def _written(value: Any) -> str:
    """A value as Snakemake's `--config` reads it back, for this project's config."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool | int | float):
        return str(value)
    words = value if isinstance(value, list) else [value]
    text = ",".join(map(str, words))
    plain = all(isinstance(word, int) or _PLAIN.fullmatch(word) for word in words)
    if words and plain and (isinstance(words[0], int) or not _is_number(text)):
        return text
    return json.dumps(value, ensure_ascii=False)


def _is_number(text: str) -> bool:
    """Whether Snakemake takes it for one, as it does `nan` and `inf`."""
    try:
        float(text)
    except ValueError:
        return text in ("True", "False")
    return True


def _checkout(made_in: Sequence[Json]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The command that goes back to the code of the records, if it is known, or why it is not."""
    commits = {environment.get("git_sha") for environment in made_in}
    if not commits:
        return (), ("no record says which version of the code it was made with",)
    if len(commits) > 1:
        names = ", ".join(sorted(str(sha)[:10] for sha in commits))
        return (), (f"its steps were made at different commits: {names}",)
    (sha,) = commits
    if not sha:
        return (), ("the commit is not known: it was made with an installed package, not in a clone",)
    if any(environment.get("git_dirty") for environment in made_in):
        return (), (f"it was made with uncommitted changes to commit {sha}, so no commit has exactly this code",)
    return (f"git checkout {shlex.quote(str(sha))}", _ENVIRONMENT), ()
