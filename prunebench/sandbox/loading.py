"""Opens a method for use: a person's in this process, any other in the sandbox."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prunebench.plugins.header import Kind
from prunebench.plugins.loader import Method, import_function, load_method
from prunebench.sandbox.policy import Policy
from prunebench.sandbox.remote import RemoteFunction


@contextmanager
def open_method(spec: str, method_paths: Iterable[str | Path], policy: Policy) -> Iterator[Method]:
    """Load a method with its variant; what was started for it ends with the block.

    Args:
        spec, method_paths: see `load_method`.
        policy: for methods that no person wrote.

    Raises:
        PrunebenchError: it cannot be loaded, or needs a sandbox that cannot be had here.
    """
    started: list[RemoteFunction] = []

    def in_sandbox(path: Path, kind: Kind) -> Callable[..., Any]:
        started.append(RemoteFunction(path, kind, policy))
        return started[-1]

    try:
        yield load_method(spec, method_paths, untrusted=import_function if policy.unsafe else in_sandbox)
    finally:
        for function in started:
            function.close()
