"""L1 Norm Pruning: whole outputs go, those whose weights are smallest in sum."""

METHOD = {
    "title": "AIGC 02: L1 norm",
    "family": "llm-idea",
    "origin": "llm-idea",
    "published": {"status": "OK", "cause": "zeroes whole output rows of small L1 norm, one more than asked for"},
    "patterns": ["unstructured"],
    "needs": [],
    "group": "outputs",
    "cite": "anonymous2024improved",
}


def score(weight, inputs):
    """|W|, summed over each row by the group.  weight: (out, in); returns (out, in)."""
    return weight.abs()
