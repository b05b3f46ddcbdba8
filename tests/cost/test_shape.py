"""A model's size is read where it can be, and never guessed."""

import json
from pathlib import Path

import pytest
from transformers import AutoConfig

from prunebench.config.registry import ModelSpec
from prunebench.config.shape import Shape
from prunebench.config.strict import parse_entries, read_yaml
from prunebench.cost.shape import read_shape, shape_of
from prunebench.errors import PrunebenchError
from prunebench.layout import MODEL
from prunebench.models.linear import prunable_linears
from tests.shipped_project import REPOSITORY
from tests.tiny_models import CONFIGS, tiny_model

REGISTRY = parse_entries(ModelSpec, read_yaml(REPOSITORY / "config" / "models.yaml"), "models")
HUB = {"kind": "hub", "repo": "a/b", "revision": "0" * 40}
SHAPE = Shape(blocks=2, hidden=8, ffn=32, heads=2, vocabulary=100)
# As published with the models, in millions.
PARAMETERS = {
    "smollm2-135m": 134.5, "opt-125m": 125.2, "opt-1.3b": 1315.8, "opt-2.7b": 2651.6, "opt-6.7b": 6658.5, "gpt2": 124.4,
    "phi-2": 2779.7, "llama-7b": 6738.4, "llama-13b": 13015.9, "llama-2-7b": 6738.4, "llama-2-13b": 13015.9,
    "llama-3-8b": 8030.3, "llama-3.1-8b": 8030.3, "llama-3.2-1b": 1235.8, "llama-3.2-3b": 3212.7,
}  # fmt: skip


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_registered_shape_has_the_published_number_of_parameters(name: str) -> None:
    assert shape_of(name, REGISTRY[name]).parameters / 1e6 == pytest.approx(PARAMETERS[name], rel=0.003)


@pytest.mark.parametrize("name", [name for name, spec in REGISTRY.items() if spec.source.kind in ("hub", "pypi")])
def test_every_model_that_is_fetched_has_a_shape(name: str) -> None:
    assert shape_of(name, REGISTRY[name]).blocks > 0


@pytest.mark.parametrize("model_type", CONFIGS)
def test_a_model_s_own_config_gives_the_weights_it_has(model_type: str, tmp_path: Path) -> None:
    model = tiny_model(model_type)
    model.config.save_pretrained(tmp_path)
    shape = read_shape(tmp_path / "config.json")
    assert shape is not None
    assert shape.weights == sum(view.weight.numel() for view in prunable_linears(model).values())
    parameters = sum(parameter.numel() for parameter in model.parameters() if parameter.dim() == 2)
    assert shape.parameters == pytest.approx(parameters, rel=0.02)


@pytest.mark.parametrize("model_type", CONFIGS)
def test_a_config_that_does_not_say_it_ties_the_head_as_its_class_does(model_type: str, tmp_path: Path) -> None:
    config = tiny_model(model_type).config
    said = {key: value for key, value in config.to_dict().items() if key != "tie_word_embeddings"}
    (tmp_path / "config.json").write_text(json.dumps(said))
    shape = read_shape(tmp_path / "config.json")
    assert shape is not None
    assert shape.tied == AutoConfig.for_model(model_type).tie_word_embeddings


def test_the_registry_agrees_with_the_models_that_are_there() -> None:
    files = {name: REPOSITORY / Path(MODEL.format(model=name)).with_name("config.json") for name in REGISTRY}
    there = {name: file for name, file in files.items() if file.exists()}
    if not there:
        pytest.skip("no model of the registry is in results/: `make leaderboard` fetches two")
    for name, file in there.items():
        found, declared = read_shape(file), shape_of(name, REGISTRY[name])  # of a folder without results
        assert found is not None
        assert (found.weights, found.parameters, found.heads) == (declared.weights, declared.parameters, declared.heads)


def test_a_model_that_is_there_wins_over_the_registry() -> None:
    file = Path(MODEL.format(model="m")).with_name("config.json")
    file.parent.mkdir(parents=True)
    tiny_model("llama").config.save_pretrained(file.parent)
    assert shape_of("m", ModelSpec(title="M", source=HUB, shape=SHAPE)).hidden == 64


def test_a_local_model_is_looked_at_where_it_lies(tmp_path: Path) -> None:
    tiny_model("opt").config.save_pretrained(tmp_path / "mine")
    assert shape_of("m", ModelSpec(title="M", source={"kind": "local", "path": tmp_path / "mine"})).ffn == 96


@pytest.mark.parametrize("text", ["", "[]", '{"model_type": "llama", "hidden_size": 8}', '{"hidden_size": "x"}'])
def test_a_config_that_says_too_little_says_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    assert read_shape(tmp_path / "config.json") is None


def test_an_unknown_size_is_said_and_not_guessed() -> None:
    with pytest.raises(PrunebenchError, match="m: unknown size; give `shape` in its entry of the model registry"):
        shape_of("m", ModelSpec(title="M", source=HUB))


def test_a_shape_fetches_no_model_anew() -> None:
    assert ModelSpec(title="M", source=HUB, shape=SHAPE).digest == ModelSpec(title="M", source=HUB).digest
