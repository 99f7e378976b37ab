"""Token features of instructions, from the embedded language model's middle layer.

    features = instruction_features("open the drawer")      # float32 (4, 576)

One vector per sentence hides what a policy needs: in a common sentence embedding "open" and "close
the drawer" have similarity 0.91, "red on blue" and "blue on red" 0.99. So every token keeps its own
vector. After half of SmolLM2's blocks a token reflects the words before it ("drawer" after "open"
is not "drawer" after "close") but is not yet specialised in predicting the next word.

A few of the 576 channels are a hundred times larger than the rest at every token, so each channel
is standardised by its mean and standard deviation over `REFERENCE` and clipped at `LIMIT`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]

WIDTH = 576
"""Width of a token's feature vector."""
BLOCKS = 15
"""How many of the language model's 30 transformer blocks a token passes."""
LIMIT = 8.0
VERSION = f"smollm2-135m-instruct, {BLOCKS} blocks, standardised 1"
"""Stored in checkpoints: features of another version mean nothing to a policy."""

REFERENCE = (
    "pick up the red cup from the table",
    "put the apple into the bowl",
    "open the top drawer of the cabinet",
    "close the bottom drawer",
    "go to the kitchen counter",
    "bring me a can of cola",
    "find the sponge",
    "move the arm to the left",
    "push the green block onto the blue one",
    "turn the lamp off",
    "insert the peg into the socket",
    "hand the cube over to the other arm",
    "wipe the table with a cloth",
    "take the lid off the pot",
    "pour water into the glass",
    "press the button twice",
    "slide the box towards the window",
    "stack three plates on the shelf",
    "drop the paper in the bin",
    "pull the door open slowly",
    "place the knife beside the fork",
    "rotate the valve by ninety degrees",
    "stop and wait for me",
    "fold the shirt in half",
)
"""The features are standardised over these; a change needs a new `VERSION`."""


def instruction_features(text: str) -> Features:
    """Features (tokens, 576) of an instruction, cached.

    Case, surplus whitespace and a full stop or exclamation mark at the end make no difference.

    Raises:
        UserError: It has no words, or the language model is not installed.
    """
    from robo.errors import UserError

    words = " ".join(text.split()).rstrip(".!").lower()
    if not words:
        raise UserError("an instruction is empty; a policy that takes instructions needs words")
    return _features(words)


def stacked(features: Sequence[Features]) -> tuple[Features, NDArray[np.bool_]]:
    """Features of several instructions, padded.

    Returns:
        Features (n, longest, 576), zero where padded, and a mask (n, longest), true where padded.
    """
    lengths = np.array([len(each) for each in features])
    table = np.zeros((len(features), lengths.max(), WIDTH), np.float32)
    for row, each in zip(table, features, strict=True):
        row[: len(each)] = each
    return table, np.arange(lengths.max()) >= lengths[:, None]


@cache
def _features(words: str) -> Features:
    features = _encoder()(words)
    features.setflags(write=False)
    return features


@cache
def _encoder() -> Callable[[str], Features]:
    """Load the language model: 2.4 s of CPU time, 0.9 GB at the peak and 0.4 GB afterwards."""
    import torch

    from planners.language_models import LanguageModelError
    from planners.language_models.gguf import GgufFile
    from planners.language_models.smollm2 import find_weights, read_network, read_tokenizer
    from robo.errors import user_errors

    with user_errors(LanguageModelError):
        file = GgufFile(find_weights())
        network, tokenizer = read_network(file), read_tokenizer(file)
    network.model.layers = network.model.layers[:BLOCKS]
    start = int(file.metadata["tokenizer.ggml.bos_token_id"])
    seen: list[torch.Tensor] = []
    network.model.layers[-1].register_forward_hook(lambda *call: seen.append(call[2][0]))

    def states(texts: Sequence[str]) -> list[NDArray[np.float32]]:
        # The first token is an attention sink; a start token takes on that role.
        # Attention is causal, so padding after the shorter texts is harmless.
        tokens = [[start, *tokenizer.encode(t, add_special_tokens=False).ids] for t in texts]
        table = torch.full((len(tokens), max(map(len, tokens))), start)
        for row, each in zip(table, tokens, strict=True):
            row[: len(each)] = torch.tensor(each)
        seen.clear()
        with torch.inference_mode():
            positions = torch.arange(table.shape[1]).expand_as(table)
            network(table, positions, rows=torch.tensor([0]), keep=False)
        return [state[1 : len(each)].numpy() for state, each in zip(seen[0], tokens, strict=True)]

    reference = np.concatenate(states(REFERENCE))
    mean, spread = reference.mean(0), reference.std(0)

    def standardised(text: str) -> Features:
        features: Features = np.clip((states([text])[0] - mean) / spread, -LIMIT, LIMIT)
        return features

    return standardised
