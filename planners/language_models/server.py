"""Any model behind an OpenAI-compatible server that can score given text exactly.

Most servers return log-probabilities only of what they generate. Two ways around that are exact;
the server is probed for them on connection:

- echo (vLLM and others): the prompt comes back with a log-probability for each of its tokens.
- force (llama-server): one request per inner node of the token trie, with the tokens so far as
  the prompt, returns the most likely next tokens with their log-probabilities; a token that is
  not among them is forced by `logit_bias` and reported with its unbiased log-probability.

A server that supports neither is rejected: wrong scores that look right would be worse.
"""

from __future__ import annotations

import math
import os
import urllib.parse
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from planners.language_models.base import (
    InvalidRequestError,
    LabelScores,
    ScoreMemory,
    ServerError,
    check_generation,
    check_labels,
    cut_at_stop,
)
from planners.language_models.transport import RejectedError, Transport
from planners.language_models.trie import TokenTrie, common_prefix_length, split_shared

KEY_VARIABLE = "ROBO_LLM_API_KEY"
_BATCH = 16  # prompts in one echo request
_LISTED = 200  # most likely tokens requested per trie node; covers nearly all children
_FORCE = 100  # logit bias that makes any token the most likely one
_PROBE = "The robot went to the kitchen and"
_PROBE_TOLERANCE = 0.05  # listed against forced log-probability: rounding of quantised sums


class _Scoring(Protocol):
    def score(self, prompt: str, labels: Sequence[str]) -> LabelScores: ...


def connect(address: str, *, timeout: float = 120.0) -> ServerLanguageModel:
    """Connect to a server and probe how it can score given text.

    Args:
        address: "http://HOST:PORT/v1#MODEL"; "/v1" may be omitted, and "#MODEL" if the server
            has one model. An API key is read from the environment variable ROBO_LLM_API_KEY.
        timeout: seconds per response.

    Raises:
        ServerError: down, slow or wrong, several models but none named, or no exact scoring.
    """
    url, _, model = address.partition("#")
    try:
        parts = urllib.parse.urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise ServerError(f"{url!r} is not a server's address; write http://HOST:PORT/v1#MODEL.")
    if parts.username is not None:
        raise ServerError(f"leave name and key out of the address and set {KEY_VARIABLE} instead.")
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key.isascii() or not key.isprintable():
        raise ServerError(f"{KEY_VARIABLE} holds characters that no key has; set it again.")
    transport = Transport(f"{parts.scheme}://{parts.netloc}", key=key or None, timeout=timeout)
    path = parts.path.rstrip("/") or "/v1"
    api = CompletionsApi(transport, path, urllib.parse.unquote(model))
    if not api.model:
        api.model = _only_model(api)
    return ServerLanguageModel(api, _exact_scoring(api))


class CompletionsApi:
    """The endpoints of a server that are needed."""

    def __init__(self, transport: Transport, path: str, model: str) -> None:
        self._transport = transport
        self._path = path
        self.model = model

    @property
    def host(self) -> str:
        """Address without the path, for messages."""
        return self._transport.address

    def models(self) -> list[str]:
        """Names of the server's models."""
        answer = self._transport.get(f"{self._path}/models")
        with _Shape(self.host):
            return [str(entry["id"]) for entry in answer["data"]]

    def complete(self, prompt: str | Sequence[int] | Sequence[str], **options: Any) -> Any:
        """The response to one completion request at temperature 0."""
        return self._transport.post(
            f"{self._path}/completions",
            {"model": self.model, "prompt": prompt, "temperature": 0, **options},
        )

    def tokenize(self, text: str) -> list[int]:
        """Tokens of `text`, by llama-server's endpoint outside "/v1"."""
        root = self._path.removesuffix("/v1")
        answer = self._transport.post(
            f"{root}/tokenize", {"content": text, "add_special": True, "parse_special": True}
        )
        with _Shape(self.host):
            return [int(token) for token in answer["tokens"]]


