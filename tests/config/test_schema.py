from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunebench.config.schema import Settings
from prunebench.config.strict import parse
from prunebench.errors import PrunebenchError

MINIMAL = {"protocol": "p", "models": ["m"]}


def settings(**values: Any) -> Settings:
    return parse(Settings, {**MINIMAL, **values}, "config")


@pytest.mark.parametrize(
    ("scalar", "names"),
    [
        ("one", ("one",)),
        ("one,two", ("one", "two")),
        ("one, two  three", ("one", "two", "three")),
        ("wanda@nsamples=32", ("wanda@nsamples=32",)),
        ("wanda@nsamples=32,alpha=2,magnitude", ("wanda@nsamples=32,alpha=2", "magnitude")),
        ("random,wanda@alpha=3,beta=2,wanda@alpha=4", ("random", "wanda@alpha=3,beta=2", "wanda@alpha=4")),
        (125, ("125",)),
    ],
)
def test_a_scalar_is_a_list_of_names(scalar: object, names: tuple[str, ...]) -> None:
    assert settings(methods=scalar).methods == names


names = st.from_regex(r"[a-z][a-z0-9_]{0,8}(@[a-z]{1,5}=[a-z0-9.]{1,5}(,[a-z]{1,5}=[a-z0-9.]{1,5})?)?", fullmatch=True)


@given(st.lists(names, unique=True, min_size=1), st.sampled_from([",", " ", ", "]))
def test_joining_and_splitting_a_list_of_methods_is_the_identity(methods: list[str], separator: str) -> None:
    assert settings(methods=separator.join(methods)).methods == tuple(methods)


def test_seeds_and_paths_may_be_scalars_too() -> None:
    assert settings(seeds=3).seeds == (3,)
    assert settings(seeds="0,1").seeds == (0, 1)
    assert settings(method_paths="a,b").method_paths == (Path("a"), Path("b"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"modles": ["a"]}, "unknown key 'modles'; did you mean 'models'?"),
        ({"limits": {"cell_minuts": 1}}, "limits: unknown key 'cell_minuts'; did you mean 'cell_minutes'?"),
        ({"registry": {"model": "x"}}, "registry: unknown key 'model'; did you mean 'models'?"),
        ({"evaluate": ["perplexty"]}, "unknown value 'perplexty'; did you mean 'perplexity'?"),
        ({"methods": ["wanda", "wanda"]}, "methods: 'wanda' is there twice"),
        ({"seeds": [1, 1]}, "seeds: 1 is there twice"),
        ({"seeds": [-1]}, "seeds.0: Input should be greater than or equal to 0"),
        ({"models": []}, "models: "),
        ({"targets": ["u00"]}, "the dense model, which is always there"),
        ({"targets": ["u100"]}, "target 'u100' is not one of"),
        ({"targets": ["n4m4"]}, "0 < N < M is needed"),
        ({"limits": {"cell_minutes": 0}}, "limits.cell_minutes: "),
        ({"threads": 0}, "threads: "),
        ({"keep_patches": "perhaps"}, "keep_patches: "),
    ],
)
def test_a_mistake_is_refused_in_one_sentence(values: dict[str, Any], message: str) -> None:
    with pytest.raises(PrunebenchError) as error:
        settings(**values)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_shipped_config_spells_out_every_key() -> None:
    shipped = Path(__file__).parents[2] / "config" / "config.yaml"
    text = shipped.read_text()
    assert [key for key in Settings.model_fields if f"\n{key}:" not in text] == []
