"""Wanda-sp: Wanda's score of the exit's weights, taken over whole units. An et al., AAAI 2024, arXiv 2312.11983."""

METHOD = {
    "title": "Wanda-sp",
    "family": "structured",
    "origin": "human",
    "patterns": ["structured"],
    "needs": ["input_sq_norm"],
    "cite": "an2024flap",
}


def score_units(module, inputs):
    """The mean over outputs of |W_ij| * ||X_j||, a head's being the sum of its channels'.

    inputs.l2_norm: (channels of all units,), of what the exit reads; returns (units, channels).
    """
    return module.tensor("out").weight.abs().mean(2) * inputs.l2_norm.view(module.units, -1)
