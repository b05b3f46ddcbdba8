"""What one forward pass needs, counted while it runs: floating-point operations and live bytes."""

import weakref
from collections.abc import Callable
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from prunebench.prune.verify_units import measured_size

FORMULA_TOKENS = 1024


def formula_flops(model: nn.Module) -> float:
    """FLOPs of 1,024 tokens as papers on structured pruning state them (PruneNet, Table 1).

    2 x parameters x tokens, the parameters without the embeddings but with the head, be it tied or not. Attention
    scores are not in it, and neither are zeros: a masked model has as many as the dense one.
    """
    size = measured_size(model, model)
    head = model.get_output_embeddings()  # type: ignore[operator]
    used = size.parameters - size.embeddings + sum(parameter.numel() for parameter in head.parameters())
    return 2.0 * used * FORMULA_TOKENS


def counted(model: nn.Module, run: Callable[[], object]) -> tuple[int, int]:
    """What `run`, which calls the model, needs.

    Returns:
        The FLOPs of its matrix products (two per multiplication and addition; attention over all pairs of positions,
        masked or not), and the largest number of bytes alive at a time: the model's parameters and buffers, and what
        its operations return, the cache among it. Workspace inside of an operation is not seen.
    """
    live = _LiveBytes(model)
    with FlopCounterMode(display=False, custom_mapping=_CPU_ATTENTION) as flops, live:
        run()
    return flops.get_total_flops(), live.peak


def _sdpa_flops(query: torch.Size, key: torch.Size, value: torch.Size, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query, key, value)


# torch knows the operations of the kernels for GPUs only; without this, attention on a CPU would cost nothing.
_CPU_ATTENTION = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _sdpa_flops}


class _LiveBytes(TorchDispatchMode):
    """Bytes of the storages that a model has and that operations made and nobody has dropped yet.

    Attributes:
        peak: the most there were after an operation.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._live = 0
        self._known: dict[int, weakref.finalize] = {}
        for tensor in chain(model.parameters(), model.buffers()):
            self._meet(tensor)
        self.peak = self._live

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for finalizer in self._known.values():
            finalizer.detach()
        self._known.clear()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._meet(leaf)
        self.peak = max(self.peak, self._live)
        return result

    def _meet(self, tensor: Tensor) -> None:
        """Count the tensor's storage unless it is counted already, until it is gone."""
        storage = tensor.untyped_storage()
        if id(storage) in self._known:
            return
        self._live += storage.nbytes()
        self._known[id(storage)] = weakref.finalize(storage, self._forget, id(storage), storage.nbytes())

    def _forget(self, key: int, size: int) -> None:
        del self._known[key]
        self._live -= size
