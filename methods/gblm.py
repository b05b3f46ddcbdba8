"""GBLM-Pruner: Wanda's score plus the weight's gradients. Das et al., 2023, arXiv 2311.04902."""

METHOD = {
    "title": "GBLM",
    "family": "unstructured",
    "origin": "human",
    "patterns": ["unstructured", "n:m"],
    "needs": ["input_sq_norm", "gradients"],
    "group": "row",
    "cite": "das2023gblm",
    "params": {"alpha": 100.0},
}


def score(weight, inputs, alpha):
    """|W| * (alpha * ||G||_1 + ||X||_2), G the gradients of each sample's loss.  weight: (out, in); returns (out, in).

    The released code multiplies gradients by 100 before summing them, which is alpha here. ||G||_1 is a sum over
    samples where ||X||_2 is a mean: with fewer than the paper's 128 samples the gradients count for less.
    """
    return weight.abs() * (alpha * inputs.grad_l1 + inputs.l2_norm)
