"""Random pruning: the control every criterion has to beat."""

import torch

METHOD = {
    "title": "Random",
    "family": "control",
    "origin": "human",
    "patterns": ["unstructured", "n:m"],
    "needs": [],
    "group": "row",
    "cite": "",
}


def score(weight, inputs, generator):
    """Uniform noise.  weight: (out, in); returns (out, in)."""
    return torch.rand(weight.shape, generator=generator)
