"""What a method file says about itself, read with `ast` so that nothing in it runs.

A broken file is a `PrunebenchError` naming the file and the line; callers turn it into a status row.
"""

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prunebench.errors import PrunebenchError, unknown_name
from prunebench.plugins.unit_settings import UNIT_KEYS, UnitSettings
from prunebench.targets import PATTERNS, Pattern

Kind = Literal["score", "layer", "units", "model"]
Need = Literal["input_sq_norm", "input_mean", "input_var", "gram", "gradients"]
Origin = Literal["human", "llm-idea", "llm"]
Group = Literal["row", "matrix", "block128", "outputs", "inputs"]
Value = bool | int | float | str | None

NEEDS: tuple[str, ...] = get_args(Need)
FUNCTIONS: dict[str, Kind] = {
    "score": "score",
    "prune_layer": "layer",
    "score_units": "units",
    "prune_model": "model",
}
# How many leading arguments are positional, and what else may be asked for by name besides `params`.
_POSITIONAL: dict[Kind, int] = {"score": 2, "layer": 3, "units": 2, "model": 3}
_EXTRAS: dict[Kind, tuple[str, ...]] = {
    "score": ("generator", "target", "layer", "note"),
    "layer": ("generator", "note"),
    "units": ("generator", "target", "note", "module_inputs"),
    "model": ("generator", "note", "facts"),
}
_CHOICES: dict[str, tuple[str, ...]] = {
    "patterns": PATTERNS,
    "needs": NEEDS,
    "origin": get_args(Origin),
    "group": get_args(Group),
}
# Variant keys the framework reads itself; a method cannot take them as its own.
LORA_KEYS = ("lora", "lora_text", "lora_epochs", "lora_lr")
FRAMEWORK_PARAMS = tuple(dict.fromkeys(("nsamples", "data", "only", "allocation", *UNIT_KEYS, *LORA_KEYS)))

NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
_SAFE_VALUE = re.compile(r"[A-Za-z0-9_.+-]+")


class Published(BaseModel):
    """What became of the idea's own code.

    Attributes:
        status: whether it ran, as its paper reports.
        cause: what it did, as the code shows.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    status: Literal["OK", "Error"]
    cause: str = ""


class Header(BaseModel):
    """A method's description of itself: the literal `METHOD` of its file, and which function it defines.

    Attributes:
        title, family: how tables name and sort it.
        origin: who wrote it; anything but "human" never runs in the main process. A file in a folder
            `generated` is "llm" unless it says "llm-idea".
        published: what became of the idea where it was published.
        patterns: the patterns it can produce; others are left out of the grid.
        needs: the input statistics the engine gathers for it.
        group: within which weights compete; what `score` is selected in, what the contract checks. In
            `outputs` and `inputs` whole rows and whole columns of a weight (out, in) compete.
        units: how the framework uses the scores of `score_units` unless a variant says otherwise; of a `prune_model`
            that returns which units it kept, only what its target is a share of.
        cite: BibTeX key.
        params: hyper-parameters with their defaults, overridden by variants such as `name@param=value`.
        choices: the values that a hyper-parameter may have, of those that have only a few.
        kind: which of `score`, `prune_layer`, `score_units`, `prune_model` the file defines.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: str = Field(min_length=1)
    family: str = Field(min_length=1)
    origin: Origin = "human"
    published: Published | None = None
    patterns: list[Pattern] = Field(min_length=1)
    needs: list[Need] = []
    group: Group | None = None
    units: UnitSettings | None = None
    cite: str = ""
    params: dict[str, Value] = {}
    choices: dict[str, list[Value]] = {}
    kind: Kind


