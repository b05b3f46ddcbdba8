"""What every report is made of: `metrics.csv`, and the titles in `provenance.json`."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from prunebench.errors import DamagedFile, PrunebenchError
from prunebench.results.expected import CONTINUATION, MEAN
from prunebench.results.rows import COLUMNS
from prunebench.results.runfiles import read_run


@dataclass(frozen=True)
class Source:
    """A run as reports see it.

    Attributes:
        metrics: the rows of `metrics.csv`, all columns as text, plus `number`: the value as a float, NaN where
            there is none, and likewise `low`, `high` and `items` for `ci_low`, `ci_high` and `n`.
        provenance: the content of `provenance.json`.
    """

    metrics: pd.DataFrame
    provenance: dict[str, Any]

    @classmethod
    def read(cls, metrics_csv: Path, provenance: Path) -> "Source":
        """Read both files.

        Raises:
            PrunebenchError: a file is missing or is not what `collect` writes.
        """
        try:
            # Text throughout: a continuation may well be "NA" or "1e5".
            frame = pd.read_csv(metrics_csv, dtype=object, keep_default_na=False)
            titles = read_run(metrics_csv, provenance)
        except DamagedFile as error:
            raise DamagedFile(f"{error}; delete both and run snakemake to collect again") from None
        except FileNotFoundError as error:
            raise PrunebenchError(f"{error.filename} is not there; it is made by the rule `collect`") from None
        except ValueError as error:
            raise PrunebenchError(f"{metrics_csv} is no table ({error}); collect again") from None
        if tuple(frame.columns) != COLUMNS:
            raise PrunebenchError(f"{metrics_csv} has other columns than {', '.join(COLUMNS)}; collect again")
        numeric = frame["value"].where(frame["metric"] != CONTINUATION, "")
        for name, text in (
            ("number", numeric),
            ("low", frame["ci_low"]),
            ("high", frame["ci_high"]),
            ("items", frame["n"]),
        ):
            frame[name] = pd.to_numeric(text, errors="coerce").astype(float)
        return cls(frame, titles)

    @property
    def protocol(self) -> str:
        """The one protocol of the rows.

        Raises:
            PrunebenchError: there are several; their numbers must not share a table or a figure.
        """
        names = sorted(self.metrics["protocol"].unique())
        if len(names) > 1:
            raise PrunebenchError(f"metrics.csv mixes the protocols {', '.join(names)}; make the reports of each apart")
        return names[0] if names else ""

    def title(self, what: str, name: str) -> str:
        """The title of one of the `models`, `methods` or `datasets`; its name where there is none."""
        if what == "datasets" and name == MEAN:
            some = self.provenance.get("averaged_tasks")  # where cells have different ones: those that all have
            return "all tasks (mean)" if some is None else f"{len(some)} tasks (mean)"
        title = self._known(what).get(name, {}).get("title")
        return title if isinstance(title, str) and title else name

    def cause(self, method: str) -> str:
        """What a method did where it was published, or why it failed there; empty where its header does not say."""
        return str(self._known("methods").get(method, {}).get("cause", ""))

    def overlap(self, model: str, dataset: str) -> str:
        """What to say where the domain of the dataset was seen before it was measured on, by all methods or by some."""
        how = {"training": "trained", "calibration": "calibrated"}
        found = self._overlaps(model, dataset)
        sentences = []
        if seen := [how[entry["use"]] for entry in found if "method" not in entry]:
            sentences.append(f"In-domain: {' and '.join(seen)} on")
        if tuned := [entry["method"] for entry in found if "method" in entry]:
            sentences.append(f"In-domain for {' and '.join(tuned)}: fine-tuned on")
        return ". ".join(
            f"{sentence} text of the same domain ({found[0]['domain']}), which flatters this perplexity"
            for sentence in sentences
        )

    def flattered(self, model: str, dataset: str) -> list[str]:
        """The methods that `overlap` is about; none where it is about all of them, or where there is none."""
        found = self._overlaps(model, dataset)
        return [entry["method"] for entry in found] if all("method" in entry for entry in found) else []

    def _overlaps(self, model: str, dataset: str) -> list[dict[str, str]]:
        overlaps: list[dict[str, str]] = self.provenance.get("overlaps", [])
        return [entry for entry in overlaps if (entry["model"], entry["dataset"]) == (model, dataset)]

    def ordered(self, what: str, names: Iterable[str]) -> list[str]:
        """Some `models`, `methods` or `datasets`, each once, in the order of the config; unknown ones last, by name."""
        places = {name: place for place, name in enumerate(self._known(what))}
        return sorted(set(names), key=lambda name: (places.get(name, len(places)), name))

    def _known(self, what: str) -> dict[str, dict[str, Any]]:
        return {entry["name"]: entry for entry in self.provenance.get(what, [])}
