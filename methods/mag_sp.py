"""Mag-sp: the L2 norm of what a unit writes, its columns of o or down. An et al., AAAI 2024, arXiv 2312.11983."""

METHOD = {
    "title": "Mag-sp",
    "family": "structured",
    "origin": "human",
    "patterns": ["structured"],
    "needs": [],
    "cite": "an2024flap",
}


def score_units(module, inputs):
    """||W_:,j|| of the exit, a head's being the sum of its channels'.  Returns (units, channels)."""
    return module.tensor("out").weight.norm(dim=2)
