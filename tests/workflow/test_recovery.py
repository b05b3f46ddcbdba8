"""Recovery fine-tuning from the config to metrics.csv."""

import json

import pandas as pd
import pytest

from prunebench.data.tokens import read_ids, read_metadata
from prunebench.layout import METRICS, RECOVERY
from prunebench.sweeps.keys import VALIDATION_ROWS
from tests.workflow.project import PROTOCOL, Project

pytestmark = pytest.mark.slow


def test_a_fine_tuned_cell_is_measured_and_its_curve_is_in_the_metrics(finished: Project) -> None:
    finished.config |= {"models": ["tiny-llama"], "methods": ["magnitude@lora=2"], "evaluate": ["perplexity"]}
    finished.collect()
    metrics = pd.read_csv(finished.root / METRICS)
    cell = metrics[(metrics["method"] == "magnitude@lora=2") & (metrics["target"] == finished.config["targets"][0])]
    assert set(cell["status"]) == {"ok"}
    steps = cell[cell["metric"] == "validation_loss"]["dataset"].astype(int)
    assert sorted(steps) == [0, 1, 2, 4]
    drawn = finished.root / RECOVERY.format(protocol=PROTOCOL, model="tiny-llama", text="speeches", seed=0)
    settings = json.loads(read_metadata(drawn)["settings"])
    assert (settings["validation"], settings["training"]) == (VALIDATION_ROWS, 2)
    assert len(read_ids(drawn)) == VALIDATION_ROWS + 2
