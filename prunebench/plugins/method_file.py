"""All that a method's file says, for its page: read with `ast`, so that nothing in it runs, and never an error."""

import ast
from pathlib import Path
from typing import Any

from prunebench.errors import PrunebenchError
from prunebench.plugins.description import Description, describe_method
from prunebench.plugins.header import FUNCTIONS, parse_method, read_header

_LONGEST = 60_000  # characters of a file that are kept: no method that a person can read is longer


def describe_file(name: str, path: Path) -> dict[str, Any]:
    """What is known of a method from its file, as JSON.

    Returns:
        `name`, `path` (as given) and what `describe_method` knows; `doc`, the module's docstring; `function`, its name
        and its docstring; `source`, the file as it is, and `cut`, how many characters of it are left out;
        `problem`, why it is no valid method, empty if it is one. A valid one also has `kind`, `patterns`, `needs`,
        `group`, `params`, `choices`, `units` and `published`, as in `Header`.
    """
    known: Description = describe_method(name, path)
    entry: dict[str, Any] = {
        "name": name, "path": path.as_posix(), "title": known.title, "family": known.family, "origin": known.origin,
        "cite": known.cite, "problem": "", **_read(path), **_documented(path),
    }  # fmt: skip
    try:
        header = read_header(path)
    except PrunebenchError as error:
        return {**entry, "problem": str(error)}
    shown = {"kind", "patterns", "needs", "group", "params", "choices", "units", "published"}
    return {**entry, **header.model_dump(mode="json", include=shown)}


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except OSError:
        text = ""
    return {"source": text[:_LONGEST], "cut": max(0, len(text) - _LONGEST)}


def _documented(path: Path) -> dict[str, Any]:
    """The docstrings of the file and of the function that makes it a method; empty where there are none."""
    try:
        tree = parse_method(path)
    except PrunebenchError:
        return {"doc": "", "function": None}
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in FUNCTIONS]
    function = {"name": functions[0].name, "doc": ast.get_docstring(functions[0]) or ""} if functions else None
    return {"doc": ast.get_docstring(tree) or "", "function": function}
