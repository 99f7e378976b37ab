"""The trie of label tokens and its attention mask."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from planners.language_models.trie import TokenTrie, common_prefix_length, split_shared

SEQUENCES = st.lists(st.lists(st.integers(0, 3), max_size=6), min_size=1, max_size=12)


@given(SEQUENCES)
def test_each_path_spells_its_sequence(sequences: list[list[int]]) -> None:
    trie = TokenTrie.from_sequences(sequences)
    for sequence, path in zip(sequences, trie.paths, strict=True):
        assert trie.tokens[path].tolist() == sequence
        assert trie.depths[path].tolist() == list(range(len(sequence)))
        assert trie.parents[path].tolist() == [-1, *path.tolist()][: len(path)]


@given(SEQUENCES)
def test_a_node_stands_for_one_distinct_prefix(sequences: list[list[int]]) -> None:
    trie = TokenTrie.from_sequences(sequences)
    prefixes = {tuple(s[:end]) for s in sequences for end in range(1, len(s) + 1)}
    assert len(trie.tokens) == len(prefixes)


@given(SEQUENCES)
def test_inner_nodes_are_those_with_children_and_parents_come_first(
    sequences: list[list[int]],
) -> None:
    trie = TokenTrie.from_sequences(sequences)
    assert set(range(trie.inner)) == {int(parent) for parent in trie.parents if parent >= 0}
    assert (trie.parents < np.arange(len(trie.tokens))).all()


@given(SEQUENCES)
def test_inner_nodes_attend_to_their_ancestors_and_themselves_alone(
    sequences: list[list[int]],
) -> None:
    trie = TokenTrie.from_sequences(sequences)
    for node in range(trie.inner):
        line = {node}
        while (parent := int(trie.parents[min(line, key=lambda at: trie.depths[at])])) >= 0:
            line.add(parent)
        assert set(np.flatnonzero(trie.ancestry[node]).tolist()) == line


def test_the_mask_joins_a_causal_prompt_and_the_trie() -> None:
    trie = TokenTrie.from_sequences([[1, 2, 3], [1, 4, 5]])  # inner nodes: 1, then 2 and 4
    mask = trie.attention_mask(cached=2, fresh=2)
    assert mask.astype(int).tolist() == [
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 1, 0, 0],
        [1, 1, 1, 1, 1, 1, 0],
        [1, 1, 1, 1, 1, 0, 1],
    ]


@given(SEQUENCES)
def test_common_prefix_length_counts_shared_leading_tokens(sequences: list[list[int]]) -> None:
    length = common_prefix_length(sequences)
    assert all(s[:length] == sequences[0][:length] for s in sequences)
    assert any(s[: length + 1] != sequences[0][: length + 1] for s in sequences) or length == min(
        map(len, sequences)
    )


def test_a_prompt_that_continuations_extend_is_shared_as_a_whole() -> None:
    assert split_shared([1, 2], [[1, 2, 3], [1, 2, 4, 5]]) == ([1, 2], [[], [3], [4, 5]])


def test_a_prompt_whose_end_merges_keeps_that_end_apart() -> None:
    assert split_shared([1, 2], [[1, 9], [1, 2, 4]]) == ([1], [[2], [9], [2, 4]])
