"""The header is read without running the file; whatever is wrong is told with file, line and nearest name."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunebench.errors import PrunebenchError
from prunebench.plugins.header import find_methods, parse_variant, read_header

METHODS = Path(__file__).parents[2] / "methods"

GOOD = """\
METHOD = {
    "title": "Good",
    "family": "unstructured",
    "patterns": ["unstructured", "n:m"],
    "needs": ["gram"],
    "group": "row",
    "params": {"alpha": 0.5},
}


def score(weight, inputs, alpha, *, generator):
    return weight
"""


def write(folder: Path, text: str, name: str = "good") -> Path:
    path = folder / f"{name}.py"
    path.write_text(text)
    return path


def test_a_good_header_is_read_with_its_defaults(tmp_path: Path) -> None:
    header = read_header(write(tmp_path, GOOD))
    assert header.model_dump() == {
        "title": "Good", "family": "unstructured", "origin": "human", "patterns": ["unstructured", "n:m"],
        "needs": ["gram"], "group": "row", "cite": "", "params": {"alpha": 0.5}, "kind": "score",
        "published": None, "units": None, "choices": {},
    }  # fmt: skip


def test_reading_a_header_runs_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit\n" + GOOD)
    assert read_header(path).title == "Good"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        ("def prune_layer(layer, inputs, target, alpha): ...", "layer"),
        ("def score_units(module, inputs, alpha): ...", "units"),
        ("def prune_model(model, calibration, target, alpha, generator): ...", "model"),
        ("def score(weight, inputs, alpha, **extras): ...", "score"),
    ],
)
def test_the_function_decides_the_kind(tmp_path: Path, function: str, kind: str) -> None:
    text = GOOD[: GOOD.index("def score")] + function
    if kind == "units":
        text = text.replace('["unstructured", "n:m"]', '["structured"]')
    assert read_header(write(tmp_path, text)).kind == kind


UNITS = """\
METHOD = {
    "title": "Good",
    "family": "structured",
    "patterns": ["structured"],
    "units": {"allocation": "global"},
}


def score_units(module, inputs, module_inputs):
    return inputs.var
