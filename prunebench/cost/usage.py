"""What a variant makes the framework do, as far as its file says it: the header, and a look at the code's words."""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from prunebench.errors import PrunebenchError
from prunebench.plugins.header import Group, Kind, parse_variant, read_header
from prunebench.plugins.variants import FrameworkParams, Reads, framework_params, reads

# Of whole-model methods nothing but their code tells what they do; these words do for what counts.
_DECOMPOSES = re.compile(r"\b(linalg|lowrank|spectra)\b")
_GRAM = re.compile(r"[\"']gram[\"']")
_ROUNDS = ("iterations", "cycles", "episodes")


@dataclass(frozen=True)
class Usage:
    """What decides the cost of a variant.

    Attributes:
        rounds: how often it goes over each matrix: the parameter `iterations`, `cycles` or `episodes`, if it has one.
        decomposes, grams: a whole-model method uses eigenvectors or the like of weights; gathers X^T X.
        sandboxed: it runs in a child process that tensors are sent to.
    """

    kind: Kind
    group: Group | None
    framework: FrameworkParams
    reads: Reads
    rounds: int
    decomposes: bool
    grams: bool
    sandboxed: bool


def usage_of(spec: str, path: Path) -> Usage | None:
    """Of a method with its variant; None if the file is broken, which costs no time."""
    state = path.stat() if path.is_file() else None
    return _cached(spec, path, (state.st_mtime_ns, state.st_size) if state else None)


@functools.lru_cache(maxsize=4096)
def _cached(spec: str, path: Path, state: tuple[int, int] | None) -> Usage | None:
    values = parse_variant(spec)[1]
    try:
        header = read_header(path)
        framework = framework_params(spec, values, header)
    except PrunebenchError:
        return None
    code = path.read_text(encoding="utf-8", errors="replace")
    params = {**header.params, **values}
    rounds = next((value for name in _ROUNDS if isinstance(value := params.get(name), int)), 1)
    return Usage(
        kind=header.kind,
        group=header.group,
        framework=framework,
        reads=reads(header, framework),
        rounds=rounds,
        decomposes=_DECOMPOSES.search(code) is not None,
        grams=_GRAM.search(code) is not None,
        sandboxed=header.origin != "human",
    )
