"""Loading the configs of the shipped papers."""

from pathlib import Path

from prunebench.config.load import Config, load_config
from prunebench.config.strict import read_yaml

ROOT = Path(__file__).parents[2]
STRUCTURED = ("greedy-output", "prunenet")  # papers on structured pruning


def load_shipped(config: Path) -> Config:
    """A shipped config, loaded in the root folder."""
    defaults = read_yaml(ROOT / "config" / "config.yaml")  # Snakemake lays every other config over it
    return load_config({**defaults, **read_yaml(ROOT / config)})
