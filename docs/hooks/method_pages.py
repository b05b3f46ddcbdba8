"""The methods, from the headers and docstrings of their files, none of which runs."""

import ast
import inspect
from pathlib import Path

from prunebench.plugins.header import FUNCTIONS, Header, find_methods, parse_method, read_header

ROOT = Path(__file__).parents[2]


def overview() -> str:
    """A row per method."""
    lines = ["| method | title | family | does | function |", "| --- | --- | --- | --- | --- |"]
    for name, header in _headers().items():
        cells = f"[`{name}`](#method-{name})", header.title, header.family, ", ".join(header.patterns), _kind(header)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def details() -> str:
    """A section per method: what it is, what it reads, its parameters, and what its function's docstring says."""
    return "\n\n".join(_section(name, header) for name, header in _headers().items())


def _headers() -> dict[str, Header]:
    return {name: read_header(path) for name, path in find_methods([ROOT / "methods"]).items()}


def _section(name: str, header: Header) -> str:
    path = find_methods([ROOT / "methods"])[name]
    tree = parse_method(path)
    function = next(
        node for node in tree.body if isinstance(node, ast.FunctionDef) and FUNCTIONS.get(node.name) == header.kind
    )
    facts = [
        f"file `{path.relative_to(ROOT)}`",
        f"origin {header.origin}",
        f"patterns {', '.join(header.patterns)}",
        f"reads {', '.join(header.needs) or 'no statistics'}",
        *([f"compared within a {header.group}"] if header.group else []),
        *([f"cited as `{header.cite}`"] if header.cite else []),
    ]
    parts = [f"### {header.title} {{ #method-{name} }}", ast.get_docstring(tree) or "", "; ".join(facts) + "."]
    if header.published:
        parts.append(f"As published: {header.published.status}. {header.published.cause}")
    if header.params:
        parts.append(_parameters(name, header))
    said = inspect.cleandoc(ast.get_docstring(function) or "")
    parts.append(f'```text title="{function.name}({ast.unparse(function.args)})"\n{said}\n```')
    return "\n\n".join(part for part in parts if part)


def _parameters(name: str, header: Header) -> str:
    lines = ["| parameter | default | choices |", "| --- | --- | --- |"]
    for key, default in header.params.items():
        choices = ", ".join(f"`{choice}`" for choice in header.choices.get(key, ()))
        lines.append(f"| `{key}` | `{default}` | {choices} |")
    return "\n".join(lines)


def _kind(header: Header) -> str:
    return next(f"`{function}`" for function, kind in FUNCTIONS.items() if kind == header.kind)
