"""Strict YAML sections: a key nobody reads is a spelling mistake, so it is refused with the nearest known one."""

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
    location = ".".join(str(part) for part in detail["loc"])
    # A ValueError raised by one of our validators arrives as "Value error, <message>".
    message = str(detail["ctx"]["error"]) if detail["type"] == "value_error" else detail["msg"]
    given = "" if detail["type"] in {"unknown_key", "missing", "value_error"} else f" (given: {detail['input']!r})"
    return f"{location}: {message}{given}" if location else f"{message}{given}"


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

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is there twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


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
