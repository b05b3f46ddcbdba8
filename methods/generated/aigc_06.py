"""Random Pattern Pruning: one random pattern of a few rows, repeated down the whole layer."""

import torch

METHOD = {
    "title": "AIGC 06: random pattern",
    "family": "llm-idea",
    "origin": "llm-idea",
    "published": {"status": "OK", "cause": "zeroes a random permutation of weights, exactly as 05 does"},
    "patterns": ["unstructured", "n:m"],
    "needs": [],
    "group": "row",
    "cite": "anonymous2024improved",
    "params": {"rows": 16},
}


def score(weight, inputs, generator, rows):
    """Uniform noise (rows, in), tiled.  weight: (out, in); returns (out, in)."""
    outputs, columns = weight.shape
    return torch.rand(rows, columns, generator=generator).repeat(-(-outputs // rows), 1)[:outputs]
