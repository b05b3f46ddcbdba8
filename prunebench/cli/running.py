"""Cells of a config, computed by Snakemake for a command that wants them and no report."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from prunebench.config.grid import expand
from prunebench.config.load import Config
from prunebench.errors import PrunebenchError


def record_files(config: Config) -> list[Path]:
    """The records of every cell of the config's grid."""
    return [path for cell in expand(config).cells for path in cell.records]


def compute(configfile: Path, overrides: Mapping[str, Sequence[str]], records: Sequence[Path]) -> None:
    """Run Snakemake for these records; those that are there and current cost nothing, and reports stay as they are.

    Args:
        overrides: keys of the config with the words that replace their lists, as in `--config targets=u50,u60`.

    Raises:
        PrunebenchError: Snakemake failed; what a method did wrong is in its cell's status instead.
    """
    words = [f"{key}={','.join(values)}" for key, values in overrides.items()]
    command = [sys.executable, "-m", "snakemake", "--cores", "all", "--quiet", "rules", "progress", "reason"]
    command += ["--configfile", str(configfile), *(["--config", *words] if words else []), "--", *map(str, records)]
    if subprocess.run(command, check=False).returncode:
        raise PrunebenchError("snakemake could not finish; its output above says why")
