"""Cells of a config, computed by Snakemake for a command that wants them and no report."""

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from prunebench.config.grid import expand
from prunebench.config.load import Config
from prunebench.errors import PrunebenchError

_PROGRESS = re.compile(r"\d+ of \d+ steps ")


def record_files(config: Config) -> list[Path]:
    """The records of every cell of the config's grid."""
    return [path for cell in expand(config).cells for path in cell.records]


def compute(configfile: Path, overrides: Mapping[str, Sequence[str]], records: Sequence[Path]) -> None:
    """Run Snakemake for these records; those that are there and current cost nothing, and reports stay as they are.

    Its progress is passed on; all that it says, only if it fails.

    Args:
        overrides: keys of the config with the words that replace their lists, as in `--config targets=u50,u60`.

    Raises:
        PrunebenchError: Snakemake failed; what a method did wrong is in its cell's status instead.
    """
    words = [f"{key}={','.join(values)}" for key, values in overrides.items()]
    command = [sys.executable, "-m", "snakemake", "--cores", "all", "--quiet", "rules", "reason", "host"]
    command += ["--configfile", str(configfile), *(["--config", *words] if words else []), "--", *map(str, records)]
    said = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as run:
        assert run.stdout is not None
        for line in run.stdout:
            said.append(line)
            if _PROGRESS.match(line):
                print(line, end="", file=sys.stderr, flush=True)
    if run.returncode:
        sys.stderr.writelines(said)
        raise PrunebenchError("snakemake could not finish; its output above says why")
