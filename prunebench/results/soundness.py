"""Whether what lies in `results/` is what was written: each file that carries or is named by a digest, hashed anew.

Nothing is believed for its name, its time or a config: damage is found in whatever lies there.
"""

import re
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from prunebench.assets.manifest import MANIFEST, damaged_files, read_manifest
from prunebench.data.tokens import read_raw
from prunebench.errors import DamagedFile, PrunebenchError
from prunebench.files import sha256_file
from prunebench.layout import METRICS, PROVENANCE
from prunebench.results.records import EvaluationRecord, PruneRecord, read_record
from prunebench.results.runfiles import read_run
from prunebench.worklock import holder

_THREADS = 4  # hashing lets go of the interpreter
# What `replacing`, safetensors and scratch folders call what they have not finished.
_UNFINISHED = re.compile(r"\..+[.-][a-z0-9_]{8}|\.tmp[A-Za-z0-9]{6}")
_LOCK = re.compile(r"\..+\.lock")


@dataclass(frozen=True)
class Damage:
    """One file that is not what it should be.

    Attributes:
        path: which.
        wrong: what is wrong with it, as the rest of a sentence.
        remedy: what makes it again.
        remove: the files whose removal lets the next run do so, and no more than that.
    """

    path: Path
    wrong: str
    remedy: str
    remove: tuple[Path, ...]


@dataclass(frozen=True)
class Report:
    """What was found below a folder.

    Attributes:
        files: how many files were hashed.
        damages: those that are damaged.
        working: the processes that make something there at this moment, as `process 12 on some-host`.
        leftovers: what killed processes left behind; harmless, and empty while somebody works.
    """

    files: int
    damages: list[Damage]
    working: list[str]
    leftovers: list[Path]


def examine(root: Path) -> Report:
    """Hash every asset, file of tokens, patch, record and the metrics below the project folder `root`."""
    results = root / "results"
    checks = [
        *((_asset, path) for path in sorted(results.glob(f"assets/*/*/{MANIFEST}"))),
        *((_tokens, path) for path in sorted(results.glob("tokens/**/*.safetensors"))),
        *((_pruned, path) for path in sorted(results.glob("pruned/**/*.json"))),
        *((_evaluated, path) for path in sorted(results.glob("cells/**/*.json"))),
        *((_run, path) for path in [root / PROVENANCE] if path.exists()),
    ]
    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(lambda check: check[0](check[1]), checks))
    hidden = sorted(path for folder in (results, root / "reports") for path in folder.rglob(".*"))
    locks = [path for path in hidden if _LOCK.fullmatch(path.name)]
    working = sorted({who for path in locks if (who := holder(path)) is not None})
    unfinished = [path for path in hidden if _UNFINISHED.fullmatch(path.name)]
    return Report(
        sum(count for count, _ in found),
        [damage for _, damages in found for damage in damages],
        working,
        [] if working else sorted([*locks, *unfinished]),
    )


def _asset(path: Path) -> tuple[int, list[Damage]]:
    folder, remedy = path.parent, "snakemake makes this asset again when it is needed"
    try:
        manifest = read_manifest(folder)
    except PrunebenchError:
        return 1, [Damage(path, "is not the manifest that was written", remedy, (path,))]
    damages = [
        Damage(folder / file, wrong, remedy, (folder / file, path)) for file, wrong in damaged_files(folder, manifest)
    ]
    return 1 + len(manifest["files"]), damages


def _tokens(path: Path) -> tuple[int, list[Damage]]:
    try:
        read_raw(path)
    except PrunebenchError:
        remedy = "snakemake tokenises again when it is needed"
        return 1, [Damage(path, "does not hold the token ids that were written", remedy, (path,))]
    return 1, []


def _pruned(path: Path) -> tuple[int, list[Damage]]:
    patch, remedy = path.with_suffix(".safetensors"), "snakemake prunes this cell again"
    try:
        record = read_record(path, PruneRecord)
    except DamagedFile:
        return 1, [Damage(path, "is not the record that was written", remedy, (path,))]
    # No patch at all is as it should be where patches are not kept.
    if record is None or not patch.exists():
        return 1, []
    if sha256_file(patch) == record.patch_sha256:
        return 2, []
    # With its record, which is what a run asks for: a patch that is absent alone would be made when it is read next.
    return 2, [Damage(patch, "has another sha256 than its record says", remedy, (patch, path))]


def _evaluated(path: Path) -> tuple[int, list[Damage]]:
    try:
        read_record(path, EvaluationRecord)
    except DamagedFile:
        remedy = "snakemake evaluates this cell again"
        return 1, [Damage(path, "is not the record that was written", remedy, (path,))]
    return 1, []


def _run(path: Path) -> tuple[int, list[Damage]]:
    metrics = path.parent / Path(METRICS).name
    try:
        read_run(metrics, path)
    except FileNotFoundError:
        return 1, []  # snakemake makes what is absent
    except DamagedFile as error:
        damaged = metrics if str(error).startswith(str(metrics)) else path
        remedy = "snakemake collects the records again"
        return 2, [Damage(damaged, "is not what the records were collected into", remedy, (metrics, path))]
    return 2, []


def remove(report: Report, stale: Sequence[Path] = ()) -> list[Path]:
    """Remove what is damaged, stale or left behind; the next run makes just the former two again."""
    removed, damaged = [], [file for damage in report.damages for file in damage.remove]
    for path in dict.fromkeys([*damaged, *stale, *report.leftovers]):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists() or path.is_symlink():
            path.unlink()
        else:
            continue
        removed.append(path)
    return removed
