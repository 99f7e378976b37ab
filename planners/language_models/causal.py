"""Exact label scoring with a causal language model: KV-cached prompt, one pass over a trie.

An agent's prompt grows step by step and starts with the same long examples each time. So the KV
cache of recent prompts is kept, a new prompt reuses the longest common prefix, and the rest of it
runs in the same forward pass as the trie of all labels.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from planners.language_models.base import (
    InvalidRequestError,
    LabelScores,
    PromptTooLongError,
    ScoreMemory,
    check_generation,
    check_labels,
    cut_at_stop,
)
from planners.language_models.trie import TokenTrie, common_prefix_length, split_shared

KeyValues = tuple[tuple[Tensor, Tensor], ...]
"""Per layer, keys and values [batch, key-value heads, tokens, head size]; never written to."""

Method = Literal["trie", "batch", "full"]

_CHUNK = 512  # prompt tokens per pass: bounds the mask and the activations of a long prompt
_BATCH = 16  # labels per pass where the trie's mask is not honoured


class Tokenizer(Protocol):
    """Text to tokens and back."""

    @property
    def start_token(self) -> int | None:
        """Token before the first word where there is no other, if the model has one."""

    @property
    def end_tokens(self) -> frozenset[int]:
        """Tokens that end generation."""

    def encode(self, text: str) -> list[int]:
        """Tokens of `text`, with the beginning-of-text token if the model expects one."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of `tokens`."""


class Network(Protocol):
    """A causal transformer as a pure function of tokens and past keys and values."""

    @property
    def context(self) -> int:
        """Longest sequence, in tokens."""

    def __call__(
        self,
        tokens: Tensor,
        positions: Tensor,
        mask: Tensor | None = None,
        past: KeyValues | None = None,
        rows: Tensor | None = None,
        keep: bool = True,
    ) -> tuple[Tensor, KeyValues]:
        """One forward pass.

        Args:
            tokens: int64 [batch, n].
            positions: int64 [batch, n].
            mask: bool [1, 1, n, past + n], true where a row may attend; None is causal.
            past: keys and values of the preceding tokens, not changed by the call.
            rows: int64 [k], the positions within n whose logits are needed; None is all.
            keep: whether to return keys and values; models without them need False.

        Returns:
            Logits [batch, k, vocabulary], and keys and values of past + n tokens, which may be
            empty unless `keep`.
        """


