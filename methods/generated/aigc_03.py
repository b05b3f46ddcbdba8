"""Structured Pruning: whole inputs go, those whose weights are smallest in sum."""

METHOD = {
    "title": "AIGC 03: structured",
    "family": "llm-idea",
    "origin": "llm-idea",
    "published": {"status": "OK", "cause": "zeroes whole input columns of small L1 norm, one more than asked for"},
    "patterns": ["unstructured"],
    "needs": [],
    "group": "inputs",
    "cite": "anonymous2024improved",
}


def score(weight, inputs):
    """|W|, summed over each column by the group.  weight: (out, in); returns (out, in)."""
    return weight.abs()