def find_methods(method_paths: Iterable[str | Path]) -> dict[str, Path]:
    """Every method file by name: `*.py` in each folder and in its `generated/`; `_private.py` files are skipped.

    Raises:
        PrunebenchError: a folder is missing, a name is unsafe in file names, or two files share a name.
    """
    found: dict[str, Path] = {}
    for folder in map(Path, method_paths):
        if not folder.is_dir():
            raise PrunebenchError(f"method folder {folder} does not exist; correct method_paths in the config")
        for path in sorted([*folder.glob("*.py"), *folder.glob("generated/*.py")]):
            name = path.stem
            if name.startswith("_"):
                continue
            if not NAME.fullmatch(name):
                raise PrunebenchError(f"{path}: rename it, method names use only a-z, 0-9 and _")
            if name in found:
                raise PrunebenchError(f"two methods are called {name!r}: {found[name]} and {path}; rename one")
            found[name] = path
    return found


def parse_variant(spec: str) -> tuple[str, dict[str, Value]]:
    """Split `name@param=value,param2=value` into the name and the values, which are Python literals or plain words.

    Raises:
        PrunebenchError: the form is another, a value is unsafe in file names, or a parameter comes twice.
    """
    name, at, rest = spec.partition("@")
    if not NAME.fullmatch(name) or (at and not rest):
        raise PrunebenchError(f"method {spec!r} is not of the form name or name@param=value,param2=value")
    values: dict[str, Value] = {}
    for item in rest.split(",") if rest else []:
        key, equals, text = item.partition("=")
        if not equals or not key.isidentifier() or not _SAFE_VALUE.fullmatch(text):
            raise PrunebenchError(
                f"method {spec!r}: {item!r} is not param=value with a value of letters, digits and _ . + -"
            )
        if key in values:
            raise PrunebenchError(f"method {spec!r} gives {key!r} twice; keep one")
        values[key] = _literal(text)
    return name, values


def read_header(path: Path) -> Header:
    """Read a method file's header without running the file.

    Raises:
        PrunebenchError: the file cannot be parsed, or the header or the function breaks a rule (file and line named).
    """
    tree = parse_method(path)
    node = header_node(path, tree)
    function, kind = _function(path, tree)
    try:
        header = Header(**_literal_dict(path, node), kind=kind)
    except ValidationError as error:
        _explain(path, node, error)
    if header.group in ("outputs", "inputs") and "n:m" in header.patterns:
        _fail(path, node, f"METHOD['group'] {header.group!r} prunes whole rows or columns, which cannot be n:m")
    if kind == "score" and header.group is None and header.patterns != ["dense"]:
        _fail(path, node, f"score() needs METHOD['group'], one of {', '.join(_CHOICES['group'])}")
    if kind == "units" and header.patterns != ["structured"]:
        _fail(path, node, "score_units() removes whole units: METHOD['patterns'] is ['structured']")
    if kind not in ("units", "model") and header.units is not None:
        _fail(path, node, "METHOD['units'] is for methods that define score_units() or prune_model()")
    if kind == "model" and header.units and header.units.model_fields_set != {"share_of"}:
        _fail(path, node, "METHOD['units'] of a method that defines prune_model() says share_of and nothing else")
    _check_signature(path, function, kind, header.params)
    _check_choices(path, node, header)
    if header.origin == "human" and is_generated(path):
        return header.model_copy(update={"origin": "llm"})  # whatever a machine says of itself
    return header


def is_generated(path: Path) -> bool:
    """Whether it lies in a folder named `generated`, where no person's methods are."""
    return "generated" in (path.parent.name, path.resolve().parent.name)