class CausalLanguageModel:
    """A `LanguageModel` over any causal network and its tokeniser.

    Deterministic: decoding is greedy. Not thread-safe.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        tokenizer: Tokenizer,
        *,
        method: Method = "trie",
        threads: int = 1,
        cached_tokens: int = 4096,
    ) -> None:
        """Combine a network and its tokeniser.

        Args:
            name: its name in reports.
            network: the transformer, on the CPU.
            tokenizer: its tokeniser.
            method: "trie" scores all labels in one pass; "batch" scores them in padded batches
                after the cached prompt; "full", the reference, runs a whole pass per label.
            threads: torch threads during a pass; 1 costs the least CPU time.
            cached_tokens: size of the KV cache of recent prompts, in tokens; the last prompt is
                always kept.
        """
        self._name = name
        self._network = network
        self._tokenizer = tokenizer
        self._threads = threads
        self._cached_tokens = cached_tokens
        self.method: Method = method
        self.forget()

    @property
    def name(self) -> str:
        """Name of this model in reports and tables."""
        return self._name

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` has."""
        return len(self._tokenizer.encode(text))

    def score(self, prompt: str, labels: Sequence[str]) -> LabelScores:
        """Log-likelihood of `" " + label` after `prompt`; see `LanguageModel.score`."""
        check_labels(prompt, labels)
        return self._memory.recall(prompt, labels, lambda: self._score(prompt, labels, self.method))

    def score_one_by_one(self, prompt: str, labels: Sequence[str]) -> LabelScores:
        """The same by one uncached pass per label: the reference."""
        return self.score_by("full", prompt, labels)

    def forget(self) -> None:
        """Drop cached scores and prompts, so that the next query costs in full."""
        self._memory = ScoreMemory()
        self._cache = _PromptCache(self._cached_tokens)

    def score_by(self, method: Method, prompt: str, labels: Sequence[str]) -> LabelScores:
        """The same by the given method, without caching the scores."""
        check_labels(prompt, labels)
        return self._score(prompt, labels, method)

    def generate(self, prompt: str, max_tokens: int = 64, stop: Sequence[str] = ()) -> str:
        """Greedy continuation of `prompt`, cut before the first of the `stop` strings.

        Raises:
            InvalidRequestError: max_tokens below 1, or an empty stop string.
            PromptTooLongError: prompt and max_tokens exceed the context.
        """
        check_generation(prompt, max_tokens, stop)
        tokens = self._tokenizer.encode(prompt) or self._start(prompt)
        self._check_length(len(tokens), max_tokens)
        fresh: list[int] = []
        with self._pass():
            logits, past = self._run(tokens)
            while True:
                token = int(logits.argmax())
                if token in self._tokenizer.end_tokens:
                    break
                fresh.append(token)
                text, stopped = cut_at_stop(self._tokenizer.decode(fresh), stop)
                if stopped or len(fresh) == max_tokens:
                    return text
                logits, past = self._run(tokens + fresh, past)
        return self._tokenizer.decode(fresh)

    def _score(self, prompt: str, labels: Sequence[str], method: Method) -> LabelScores:
        before = self._tokenizer.encode(prompt)
        joined = [self._tokenizer.encode(f"{prompt} {label}") for label in labels]
        shared, rests = split_shared(before, joined)
        if not shared:
            shared = self._start(prompt)
        longest = max(map(len, joined))
        self._check_length(len(before), longest - len(before))
        score = {"trie": self._trie, "batch": self._batch, "full": self._full}[method]
        with self._pass():
            log_probabilities = score(shared, rests)
        added = [max(1, len(tokens) - len(before)) for tokens in joined]
        return LabelScores(
            log_likelihood=log_probabilities[1:] - log_probabilities[0],
            tokens=np.array(added, dtype=np.int64),
        )

    def _trie(self, prompt: list[int], rests: list[list[int]]) -> NDArray[np.float64]:
        """Log-probability [n] of each of `rests` after `prompt`, in one pass over their trie."""
        trie = TokenTrie.from_sequences(rests)
        cached, past = self._cache.longest_prefix(prompt)
        while len(prompt) - cached > _CHUNK:
            chunk = prompt[cached : cached + _CHUNK]
            _, past = self._network(*_row(chunk, cached), past=past, rows=torch.tensor([0]))
            cached += _CHUNK
        fresh = prompt[cached:]
        tokens = np.concatenate((fresh, trie.tokens[: trie.inner])).astype(np.int64)
        depths = trie.depths[: trie.inner]
        positions = np.concatenate((np.arange(cached, len(prompt)), len(prompt) + depths))
        mask = torch.from_numpy(trie.attention_mask(cached, len(fresh)))
        # The prompt's last token predicts first tokens; node i predicts its children in row i + 1.
        rows = torch.arange(len(fresh) - 1, len(tokens))
        logits, present = self._network(
            torch.from_numpy(tokens)[None],
            torch.from_numpy(positions)[None],
            mask[None, None],
            past,
            rows,
        )
        self._cache.keep(prompt, present)
        above = torch.from_numpy(trie.parents + 1)
        scores = logits[0].float()
        chosen = scores[above, torch.from_numpy(trie.tokens)]
        totals = torch.logsumexp(scores, dim=-1)[above]
        nodes = (chosen - totals).double().numpy()
        return np.array([nodes[path].sum() for path in trie.paths], dtype=np.float64)

    def _batch(self, prompt: list[int], rests: list[list[int]]) -> NDArray[np.float64]:
        """The same with padded batches after the cached prompt: no custom mask is needed."""
        first_logits, past = self._run_prompt(prompt)
        first = functional.log_softmax(first_logits.float(), dim=-1)
        sums = np.array([float(first[rest[0]]) if rest else 0.0 for rest in rests])
        long = [at for at, rest in enumerate(rests) if len(rest) > 1]
        for start in range(0, len(long), _BATCH):
            group = long[start : start + _BATCH]
            width = max(len(rests[at]) for at in group)
            tokens = torch.zeros(len(group), width, dtype=torch.int64)
            for row, at in enumerate(group):
                tokens[row, : len(rests[at])] = torch.tensor(rests[at])
            positions = torch.arange(len(prompt), len(prompt) + width - 1).expand(len(group), -1)
            wide = tuple(
                (k.expand(len(group), -1, -1, -1), v.expand(len(group), -1, -1, -1))
                for k, v in past
            )
            logits, _ = self._network(tokens[:, :-1], positions, past=wide)
            scores = functional.log_softmax(logits.float(), dim=-1)
            chosen = scores.gather(-1, tokens[:, 1:, None])[..., 0].double()
            for row, at in enumerate(group):
                sums[at] += float(chosen[row, : len(rests[at]) - 1].sum())
        return sums

    def _full(self, prompt: list[int], rests: list[list[int]]) -> NDArray[np.float64]:
        """The same with one whole causal pass per sequence."""
        sums = []
        for rest in rests:
            if not rest:
                sums.append(0.0)
                continue
            logits, _ = self._network(*_row(prompt + rest[:-1], 0), keep=False)
            scores = functional.log_softmax(logits[0, len(prompt) - 1 :].float(), dim=-1)
            sums.append(float(scores.gather(-1, torch.tensor(rest)[:, None]).double().sum()))
        return np.array(sums)

    def _run(self, tokens: list[int], past: KeyValues | None = None) -> tuple[Tensor, KeyValues]:
        """Logits [vocabulary] after `tokens`; `past`, if given, holds all but the last of them."""
        if self.method == "full":
            last = torch.tensor([len(tokens) - 1])
            logits, past = self._network(*_row(tokens, 0), rows=last, keep=False)
        elif past is None:
            return self._run_prompt(tokens)
        else:
            logits, past = self._network(*_row(tokens[-1:], len(tokens) - 1), past=past)
        return logits[0, 0], past

    def _run_prompt(self, prompt: list[int]) -> tuple[Tensor, KeyValues]:
        """Logits [vocabulary] after `prompt` and its keys and values, through the cache."""
        cached, past = self._cache.longest_prefix(prompt)
        while True:
            chunk = prompt[cached : cached + _CHUNK]
            last = torch.tensor([len(chunk) - 1])
            logits, past = self._network(*_row(chunk, cached), past=past, rows=last)
            cached += len(chunk)
            if cached == len(prompt):
                self._cache.keep(prompt, past)
                return logits[0, 0], past

    def _start(self, prompt: str) -> list[int]:
        """The start token, for a first word that no other token precedes."""
        if self._tokenizer.start_token is None:
            raise InvalidRequestError(
                f"the prompt {prompt[:40]!r} gives the labels no token to follow; "
                f'"{self._name}" has no start token, so give it a longer prompt.'
            )
        return [self._tokenizer.start_token]

    def _check_length(self, prompt: int, more: int) -> None:
        if prompt + more > self._network.context:
            raise PromptTooLongError(
                f'the prompt has {prompt} tokens and needs {more} more, "{self._name}" takes '
                f"{self._network.context} in all; shorten the prompt."
            )

    @contextmanager
    def _pass(self) -> Iterator[None]:
        threads = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            with torch.inference_mode():
                yield
        finally:
            torch.set_num_threads(threads)


