"""K-means Clustering Pruning: weights in the clusters of smallest size go first."""

import torch

METHOD = {
    "title": "AIGC 04: k-means clustering",
    "family": "llm-idea",
    "origin": "llm-idea",
    "published": {
        "status": "Error",
        "cause": "scikit-learn's k-means over every weight of a layer takes too long; it would quantise, not prune",
    },
    "patterns": ["unstructured", "n:m"],
    "needs": [],
    "group": "matrix",
    "cite": "anonymous2024improved",
    "params": {"clusters": 16, "iterations": 10},
}


def score(weight, inputs, clusters, iterations):
    """Rank of the cluster of |W|, and within a cluster the distance to its centre: the most typical go first.

    weight: (out, in); returns (out, in). Lloyd's algorithm in one dimension, from evenly spaced quantiles, so
    that nothing is random and a cluster is an interval.
    """
    size = weight.abs().flatten()
    ordered = size.sort().values
    centres = ordered[torch.linspace(0, len(size) - 1, clusters).long()].double()
    for _ in range(iterations):
        label = torch.bucketize(size, ((centres[1:] + centres[:-1]) / 2).float())
        count = torch.bincount(label, minlength=clusters)
        total = torch.bincount(label, size.double(), minlength=clusters)
        centres = torch.where(count > 0, total / count.clamp(min=1), centres)
    label = torch.bucketize(size, ((centres[1:] + centres[:-1]) / 2).float())
    distance = (size - centres[label]).abs()
    # Below 1, so that no distance reaches into the next rank; fp64, so that distances do not become ties.
    return (label + 0.999 * distance / distance.max().clamp(min=1e-30)).view_as(weight)
