"""A method's digest: changes when what it computes may change, not when its wording does.

Comments, docstrings, formatting and the header's `title`, `cite`, `published` and `choices` do not count; data files
named `<name>.*` beside it do. Imports from prunebench do not: `ENGINE_VERSION` stands for those.
"""

import ast
import hashlib
from pathlib import Path
from typing import Any

from prunebench.errors import PrunebenchError
from prunebench.files import digest_json, sha256_file
from prunebench.plugins.header import header_node, parse_method, read_header

_COSMETIC = {"title", "cite", "published", "choices"}  # choices say what is refused, never what is computed
_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def method_digest(path: Path) -> str:
    """A short hex digest of a method file and its data files.

    A file that is no valid method gets the digest of its bytes, so that the DAG can be built around it.
    """
    try:
        header = read_header(path).model_dump(exclude=_COSMETIC, exclude_defaults=True)
        tree = parse_method(path)
        header_node(path, tree).keys.clear()
        header_node(path, tree).values.clear()
        code: Any = {"header": header, "tree": _canonical(tree)}
    except PrunebenchError:
        code = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
    data = {file.name: sha256_file(file) for file in path.parent.glob(f"{path.stem}.*") if file != path}
    return digest_json({"code": code, "data": data})


def _canonical(node: Any) -> Any:
    """The tree as JSON. Empty fields are left out, because Python versions differ in which ones they list."""
    if isinstance(node, list):
        return [_canonical(item) for item in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {
        name: _canonical(value)
        for name, value in ast.iter_fields(node)
        if value not in (None, []) and name not in ("ctx", "kind", "type_comment")
    }
    if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        fields["body"] = fields["body"][1:]
    return [type(node).__name__, fields]
