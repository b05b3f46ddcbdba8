"""A second device on any machine: it computes on the CPU, and refuses what a GPU refuses.

Its tensors say that they are on `DEVICE` (the name `meta`, which needs no driver) and hold their numbers in `inner`.
Tensors of both devices in one operation are an error, as is a generator of the CPU that draws on the device. So code
that forgets a `device=` fails here as it would fail on a GPU. Numbers may differ from the CPU's in their last digits,
where an operation is taken apart in another way.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

DEVICE = torch.device("meta")
# What takes tensors of both: transfers, and the indices of an operation, which may be on the CPU.
_BOTH = ("copy_", "_to_copy", "index", "index_put", "index_put_", "_index_put_impl_")


class MixedDevicesError(AssertionError):
    """An operation has got tensors of two devices."""


class Simulated(Tensor):
    """A tensor on the simulated device."""

    inner: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, inner: Tensor) -> "Simulated":
        tensor = Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), storage_offset=inner.storage_offset(), dtype=inner.dtype,
            device=DEVICE,
        )  # fmt: skip
        tensor.inner = inner
        return tensor

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})

    def tolist(self) -> Any:
        return self.inner.tolist()

    @property
    def data(self) -> Tensor:
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        torch.utils.swap_tensors(self, nn.Parameter(value, requires_grad=self.requires_grad))


class _Mode(TorchDispatchMode):
    """Sees what is made on the device, and what goes there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


@contextmanager
def simulated_device() -> Iterator[torch.device]:
    """Inside, tensors and modules can be moved to the device that is given."""
    made = torch.tensor

    def tensor(*args: Any, device: torch.device | None = None, **kwargs: Any) -> Tensor:
        on_cpu = made(*args, **kwargs)
        return on_cpu if device is None else on_cpu.to(device)

    torch.__future__.set_swap_module_params_on_conversion(True)
    torch.tensor = tensor  # the one way to make a tensor of which no mode is told
    try:
        with _Mode():
            yield DEVICE
    finally:
        torch.tensor = made
        torch.__future__.set_swap_module_params_on_conversion(False)


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    name = func.overloadpacket.__name__
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    there = [tensor for tensor in tensors if isinstance(tensor, Simulated)]
    here = [tensor for tensor in tensors if not isinstance(tensor, Simulated) and tensor.dim()]
    if there and here and (name not in _BOTH or (name == "index" and args[0] is here[0])):
        raise MixedDevicesError(f"{name} of {[(type(t).__name__, tuple(t.shape)) for t in tensors]}")
    device = kwargs.get("device")
    to_device = bool(there) if device is None else torch.device(device) == DEVICE
    if name == "copy_":
        to_device = isinstance(args[0], Simulated)
    generator = kwargs.get("generator")
    if to_device and generator is not None:
        raise MixedDevicesError(f"{name} on the device with a generator of the CPU")
    if device is not None and to_device:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    result = func(*tree_map_only(Simulated, _inner, args), **tree_map_only(Simulated, _inner, kwargs))
    if name.endswith("_") and isinstance(result, Tensor):  # in place
        return args[0]
    return tree_map_only(Tensor, Simulated, result) if to_device else result


def _inner(tensor: Simulated) -> Tensor:
    return tensor.inner
