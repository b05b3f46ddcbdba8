"""Whether what lies in `results/` is what was written: each file that carries or is named by a digest, hashed anew.

Nothing is believed for its name, its time or a config: damage is found in whatever lies there. Only what is absent
takes a config to be missed.
"""

import os
import re
import shutil
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prunebench.assets.manifest import MANIFEST, damaged_files, read_manifest
from prunebench.data.tokens import parse_ids
from prunebench.errors import DamagedFile, PrunebenchError
from prunebench.files import sha256_file, unwritable
from prunebench.layout import METRICS, PROVENANCE, PUBLISHED
from prunebench.locks import holder
from prunebench.results.published.publication import SUFFIX, read_publication
from prunebench.results.records import EvaluationRecord, PruneRecord, Record, read_record
from prunebench.results.runfiles import read_run

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
        remove: the files whose removal lets the next run do so, and no more than that; none where no run does.
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


def examine(root: Path, kept: Collection[Path] = ()) -> Report:
    """Hash every asset, file of tokens, patch, record, the metrics and what is published below the folder `root`.

    Args:
        kept: the records of pruning whose patches should be there as well; others may have been temporary.
    """
    results = root / "results"
    checks = [
        *((_asset, path) for path in sorted(results.glob(f"assets/*/*/{MANIFEST}"))),
        *((_tokens, path) for path in sorted(results.glob("tokens/**/*.safetensors"))),
        *((partial(_pruned, kept=kept), path) for path in sorted(results.glob("pruned/**/*.json"))),
        *((_evaluated, path) for path in sorted(results.glob("cells/**/*.json"))),
        *((_run, path) for path in [root / PROVENANCE] if path.exists()),
        *((_published, path) for path in sorted((root / PUBLISHED).glob(f"*{SUFFIX}"))),
    ]
    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(lambda check: _examined(*check), checks))
    hidden = sorted(path for folder in (results, root / "reports") for path in folder.rglob(".*"))
    locks = [path for path in hidden if _LOCK.fullmatch(path.name)]
    working = sorted({process for path in locks if (process := holder(path)) is not None})
    unfinished = [path for path in hidden if _UNFINISHED.fullmatch(path.name)]
    return Report(
        sum(count for count, _ in found),
        [damage for _, damages in found for damage in damages],
        working,
        [] if working else sorted([*locks, *unfinished]),
    )


def _examined(check: Callable[[Path], tuple[int, list[Damage]]], path: Path) -> tuple[int, list[Damage]]:
    try:
        return check(path)
    except FileNotFoundError:
        return 0, []  # removed or replaced meanwhile by somebody at work; snakemake makes what is absent
    except OSError as error:
        file = Path(os.fsdecode(error.filename)) if error.filename is not None else path
        remedy = "snakemake makes it again when it is needed"
        return 1, [Damage(file, f"cannot be read ({error.strerror})", remedy, (file, path))]


def _asset(path: Path) -> tuple[int, list[Damage]]:
    folder, remedy = path.parent, "snakemake makes this asset again when it is needed"
    try:
        manifest = read_manifest(folder)
    except DamagedFile:
        return 1, [Damage(path, "is not the manifest that was written", remedy, (path,))]
    except PrunebenchError:
        return 0, []  # removed meanwhile
    damages = [
        Damage(folder / file, wrong, remedy, (folder / file, path)) for file, wrong in damaged_files(folder, manifest)
    ]
    return 1 + len(manifest["files"]), damages


def _tokens(path: Path) -> tuple[int, list[Damage]]:
    try:
        parse_ids(path.read_bytes(), path)
    except DamagedFile:
        remedy = "snakemake tokenises again when it is needed"
        return 1, [Damage(path, "does not hold the token ids that were written", remedy, (path,))]
    return 1, []


def _pruned(path: Path, kept: Collection[Path]) -> tuple[int, list[Damage]]:
    patch, remedy = path.with_suffix(".safetensors"), "snakemake prunes this cell again"
    try:
        record = _record(path, PruneRecord)
    except DamagedFile:
        return 1, [Damage(path, "is not the record that was written", remedy, (path,))]
    if record is None or not patch.exists():
        missed = record is not None and record.status == "ok" and record.patch_sha256 and path in kept
        return 1, [Damage(patch, "is missing, though patches are kept", remedy, (path,))] if missed else []
    if sha256_file(patch) == record.patch_sha256:
        return 2, []
    # With its record, which is what a run asks for: a patch that is absent alone would be made when it is read next.
    return 2, [Damage(patch, "has another sha256 than its record says", remedy, (patch, path))]


def _evaluated(path: Path) -> tuple[int, list[Damage]]:
    try:
        _record(path, EvaluationRecord)
    except DamagedFile:
        remedy = "snakemake evaluates this cell again"
        return 1, [Damage(path, "is not the record that was written", remedy, (path,))]
    return 1, []


def _record(path: Path, kind: type[Record]) -> Record | None:
    """As `read_record`, but an `OSError` is one."""
    try:
        return read_record(path, kind)
    except DamagedFile as error:
        if isinstance(error.__cause__, OSError):
            raise error.__cause__ from None
        raise


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


def _published(path: Path) -> tuple[int, list[Damage]]:
    try:
        read_publication(path)
    except PrunebenchError as error:
        return 1, [Damage(path, f"is not what was published ({error})", "git or prunebench publish makes it again", ())]
    return 1, []


def remove(report: Report, stale: Sequence[Path] = ()) -> list[Path]:
    """Remove what is damaged, stale or left behind; the next run makes just the former two again.

    Raises:
        StorageError: something cannot be removed.
    """
    removed, damaged = [], [file for damage in report.damages for file in damage.remove]
    for path in dict.fromkeys([*damaged, *stale, *report.leftovers]):
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise unwritable(path, error.errno) from error
        removed.append(path)
    return removed
