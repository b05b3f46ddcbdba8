"""A registry entry says where bytes come from, precisely enough to be the same tomorrow; mistakes are refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from prunebench.config.load import load_config
from prunebench.config.registry import DataRegistry, ModelSpec, TaskSpec, TextSpec
from prunebench.config.strict import parse, read_yaml
from prunebench.errors import PrunebenchError

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
WHEEL = {"kind": "pypi", "wheel": "w", "version": "1", "sha256": "0" * 64, "member": "m"}
HUB_ROWS = {"kind": "hub", "repo": "a/b", "revision": COMMIT, "split": "test"}
TINY = {
    "kind": "train", "architecture": "opt", "text": "t", "vocabulary": 512, "hidden": 32, "layers": 1, "heads": 2,
    "feedforward": 64, "positions": 16, "steps": 2, "batch": 1, "learning_rate": 0.01,
}  # fmt: skip


def test_the_registry_is_light():
    code = (
        "import sys; import prunebench.config.load;"
        "heavy = {'torch', 'transformers', 'datasets', 'numpy', 'huggingface_hub'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("protocol", read_yaml(ROOT / "config/protocols.yaml"))
def test_every_shipped_protocol_names_registered_texts_only(protocol):
    config = load_config({**read_yaml(ROOT / "config/config.yaml"), "protocol": protocol})
    for model in config.model_registry.values():
        assert model.training_text is None or model.training_text in config.data.texts
        for reference_protocol, values in model.reference.items():
            named = load_config({**read_yaml(ROOT / "config/config.yaml"), "protocol": reference_protocol})
            assert set(values) <= set(named.protocol_spec.perplexity.texts)


def test_what_is_published_on_the_hub_is_pinned_by_commit():
    with pytest.raises(PrunebenchError, match=r"m: source\.hub\.revision: String should match pattern"):
        parse(ModelSpec, {"title": "M", "source": {"kind": "hub", "repo": "a/b", "revision": "main"}}, "m")


def test_a_kind_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(PrunebenchError, match=r"m: source: unknown kind 'pip'; did you mean 'pypi'\?"):
        parse(ModelSpec, {"title": "M", "source": {"kind": "pip"}}, "m")


def test_a_misspelt_key_is_refused_with_the_nearest_one():
    source = {**WHEEL, "sha265": WHEEL["sha256"]}
    with pytest.raises(PrunebenchError, match=r"unknown key 'sha265'; did you mean 'sha256'\?"):
        parse(ModelSpec, {"title": "M", "source": source}, "m")


@pytest.mark.parametrize(
    ("section", "entry", "reason"),
    [
        (ModelSpec, {"source": {"kind": "local"}}, "needs `path`, or `env`"),
        (ModelSpec, {"source": {"kind": "hub", "repo": "a", "revision": COMMIT}, "format": "gguf"}, "source.file"),
        (ModelSpec, {"source": TINY, "format": "gguf"}, "a trained model is a checkpoint"),
        (ModelSpec, {"source": {**TINY, "heads": 5}}, r"hidden \(32\) must be a multiple of heads \(5\)"),
        (TextSpec, {"domain": "d", "source": HUB_ROWS, "format": "lines"}, "format rows and source kind hub"),
        (TextSpec, {"domain": "d", "source": WHEEL, "format": "rows"}, "format rows and source kind hub"),
        (TextSpec, {"domain": "d", "source": WHEEL, "format": "lines", "names_from": "1"}, "format files"),
        (TaskSpec, {"source": WHEEL, "format": "rows", "lm_eval_task": "x", "split": "test"}, "belong together"),
        (
            TaskSpec,
            {"source": HUB_ROWS, "format": "rows", "lm_eval_task": "x", "split": "validation"},
            "split is validation but source.split is test",
        ),
        (
            TaskSpec,
            {"source": WHEEL, "format": "arrow", "lm_eval_task": "x_{part}", "split": "test"},
            "`part_column` and {part}",
        ),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(section, entry, reason):
    with pytest.raises(PrunebenchError, match=reason):
        parse(section, {"title": "T", **entry}, "entry")


def test_names_are_safe_as_folders():
    text = {"title": "T", "domain": "d", "source": WHEEL, "format": "lines"}
    with pytest.raises(PrunebenchError, match="texts"):
        parse(DataRegistry, {"texts": {"../up": text}}, "data")


def test_the_digest_changes_with_the_bytes_and_with_nothing_else(monkeypatch):
    def digest(**changes):
        entry = {"title": "M", "source": WHEEL, "reference": {"p": {"d": 1.0}}, **changes}
        return ModelSpec.model_validate(entry).digest

    base = digest()
    assert digest(title="Another title", reference={}) == base
    assert digest(source={**WHEEL, "member": "n"}) != base
    assert digest(format="gguf") != base
    local = {"source": {"kind": "local", "env": "SOME_MODEL"}}
    monkeypatch.setenv("SOME_MODEL", "/one")
    one = digest(**local)
    monkeypatch.setenv("SOME_MODEL", "/two")
    assert digest(**local) != one


def test_a_model_trained_again_in_the_same_folder_is_another(tmp_path):
    spec = ModelSpec(title="M", source={"kind": "local", "path": tmp_path})
    (tmp_path / "model.safetensors").write_bytes(b"old")
    before = spec.digest
    (tmp_path / "model.safetensors").write_bytes(b"newer")
    assert spec.digest != before
