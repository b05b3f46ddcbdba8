"""Bias: outputs with the smallest bias go, as whole rows. Improved Methods for Model Pruning, table 3."""

from prunebench.errors import NotApplicable

METHOD = {
    "title": "Bias",
    "family": "unstructured",
    "origin": "human",
    "patterns": ["unstructured"],
    "needs": [],
    "group": "outputs",
    "cite": "anonymous2024improved",
}


def score(weight, inputs, layer):
    """|b_i| for every weight of output i.  weight: (out, in); layer.bias: (out,); returns (out, in)."""
    if layer.bias is None:
        raise NotApplicable(f"no bias in {layer.name} (only= can leave such layers out)")
    return layer.bias.float().abs()[:, None].expand_as(weight)
