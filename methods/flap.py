"""FLAP: channels that fluctuate little go, and their mean into the bias. An et al., AAAI 2024, arXiv 2312.11983."""

METHOD = {
    "title": "FLAP",
    "family": "structured",
    "origin": "human",
    "patterns": ["structured"],
    "needs": ["input_var"],
    "cite": "an2024flap",
    "params": {"metric": "wifv"},
    "choices": {"metric": ["wifv", "ifv"]},
    # AL-AM. UL-UM: allocation=uniform; UL-MM: and attention=SHARE; without bias: compensation=none.
    "units": {"allocation": "global", "statistics": "dense", "compensation": "bias"},
}


def score_units(module, inputs, metric):
    """WIFV: Var(x_j) * ||W_:,j||^2 of the exit (eq. 5), squared in attention as in the released code; ifv: Var(x_j).

    Here the variance is the unbiased one over all tokens; the released code's running variance leaves out the first
    sample and takes a mean that has moved on, by which 1 to 4 % of the channels removed from a random Llama differ.
    With the same variance they are the same, but for the last few: a head counts as 170 channels there instead of
    512 / 3, and the unit at the threshold goes too.  inputs.var: (channels of all units,); returns (units, channels).
    """
    score = inputs.var.view(module.units, -1)
    if metric == "wifv":
        score = score * module.tensor("out").weight.square().sum(2)
    return score.square() if module.kind == "attention" else score
