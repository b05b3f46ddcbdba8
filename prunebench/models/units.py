"""The units of a model that can be removed whole: attention heads and MLP channels, and where their weights are.

A depth-2 module is two layers of linears with heads or channels between them: q, k, v and then o; gate, up and then
down. A unit is the smallest part of what lies between that can go: an MLP channel, or a key-value head with all the
query heads that read it (without grouped queries, one head). Which rows of the entrance and which columns of the
exit are a unit's is derived here from the architecture's entry and the model's config, once for every user.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prunebench.errors import PrunebenchError
from prunebench.models.architectures import DepthTwo, architecture_of
from prunebench.models.linear import LinearView, block_linears

OUT = "out"


@dataclass(frozen=True)
class UnitTensor:
    """The weights that a module's units have in one linear, seen unit by unit.

    Attributes:
        role: `q`, `k`, `v`, `gate`, `up`, or `out` for the linear at the exit.
        weight: (units, channels, width) fp32, a copy. `channels` are what the unit has in this linear (head_dim
            of a head's `v`, 1 of an MLP channel), `width` what each of them reads or, in `out`, writes: the hidden
            states.
        grad: the same shape, fp32: the mean over calibration samples of the gradient of the dense model's loss.
        grad_sq: the same shape, fp32: the mean over calibration samples of the squared gradient.
    """

    role: str
    weight: Tensor
    _grad: Tensor | None = None
    _grad_sq: Tensor | None = None

    @property
    def grad(self) -> Tensor:
        return self._gathered(self._grad)

    @property
    def grad_sq(self) -> Tensor:
        return self._gathered(self._grad_sq)

    def _gathered(self, gradient: Tensor | None) -> Tensor:
        if gradient is None:
            raise PrunebenchError(
                f"the method reads the gradients of {self.role} but its METHOD['needs'] lacks 'gradients'"
            )
        return gradient


@dataclass(frozen=True)
class UnitModule:
    """One depth-2 module of one block.

    Attributes:
        name: the block's name and the kind, `model.layers.0.attention`, whatever the architecture calls it.
        kind: `attention` or `mlp`.
        rows: for each role the linear it lies in and the rows (units, channels) of each unit.
        output: the linear at the exit.
        columns: (units, channels) the columns of `output` that each unit feeds, consecutive and in order.
        head_dim: channels of one head; 1 for an MLP.
        owner: the module whose attributes count heads.
        description: the architecture's entry.
        gradients: by name of linear, (mean gradient, mean squared gradient), both (out, in); empty if not gathered.
    """

    name: str
    kind: Literal["attention", "mlp"]
    rows: Mapping[str, tuple[LinearView, Tensor]]
    output: LinearView
    columns: Tensor
    head_dim: int
    owner: nn.Module
    description: DepthTwo
    gradients: Mapping[str, tuple[Tensor, Tensor]] = field(default_factory=dict)

    @property
    def units(self) -> int:
        """How many units there are."""
        return len(self.columns)

    @property
    def heads_per_unit(self) -> int:
        """Query heads of a unit; 1 for an MLP's channel."""
        return self.columns.shape[1] // self.head_dim

    @property
    def unit_weights(self) -> int:
        """The number of weights, without biases, that go with one unit."""
        entrance = sum(rows.shape[1] * linear.weight.shape[1] for linear, rows in self.rows.values())
        return entrance + self.columns.shape[1] * self.output.weight.shape[0]

    @property
    def linears(self) -> dict[str, LinearView]:
        """Its linears by name, those of the entrance first."""
        entrance = {linear.name: linear for linear, _ in self.rows.values()}
        return {**entrance, self.output.name: self.output}

    def tensor(self, role: str) -> UnitTensor:
        """The weights of one role.

        Raises:
            PrunebenchError: the module has no such role.
        """
        if role not in (*self.rows, OUT):
            raise PrunebenchError(f"{self.name} has no {role!r}; it has {', '.join([*self.rows, OUT])}")
        linear, index = (self.output, self.columns) if role == OUT else self.rows[role]

        def of_units(matrix: Tensor) -> Tensor:
            matrix = matrix.to(linear.weight.device)
            return (matrix.T if role == OUT else matrix)[index.to(matrix.device)].float()

        gradients = [of_units(gradient) for gradient in self.gradients.get(linear.name, ())]
        return UnitTensor(role, of_units(linear.weight), *gradients)

    @property
    def tensors(self) -> Iterator[UnitTensor]:
        """All that is coupled, one after another: the roles of the entrance, then `out`."""
        return (self.tensor(role) for role in [*self.rows, OUT])


def unit_modules(model: PreTrainedModel) -> list[list[UnitModule]]:
    """The depth-2 modules of every decoder block, attention first.

    Head counts come from the shapes, so a model whose layers have lost different numbers of heads is read rightly.

    Raises:
        PrunebenchError: a linear does not have the shape that the architecture's entry and the config imply.
    """
    architecture = architecture_of(model)
    shapes = {"attention": _grouping(model), "mlp": (1, 1)}
    result = []
    for (name, block), groups in zip(architecture.blocks(model), block_linears(model), strict=True):
        views = {view.name: view for group in groups for view in group}
        result.append(
            [
                _module(name, block, views, description, *shapes[description.kind])
                for description in architecture.depth_two
            ]
        )
    return result


def _grouping(model: PreTrainedModel) -> tuple[int, int]:
    """Query heads per key-value head, and channels per head, which pruning does not change."""
    config = model.config
    heads = config.num_attention_heads
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    return heads // kv_heads, getattr(config, "head_dim", None) or config.hidden_size // heads


def _module(
    block_name: str,
    block: nn.Module,
    views: Mapping[str, LinearView],
    description: DepthTwo,
    heads_per_unit: int,
    head_dim: int,
) -> UnitModule:
    output = views[f"{block_name}.{description.output}"]
    width = heads_per_unit * head_dim
    units, left_over = divmod(output.weight.shape[1], width)
    if left_over or not units:
        raise PrunebenchError(
            f"{output.name} reads {output.weight.shape[1]} channels, which is no multiple of the {width} of one unit "
            f"({heads_per_unit} heads of {head_dim}); correct the entry in prunebench/models/architectures.py"
        )
    rows = {}
    for linear_name, roles in description.reads.items():
        linear = views[f"{block_name}.{linear_name}"]
        channels = [head_dim if role in ("k", "v") else width for role in roles]
        if len(linear.weight) != units * sum(channels):
            raise PrunebenchError(
                f"{linear.name} has {len(linear.weight)} rows where {units} units with {sum(channels)} each "
                f"({', '.join(roles)}) are expected; correct the entry in prunebench/models/architectures.py"
            )
        for role, index in zip(roles, _split(units, channels, description.interleaved), strict=True):
            rows[role] = linear, index
    return UnitModule(
        f"{block_name}.{description.kind}",
        description.kind,
        rows,
        output,
        torch.arange(units * width).view(units, width),
        head_dim,
        block.get_submodule(description.output.rpartition(".")[0]),
        description,
    )


def _split(units: int, channels: list[int], interleaved: bool) -> list[Tensor]:
    """The rows (units, channels) of each role of one linear."""
    every = torch.arange(units * sum(channels))
    if interleaved:
        return list(every.view(units, -1).split(channels, 1))
    return [part.view(units, -1) for part in every.split([units * count for count in channels])]
