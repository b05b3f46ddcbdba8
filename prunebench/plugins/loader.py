"""Turns `name@param=value` into something to call: finds the file, reads its header, imports it by path."""

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from prunebench.errors import BrokenMethod, PrunebenchError, unknown_name
from prunebench.plugins.header import (
    FRAMEWORK_PARAMS,
    FUNCTIONS,
    Header,
    Kind,
    Value,
    find_methods,
    is_generated,
    parse_variant,
    read_header,
)
from prunebench.plugins.variants import FrameworkParams, framework_params

ImportFunction = Callable[[Path, Kind], Callable[..., Any]]


@dataclass(frozen=True)
class Method:
    """A method ready to run.

    Attributes:
        name: the spec it was loaded from, variant included (`wanda@nsamples=32`).
        header: what its file says about it.
        kind: which of the four functions `function` is.
        function: the function itself.
        params: the header's defaults with the variant's values over them.
        framework: the variant's values that the framework reads itself.
    """

    name: str
    header: Header
    kind: Kind
    function: Callable[..., Any]
    params: dict[str, Value]
    framework: FrameworkParams = field(default_factory=FrameworkParams)


def load_method(spec: str, method_paths: Iterable[str | Path], *, untrusted: ImportFunction | None = None) -> Method:
    """Load a method with its variant.

    Args:
        spec: `name` or `name@param=value,...`.
        method_paths: folders to look in.
        untrusted: makes the function of a method that was not written by a person (`import_function` would run
            it in this process); None refuses it.

    Raises:
        PrunebenchError: no such method, a broken header, an unknown parameter, untrusted code; if the import fails,
            a `BrokenMethod`.
    """
    name, values = parse_variant(spec)
    methods = find_methods(method_paths)
    if name not in methods:
        raise unknown_name("method", name, methods)
    path = methods[name]
    header = read_header(path)
    make_function = import_function if is_trusted(path, header) else untrusted
    if make_function is None:
        raise PrunebenchError(
            f"{path} was not written by a person (origin {header.origin!r}), so it is not run in this process; "
            "it needs the sandbox"
        )
    framework = framework_params(spec, values, header)
    params = merge_params(spec, header, values)
    return Method(spec, header, header.kind, make_function(path, header.kind), params, framework)


def is_trusted(path: Path, header: Header) -> bool:
    """Whether a person wrote it: by its header, and by not lying in a folder named `generated`."""
    return header.origin == "human" and not is_generated(path)


def call_with_extras(function: Callable[..., Any], available: Mapping[str, Any], *args: Any) -> Any:
    """Call `function(*args)` with, by name, those of `available` that its remaining parameters name."""
    parameters = list(inspect.signature(function).parameters.values())[len(args) :]
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return function(*args, **{name: available[name] for name in named if name in available})


def merge_params(spec: str, header: Header, values: dict[str, Value]) -> dict[str, Value]:
    """The header's parameters with the variant's values over them; what the framework reads itself is left out.

    Raises:
        PrunebenchError: an unknown parameter, or a value that does not fit or is none of the header's choices.
    """
    merged = dict(header.params)
    for key, value in values.items():
        if key in FRAMEWORK_PARAMS:
            continue
        if key not in merged:
            raise unknown_name("parameter", key, [*header.params, *FRAMEWORK_PARAMS], f"method {spec!r}")
        if not _same_type(merged[key], value):
            raise PrunebenchError(f"method {spec!r}: {key}={value} does not fit the default {merged[key]!r} in type")
        merged[key] = float(value) if isinstance(merged[key], float) and isinstance(value, int) else value
        if key in header.choices and merged[key] not in header.choices[key]:
            raise unknown_name(f"value of {key!r}", str(value), map(str, header.choices[key]), f"method {spec!r}")
    return merged


def _same_type(default: Value, value: Value) -> bool:
    if default is None or type(default) is type(value):
        return True
    return isinstance(default, float) and type(value) is int


def import_function(path: Path, kind: Kind) -> Callable[..., Any]:
    """Run the file as a module of its own.

    The source is compiled here rather than by importlib, which may take stale bytecode for a file edited
    twice within a second. The module is registered (dataclasses and pickle look there) under a name no
    other file can have.
    """
    source = path.read_bytes()
    identity = hashlib.sha256(str(path.resolve()).encode() + b"\0" + source).hexdigest()[:12]
    module = ModuleType(f"prunebench_method_{path.stem}_{identity}")
    module.__file__ = str(path.resolve())
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[module.__name__]
        message = " ".join(str(error).split())
        raise BrokenMethod(f"{path} cannot be imported: {type(error).__name__}: {message}") from error
    name = next(name for name, value in FUNCTIONS.items() if value == kind)
    return getattr(module, name)