class _PromptCache:
    """KV cache of recent prompts, looked up by longest common prefix."""

    def __init__(self, tokens: int) -> None:
        self._budget = tokens
        self._prompts: OrderedDict[tuple[int, ...], KeyValues] = OrderedDict()

    def longest_prefix(self, prompt: Sequence[int]) -> tuple[int, KeyValues | None]:
        """How many leading tokens of `prompt` are cached, never all, and their keys and values."""
        best: tuple[int, ...] = ()
        length = 0
        for known in self._prompts:
            shared = min(common_prefix_length([known, tuple(prompt)]), len(prompt) - 1)
            if shared > length:
                best, length = known, shared
        if length == 0:
            return 0, None
        self._prompts.move_to_end(best)
        kept = self._prompts[best]
        return length, tuple((k[:, :, :length], v[:, :, :length]) for k, v in kept)

    def keep(self, prompt: Sequence[int], present: KeyValues) -> None:
        """Cache the first `len(prompt)` tokens of `present`; drop cached prefixes of `prompt`."""
        key = tuple(prompt)
        for known in [known for known in self._prompts if known == key[: len(known)]]:
            del self._prompts[known]
        length = len(key)
        self._prompts[key] = tuple((_first(k, length), _first(v, length)) for k, v in present)
        while len(self._prompts) > 1 and sum(map(len, self._prompts)) > self._budget:
            self._prompts.popitem(last=False)


def _first(x: Tensor, length: int) -> Tensor:
    """The first `length` tokens of keys or values, without keeping the rest in memory."""
    return x if x.shape[2] == length else x[:, :, :length].clone()


def _row(tokens: Sequence[int], start: int) -> tuple[Tensor, Tensor]:
    """Tokens and positions [1, n] of a sequence that begins at position `start`."""
    return torch.tensor([list(tokens)]), torch.arange(start, start + len(tokens))[None]
