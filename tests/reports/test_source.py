import pandas as pd
import pytest

from prunebench.errors import PrunebenchError
from prunebench.reports.source import Source
from prunebench.results.runfiles import write_run
from tests.reports.conftest import save_run
from tests.reports.hostile import TEXTS
from tests.results.example import make_run


def test_texts_come_back_as_they_were_written(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda", "random"), models=("opt-tiny",))
    frame = run.collect()
    continuations = frame["metric"] == "continuation"
    texts = [*TEXTS, "nan", "", " ", "\r\n", "1", "null"]
    frame = pd.concat([frame, *[frame[continuations]] * 2])  # enough rows for all of them
    continuations = frame["metric"] == "continuation"
    assert continuations.sum() >= len(texts)
    frame.loc[continuations, "value"] = [texts[i % len(texts)] for i in range(continuations.sum())]
    read = Source.read(*save_run(run, frame)).metrics
    assert list(read.loc[read["metric"] == "continuation", "value"]) == list(frame.loc[continuations, "value"])
    assert read.loc[read["metric"] == "continuation", "number"].isna().all()
    numbers = read.loc[read["metric"] == "perplexity", "number"].dropna()
    assert list(numbers) == list(frame.loc[frame["metric"] == "perplexity", "value"].dropna())
    assert len(numbers) > 10


def test_missing_and_damaged_files_are_named(tmp_path, run_files):
    metrics, provenance = run_files
    with pytest.raises(PrunebenchError, match=r"absent\.csv is not there; it is made by the rule `collect`"):
        Source.read(tmp_path / "absent.csv", provenance)
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(PrunebenchError, match=r"bad\.json is not what was written.*; delete both and run snakemake"):
        Source.read(metrics, tmp_path / "bad.json")
    files = tmp_path / "other.csv", tmp_path / "other.json"
    write_run(pd.DataFrame({"a": [1]}), {}, *files)
    with pytest.raises(PrunebenchError, match="other columns"):
        Source.read(*files)


def test_a_number_edited_in_the_table_makes_no_report(tmp_path, run_files):
    edited = tmp_path / "metrics.csv"
    edited.write_text(run_files[0].read_text().replace("0.5", "0.6", 1))
    with pytest.raises(PrunebenchError, match=r"metrics\.csv is not what was written together with .*provenance\.json"):
        Source.read(edited, run_files[1])


def test_names_stand_in_for_titles_and_the_config_gives_the_order(run_files):
    source = Source.read(*run_files)
    assert source.title("methods", "stade_nobias") == "STADE without bias"
    assert source.title("methods", "unheard") == "unheard"
    assert source.title("datasets", "mean") == "all tasks (mean)"
    source.provenance["averaged_tasks"] = ["piqa", "rte"]
    assert source.title("datasets", "mean") == "2 tasks (mean)"
    assert source.ordered("methods", ["b", "wanda", "a", "dense", "random"]) == ["dense", "random", "wanda", "a", "b"]
    assert source.ordered("models", ["opt-tiny", "smollm2-135m"]) == ["smollm2-135m", "opt-tiny"]
