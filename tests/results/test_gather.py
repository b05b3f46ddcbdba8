"""What the collect rule takes from the config, and the line that ends a run."""

import gc
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from prunebench.config.load import load_config
from prunebench.errors import PrunebenchError
from prunebench.results.gather import decisive_settings, gather, gather_params, method_files, outcome, overlaps
from tests.config.project import write_project


@pytest.fixture
def mapping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    return write_project(tmp_path / "project")


def test_a_run_without_a_single_record_still_has_a_row_for_every_cell(mapping: dict[str, Any], tmp_path: Path) -> None:
    metrics, provenance = tmp_path / "metrics.csv", tmp_path / "provenance.json"
    gather(load_config({**mapping, "models": "one"}), metrics, provenance)
    rows = pd.read_csv(metrics)
    perplexity = rows[rows["metric"] == "perplexity"]
    assert set(zip(perplexity["method"], perplexity["target"], strict=True)) == {
        ("dense", "u00"), ("alpha", "u50"), ("alpha", "n2m4"), ("beta", "s20"),
    }  # fmt: skip
    assert set(rows["status"]) == {"error"}
    assert outcome(provenance) == "4 cells: 4 error"
    assert gc.isenabled()


def test_collecting_leaves_the_search_for_loops_as_it_was(mapping: dict[str, Any], tmp_path: Path) -> None:
    gc.disable()
    try:
        gather(load_config({**mapping, "models": "one"}), tmp_path / "metrics.csv", tmp_path / "provenance.json")
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("registry", "change", "collects_again"),
    [
        ("models", lambda m: m["one"].update(title="Another"), True),
        ("models", lambda m: m["one"].update(reference={"small": {"wiki": 5.0}}), True),
        ("data", lambda d: d["texts"]["wiki"].update(title="Another"), True),
        ("models", lambda m: m["one"]["source"].update(path="elsewhere"), False),
    ],
)
def test_what_only_names_and_judges_numbers_collects_again(
    mapping: dict[str, Any], registry: str, change: Any, collects_again: bool
) -> None:
    before = gather_params(load_config(mapping))
    path = Path(mapping["registry"][registry])
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))
    assert (gather_params(load_config(mapping)) != before) == collects_again


def test_a_broken_method_does_not_stop_the_collection(mapping: dict[str, Any], tmp_path: Path) -> None:
    Path(mapping["method_paths"][0], "broken.py").write_text("METHOD = {}\n")
    config = load_config({**mapping, "models": "one", "methods": "broken"})
    gather(config, tmp_path / "metrics.csv", tmp_path / "provenance.json")
    assert "broken" in set(pd.read_csv(tmp_path / "metrics.csv")["method"])


def test_text_of_the_domain_calibrated_or_trained_on_is_flagged(mapping: dict[str, Any], tmp_path: Path) -> None:
    assert overlaps(load_config(mapping)) == []
    before = gather_params(load_config(mapping))
    data = Path(mapping["registry"]["data"])
    data.write_text(data.read_text().replace("domain: web", "domain: wiki"))
    models = Path(mapping["registry"]["models"])
    content = yaml.safe_load(models.read_text())
    sizes = dict.fromkeys(
        ("vocabulary", "hidden", "layers", "heads", "feedforward", "positions", "steps", "batch"), 2048
    )
    train = {"kind": "train", "architecture": "opt", "text": "wiki", "learning_rate": 0.1, **sizes}
    content["two"]["source"] = train
    models.write_text(yaml.safe_dump(content))
    config = load_config({**mapping, "models": "one,two"})
    gather(config, tmp_path / "metrics.csv", tmp_path / "provenance.json")
    assert json.loads((tmp_path / "provenance.json").read_text())["overlaps"] == [
        {"model": model, "dataset": "wiki", "use": use, "domain": "wiki"}
        for model, use in (("one", "calibration"), ("two", "training"), ("two", "calibration"))
    ]
    assert gather_params(load_config(mapping)) != before