"""


def test_defaults_for_units_are_read(tmp_path: Path) -> None:
    units = read_header(write(tmp_path, UNITS)).units
    assert units is not None
    assert (units.allocation, units.compensation, units.blocks) == ("global", "none", "all")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"structured"]', '"unstructured"]', r"good.py:1: score_units\(\) removes whole units"),
        ('"global"', '"globl"', r"good.py:5: METHOD\['units'\]: input should be 'uniform', 'global' or 'similarity'"),
        ('"allocation"', '"alocation"', r"good.py:5: METHOD\['units'\]: extra inputs are not permitted"),
        ("score_units(module, inputs, module_inputs)", "prune_layer(a, b, c)", r"'units'\] is for methods"),
        ("score_units(module, inputs, module_inputs)", "prune_model(a, b, c)", "says share_of and nothing else"),
        ("module_inputs", "module_input", r"did you mean 'module_inputs'"),
        ('"family"', '"params": {"blocks": 3},\n    "family"', r"METHOD\['params'\] cannot hold 'blocks'"),
    ],
)
def test_mistakes_about_units_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(PrunebenchError, match=message):
        read_header(write(tmp_path, UNITS.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"patterns"', '"pattern"', r"unknown key 'pattern' in METHOD \(.*good.py:4\); did you mean 'patterns'\?"),
        ('"gram"]', '"gramm"]', r"unknown value of 'needs' 'gramm' in METHOD \(.*good.py:5\); did you mean 'gram'"),
        ('"n:m"', '"nm"', r"'nm' in METHOD \(.*good.py:4\); did you mean 'n:m'"),
        ('"row"', '"rows"', r"unknown value of 'group' 'rows' .*good.py:6\); did you mean 'row'"),
        ('"title": "Good",', "", r"good.py:1: METHOD has no 'title'"),
        ('"title": "Good",', '"title": "",', r"good.py:2: METHOD\['title'\]: .*at least 1 character"),
        ('["gram"]', '"gram"', r"good.py:5: METHOD\['needs'\]: .*valid list"),
        ('["gram"]', "[1]", r"good.py:5: METHOD\['needs'\]: input should be"),
        ('"Good"', 'f"{1}"', r"good.py:2: METHOD\['title'\] must be a literal"),
        ('"group": "row"', '"family": "x"', r"good.py:6: METHOD has 'family' twice"),
        (
            '"row"',
            '"outputs"',
            r"good.py:1: METHOD\['group'\] 'outputs' prunes whole rows or columns, which cannot be n:m",
        ),
        ('"group": "row",', "", r"good.py:1: score\(\) needs METHOD\['group'\], one of row, matrix, block128"),
        ('"group": "row"', '"group": "row", **{}', r"good.py:6: keys of METHOD must be plain strings"),
        ("METHOD = {", "METHOD = dict(a=1) or {", r"good.py:1: METHOD must be a dict written out"),
        ("METHOD = {", "OTHER = {", r"good.py:1: .*exactly once, not 0 times"),
        ("def score", "METHOD = {}\ndef score", r"exactly once, not 2 times"),
        ("def score", "def scores", r"exactly one of score, prune_layer, .*; found none"),
        ("def score", "def prune_model(m, c, t): ...\ndef score", r"found prune_model \(line 11\), score \(line 12\)"),
        ("def score(weight, inputs, alpha", "def score(weight", r"good.py:11: score\(\) takes at least 2 positional"),
        (
            "generator)",
            "generater)",
            r"unknown name 'generater' in the arguments of score\(\) \(.*good.py:11\)",
        ),
        ("alpha, *", "*", r"good.py:11: METHOD\['params'\] has 'alpha', but score\(\) does not take it"),
        ('"alpha": 0.5', '"nsamples": 3', r"good.py:11: METHOD\['params'\] cannot hold 'nsamples'"),
        ('"alpha": 0.5', '"alpha": [1]', r"good.py:7: METHOD\['params'\]"),
        ("return weight", "return (weight", r"good.py:12: not valid Python: '\(' was never closed"),
        ("return weight", "return '\0'", r"good.py:\d+: not valid Python"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(PrunebenchError, match=message) as caught:
        read_header(write(tmp_path, GOOD.replace(old, new, 1)))
    assert "\n" not in str(caught.value)


CHOICES = GOOD.replace('{"alpha": 0.5},', '{"alpha": 0.5},\n    "choices": {"alpha": [0.5, 1.0]},')


def test_the_values_a_parameter_may_have_are_read(tmp_path: Path) -> None:
    assert read_header(write(tmp_path, CHOICES)).choices == {"alpha": [0.5, 1.0]}


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ('{"alhpa": [0.5]}', r"unknown parameter 'alhpa' in METHOD\['choices'\] \(.*good.py:8\); did you mean 'alpha'"),
        ('{"alpha": [1.0]}', r"good.py:8: METHOD\['choices'\] lacks the default 0.5 of 'alpha'"),
        ('{"alpha": []}', r"good.py:8: METHOD\['choices'\] lacks the default"),
        ('{"alpha": 0.5}', r"good.py:8: METHOD\['choices'\]: input should be a valid list"),
        ("dict(alpha=[0.5])", r"good.py:8: METHOD\['choices'\] must be a literal"),
    ],
)
def test_mistakes_about_choices_are_named(tmp_path: Path, new: str, message: str) -> None:
    with pytest.raises(PrunebenchError, match=message):
        read_header(write(tmp_path, CHOICES.replace('{"alpha": [0.5, 1.0]}', new)))


@given(text=st.text())
def test_any_text_at_all_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "any.py"
    path.write_text(text, errors="surrogatepass")
    with pytest.raises(PrunebenchError, match=r"any\.py"):
        read_header(path)


def test_the_light_half_of_the_package_stays_light() -> None:
    code = (
        "import sys, prunebench.plugins.header, prunebench.plugins.digest, prunebench.plugins.loader\n"
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_methods_are_found_in_folders_and_their_generated_subfolders(tmp_path: Path) -> None:
    for name in ("a/one.py", "a/_helper.py", "a/one.json", "a/generated/two.py", "b/three.py", "a/deep/four.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_methods([tmp_path / "a", tmp_path / "b"])
    assert {name: path.relative_to(tmp_path).as_posix() for name, path in found.items()} == {
        "one": "a/one.py", "two": "a/generated/two.py", "three": "b/three.py",
    }  # fmt: skip


def test_two_methods_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "generated").mkdir()
    write(tmp_path, GOOD)
    write(tmp_path / "generated", GOOD)
    with pytest.raises(PrunebenchError, match=r"two methods are called 'good'"):
        find_methods([tmp_path])


@pytest.mark.parametrize("name", ["Wanda", "my-method", "a.b", "wanda@2"])
def test_names_that_are_unsafe_in_file_names_are_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, GOOD, name)
    with pytest.raises(PrunebenchError, match="rename it"):
        find_methods([tmp_path])


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrunebenchError, match=r"nowhere does not exist"):
        find_methods([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("spec", "name", "values"),
    [
        ("wanda", "wanda", {}),
        ("wanda@nsamples=32", "wanda", {"nsamples": 32}),
        ("m@a=0.5,b=True,c=None,d=fast,e=-3", "m", {"a": 0.5, "b": True, "c": None, "d": "fast", "e": -3}),
        ("m@a=1e-3,b=1.2.3", "m", {"a": 0.001, "b": "1.2.3"}),
    ],
)
def test_variants_are_parsed(spec: str, name: str, values: dict[str, object]) -> None:
    parsed, got = parse_variant(spec)
    assert (parsed, got) == (name, values)
    assert {key: type(value) for key, value in got.items()} == {key: type(value) for key, value in values.items()}


@pytest.mark.parametrize("spec", ["", "Wanda", "wanda@", "wanda@a", "wanda@a=", "wanda@=1", "wanda@a=1,a=2", "w@a=1/2"])
def test_malformed_variants_are_refused(spec: str) -> None:
    with pytest.raises(PrunebenchError, match=r"method "):
        parse_variant(spec)
