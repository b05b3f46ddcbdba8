"""A method's function that runs in the sandbox and is called like one that runs here."""

import inspect
import weakref
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from prunebench.engine.statistics import InputStatistics
from prunebench.errors import ContractError, MethodFailure, PrunebenchError
from prunebench.judgement import one_line
from prunebench.models.linear import LinearView
from prunebench.plugins.header import FUNCTIONS, Kind, function_arguments
from prunebench.sandbox.confinement import METHOD
from prunebench.sandbox.policy import Policy
from prunebench.sandbox.process import SandboxProcess, cpu_seconds
from prunebench.targets import Target

_NOTES = 20  # of one call
_FAILED = ("rejected", "na", "error", "oom")  # what a reply may say besides ok


class RemoteFunction:
    """`score` or `prune_layer` of a file, each call made in the sandbox.

    The process is started at once and not waited for until the first call. One that broke a limit or the
    protocol is ended, and the next call starts another. `close` ends it for good.
    """

    def __init__(self, path: Path, kind: Kind, policy: Policy) -> None:
        if kind not in ("score", "layer"):
            name = next(name for name, value in FUNCTIONS.items() if value == kind)
            raise PrunebenchError(
                f"{path} defines {name}() and was not written by a person: only single layers go into the "
                "sandbox; write it as score() or prune_layer()"
            )
        self.__signature__ = inspect.Signature(  # what `call_with_extras` looks at
            [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in function_arguments(path)]
        )
        self._path = path
        self._kind = kind
        self._policy = policy
        self._sent: Callable[[], InputStatistics | None] = lambda: None
        self._process: SandboxProcess | None = SandboxProcess(path, policy)
        self._imported = False

    def __call__(self, *args: Any, **extras: Any) -> Any:
        """Call the method.

        Returns:
            score: the saliency; prune_layer: the weight, or the weight and the bias.

        Raises:
            ContractError: what came back is not what such a function returns.
            MethodFailure: it raised, says that it does not apply, or went beyond a limit.
        """
        try:
            return self._call(self._started(), args, extras)
        except _RaisedInsideError as raised:
            raise raised.error from None
        except BaseException:  # an interrupt too: it leaves half a message in the pipe
            self.close()
            raise

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
        self._process, self._imported, self._sent = None, False, lambda: None

    def _started(self) -> SandboxProcess:
        if self._process is None:
            self._process = SandboxProcess(self._path, self._policy)
        if not self._imported:
            self._process.wait_until_ready()
            limits = self._policy.limits
            setup = {
                "path": f"{METHOD}/{self._path.name}",
                "kind": self._kind,
                "seed": self._policy.seed,
                "threads": self._policy.threads,
                "limits": {
                    "memory_bytes": limits.memory_gb * 1e9,
                    "scratch_bytes": limits.scratch_mb << 20,
                    "cpu_seconds": cpu_seconds(self._policy),
                },
            }
            reply, _ = self._process.exchange(setup, {})
            if reply.get("status") != "ok":
                raise _failure(reply)
            self._imported = True
        return self._process

    def _call(self, process: SandboxProcess, args: tuple[Any, ...], extras: Mapping[str, Any]) -> Any:
        tensors: dict[str, Tensor] = {}
        message = {
            "positional": [self._described(value, tensors) for value in args],
            "extras": {name: self._described(value, tensors, name) for name, value in extras.items()},
        }
        shapes = _expected(self._kind, args[0])
        reply, returned = process.exchange(message, tensors, lambda *tensor: _accept(shapes, *tensor))
        if reply.get("status") in _FAILED:
            raise _RaisedInsideError(reply)
        if reply.get("status") != "ok":
            raise ContractError("what came out of the sandbox is no reply: its status is not known")
        for text in _notes(reply):
            extras.get("note", lambda text: None)(text)
        if self._kind == "score":
            saliency = _present(returned, "saliency")
            if saliency.isinf().any():  # NaN is for the selection to find
                raise ContractError(f"the saliency has {int(saliency.isinf().sum())} infinite of {saliency.numel()}")
            return saliency
        for name, tensor in returned.items():
            if not tensor.isfinite().all():
                raise ContractError(f"the {name} that was returned has NaN or infinite values")
        weight = _present(returned, "weight")
        return (weight, returned["bias"]) if "bias" in returned else weight

    def _described(self, value: Any, tensors: dict[str, Tensor], name: str = "") -> dict[str, Any]:
        """A value as `child.py` reads it back; its tensors go into `tensors`."""
        match value:
            case None | bool() | int() | float() | str():
                return {"json": value}
            case Tensor():
                # A transposed view stays one over there: the order of a sum depends on it.
                transposed = value.dim() == 2 and not value.is_contiguous() and value.T.is_contiguous()
                return {"tensor": {"name": _add(tensors, value.T if transposed else value), "transposed": transposed}}
            case LinearView():
                return {
                    "layer": {
                        "name": value.name,
                        "weight": self._described(value.weight, tensors),
                        "bias": self._described(value.bias, tensors),
                        "after_norm": value.after_norm,
                    }
                }
            case Target():
                return {"target": asdict(value)}
            case torch.Generator():
                return {"generator": _add(tensors, value.get_state())}
            case InputStatistics():
                return self._described_statistics(value, tensors)
        if name == "note":
            return {"note": None}
        raise PrunebenchError(f"a {type(value).__name__} cannot be handed to a method in the sandbox")

    def _described_statistics(self, value: InputStatistics, tensors: dict[str, Tensor]) -> dict[str, Any]:
        # Linears that share an input share its statistics, and a Gram matrix is worth sending once.
        if self._sent() is value:
            return {"same statistics": None}
        self._sent = weakref.ref(value)
        return {
            "statistics": {
                "needs": value.needs,
                "after_norm": value.after_norm,
                "tokens": value.tokens,
                "samples": value.samples,
                "state": {name: _add(tensors, tensor) for name, tensor in value.state().items()},
            }
        }


