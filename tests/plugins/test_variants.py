"""The framework's own part of a variant: read, checked, and refused with the reason."""

from pathlib import Path

import pytest

from prunebench.errors import PrunebenchError
from prunebench.plugins.header import parse_variant, read_header
from prunebench.plugins.loader import load_method
from prunebench.plugins.unit_settings import UnitSettings
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


def units(spec: str) -> UnitSettings:
    return framework(spec).units


def test_units_have_settings_of_their_own() -> None:
    assert units("flap") == UnitSettings(allocation="global", statistics="dense", compensation="bias")
    assert units("flap@allocation=uniform,compensation=none") == UnitSettings(statistics="dense")
    assert units("wanda_sp@only=mlp,ridge=1,compensation=least_squares") == UnitSettings(
        only="mlp", ridge=1.0, compensation="least_squares"
    )
    assert units("mag_sp@attention=0.25,blocks=4-30") == UnitSettings(attention=0.25, blocks="4-30")
    assert units("mag_sp@only=attention,share_of=pruned") == UnitSettings(only="attention", share_of="pruned")
    assert units("prunenet@mode=random") == UnitSettings(share_of="pruned")
    assert units("greedy_output").ridge == 1.0  # of a header, for the variants that have a compensation
    assert units("greedy_output@compensation=two_step,ridge=2").ridge == 2.0
    assert framework("mag_sp@nsamples=4").nsamples == 4


@pytest.mark.parametrize(
    ("blocks", "depth", "expected"),
    [
        ("all", 5, range(5)),
        ("4-30", 32, range(4, 30)),
        ("4-30", 12, range(4, 12)),
        ("0.125-0.9375", 32, range(4, 30)),
        ("0.125-0.9375", 30, range(4, 28)),
        ("0.125-0.9375", 3, range(3)),
        ("0.5-1", 10, range(5, 10)),
        ("0-0.5", 10, range(5)),
    ],
)
def test_ranges_of_blocks_are_numbers_or_shares_of_the_depth(blocks: str, depth: int, expected: range) -> None:
    assert units(f"mag_sp@blocks={blocks}").block_range(depth) == expected


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mag_sp@only=o_proj", "only=o_proj: input should be 'all', 'attention' or 'mlp'"),
        ("mag_sp@allocation=owl", "allocation=owl: input should be 'uniform', 'global' or 'similarity'"),
        ("mag_sp@tau=0.2", "tau=0.2: it is the threshold of allocation=similarity"),
        ("mag_sp@data=selves", "unknown data 'selves'"),
        ("mag_sp@attention=1.5", "attention=1.5: input should be less than 1"),
        ("mag_sp@blocks=9-4", "blocks=9-4: it is `all`, numbers of blocks"),
        ("mag_sp@blocks=4", "blocks=4: it is `all`, numbers of blocks such as 4-30"),
        ("mag_sp@blocks=0.5", "blocks=0.5: it is `all`, numbers of blocks such as 4-30"),
        ("mag_sp@blocks=0.2-4", "blocks=0.2-4: with a decimal point both ends are shares of the depth"),
        ("mag_sp@blocks=0.5-1.5", "and those are at most 1"),
        ("mag_sp@attention=0.2,only=mlp", "attention=0.2: it is the share of the heads that goes, and only=mlp"),
        ("greedy_output@tau=0.2,attention=0.1", "tau=0.2: it decides how many heads go, and so does attention"),
        ("greedy_output@tau=0.2,only=mlp", "tau=0.2: it decides which heads go, and only=mlp leaves all"),
        ("mag_sp@ridge=1", "ridge=1: it is for least squares, and means nothing without compensation=least_squares"),
        ("flap@ridge=0.1", "ridge=0.1: it is for least squares"),
        ("greedy_output@ridge=2.0", "ridge=2: it is for least squares"),
        ("mag_sp@ridge=-1", "ridge=-1: input should be greater than or equal to 0"),
        ("mag_sp@nsamples=0", "nsamples is a number of calibration sequences"),
        ("wanda@compensation=bias", "compensation is for methods that define score_units"),
        ("sparsegpt@blocks=4-30", "blocks is for methods that define score_units"),
        ("mag_sp@share_of=half", "share_of=half: input should be 'all' or 'pruned'"),
        ("prunenet@share_of=all", "share_of is for methods that define score_units"),
    ],
)
def test_settings_of_units_that_make_no_sense_are_refused(spec: str, message: str) -> None:
    with pytest.raises(PrunebenchError, match=message):
        framework(spec)
