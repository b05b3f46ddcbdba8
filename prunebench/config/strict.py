"""Strict YAML sections: a key nobody reads is a spelling mistake, so it is refused with the nearest known one."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from prunebench.errors import PrunebenchError, unknown_name


class Strict(BaseModel):
    """Base of every section: immutable, no keys beyond the declared ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, value: Any) -> Any:
        # Raised here rather than by extra="forbid" because only here the known names are at hand.
        if isinstance(value, Mapping):
            for key in value:
                if key not in cls.model_fields:
                    problem = str(unknown_name("key", str(key), cls.model_fields))
                    raise PydanticCustomError("unknown_key", "{problem}", {"problem": problem})
        return value


Section = TypeVar("Section", bound=BaseModel)


def parse(section: type[Section], value: Any, where: str) -> Section:
    """Validate `value` as `section`.

    Raises:
        PrunebenchError: naming `where` (a file or an entry of it), the key, and what is wrong with it.
    """
    try:
        return section.model_validate(value)
    except ValidationError as error:
        problems = "; ".join(_describe(detail) for detail in error.errors())
        raise PrunebenchError(f"{where}: {problems}") from None


def _describe(detail: ErrorDetails) -> str:
    """One of pydantic's findings as `key: what is wrong`."""
    location = ".".join(str(part) for part in detail["loc"])
    context, given = detail.get("ctx", {}), detail["input"]
    match detail["type"]:
        case "value_error":  # raised by one of our own validators
            message = str(context["error"])
        case "literal_error":
            message = str(unknown_name("value", str(given), _quoted(context["expected"])))
        case "union_tag_invalid":
            message = str(unknown_name("kind", context["tag"], _quoted(context["expected_tags"])))
        case "unknown_key":
            message = detail["msg"]
        case "missing":
            message = "is missing"
        case _:
            message = f"{detail['msg']}, not {given!r}"
    return f"{location}: {message}" if location else message


def _quoted(text: str) -> list[str]:
    """The names in pydantic's "'a', 'b' or 'c'"."""
    return re.findall(r"'([^']*)'", text)


def parse_entries(section: type[Section], value: Any, where: str) -> dict[str, Section]:
    """Validate a mapping of names to sections, the shape of a registry file.

    Raises:
        PrunebenchError: as `parse`, naming the entry.
    """
    if not isinstance(value, Mapping):
        raise PrunebenchError(f"{where}: a mapping of names to entries is needed, not {type(value).__name__}")
    return {str(name): parse(section, entry, f"{where}, entry {name!r}") for name, entry in value.items()}


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML lets a later key silently replace an earlier one; in a registry that hides an entry."""

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        # While composing, before merge keys (<<) are expanded: what overrides a merged key is no duplicate.
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{name!r} is there twice", key.start_mark)
            seen.add(name)
        return node


def read_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        PrunebenchError: the file is absent, is not YAML, or has a key twice.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return yaml.load(file, Loader=_UniqueKeyLoader)
    except FileNotFoundError:
        raise PrunebenchError(f"{path}: no such file; the config names it under `registry`") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise PrunebenchError(f"{path}{line}: {error.problem}") from None
