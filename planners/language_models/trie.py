"""A trie of token sequences, laid out flat so that one forward pass scores all of them.

Skill labels share words ("pick up the apple", "pick up the sponge"). Shared beginnings are
computed once: every inner node of the trie becomes one token of a sequence in which it may
attend to its ancestors (and to the prompt before them) and to nothing else. The last token of a
label that begins no longer label is a leaf; its probability comes from its parent's output, so
leaves never pass through the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class TokenTrie:
    """Flat trie of m nodes, of which the first `inner` have children; parents come first.

    Attributes:
        tokens: int64 [m], the token of each node.
        parents: int64 [m], index of the parent, below `inner`; -1 under the prompt itself.
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
        """Build the trie of these token sequences; equal sequences share a path."""
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
        """Who may attend to whom when `fresh` prompt tokens and the inner nodes share one pass.

        Args:
            cached: prompt tokens before the pass, in the cache.
            fresh: prompt tokens in the pass, before the nodes.

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
    """What a prompt and its continuations share, and what each of them adds, the prompt first.

    Usually the prompt is shared as a whole and adds nothing. Where a tokeniser merges its end
    with what follows, the end is a sequence of its own, scored and taken off again.

    Args:
        prompt: tokens of the prompt alone.
        joined: tokens of the prompt with each continuation.

    Returns:
        The shared tokens, and 1 + len(joined) lists of further ones.
    """
    shared = common_prefix_length([prompt, *joined])
    return prompt[:shared], [prompt[shared:], *(tokens[shared:] for tokens in joined)]


def common_prefix_length(sequences: Sequence[Sequence[int] | Sequence[str]]) -> int:
    """How many leading tokens all sequences share."""
    tuples: list[Any] = [tuple(sequence) for sequence in sequences]
    first, last = min(tuples), max(tuples)  # lexicographic extremes differ the earliest
    for at, (a, b) in enumerate(zip(first, last, strict=False)):
        if a != b:
            return at
    return min(len(first), len(last))
