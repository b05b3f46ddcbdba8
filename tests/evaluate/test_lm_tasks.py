"""lm-eval's own definitions are found, and read items from local files and from nowhere else."""

import json
from pathlib import Path

import pytest
import yaml
from lm_eval.api.task import Task

from prunebench.errors import PrunebenchError
from prunebench.evaluate.lm_tasks import find_definition, load_task
from tests.evaluate.tiny import ARC, BOOLQ, HELLASWAG, PIQA, Item, subject_items

REGISTRY = Path(__file__).parents[2] / "config" / "data.yaml"


def task_on(
    tmp_path: Path,
    name: str,
    items: list[Item],
    fewshot: list[Item] | None = None,
    limit: int | None = None,
    num_fewshot: int = 0,
) -> Task:
    files = []
    for stem, rows in (("items", items), ("fewshot", fewshot)):
        file = tmp_path / f"{stem}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows or []))
        files.append(file if rows is not None else None)
    assert files[0] is not None
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    task = load_task(name, files[0], files[1], limit, num_fewshot, scratch)
    task.set_fewshot_seed(1234)
    task.build_all_requests()
    return task


def requests(task: Task) -> list[tuple[str, str]]:
    return [instance.args for instance in task.instances]


def test_prompts_and_choices_are_the_harness_s_own(tmp_path: Path) -> None:
    task = task_on(tmp_path, "arc_easy", ARC)
    prompt = "Question: Which of these is a star?\nAnswer:"
    assert requests(task)[4:7] == [(prompt, " the moon"), (prompt, " the sun"), (prompt, " a comet")]
    assert set(task.aggregation()) == {"acc", "acc_norm"}


def test_the_harness_s_own_preparation_of_documents_runs(tmp_path: Path) -> None:
    task = task_on(tmp_path, "hellaswag", HELLASWAG)
    prompt = "Making tea: A woman fills a kettle. She"
    assert requests(task)[:2] == [(prompt, " puts it on the stove."), (prompt, " paints it blue.")]


def test_a_task_with_only_acc_has_only_acc(tmp_path: Path) -> None:
    assert set(task_on(tmp_path, "boolq", BOOLQ).aggregation()) == {"acc"}


def test_limit_takes_items_spread_evenly_over_the_file(tmp_path: Path) -> None:
    items = [{**PIQA[0], "goal": f"goal {number}"} for number in range(10)]
    for limit, wanted in ((4, [0, 2, 5, 7]), (1, [0]), (10, [*range(10)]), (30, [*range(10)])):
        folder = tmp_path / str(limit)
        folder.mkdir()
        task = task_on(folder, "piqa", items, limit=limit)
        assert [prompt for prompt, _ in requests(task)[::2]] == [f"Question: goal {n}\nAnswer:" for n in wanted]


def test_text_that_looks_like_a_date_stays_text(tmp_path: Path) -> None:
    items = [{**item, "sol1": "2019-07-01", "sol2": "2020-07-01T00:00:00"} for item in PIQA]
    assert requests(task_on(tmp_path, "piqa", items))[0][1] == " 2019-07-01"


def test_examples_come_from_their_own_file_in_the_harness_s_order(tmp_path: Path) -> None:
    examples = [{**item, "question": f"Example {number}?"} for number, item in enumerate(subject_items("anatomy", 4))]
    task = task_on(tmp_path, "mmlu_anatomy", subject_items("anatomy", 2), examples, num_fewshot=2)
    prompt = requests(task)[0][0]
    assert prompt.startswith("The following are multiple choice questions (with answers) about anatomy.\n\nExample 0?")
    assert "Answer: A\n\nExample 1?" in prompt
    assert "Example 2?" not in prompt
    assert prompt.endswith("What is number 0 of anatomy?\nA. one\nB. two\nC. three\nD. four\nAnswer:")


def test_examples_that_are_not_there_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(PrunebenchError, match=r"'piqa' has no few-shot examples.*num_fewshot 0"):
        task_on(tmp_path, "piqa", PIQA, num_fewshot=5)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("piqa", "piqa/piqa.yaml"),
        ("rte", "glue/rte/default.yaml"),  # named by its folder
        ("social_iqa", "siqa/siqa.yaml"),  # named by nothing: all files are read
        ("mmlu_world_religions", "mmlu/default/mmlu_world_religions.yaml"),
    ],
)
def test_definitions_are_found(name: str, file: str) -> None:
    assert find_definition(name).as_posix().endswith(f"lm_eval/tasks/{file}")


def test_an_unknown_task_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(PrunebenchError, match="unknown lm-eval task 'hellaswagg'; did you mean 'hellaswag'"):
        find_definition("hellaswagg")


def test_every_task_of_the_registry_is_defined_by_lm_eval() -> None:
    tasks = yaml.safe_load(REGISTRY.read_text())["tasks"]
    assert tasks
    for spec in tasks.values():
        find_definition(spec["lm_eval_task"].format(part="anatomy"))
