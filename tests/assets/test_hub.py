"""The hub's real client libraries against a stand-in hub: what is fetched, and what the errors say."""

import gzip
import io
import json
import os
import subprocess
import sys

import pyarrow
import pyarrow.parquet
import pytest

from prunebench.assets.texts import DOCUMENTS
from prunebench.data.documents import Documents
from tests.assets.checkpoints import small_checkpoint
from tests.assets.stand_in_hub import COMMIT, stand_in_hub

# The client libraries read HF_ENDPOINT when they are imported, so each attempt is a process of its own.
SCRIPT = """
import json, sys, time
from pathlib import Path
time.sleep = lambda seconds: None  # the client waits half a minute between its attempts to connect
from prunebench.assets.models import materialise_model
from prunebench.assets.tasks import materialise_task
from prunebench.assets.texts import materialise_text
from prunebench.config.registry import ModelSpec, TaskSpec, TextSpec
from prunebench.errors import PrunebenchError
kinds = {
    "model": (ModelSpec, materialise_model),
    "text": (TextSpec, materialise_text),
    "task": (TaskSpec, materialise_task),
}
for kind, name, entry, folder in json.loads(sys.argv[1]):
    section, materialise = kinds[kind]
    try:
        print(json.dumps(materialise(name, section.model_validate(entry), Path(folder))))
    except PrunebenchError as error:
        print(json.dumps({"error": str(error)}))
"""


