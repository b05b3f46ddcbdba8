"""Greedy Output Approximation: similar heads, then what outputs need least. Li, Dong, Lei 2024, arXiv 2407.19126."""

METHOD = {
    "title": "Greedy Output",
    "family": "structured",
    "origin": "human",
    "patterns": ["structured"],
    "needs": ["gram"],
    "cite": "li2024greedy",
    # ML-MM. UL-UM: allocation=uniform; with the recovery: compensation=two_step; data-free: data=self.
    # The ridge is for two_step, which fits a few thousand tokens too well with less: see the paper's README.
    "units": {"allocation": "similarity", "ridge": 1.0},
}


def score_units(module, inputs, module_inputs):
    """M_i = ||B_i||^2 * A_i^T Sigma A_i (eq. 3): the second moment of what channel i adds to the exit's outputs.

    B_i is a column of the exit, A_i a row of the entrance, Sigma the second moment of what that reads; the paper has no
    biases, and an MLP's do not count here. Gated (appendix 7.2): the product of the metrics of up and of gate, each
    with the exit. Attention (7.1): A is v, and Sigma belongs to Xhat = softmax(...) X, so A_i^T Sigma A_i is the second
    moment of what the exit reads (where v has a bias, with it: the softmax passes it on whole). The factor 1/2 of
    eq. 3 for nonlinearities changes no order.

    inputs.gram: (channels of all units, same), of the exit; module_inputs.gram: (in, in), of the entrance.
    Returns (units, channels).
    """
    out = module.tensor("out").weight.square().sum(2)
    if module.kind == "attention":
        return out * inputs.gram.diagonal().view_as(out) / inputs.tokens
    sigma = module_inputs.gram / module_inputs.tokens
    score = 1
    for role in module.rows:
        entrance = module.tensor(role).weight
        score = score * out * ((entrance @ sigma) * entrance).sum(2).clamp_min(0)
    return score