class ServerLanguageModel:
    """A `LanguageModel` behind a server."""

    def __init__(self, api: CompletionsApi, scoring: _Scoring) -> None:
        self._api = api
        self._scoring = scoring
        self._memory = ScoreMemory()

    @property
    def name(self) -> str:
        """The model's name at its server."""
        return self._api.model.rsplit("/", 1)[-1]

    @property
    def scoring(self) -> str:
        """How given text is scored, "echo" or "force"."""
        return "echo" if isinstance(self._scoring, EchoScoring) else "force"

    def score(self, prompt: str, labels: Sequence[str]) -> LabelScores:
        """Log-likelihood of `" " + label` after `prompt`; see `LanguageModel.score`."""
        check_labels(prompt, labels)
        return self._memory.recall(prompt, labels, lambda: self._scoring.score(prompt, labels))

    def generate(self, prompt: str, max_tokens: int = 64, stop: Sequence[str] = ()) -> str:
        """Greedy continuation of `prompt`, cut before the first of the `stop` strings."""
        check_generation(prompt, max_tokens, stop)
        options = {"stop": list(stop[:4])} if stop else {}  # servers accept four at most
        answer = self._api.complete(prompt, max_tokens=max_tokens, **options)
        with _Shape(self._api.host):
            text = str(answer["choices"][0]["text"])
        return cut_at_stop(text, stop)[0]


class EchoScoring:
    """Scores by echoed prompts with a log-probability per token."""

    def __init__(self, api: CompletionsApi) -> None:
        self._api = api

    def score(self, prompt: str, labels: Sequence[str]) -> LabelScores:
        """See `ServerLanguageModel.score`."""
        texts = [prompt, *(f"{prompt} {label}" for label in labels)]
        echoed: list[_Echo] = []
        for start in range(0, len(texts), _BATCH):
            echoed += self._echo(texts[start : start + _BATCH])
        shared = common_prefix_length([tokens for tokens, _ in echoed])
        if shared == 0:
            raise InvalidRequestError(
                f"the prompt {prompt[:40]!r} gives the labels no token to follow; give it a "
                "longer prompt."
            )
        sums = np.array([math.fsum(values[shared:]) for _, values in echoed])
        before = len(echoed[0][0])
        added = [max(1, len(tokens) - before) for tokens, _ in echoed[1:]]
        return LabelScores(sums[1:] - sums[0], np.array(added, dtype=np.int64))

    def _echo(self, texts: list[str]) -> list[_Echo]:
        answer = self._api.complete(texts, max_tokens=1, echo=True, logprobs=1)
        with _Shape(self._api.host):
            choices = sorted(answer["choices"], key=lambda choice: int(choice["index"]))
            echoed = [_read_echo(choice) for choice in choices]
            entries = int(answer["usage"]["prompt_tokens"]) + len(texts)
        if len(echoed) == len(texts) and sum(len(tokens) for tokens, _ in echoed) == entries:
            return [(tokens[:-1], values[:-1]) for tokens, values in echoed]
        if len(texts) > 1:  # the server takes one prompt at a time, or a text ended at once
            return [echo for text in texts for echo in self._echo([text])]
        tokens, _ = echoed[0]
        if len(tokens) != entries - 1:
            raise ServerError(
                f"{self._api.host} echoes {len(tokens)} tokens of a prompt of {entries - 1}; "
                "its scores cannot be trusted, use another server."
            )
        return echoed


class ForceScoring:
    """Scores by the next-token log-probabilities at each inner node of the label trie."""

    def __init__(self, api: CompletionsApi) -> None:
        self._api = api

    def score(self, prompt: str, labels: Sequence[str]) -> LabelScores:
        """See `ServerLanguageModel.score`."""
        before = self._api.tokenize(prompt)
        joined = [self._api.tokenize(f"{prompt} {label}") for label in labels]
        shared, rests = split_shared(before, joined)
        if not shared:
            raise InvalidRequestError(
                f"the prompt {prompt[:40]!r} gives the labels no token to follow; give it a "
                "longer prompt."
            )
        trie = TokenTrie.from_sequences(rests)
        values = np.zeros(len(trie.tokens))
        texts: dict[int, list[int]] = {-1: shared}
        for node in range(-1, trie.inner):
            if node >= 0:
                texts[node] = [*texts[int(trie.parents[node])], int(trie.tokens[node])]
            children = np.flatnonzero(trie.parents == node)
            if len(children):
                wanted = [int(trie.tokens[child]) for child in children]
                values[children] = self.next_tokens(texts[node], wanted)
        sums = np.array([values[path].sum() for path in trie.paths], dtype=np.float64)
        added = [max(1, len(tokens) - len(before)) for tokens in joined]
        return LabelScores(sums[1:] - sums[0], np.array(added, dtype=np.int64))

    def next_tokens(self, tokens: list[int], wanted: Sequence[int]) -> list[float]:
        """Log-probability of each of the `wanted` tokens right after `tokens`."""
        listed = self.most_likely(tokens)
        return [
            listed[token] if token in listed else self.forced(tokens, token) for token in wanted
        ]

    def most_likely(self, tokens: list[int], count: int = _LISTED) -> dict[int, float]:
        """The `count` most likely tokens after `tokens`, with their log-probabilities."""
        entry = self._next(tokens, logprobs=count)
        with _Shape(self._api.host):
            return {int(top["id"]): float(top["logprob"]) for top in entry["top_logprobs"]}

    def forced(self, tokens: list[int], token: int) -> float:
        """Log-probability of `token` after `tokens`, by forcing the server to generate it."""
        entry = self._next(tokens, logprobs=1, logit_bias={str(token): _FORCE})
        with _Shape(self._api.host):
            if int(entry["id"]) != token:
                raise ServerError(
                    f"{self._api.host} does not honour logit_bias, so a given token cannot be "
                    "scored; use a server with echo, such as vLLM, or llama-server."
                )
            return float(entry["logprob"])

    def _next(self, tokens: list[int], **options: Any) -> Any:
        answer = self._api.complete(tokens, max_tokens=1, **options)
        with _Shape(self._api.host):
            taken = int(answer["usage"]["prompt_tokens"])
            entry = answer["choices"][0]["logprobs"]["content"][0]
        if taken != len(tokens):
            raise ServerError(
                f"{self._api.host} read {taken} of {len(tokens)} prompt tokens; start it with a "
                "longer context (llama-server -c)."
            )
        return entry


