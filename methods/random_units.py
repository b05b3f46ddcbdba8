"""Random heads and channels: the control every structured criterion has to beat."""

import torch

METHOD = {
    "title": "Random units",
    "family": "control",
    "origin": "human",
    "patterns": ["structured"],
    "needs": [],
    "cite": "",
}


def score_units(module, inputs, generator):
    """Uniform noise, (units,)."""
    return torch.rand(module.units, generator=generator)
