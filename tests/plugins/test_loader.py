"""Loading a method by path, with its variant, without traces."""

import sys
from pathlib import Path

import pytest

from prunebench.errors import PrunebenchError
from prunebench.plugins.loader import call_with_extras, import_function, load_method

METHODS = Path(__file__).parents[2] / "methods"
SOURCE = """\
from dataclasses import dataclass
METHOD = {
    "title": "T", "family": "f", "patterns": ["unstructured"], "group": "row",
    "params": {"alpha": 0.5, "steps": 3, "mode": "fast", "on": True, "free": None},
}

@dataclass
class Config:
    x: "int" = 1

def score(weight, inputs, alpha, steps, mode, on, free):
    return RESULT
"""


def write(folder: Path, result: str = "1", name: str = "m", **replaced: str) -> Path:
    text = SOURCE.replace("RESULT", result)
    for old, new in replaced.items():
        text = text.replace(old, new)
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text)
    return folder


def test_defaults_are_overridden_by_the_variant(tmp_path: Path) -> None:
    write(tmp_path)
    method = load_method("m@alpha=2,mode=slow,free=7,nsamples=32", [tmp_path])
    assert method.params == {"alpha": 2.0, "steps": 3, "mode": "slow", "on": True, "free": 7}
    assert isinstance(method.params["alpha"], float)
    assert method.name == "m@alpha=2,mode=slow,free=7,nsamples=32"
    assert method.kind == method.header.kind == "score"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("m@alhpa=1", "unknown parameter 'alhpa' in method 'm@alhpa=1'; did you mean 'alpha'"),
        ("m@steps=1.5", "steps=1.5 does not fit the default 3"),
        ("m@steps=True", "steps=True does not fit"),
        ("m@mode=1", "mode=1 does not fit the default 'fast'"),
        ("m@on=1", "on=1 does not fit the default True"),
        ("n", "unknown method 'n'; did you mean 'm'|unknown method 'n'; known: m"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, spec: str, message: str) -> None:
    write(tmp_path)
    with pytest.raises(PrunebenchError, match=message):
        load_method(spec, [tmp_path])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("m@mode=slwo", "unknown value of 'mode' 'slwo' in method 'm@mode=slwo'; did you mean 'slow'"),
        ("m@alpha=3", "unknown value of 'alpha' '3' in method 'm@alpha=3'; known: 0.5, 2"),
        ("m@free=x", "unknown value of 'free' 'x' in method 'm@free=x'; known: 7, None"),
    ],
)
def test_a_value_is_one_of_its_choices(tmp_path: Path, spec: str, message: str) -> None:
    params = '"choices": {"mode": ["fast", "slow"], "alpha": [0.5, 2], "free": [None, 7]},\n    "params"'
    write(tmp_path, **{'"params"': params})
    assert load_method("m@mode=slow,alpha=2,free=7", [tmp_path]).params["alpha"] == 2.0
    with pytest.raises(PrunebenchError, match=message):
        load_method(spec, [tmp_path])


def test_files_of_one_name_do_not_get_into_each_others_way(tmp_path: Path) -> None:
    one = load_method("m", [write(tmp_path / "a", "1")])
    two = load_method("m", [write(tmp_path / "b", "2")])
    arguments = [None] * 7
    assert (one.function(*arguments), two.function(*arguments)) == (1, 2)
    assert "m" not in sys.modules


def test_an_edit_within_the_same_second_is_seen(tmp_path: Path) -> None:
    results = [load_method("m", [write(tmp_path, str(n))]).function(*[None] * 7) for n in range(5)]
    assert results == list(range(5))
    assert not (tmp_path / "__pycache__").exists()


def test_a_method_that_cannot_be_imported_is_refused_and_forgotten(tmp_path: Path) -> None:
    write(tmp_path, name="bad", dataclasses="dataclassez")
    before = set(sys.modules)
    with pytest.raises(PrunebenchError, match=r"bad\.py cannot be imported: ModuleNotFoundError: .*dataclassez"):
        load_method("bad", [tmp_path])
    assert set(sys.modules) == before


def test_a_method_that_quits_when_imported_is_refused(tmp_path: Path) -> None:
    write(tmp_path, name="bad", METHOD="raise SystemExit('bye\\nbye')\nMETHOD")
    with pytest.raises(PrunebenchError, match=r"bad\.py cannot be imported: SystemExit: bye bye$"):
        load_method("bad", [tmp_path])


@pytest.mark.parametrize("origin", ["llm", "llm-idea"])
def test_code_not_written_by_a_person_is_not_run(tmp_path: Path, origin: str) -> None:
    write(tmp_path, name="bad", METHOD=f"open({str(tmp_path / 'ran')!r}, 'w')\nMETHOD")
    path = tmp_path / "bad.py"
    path.write_text(path.read_text().replace('"title"', f'"origin": "{origin}", "title"'))
    with pytest.raises(PrunebenchError, match=rf"origin '{origin}'.*sandbox"):
        load_method("bad", [tmp_path])
    assert not (tmp_path / "ran").exists()
    load_method("bad", [tmp_path], untrusted=import_function)
    assert (tmp_path / "ran").exists()


def test_what_lies_in_generated_is_not_trusted_whatever_it_says(tmp_path: Path) -> None:
    write(tmp_path / "generated")
    with pytest.raises(PrunebenchError, match="sandbox"):
        load_method("m", [tmp_path])


def test_a_function_gets_only_the_extras_it_names() -> None:
    def function(a, b, *, c, d=4):  # type: ignore[no-untyped-def]
        return a, b, c, d

    assert call_with_extras(function, {"c": 3, "e": 5, "a": 9}, 1, 2) == (1, 2, 3, 4)
    assert call_with_extras(function, {"c": 3, "d": 5}, 1, 2) == (1, 2, 3, 5)
    with pytest.raises(TypeError):
        call_with_extras(function, {}, 1, 2)