_Echo = tuple[tuple[str, ...], tuple[float, ...]]
"""Tokens as text and their log-probabilities; 0 for the first, which has none."""


class _Shape:
    """Turns a missing or mistyped part of a response into a `ServerError`."""

    def __init__(self, host: str) -> None:
        self._host = host

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, (KeyError, IndexError, TypeError, ValueError, AttributeError)):
            raise ServerError(
                f"{self._host} answers in a form that is not the completions API's "
                f"({type(error).__name__}: {error}); give the address of a server that has it."
            ) from None


def _exact_scoring(api: CompletionsApi) -> _Scoring:
    """How the server can score given text exactly.

    Raises:
        ServerError: it cannot.
    """
    rejected: RejectedError | None = None
    try:
        if _echoes_exactly(api):
            return EchoScoring(api)
    except RejectedError as error:
        rejected = error
    if _forces_exactly(api):
        return ForceScoring(api)
    if rejected is not None:  # perhaps just a wrong model name, so pass on the message
        raise rejected
    raise ServerError(
        f"{api.host} cannot score given text exactly: it neither echoes prompt log-probabilities "
        "nor reports a forced token's own; use llama-server or vLLM."
    )


def _echoes_exactly(api: CompletionsApi) -> bool:
    """Whether a prompt comes back with a log-probability for each of its tokens."""
    answer = api.complete(_PROBE, max_tokens=1, echo=True, logprobs=1)
    try:
        tokens, values = _read_echo(answer["choices"][0])
        entries = int(answer["usage"]["prompt_tokens"]) + 1
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return False  # a response without an echo has other fields
    return len(tokens) == entries and min(values) < 0 and max(values) < 1e-3


def _forces_exactly(api: CompletionsApi) -> bool:
    """Whether an unlikely token has the same log-probability forced as unforced."""
    scoring = ForceScoring(api)
    try:
        tokens = api.tokenize(_PROBE)
        listed = scoring.most_likely(tokens, 50)
        unlikely = min(listed, key=lambda token: listed[token])
        forced = scoring.forced(tokens, unlikely)
    except ServerError:
        return False
    return listed[unlikely] < -1.0 and abs(forced - listed[unlikely]) < _PROBE_TOLERANCE


def _read_echo(choice: Any) -> _Echo:
    logprobs = choice["logprobs"]
    values = [0.0 if value is None else float(value) for value in logprobs["token_logprobs"]]
    if any(value is None for value in logprobs["token_logprobs"][1:]):
        raise ValueError("a token without a log-probability")
    return tuple(map(str, logprobs["tokens"])), tuple(values)


def _only_model(api: CompletionsApi) -> str:
    names = api.models()
    if len(names) == 1:
        return names[0]
    if not names:
        raise ServerError(f"{api.host} lists no model; start it with one.")
    raise ServerError(
        f"{api.host} has {len(names)} models; name one after a #: {', '.join(names[:8])}."
    )
