import json

from prunebench.results.summary import cell_status, summarise
from prunebench.sealed import read_sealed, write_sealed_json
from tests.results.example import METHODS, make_run


def test_the_run_is_summed_up(tmp_path):
    run = make_run(tmp_path)
    summary = run.summary()
    assert summary == json.loads(json.dumps(summary))
    assert len(summary["cells"]) == len(run.cells) == sum(summary["statuses"].values())
    assert {s: n for s, n in summary["statuses"].items() if s != "ok"} == {
        "diverged": 1, "rejected": 1, "error": 1, "timeout": 1, "oom": 1, "na": 1,
    }  # fmt: skip
    records = [record for r in run.results() for record in (r.prune, *r.evaluations.values()) if record.provenance]
    assert [environment["records"] for environment in summary["environments"]] == [len(records)]
    assert summary["environments"][0]["torch"] == "2.13.0"
    assert summary["seconds"]["prune"] == round(sum(r.prune.cost.seconds for r in run.results()), 1)
    methods = {method["name"]: method for method in summary["methods"]}
    assert list(methods) == list(METHODS)  # in the order of the config
    assert methods["stade_nobias"]["title"] == METHODS["stade_nobias"][0]
    assert methods["wanda"]["digests"] == ["m-wanda"]
    assert [(m["name"], m["digests"]) for m in summary["models"]] == [
        ("smollm2-135m", ["model-smollm2-135m"]), ("opt-tiny", ["model-opt-tiny"]),
    ]  # fmt: skip
    assert next((d["name"], d["digests"]) for d in summary["datasets"]) == ("wiki-sample", ["d-wiki-sample"])
    assert summary["protocols"]["laptop-512"]["perplexity"]["window"] == 512


def test_two_environments_are_told_apart(tmp_path):
    run = make_run(tmp_path, methods=("dense", "wanda"), targets=("u50",), models=("opt-tiny",))
    path = tmp_path / run.cells[1].sweep.prune_record("u50")
    record = json.loads(read_sealed(path))
    record["provenance"]["torch"] = "2.12.0"
    write_sealed_json(path, record)
    environments = run.summary()["environments"]
    assert sorted((e["torch"], e["records"]) for e in environments) == [("2.12.0", 1), ("2.13.0", 7)]


def test_variants_are_named_and_missing_records_leave_no_environment(tmp_path):
    run = make_run(tmp_path, methods=("wanda@nsamples=32,alpha=2",), targets=("u50",), models=("opt-tiny",))
    summary = summarise(run.results(), run.collect(), run.methods)
    (method,) = summary["methods"]
    assert method["title"].endswith("(nsamples=32, alpha=2)")
    for path in tmp_path.rglob("*.json"):
        path.unlink()
    assert summarise(run.results(), run.collect(), run.methods)["environments"] == []
    assert [cell_status(result) for result in run.results()] == ["error"]
