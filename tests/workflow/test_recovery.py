"""Recovery fine-tuning from the config to metrics.csv."""

import pandas as pd

from prunebench.layout import METRICS
from tests.workflow.project import Project


def test_a_fine_tuned_cell_is_measured_and_its_curve_is_in_the_metrics(project: Project) -> None:
    project.config |= {"models": ["tiny-llama"], "methods": ["magnitude@lora=2"], "evaluate": ["perplexity"]}
    project.collect()
    metrics = pd.read_csv(project.root / METRICS)
    cell = metrics[(metrics["method"] == "magnitude@lora=2") & (metrics["target"] == project.config["targets"][0])]
    assert set(cell["status"]) == {"ok"}
    steps = cell[cell["metric"] == "validation_loss"]["dataset"].astype(int)
    assert sorted(steps) == [0, 1, 2, 4]
