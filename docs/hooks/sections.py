"""Tables of settings and of record fields, from the pydantic models and dataclasses that check them."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import griffe
from pydantic import BaseModel

_LIMITS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


def sections(*roots: type[BaseModel], level: int = 2) -> str:
    """A section with a table of keys for each model and for every model that it has as a part, each once."""
    return "\n\n".join(_section(model, level) for model in _with_parts(roots))


def table_of(dataclass: type) -> str:
    """The attributes of a dataclass as a table."""
    said = described(dataclass)
    rows = [
        (f"`{field.name}`", _cell(str(field.type).removeprefix("<class '").removesuffix("'>")), said[field.name])
        for field in dataclasses.fields(dataclass)
    ]
    return _table(("column", "type", "what"), rows)


def described(model: type) -> dict[str, str]:
    """What the `Attributes` section of a class's docstring says, by attribute; those it does not name say nothing."""
    names = _names(model)
    said: dict[str, str] = dict.fromkeys(names, "")
    for base in reversed(model.__mro__):
        for section in griffe.Docstring(base.__dict__.get("__doc__") or "").parse("google", warnings=False):
            if section.kind is griffe.DocstringSectionKind.attributes:
                for attribute in section.value:
                    # Of `low, high: bounds` griffe takes what follows the first name for its type.
                    alike = f"{attribute.name} {attribute.annotation or ''}".replace(",", " ").split()
                    said |= {name: _cell(attribute.description) for name in alike if name in names}
    return said


def _names(model: type) -> list[str]:
    if issubclass(model, BaseModel):
        return list(model.model_fields)
    return [field.name for field in dataclasses.fields(model)]


def _with_parts(roots: Iterable[type[BaseModel]]) -> list[type[BaseModel]]:
    found: dict[type[BaseModel], None] = {}
    waiting = list(roots)
    while waiting:
        model = waiting.pop(0)
        if model not in found:
            found[model] = None
            waiting = [part for field in model.model_fields.values() for part in _models_in(field.annotation)] + waiting
    return list(found)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


def _section(model: type[BaseModel], level: int) -> str:
    schema, said = model.model_json_schema(by_alias=False), described(model)
    required = schema.get("required", ())
    rows = [
        (f"`{name}`", _type(field), "**required**" if name in required else _default(field), said[name])
        for name, field in schema.get("properties", {}).items()
    ]
    summary = griffe.Docstring(model.__doc__ or "").parse("google", warnings=False)
    text = summary[0].value if summary and summary[0].kind is griffe.DocstringSectionKind.text else ""
    anchor = f"{{ #{anchor_of(model.__name__)} }}"
    return f"{'#' * level} {model.__name__} {anchor}\n\n{text}\n\n" + _table(("key", "value", "default", "what"), rows)


def anchor_of(name: str) -> str:
    """The anchor of a model's section."""
    return f"section-{name.lower()}"


def _type(field: Mapping[str, Any]) -> str:
    """A JSON schema in words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{anchor_of(name)})"
    if choices := field.get("anyOf") or field.get("oneOf"):
        return " or ".join(dict.fromkeys(_type(choice) for choice in choices))
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    match field.get("type"):
        case "array":
            items = field.get("items") or {}
            return f"list of {_type(items)}" if items else "list"
        case "object":
            values = field.get("additionalProperties")
            return f"name: {_type(values)}" if isinstance(values, Mapping) else "mapping"
        case None:
            return "anything"
        case kind:
            limits = "".join(f" {sign} {field[key]:g}" for key, sign in _LIMITS.items() if key in field)
            return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(kind, kind) + limits


def _default(field: Mapping[str, Any]) -> str:
    default = field.get("default", {})
    if isinstance(default, Mapping):
        return ""  # a section of its own, whose keys have their defaults
    return f"`{json.dumps(default, ensure_ascii=False)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
