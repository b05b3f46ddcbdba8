"""The trie keeps sequences apart that the model must not mix, and stores what they share once."""

from hypothesis import given
from hypothesis import strategies as st

from prunebench.evaluate.token_trie import TokenTrie

sequences = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=1, max_size=8)


def filled(sequences: list[list[int]]) -> tuple[TokenTrie, list[list[int]]]:
    trie = TokenTrie()
    return trie, [trie.add(sequence) for sequence in sequences]


@given(sequences)
def test_nodes_spell_their_sequences_at_their_own_positions(sequences: list[list[int]]) -> None:
    trie, nodes = filled(sequences)
    positions = trie.positions().tolist()
    for sequence, path in zip(sequences, nodes, strict=True):
        assert [trie.tokens[node] for node in path] == sequence
        assert [positions[node] for node in path] == list(range(len(sequence)))


@given(sequences)
def test_every_distinct_prefix_is_one_node(sequences: list[list[int]]) -> None:
    trie, _ = filled(sequences)
    prefixes = {tuple(sequence[: end + 1]) for sequence in sequences for end in range(len(sequence))}
    assert len(trie) == len(prefixes)


@given(sequences)
def test_a_node_sees_itself_and_its_ancestors_only(sequences: list[list[int]]) -> None:
    trie, nodes = filled(sequences)
    visible = trie.visible()
    for path in nodes:
        for place, node in enumerate(path):
            assert set(visible[node].nonzero().flatten().tolist()) == set(path[: place + 1])


@given(sequences, st.lists(st.integers(0, 2), max_size=6))
def test_shared_counts_the_longest_prefix_that_is_there(sequences: list[list[int]], other: list[int]) -> None:
    trie, _ = filled(sequences)
    expected = max(
        length
        for length in range(len(other) + 1)
        if length == 0 or any(sequence[:length] == other[:length] for sequence in sequences)
    )
    assert trie.shared(other) == expected
