"""Variational Dropout Pruning: weights that are small beside their own uncertainty go (Molchanov et al., ICML 2017)."""

METHOD = {
    "title": "AIGC 07: variational dropout",
    "family": "llm-idea",
    "origin": "llm-idea",
    "published": {
        "status": "Error",
        "cause": "layer.forward was called on the weight itself, whose shape does not fit",
    },
    "patterns": ["unstructured", "n:m"],
    "needs": ["input_sq_norm"],
    "group": "matrix",
    "cite": "molchanov2017variational",
}


def score(weight, inputs):
    """|W| / sigma, the root of the paper's 1 / alpha.  weight: (out, in); returns (out, in).

    sigma is not trained but taken from the closed form for a linear layer with unit noise: sigma^-2 of every
    weight of input j is sum x_j^2 plus the precision of the prior, which is fitted to the layer's weights.
    """
    prior = 1 / weight.square().mean().clamp(min=1e-30)
    return weight.abs() * (inputs.sq_norm + prior).sqrt()
