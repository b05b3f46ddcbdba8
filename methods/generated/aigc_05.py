"""Random Pruning: each weight of a layer is as likely to go as any other."""

import torch

METHOD = {
    "title": "AIGC 05: random",
    "family": "llm-idea",
    "origin": "llm-idea",
    "published": {"status": "OK", "cause": "zeroes a random permutation of weights"},
    "patterns": ["unstructured", "n:m"],
    "needs": [],
    "group": "matrix",
    "cite": "anonymous2024improved",
}


def score(weight, inputs, generator):
    """Uniform noise.  weight: (out, in); returns (out, in)."""
    return torch.rand(weight.shape, generator=generator)