class _RaisedInsideError(Exception):
    """The method raised and its process is fine."""

    def __init__(self, reply: Mapping[str, Any]) -> None:
        self.error = _failure(reply)


def _failure(reply: Mapping[str, Any]) -> PrunebenchError:
    """What the sandbox says went wrong; it can only choose between failures, whatever it says."""
    status = reply.get("status")
    text = reply.get("reason")
    reason = _clean(text) if isinstance(text, str) and text else "the method failed and did not say how"
    if status == "rejected":
        return ContractError(reason)
    if status == "na":  # taken for that, it would choose the cells that it is judged by
        return MethodFailure("error", f"says that it does not apply: {reason}")
    return MethodFailure("oom" if status == "oom" else "error", reason)


def _clean(text: str) -> str:
    return one_line("".join(c if c.isprintable() or c.isspace() else "?" for c in text))


def _notes(reply: Mapping[str, Any]) -> list[str]:
    notes = reply.get("notes")
    return [_clean(note) for note in notes[:_NOTES] if isinstance(note, str)] if isinstance(notes, list) else []


def _add(tensors: dict[str, Tensor], tensor: Tensor) -> str:
    name = str(len(tensors))
    tensors[name] = tensor
    return name


def _expected(kind: Kind, first: Any) -> dict[str, tuple[int, ...]]:
    """The shapes of what may come back for this first argument, by name."""
    if kind == "score":
        return {"saliency": tuple(first.shape)}
    return {"weight": tuple(first.weight.shape), "bias": (first.weight.shape[0],)}


def _accept(expected: Mapping[str, tuple[int, ...]], name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    if name not in expected:
        raise ContractError(f"an unexpected tensor {name[:40]!r} came out of the sandbox")
    if shape != expected[name]:
        raise ContractError(f"returned a {name} {shape} where {expected[name]} is expected")
    if not dtype.is_floating_point:
        raise ContractError(f"returned a {name} of {dtype}, which is no floating-point type")


def _present(returned: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in returned:
        raise ContractError(f"returned no {name}")
    return returned[name]
