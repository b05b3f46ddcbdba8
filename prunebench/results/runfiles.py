"""What reports are made from: `metrics.csv`, and `provenance.json`, which knows the digest of the first."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunebench.errors import DamagedFile
from prunebench.files import sha256_file
from prunebench.sealed import read_sealed, write_sealed
from prunebench.worklock import alone

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)
_METRICS_SHA256 = "metrics_sha256"


def write_run(frame: "pd.DataFrame", run: dict[str, Any], metrics: Path, provenance: Path) -> None:
    """Write the rows that `collect` gives and what `summarise` and the config say about them.

    One process at a time, as `prunebench report` may do so beside a run: of two, one would have written the rows and
    the other their digest.
    """
    from prunebench.results.collect import write

    with alone([metrics], _log.info):
        write(frame, metrics)
        write_sealed(provenance, _laid_out({**run, _METRICS_SHA256: sha256_file(metrics)}))


def read_run(metrics: Path, provenance: Path) -> dict[str, Any]:
    """What `provenance.json` says, once it is sure that both files are those that were written together.

    Raises:
        DamagedFile: one of them was changed or cut off.
        FileNotFoundError: one of them is not there.
    """
    run: dict[str, Any] = json.loads(read_sealed(provenance))
    if run[_METRICS_SHA256] != sha256_file(metrics):
        raise DamagedFile(f"{metrics} is not what was written together with {provenance}: it was changed or cut off")
    return run


def _laid_out(run: dict[str, Any]) -> str:
    """JSON with a key a line and an entry of a list a line: tens of thousands of numbers, one a line, help nobody."""

    def laid_out(value: Any) -> str:
        if not isinstance(value, list) or not value:
            return json.dumps(value, sort_keys=True, separators=(",", ":"))
        return "[\n" + ",\n".join("  " + json.dumps(v, sort_keys=True, separators=(",", ":")) for v in value) + "\n ]"

    return "{\n" + ",\n".join(f" {json.dumps(key)}: {laid_out(run[key])}" for key in sorted(run)) + "\n}\n"
