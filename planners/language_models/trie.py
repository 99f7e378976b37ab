"""A trie of token sequences, laid out flat so that one forward pass scores all of them.

Skill labels share words ("pick up the apple", "pick up the sponge"). Shared prefixes are computed
once: every inner node of the trie becomes one token of a sequence and attends only to itself, its
ancestors and the prompt. The last token of a label that is no prefix of a longer one is a leaf; its
probability comes from its parent's output, so leaves never pass through the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class TokenTrie:
    """Flat trie of m nodes; the first `inner` have children, and parents come first.

    Attributes:
        tokens: int64 [m], the token of each node.
        parents: int64 [m], index of the parent, below `inner`; -1 if it is the prompt.
        depths: int64 [m], 0 right after the prompt; a node's position is prompt length + depth.
        inner: how many nodes have children.
        ancestry: bool [inner, inner], true where the row's node may attend to the column's node:
            its ancestors and itself.
        paths: for each sequence, int64 [length], its nodes in order.
    """

    tokens: NDArray[np.int64]
    parents: NDArray[np.int64]
    depths: NDArray[np.int64]
    inner: int
    ancestry: NDArray[np.bool_]
    paths: tuple[NDArray[np.int64], ...]

    @classmethod
    def from_sequences(cls, sequences: Sequence[Sequence[int]]) -> TokenTrie:
        """Build the trie of token sequences; equal ones share a path."""
        children: dict[tuple[int, int], int] = {}
        tokens: list[int] = []
        parents: list[int] = []
        depths: list[int] = []
        paths: list[list[int]] = []
        for sequence in sequences:
            node, path = -1, []
            for depth, token in enumerate(sequence):
                child = children.get((node, token))
                if child is None:
                    child = children[node, token] = len(tokens)
                    tokens.append(token)
                    parents.append(node)
                    depths.append(depth)
                node = child
                path.append(node)
            paths.append(path)

        has_children = np.zeros(len(tokens), dtype=bool)
        has_children[[parent for parent in parents if parent >= 0]] = True
        order = np.argsort(~has_children, kind="stable")  # inner nodes first, parents still before
        place = np.empty(len(tokens) + 1, dtype=np.int64)
        place[order] = np.arange(len(tokens))
        place[-1] = -1  # so that place[-1], the prompt, stays -1
        inner = int(has_children.sum())
        flat_parents = place[np.array(parents, dtype=np.int64)[order]]

        ancestry = np.eye(inner, dtype=bool)
        for node in range(inner):
            if flat_parents[node] >= 0:
                ancestry[node] |= ancestry[flat_parents[node]]
        return cls(
            tokens=np.array(tokens, dtype=np.int64)[order],
            parents=flat_parents,
            depths=np.array(depths, dtype=np.int64)[order],
            inner=inner,
            ancestry=ancestry,
            paths=tuple(place[np.array(path, dtype=np.int64)] for path in paths),
        )

    def attention_mask(self, cached: int, fresh: int) -> NDArray[np.bool_]:
        """Attention mask of a pass over `fresh` prompt tokens and the inner nodes.

        Args:
            cached: prompt tokens in the KV cache.
            fresh: prompt tokens in the pass, ahead of the nodes.

        Returns:
            bool [fresh + inner, cached + fresh + inner], true where attention is allowed: prompt
            tokens are causal, nodes see the whole prompt, their ancestors and themselves.
        """
        rows = fresh + self.inner
        mask = np.zeros((rows, cached + rows), dtype=bool)
        mask[:, :cached] = True
        mask[:fresh, cached : cached + fresh] = np.tri(fresh, dtype=bool)
        mask[fresh:, cached : cached + fresh] = True
        mask[fresh:, cached + fresh :] = self.ancestry
        return mask


def split_shared(
    prompt: list[int], joined: Sequence[list[int]]
) -> tuple[list[int], list[list[int]]]:
    """Split a prompt and its continuations into their common prefix and each one's rest.

    Usually the whole prompt is shared and its rest is empty. Where the tokeniser merges its end
    with what follows, that end is a sequence of its own, scored and subtracted again.

    Args:
        prompt: tokens of the prompt alone.
        joined: tokens of the prompt with each continuation.

    Returns:
        The shared tokens, and 1 + len(joined) lists of the rest, the prompt's first.
    """
    shared = common_prefix_length([prompt, *joined])
    return prompt[:shared], [prompt[shared:], *(tokens[shared:] for tokens in joined)]


def common_prefix_length(sequences: Sequence[Sequence[int] | Sequence[str]]) -> int:
    """How many leading tokens all sequences share."""
    tuples: list[Any] = [tuple(sequence) for sequence in sequences]
    first, last = min(tuples), max(tuples)  # lexicographic extremes diverge first
    for at, (a, b) in enumerate(zip(first, last, strict=False)):
        if a != b:
            return at
    return min(len(first), len(last))
