"""One way to look at a linear layer, whichever way round it stores its weight."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from prunebench.models.architectures import ARCHITECTURES, architecture_of


class LinearView:
    """A linear layer seen as `weight` (out, in) and `bias` (out,) or None.

    `nn.Linear` stores (out, in), GPT-2's `Conv1D` stores (in, out); methods see (out, in) always.

    Attributes:
        name: dotted name in the model, for example `model.layers.0.self_attn.q_proj`.
        module: the layer itself.
        after_norm: its input comes straight out of a norm (see `InputGroup`).
        transposed: the module stores (in, out).
    """

    def __init__(self, name: str, module: nn.Linear | Conv1D, after_norm: bool) -> None:
        self.name = name
        self.module = module
        self.after_norm = after_norm
        self.transposed = isinstance(module, Conv1D)

    @property
    def weight(self) -> Tensor:
        """(out, in), in the model's dtype; a view of the layer's own storage."""
        weight = self.module.get_parameter("weight").data
        return weight.T if self.transposed else weight

    @property
    def bias(self) -> Tensor | None:
        """(out,) or None; the layer's own storage."""
        bias = self.module.bias
        return None if bias is None else bias.data

    @torch.no_grad()
    def write(self, weight: Tensor, bias: Tensor | None) -> None:
        """Store a weight (out, in) and a bias (out,), cast to the layer's dtype; a missing bias is added."""
        self.weight.copy_(weight)
        if bias is None:
            return
        if self.module.bias is None:
            self.module.bias = nn.Parameter(bias.to(self.weight), requires_grad=False)
        else:
            self.module.bias.copy_(bias)

    def keep(self, rows: Tensor | None = None, columns: Tensor | None = None) -> None:
        """Make the layer physically smaller: only these outputs and inputs stay, in the order given.

        rows, columns: (kept,) long indices; None keeps all. The layer's own bias follows its rows.
        """
        weight, bias = self.weight, self.bias
        if rows is not None:
            weight = weight.index_select(0, rows.to(weight.device))
            if bias is not None:
                self.module.bias = nn.Parameter(bias.index_select(0, rows.to(bias.device)), requires_grad=False)
        if columns is not None:
            weight = weight.index_select(1, columns.to(weight.device))
        stored = (weight.T if self.transposed else weight).contiguous()
        self.module.weight = nn.Parameter(stored, requires_grad=False)
        if self.transposed:
            self.module.nx, self.module.nf = weight.shape[1], weight.shape[0]
        else:
            self.module.in_features, self.module.out_features = weight.shape[1], weight.shape[0]


def linear_features(module: nn.Module) -> tuple[int, int] | None:
    """(in, out) features as a Linear or Conv1D declares them; None for any other module."""
    if isinstance(module, nn.Linear):
        return module.in_features, module.out_features
    if isinstance(module, Conv1D):
        return module.nx, module.nf
    return None


def block_linears(model: nn.Module) -> list[list[list[LinearView]]]:
    """Every prunable linear, nested as blocks -> input groups -> linears that share the input."""
    architecture = architecture_of(model)
    return [
        [
            [LinearView(f"{name}.{linear}", block.get_submodule(linear), group.after_norm) for linear in group.linears]
            for group in architecture.input_groups
        ]
        for name, block in architecture.blocks(model)
    ]


def prunable_linears(model: nn.Module) -> dict[str, LinearView]:
    """Every prunable linear by name: all `Linear` and `Conv1D` layers inside decoder blocks, nothing else."""
    return {view.name: view for block in block_linears(model) for group in block for view in group}


def block_weights(model: nn.Module) -> list[int]:
    """The weights in the matrices of each block, be they the linears of the architecture or others in their place."""
    config: Any = model.config
    return [
        sum(parameter.numel() for parameter in block.parameters() if parameter.dim() == 2)
        for _, block in ARCHITECTURES[config.model_type].blocks(model)
    ]