def function_arguments(path: Path) -> list[str]:
    """The names of the arguments of a method file's one function, in order; nothing in the file runs."""
    arguments = _function(path, parse_method(path))[0].args
    return [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def parse_method(path: Path) -> ast.Module:
    """The syntax tree of a method file; a syntax error is a `PrunebenchError` with its line."""
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        raise PrunebenchError(f"{path}:{error.lineno or 1}: not valid Python: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:  # the parser's stack is limited, too
        raise PrunebenchError(f"{path}:1: not valid Python: {error or 'nested too deeply'}") from error
    except OSError as error:
        raise PrunebenchError(f"method file {path} cannot be read: {error.strerror}") from error


def header_node(path: Path, tree: ast.Module) -> ast.Dict:
    """The dict literal assigned to `METHOD` at the top level."""
    if not tree.body:
        raise PrunebenchError(f"{path}:1: the file holds no code")
    values = [
        statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Name) and target.id == "METHOD"
    ]
    if len(values) != 1:
        raise PrunebenchError(f"{path}:1: a method file assigns METHOD = {{...}} exactly once, not {len(values)} times")
    if not isinstance(values[0], ast.Dict):
        raise PrunebenchError(f"{path}:1: METHOD must be a dict written out as a literal")
    return values[0]


def _literal_dict(path: Path, node: ast.Dict) -> dict[str, Any]:
    result: dict[str, Any] = {}
    known = [name for name in Header.model_fields if name != "kind"]
    for key, value in zip(node.keys, node.values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            _fail(path, key or value, "keys of METHOD must be plain strings")
        if key.value not in known:
            raise unknown_name("key", key.value, known, f"METHOD ({path}:{key.lineno})")
        if key.value in result:
            _fail(path, key, f"METHOD has {key.value!r} twice")
        try:
            result[key.value] = ast.literal_eval(value)
        except (ValueError, TypeError, RecursionError):
            _fail(path, value, f"METHOD[{key.value!r}] must be a literal; nothing in the header is computed")
    return result


def _function(path: Path, tree: ast.Module) -> tuple[ast.FunctionDef, Kind]:
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in FUNCTIONS]
    if len(found) != 1:
        names = ", ".join(f"{node.name} (line {node.lineno})" for node in found) or "none"
        raise PrunebenchError(f"{path}:1: a method defines exactly one of {', '.join(FUNCTIONS)}; found {names}")
    return found[0], FUNCTIONS[found[0].name]


def _check_signature(path: Path, function: ast.FunctionDef, kind: Kind, params: dict[str, Value]) -> None:
    positional = [argument.arg for argument in function.args.posonlyargs + function.args.args]
    count = _POSITIONAL[kind]
    if len(positional) < count:
        _fail(path, function, f"{function.name}() takes at least {count} positional arguments, not {len(positional)}")
    asked = positional[count:] + [argument.arg for argument in function.args.kwonlyargs]
    for name in params:
        if not name.isidentifier() or name in FRAMEWORK_PARAMS or name in _EXTRAS[kind]:
            _fail(path, function, f"METHOD['params'] cannot hold {name!r}; choose another name")
        if name not in asked:
            _fail(path, function, f"METHOD['params'] has {name!r}, but {function.name}() does not take it")
    where = f"the arguments of {function.name}() ({path}:{function.lineno})"
    for name in asked:
        if name not in params and name not in _EXTRAS[kind]:
            raise unknown_name("name", name, [*params, *_EXTRAS[kind]], where)


def _check_choices(path: Path, node: ast.Dict, header: Header) -> None:
    line = next((key for key in node.keys if isinstance(key, ast.Constant) and key.value == "choices"), node)
    for name, choices in header.choices.items():
        if name not in header.params:
            raise unknown_name("parameter", name, header.params, f"METHOD['choices'] ({path}:{line.lineno})")
        if (default := header.params[name]) not in choices:
            _fail(path, line, f"METHOD['choices'] lacks the default {default!r} of {name!r}")


def _explain(path: Path, node: ast.Dict, error: ValidationError) -> NoReturn:
    first = error.errors()[0]
    key = str(first["loc"][0])
    values = {k.value: value for k, value in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant)}
    if first["type"] == "missing":
        _fail(path, node, f"METHOD has no {key!r}")
    line = values[key].lineno
    if key in _CHOICES and isinstance(first["input"], str) and first["type"] == "literal_error":
        raise unknown_name(f"value of {key!r}", first["input"], _CHOICES[key], f"METHOD ({path}:{line})")
    _fail(path, values[key], f"METHOD[{key!r}]: {first['msg'][0].lower()}{first['msg'][1:]}")


def _literal(text: str) -> Value:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, bool | int | float | None) else text


def _fail(path: Path, node: ast.expr | ast.stmt, message: str) -> NoReturn:
    raise PrunebenchError(f"{path}:{node.lineno}: {message}")
