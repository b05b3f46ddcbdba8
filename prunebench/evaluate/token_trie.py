"""Token sequences with what they share stored once, so that a model reads a common context once."""

from collections.abc import Sequence

import torch
from torch import Tensor


class TokenTrie:
    """A prefix tree of token ids, its nodes in the order they were added.

    Fed to a causal model as one sequence, with `positions()` and a mask in which a node sees its ancestors
    only, each node gets the logits it would get at the end of its own sequence.
    """

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self._parents: list[int] = []
        self._depths: list[int] = []
        self._children: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return len(self.tokens)

    def shared(self, sequence: Sequence[int]) -> int:
        """How many of the sequence's leading tokens are nodes already."""
        node = -1
        for depth, token in enumerate(sequence):
            found = self._children.get((node, token))
            if found is None:
                return depth
            node = found
        return len(sequence)

    def add(self, sequence: Sequence[int]) -> list[int]:
        """Add a sequence; returns the node of each of its tokens."""
        nodes = []
        node = -1
        for depth, token in enumerate(sequence):
            parent, node = node, self._children.setdefault((node, token), len(self.tokens))
            if node == len(self.tokens):
                self.tokens.append(token)
                self._parents.append(parent)
                self._depths.append(depth)
            nodes.append(node)
        return nodes

    def positions(self) -> Tensor:
        """(nodes,) int64: each node's place in its own sequence."""
        return torch.tensor(self._depths)

    def visible(self) -> Tensor:
        """(nodes, nodes) bool: row i is true at node i and its ancestors."""
        visible = torch.zeros(len(self), len(self), dtype=torch.bool)
        for node, parent in enumerate(self._parents):
            if parent >= 0:
                visible[node] = visible[parent]
            visible[node, node] = True
        return visible
