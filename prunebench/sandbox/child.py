"""The process inside the sandbox: imports one method and calls it as it is told.

First it says that torch is there, then it answers a setup (`path`, `kind`, `seed`, `threads`, `limits`) and
after that every call (`positional`, `extras`: values as `remote.py` describes them). Nothing in here is
relied upon once the method is imported: the method shares this process and may change all of it.
"""

import os
import resource
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import prunebench
from prunebench.engine.determinism import reset_global_state
from prunebench.engine.statistics import InputStatistics
from prunebench.errors import ContractError, PrunebenchError
from prunebench.judgement import judge
from prunebench.plugins.loader import import_function
from prunebench.sandbox.wire import read_message, to_bytes
from prunebench.targets import Target

_OPEN_FILES = 256
_PROCESSES = 1024  # threads count; bounds users other than root


@dataclass
class Layer:
    """What `models.linear.LinearView` is to a method, for a copy of the layer: `weight` is always (out, in)."""

    name: str
    weight: Tensor
    bias: Tensor | None
    after_norm: bool

    @cached_property
    def module(self) -> nn.Linear:
        """A Linear that computes what the layer does."""
        outputs, inputs = self.weight.shape
        linear = nn.Linear(inputs, outputs, bias=self.bias is not None, device="meta")
        linear.weight = nn.Parameter(self.weight, requires_grad=False)
        if self.bias is not None:
            linear.bias = nn.Parameter(self.bias, requires_grad=False)
        return linear


class Channel:
    """The two pipes, moved out of the way of everything that reads stdin or prints."""

    def __init__(self) -> None:
        self._in, self._out = os.dup(0), os.dup(1)
        os.dup2(2, 1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)

    def receive(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        return read_message(self._fill, lambda *_: None)

    def send(self, parts: list[memoryview]) -> None:
        for part in parts:
            while len(part):
                part = part[os.write(self._out, part) :]

    def _fill(self, view: memoryview) -> None:
        while len(view):
            count = os.readv(self._in, [view])
            if not count:
                os._exit(0)  # the parent is gone
            view = view[count:]


class Caller:
    """Takes calls apart, makes them, and packs what they return."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self._kind = setup["kind"]
        self._function = import_function(Path(setup["path"]), self._kind)
        self._statistics: InputStatistics | None = None
        self._notes: list[str] = []

    def call(self, message: dict[str, Any], tensors: dict[str, Tensor]) -> tuple[dict[str, Any], dict[str, Tensor]]:
        self._notes = []
        positional = [self._value(described, tensors) for described in message["positional"]]
        extras = {name: self._value(described, tensors) for name, described in message["extras"].items()}
        with torch.no_grad():
            result = self._function(*positional, **extras)
        return {"status": "ok", "notes": self._notes}, self._result(result)

    def _value(self, described: dict[str, Any], tensors: dict[str, Tensor]) -> Any:
        ((kind, value),) = described.items()
        match kind:
            case "json":
                return value
            case "tensor":
                tensor = tensors[value["name"]]
                return tensor.T if value["transposed"] else tensor
            case "layer":
                parts = {part: self._value(value[part], tensors) for part in ("weight", "bias")}
                return Layer(value["name"], **parts, after_norm=value["after_norm"])
            case "target":
                return Target(**value)
            case "generator":
                generator = torch.Generator()
                generator.set_state(tensors[value])
                return generator
            case "note":
                return self._notes.append
            case "statistics":
                state = {name: tensors[key] for name, key in value.pop("state").items()}
                self._statistics = InputStatistics.restore(**value, state=state)
                return self._statistics
            case "same statistics":
                return self._statistics
        raise ValueError(kind)

    def _result(self, result: Any) -> dict[str, Tensor]:
        if self._kind == "score":
            return {"saliency": _plain(result, "saliency")}
        weight, bias = result if isinstance(result, tuple) and len(result) == 2 else (result, None)
        return {"weight": _plain(weight, "weight")} | ({} if bias is None else {"bias": _plain(bias, "bias")})


def _plain(value: Any, what: str) -> Tensor:
    if not isinstance(value, Tensor):
        raise ContractError(f"a {type(value).__name__} was returned where a tensor is expected, the {what}")
    return value.detach().cpu().contiguous()


def main() -> None:
    """Serve until stdin ends."""
    channel = Channel()
    channel.send(to_bytes({"status": "ok"}, {}))
    setup, _ = channel.receive()
    reset_global_state(setup["seed"], setup["threads"])
    _limit(setup["limits"])
    libraries = (
        sys.prefix, sys.base_prefix, str(Path(prunebench.__file__).parent), str(Path(torch.__file__).parents[1])
    )  # fmt: skip
    caller: Caller | None = None
    message: dict[str, Any] = setup
    tensors: dict[str, Tensor] = {}
    while True:
        try:
            if caller is None:
                caller = Caller(setup)
                reply = to_bytes({"status": "ok"}, {})
            else:
                reply = to_bytes(*caller.call(message, tensors))
        except BaseException as error:  # SystemExit and KeyboardInterrupt too: a method may raise anything
            if not isinstance(error, PrunebenchError):  # whose one sentence says it all
                os.write(2, "".join(traceback.format_exception(error)).encode("utf-8", "backslashreplace"))
            status, reason = judge(error, libraries)
            reply = to_bytes({"status": status, "reason": reason}, {})
        with suppress(Exception):
            sys.stdout.flush()
        channel.send(reply)
        del reply, tensors  # before the next ones arrive
        message, tensors = channel.receive()


def _limit(limits: dict[str, Any]) -> None:
    """Take from this process, for good, what the method is not to have."""
    address_space = _status_kib("VmSize") * 1024 + int(limits["memory_bytes"])
    cpu = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) + limits["cpu_seconds"]) + 1
    for kind, value in (
        (resource.RLIMIT_AS, address_space),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, int(limits["scratch_bytes"])),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_NPROC, _PROCESSES),
    ):
        _, most = resource.getrlimit(kind)
        value = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(kind, (value, value))


def _status_kib(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
