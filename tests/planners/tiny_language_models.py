"""Language models small enough for tests: random weights, one token per byte and a few more."""

from collections.abc import Sequence

import torch

from planners.language_models.causal import CausalLanguageModel, Method, Network
from planners.language_models.llama import Llama, LlamaConfig

END = 256
MERGES = {". ": 257, "ab": 258}
VOCABULARY = 259


class ByteTokenizer:
    """One token per byte, but ". " and "ab" are one: a prompt's "." merges with a label's space."""

    def __init__(self, start_token: int | None = None) -> None:
        self.start_token = start_token
        self.end_tokens = frozenset({END})

    def encode(self, text: str) -> list[int]:
        tokens: list[int] = []
        while text:
            if text[:2] in MERGES:
                tokens.append(MERGES[text[:2]])
                text = text[2:]
            else:
                tokens += text[0].encode()
                text = text[1:]
        return tokens

    def decode(self, tokens: Sequence[int]) -> str:
        merged = {token: text.encode() for text, token in MERGES.items()} | {END: b""}
        parts = [merged.get(token, bytes([token % 256])) for token in tokens]
        return b"".join(parts).decode(errors="replace")


def tiny_llama(context: int = 2048) -> Llama:
    """A Llama of two layers with random weights, the same at each call."""
    network = Llama(
        LlamaConfig(
            vocabulary=VOCABULARY,
            width=32,
            hidden=48,
            layers=2,
            heads=4,
            key_value_heads=2,
            rope_base=10000.0,
            norm_epsilon=1e-5,
            context=context,
        )
    )
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        if parameter.dim() == 2:
            parameter.data.normal_(0.0, 0.3, generator=generator)
    return network.requires_grad_(False)


def tiny_model(
    network: Network | None = None,
    *,
    method: Method = "trie",
    start_token: int | None = None,
    cached_tokens: int = 4096,
) -> CausalLanguageModel:
    return CausalLanguageModel(
        "tiny",
        tiny_llama() if network is None else network,
        ByteTokenizer(start_token),
        method=method,
        cached_tokens=cached_tokens,
    )
