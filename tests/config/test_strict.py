from pathlib import Path
from typing import Literal

import pytest

from prunebench.config.strict import Strict, parse, parse_entries, read_yaml
from prunebench.errors import PrunebenchError


class Inner(Strict):
    length: int = 1


class Outer(Strict):
    colour: Literal["red", "green"] = "red"
    inner: Inner = Inner()
    needed: int


def message_of(value: object) -> str:
    with pytest.raises(PrunebenchError) as error:
        parse(Outer, value, "file.yaml")
    return str(error.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"needed": 1, "coulor": "red"}, "file.yaml: unknown key 'coulor'; did you mean 'colour'?"),
        ({"needed": 1, "inner": {"lenght": 1}}, "file.yaml: inner: unknown key 'lenght'; did you mean 'length'?"),
        ({"needed": 1, "colour": "gren"}, "file.yaml: colour: unknown value 'gren'; did you mean 'green'?"),
        ({}, "file.yaml: needed: is missing"),
    ],
)
def test_the_message_says_where_what_and_the_nearest_name(value: object, message: str) -> None:
    assert message_of(value) == message


def test_a_wrong_type_is_shown_with_what_was_given() -> None:
    message = message_of({"needed": "many"})
    assert message.startswith("file.yaml: needed: ")
    assert message.endswith("not 'many'")


def test_every_problem_is_named() -> None:
    message = message_of({"colour": "gren", "inner": {"length": "x"}})
    assert all(part in message for part in ("needed", "green", "inner.length"))


def test_entries_are_named_in_their_errors() -> None:
    with pytest.raises(PrunebenchError, match=r"models.yaml, entry 'b': .*did you mean 'length'"):
        parse_entries(Inner, {"a": {}, "b": {"lenth": 2}}, "models.yaml")


@pytest.mark.parametrize("value", [None, [], "text"])
def test_a_registry_that_is_no_mapping_is_refused(value: object) -> None:
    with pytest.raises(PrunebenchError, match="mapping of names"):
        parse_entries(Inner, value, "models.yaml")


def yaml_file(folder: Path, text: str) -> Path:
    path = folder / "file.yaml"
    path.write_text(text)
    return path


def test_yaml_with_a_key_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(PrunebenchError, match=r"file.yaml, line 3: 'b' is there twice"):
        read_yaml(yaml_file(tmp_path, "a: 1\nb: 2\nb: 3\n"))


def test_yaml_with_a_nested_key_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrunebenchError, match="'b' is there twice"):
        read_yaml(yaml_file(tmp_path, "a: {b: 1, b: 2}\n"))


def test_overriding_a_merged_key_is_no_duplicate(tmp_path: Path) -> None:
    text = "a: &a {k: 1, l: 1}\nb: &b {<<: *a, k: 2}\nc: {<<: *b, k: 3}\n"
    assert read_yaml(yaml_file(tmp_path, text))["c"] == {"k": 3, "l": 1}


def test_broken_yaml_is_one_sentence_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(PrunebenchError, match=r"file.yaml, line 2: "):
        read_yaml(yaml_file(tmp_path, "a: [1\nb: 2\n"))


def test_an_absent_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PrunebenchError, match=r"absent.yaml: no such file"):
        read_yaml(tmp_path / "absent.yaml")