def attempt(home, endpoint, *jobs, **environment):
    """Materialise assets in a fresh process that knows the hub at `endpoint`; returns manifests or errors."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    known = {"HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps([[*job[:3], str(job[3])] for job in jobs])],
        env={**inherited, **known, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def rows_of(repo, **settings):
    return {"kind": "hub", "repo": repo, "revision": COMMIT, "split": "test", **settings}


def text_entry(source):
    return {"title": "T", "domain": "d", "source": source, "format": "rows"}


def model_entry(repo, **settings):
    return {"title": "M", "source": {"kind": "hub", "repo": repo, "revision": COMMIT, **settings}}


def parquet(rows):
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Files of a small model and its tokenizer."""
    folder = tmp_path_factory.mktemp("checkpoint")
    small_checkpoint(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def hub(checkpoint):
    card = "---\nconfigs:\n- config_name: raw\n  data_files:\n  - split: test\n    path: raw/test-*\n---\n"
    pages = parquet([{"text": ""}, {"text": " = T \n"}])
    shard = "".join(json.dumps({"text": text, "url": "u"}) + "\n" for text in ("one", "two"))
    repositories = {
        "models/a/model": {**checkpoint, "onnx/model.safetensors": b"other", "model.h5": b"other"},
        "models/a/pickled": {name: content for name, content in checkpoint.items() if "safetensors" not in name},
        "models/a/gated": {"config.json": b"{}"},
        "datasets/a/wiki": {"README.md": card.encode(), "raw/test-0.parquet": pages},
        "datasets/a/crawl": {"en/train.0.json.gz": gzip.compress(shard.encode()), "en/train.1.json.gz": b"not fetched"},
        "datasets/a/quiz": {"README.md": b"", "test.json": json.dumps({"question": "q", "answer": True}).encode()},
    }  # fmt: skip
    with stand_in_hub(repositories, frozenset({"models/a/gated"})) as (endpoint, requests):
        yield endpoint, requests


@pytest.fixture(scope="module")
def fetched(hub, tmp_path_factory):
    """What comes of good entries: the manifests by name, the folder, the hub's cache."""
    folder, home = tmp_path_factory.mktemp("fetched"), tmp_path_factory.mktemp("home")
    crawl = rows_of("a/crawl", data_files="en/train.0.json.gz", split="train")
    quiz = {"title": "Q", "source": rows_of("a/quiz"), "format": "rows", "lm_eval_task": "boolq", "split": "test"}
    jobs = [
        ("text", "wiki", text_entry(rows_of("a/wiki", subset="raw")), folder / "wiki"),
        ("text", "crawl", text_entry(crawl), folder / "crawl"),
        ("task", "quiz", {**quiz, "rename": {"label": "answer"}}, folder / "quiz"),
        ("model", "model", model_entry("a/model"), folder / "model"),
    ]
    return {job[1]: manifest for job, manifest in zip(jobs, attempt(home, hub[0], *jobs), strict=True)}, folder, home


def test_rows_of_a_subset_keep_their_order_and_empty_strings(fetched):
    assert list(Documents(fetched[1] / "wiki" / DOCUMENTS)) == ["", " = T \n"]
    assert fetched[0]["wiki"]["source"]["revision"] == COMMIT


def test_only_the_named_file_of_a_large_dataset_is_fetched(fetched, hub):
    assert list(Documents(fetched[1] / "crawl" / DOCUMENTS)) == ["one", "two"]
    assert not [request for request in hub[1] if request.startswith("GET") and "train.1.json.gz" in request]


def test_items_of_a_task_come_with_the_harness_columns(fetched):
    assert json.loads((fetched[1] / "quiz/items.jsonl").read_text()) == {"question": "q", "label": 1}


def test_a_model_is_linked_from_the_cache_with_one_set_of_weights(fetched, hub, checkpoint):
    folder = fetched[1] / "model"
    assert {path.name for path in folder.iterdir()} == {*checkpoint, "asset.json"}
    assert all(path.is_symlink() for path in folder.iterdir() if path.name != "asset.json")
    assert (folder / "model.safetensors").read_bytes() == checkpoint["model.safetensors"]
    assert not [request for request in hub[1] if "onnx" in request or "model.h5" in request]
    assert fetched[0]["model"]["parameters"] > 0


def test_without_network_the_cache_is_enough_and_nothing_else_is(fetched, tmp_path):
    _, _, home = fetched
    closed = "http://127.0.0.1:9"
    other = "f" * 40
    answers = attempt(
        home,
        closed,
        ("text", "wiki", text_entry(rows_of("a/wiki", subset="raw")), tmp_path / "wiki"),
        ("model", "model", model_entry("a/model"), tmp_path / "model"),
        ("text", "wiki", text_entry(rows_of("a/wiki", subset="raw", revision=other)), tmp_path / "other"),
        ("text", "absent", text_entry(rows_of("a/absent")), tmp_path / "absent"),
        ("model", "absent", model_entry("a/absent"), tmp_path / "absent"),
        HF_HUB_OFFLINE="1",
    )
    assert answers[0]["documents"] == 2
    assert answers[1]["parameters"] == fetched[0]["model"]["parameters"]
    assert "the cache holds a/wiki at another commit than ffffffffffff" in answers[2]["error"]
    assert "asset 'absent'" in answers[3]["error"]
    assert "could not be fetched from the hub" in answers[3]["error"]
    assert "could not be fetched from the hub" in answers[4]["error"]


def test_a_hub_that_does_not_answer_is_an_error_that_says_so(tmp_path):
    jobs = [
        ("model", "m", model_entry("a/model"), tmp_path / "m"),
        ("text", "t", text_entry(rows_of("a/wiki", subset="raw")), tmp_path / "t"),
    ]
    for answer in attempt(tmp_path / "home", "http://127.0.0.1:9", *jobs):
        assert "could not be fetched from the hub" in answer["error"]
        assert "check the network" in answer["error"]


@pytest.fixture(scope="module")
def refusals(hub, tmp_path_factory):
    folder = tmp_path_factory.mktemp("refusals")
    entries = {
        "no model": ("model", model_entry("a/none")),
        "no commit of a model": ("model", model_entry("a/model", revision="f" * 40)),
        "gated": ("model", model_entry("a/gated")),
        "no weights": ("model", model_entry("a/pickled")),
        "no file": ("model", {**model_entry("a/model", file="x.gguf"), "format": "gguf"}),
        "no dataset": ("text", text_entry(rows_of("a/none"))),
        "no commit of a dataset": ("text", text_entry(rows_of("a/wiki", revision="f" * 40))),
        "no subset": ("text", text_entry(rows_of("a/wiki", subset="nope"))),
        "no split": ("text", text_entry(rows_of("a/wiki", subset="raw", split="train"))),
        "no column": ("text", text_entry(rows_of("a/wiki", subset="raw", column="body"))),
    }
    jobs = [(kind, name, entry, folder / name) for name, (kind, entry) in entries.items()]
    answers = attempt(tmp_path_factory.mktemp("home"), hub[0], *jobs)
    return {name: answer["error"] for name, answer in zip(entries, answers, strict=True)}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no model", "the hub has no repository a/none that you may read; check `repo`"),
        ("no commit of a model", f"a/model on the hub has no commit {'f' * 40}; copy `revision`"),
        ("gated", "a/gated on the hub is gated; accept its terms"),
        ("no weights", r"a/pickled at 0123456789ab on the hub has no *.safetensors or pytorch_model*.bin"),
        ("no file", "a/model at 0123456789ab on the hub has no x.gguf"),
        ("no dataset", "Dataset 'a/none' doesn't exist on the Hub"),
        ("no commit of a dataset", "doesn't exist for dataset 'a/wiki'"),
        ("no subset", "BuilderConfig 'nope' not found. Available: ['raw']"),
        ("no split", "Unknown split \"train\". Should be one of ['test']"),
        ("no column", "a/wiki has no column 'body', only text; correct `column`"),
    ],
)
def test_what_the_hub_does_not_have_is_one_clear_sentence(refusals, name, sentence):
    assert sentence in refusals[name]
    assert f"'{name}'" in refusals[name]
    assert "\n" not in refusals[name]
