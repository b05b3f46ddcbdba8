"""The model as it is: the reference row of every table."""

METHOD = {
    "title": "Dense",
    "family": "control",
    "origin": "human",
    "patterns": ["dense"],
    "needs": [],
    "group": "row",
    "cite": "",
}


def prune_layer(layer, inputs, target):
    """Nothing goes."""
    return layer.weight, layer.bias
