"""The framework's own part of a variant: read, checked, and refused with the reason."""

from pathlib import Path

import pytest

from prunebench.errors import PrunebenchError
from prunebench.plugins.header import parse_variant, read_header
from prunebench.plugins.loader import load_method
from prunebench.plugins.variants import FrameworkParams, framework_params

METHODS = Path(__file__).parents[2] / "methods"


def framework(spec: str) -> FrameworkParams:
    name, values = parse_variant(spec)
    return framework_params(spec, values, read_header(METHODS / f"{name}.py"))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("wanda", FrameworkParams()),
        ("wanda@nsamples=32", FrameworkParams(nsamples=32)),
        ("wanda@only=o_proj", FrameworkParams(only=("o_proj",))),
        ("wanda@only=self_attn.o_proj+down_proj", FrameworkParams(only=("self_attn.o_proj", "down_proj"))),
        ("sparsegpt@update=False,allocation=owl", FrameworkParams(allocation="owl")),
        ("magnitude@allocation=uniform", FrameworkParams()),
    ],
)
def test_variants_are_read(spec: str, expected: FrameworkParams) -> None:
    assert framework(spec) == expected
    assert load_method(spec, [METHODS]).framework == expected


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("wanda@nsamples=0", "nsamples is a number of calibration sequences, 1 or more"),
        ("wanda@nsamples=2.5", "nsamples is a number of calibration sequences, 1 or more"),
        ("wanda@nsamples=True", "nsamples is a number of calibration sequences, 1 or more"),
        ("wanda@only=o_proj+", r"only=o_proj\+ is not of the form"),
        ("wanda@allocation=owls", "unknown allocation 'owls' .*did you mean 'owl'"),
        ("wanda@allocation=0.5", "unknown allocation '0.5'"),
    ],
)
def test_what_makes_no_sense_is_refused(spec: str, message: str) -> None:
    with pytest.raises(PrunebenchError, match=message):
        framework(spec)
    with pytest.raises(PrunebenchError, match=message):
        load_method(spec, [METHODS])


@pytest.mark.parametrize("variant", ["only=o_proj", "allocation=owl"])
def test_whole_model_methods_have_neither(tmp_path: Path, variant: str) -> None:
    (tmp_path / "whole.py").write_text(
        "METHOD = {'title': 'W', 'family': 'x', 'patterns': ['unstructured']}\n"
        "def prune_model(model, calibration, target): ...\n"
    )
    with pytest.raises(PrunebenchError, match="is for methods that define score or prune_layer"):
        load_method(f"whole@{variant}", [tmp_path])