def test_text_of_the_domain_that_a_method_is_fine_tuned_on_is_flagged_for_that_method(mapping: dict[str, Any]) -> None:
    plain = {**mapping, "models": ["one"], "methods": ["alpha", "alpha@lora=2", "beta@lora=2"]}
    assert overlaps(load_config(plain)) == []  # all of them read the calibration's text
    tuned = {**plain, "methods": ["alpha", "alpha@lora=2,lora_text=wiki", "beta@lora=2"]}
    flag = {
        "model": "one", "dataset": "wiki", "use": "fine-tuning", "domain": "wiki",
        "method": "alpha@lora=2,lora_text=wiki",
    }  # fmt: skip
    assert overlaps(load_config(tuned)) == [flag]
    assert gather_params(load_config(tuned)) != gather_params(load_config(plain))
    data = Path(mapping["registry"]["data"])
    data.write_text(data.read_text().replace("domain: web", "domain: wiki"))
    calibrated, *finetuned = overlaps(load_config(plain))
    assert calibrated["use"] == "calibration"
    assert [entry["method"] for entry in finetuned] == ["alpha@lora=2", "beta@lora=2"]


def test_the_run_knows_its_methods_files_and_their_references(mapping: dict[str, Any], tmp_path: Path) -> None:
    folder = Path(mapping["method_paths"][0])
    alpha = folder / "alpha.py"
    alpha.write_text('"""Alpha."""\n' + alpha.read_text().replace("'title'", "'cite': 'one2026', 'title'"))
    (folder / "beta.py").write_text("METHOD = {}\n")
    (folder / "references.bib").write_text("@misc{one2026, author={One, A.}, title={On Alpha}, year={2026}}\n")
    config = load_config({**mapping, "models": "one", "methods": "alpha,alpha@power=2,beta"})
    gather(config, tmp_path / "metrics.csv", tmp_path / "provenance.json")
    found = json.loads((tmp_path / "provenance.json").read_text())["method_files"]
    assert [entry["name"] for entry in found] == ["alpha", "beta", "dense"]
    assert found[0]["source"] == alpha.read_text()
    assert "On Alpha" in found[0]["bibtex"]
    assert found[1]["problem"]
    assert found[1]["bibtex"] == found[2]["bibtex"] == ""


@pytest.mark.parametrize(("file", "text"), [("alpha.py", "# why\n"), ("references.bib", "@misc{x, title={X}}\n")])
def test_what_a_methods_page_shows_collects_again(mapping: dict[str, Any], file: str, text: str) -> None:
    before = gather_params(load_config(mapping))
    with Path(mapping["method_paths"][0], file).open("a") as opened:
        opened.write(text)
    if file == "references.bib":
        path = Path(mapping["method_paths"][0], "alpha.py")
        path.write_text(path.read_text().replace("'title'", "'cite': 'x', 'title'"))
    assert gather_params(load_config(mapping)) != before


def test_broken_references_stop_nothing(mapping: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    path = Path(mapping["method_paths"][0], "references.bib")
    path.write_text("@misc{one, title={never closed\n")
    assert {entry["bibtex"] for entry in method_files(load_config(mapping))} == {""}
    assert str(path) in caplog.text


def test_the_run_knows_how_its_settings_differ_from_the_projects_own(mapping: dict[str, Any], tmp_path: Path) -> None:
    assert decisive_settings(load_config(mapping))["defaults"] == {}  # no config/config.yaml here
    Path("config").mkdir()
    Path("config/config.yaml").write_text(yaml.safe_dump(mapping))
    same = decisive_settings(load_config(mapping))
    assert same["run"] == same["defaults"]
    other = decisive_settings(load_config({**mapping, "evaluate": "perplexity", "limits": {"cell_minutes": 3}}))
    assert other["defaults"] == same["run"]
    assert {key for key in other["run"] if other["run"][key] != other["defaults"][key]} == {"evaluate", "limits"}
    Path("config/config.yaml").write_text("models: [\n")
    assert decisive_settings(load_config(mapping))["defaults"] == {}


@pytest.mark.parametrize("text", ["", '{"statuses": {"ok": 3}, "cells": 3}', "{}", "[]"])
def test_a_file_of_another_version_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "provenance.json").write_text(text)
    with pytest.raises(PrunebenchError, match=r"provenance.json is not what this version writes"):
        outcome(tmp_path / "provenance.json")
