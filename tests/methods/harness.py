"""Runs one method on one layer with given inputs, through the same public pieces that `prune_cell` is made of."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from prunebench.engine.statistics import InputStatistics, WeightGradients
from prunebench.models.linear import LinearView
from prunebench.plugins.loader import call_with_extras, load_method
from prunebench.sparsity.select import prune_lowest
from prunebench.targets import Target
from tests.oracles import METHODS_FOLDER, Array, Pruned, linear_of, weight_of

KINDS = ("Linear", "Conv1D")
BIASES = (False, True)
PRUNED = {
    "u50": Pruned(0.5),
    "u37": Pruned(0.37),
    "u70": Pruned(0.7),
    "u13": Pruned(0.13),
    "n2m4": Pruned(0.5, 2, 4),
    "n4m8": Pruned(0.5, 4, 8),
    "n1m4": Pruned(0.25, 1, 4),
}


@dataclass
class Result:
    """A layer after pruning, as float32 arrays. `mask` is True where a weight is zero now and was not before."""

    weight: Array
    bias: Array | None
    mask: Array
    bias_before: Array | None

    def assert_bias_unchanged(self) -> None:
        """The bias holds the same bits, or is still absent."""
        if self.bias_before is None:
            assert self.bias is None
        else:
            assert self.bias is not None
            np.testing.assert_array_equal(self.bias, self.bias_before)


@torch.no_grad()
def prune(
    method: str,
    kind: str,
    weight: Array,
    token: str,
    *,
    bias: bool = False,
    samples: list[Array] | None = None,
    after_norm: bool = False,
    seed: int = 0,
    gradients: list[Array] | None = None,
    name: str = "model.layers.0.mlp.down_proj",
) -> Result:
    """Prune one `kind` layer holding `weight` (out, in); `samples` are the (tokens, in) inputs, one per sequence.

    `gradients` (out, in) are the loss's by the weight, one per sequence.
    """
    loaded = load_method(method, [METHODS_FOLDER])
    target = Target.parse(token)
    bias_before = np.random.default_rng(99).normal(size=len(weight)).astype(np.float32) if bias else None
    module: Any = linear_of(kind, weight, bias_before)
    layer = LinearView(name, module, after_norm)
    inputs = InputStatistics([need for need in loaded.header.needs if need != "gradients"], after_norm)
    for sample in samples or []:
        inputs.update(torch.from_numpy(sample)[None], samples=1)
    if gradients is not None:
        stacked = torch.from_numpy(np.stack(gradients))
        inputs = inputs.with_gradients(WeightGradients(stacked.abs().sum(0), stacked.square().sum(0)))
    extras = {
        **loaded.params,
        "generator": torch.Generator().manual_seed(seed),
        "target": target,
        "layer": layer,
        "note": lambda text: None,
    }
    if loaded.kind == "score":
        saliency = call_with_extras(loaded.function, extras, layer.weight.float(), inputs)
        layer.weight.masked_fill_(prune_lowest(saliency, target, loaded.header.group or "row"), 0)
    else:
        result = call_with_extras(loaded.function, extras, layer, inputs, target)
        new_weight, new_bias = result if isinstance(result, tuple) else (result, None)
        layer.write(new_weight, new_bias)
    after = weight_of(module)
    bias_after = None if module.bias is None else module.bias.detach().numpy().copy()
    return Result(after, bias_after, (after == 0) & (weight != 0), bias_before)
