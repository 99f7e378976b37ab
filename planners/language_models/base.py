"""The small interface common to all language models here, and its errors.

A planner needs two things from a language model: the log-likelihood of each of a set of given
continuations (SayCan, arXiv 2204.01691, section 3), and, for comparison, free generation.
This module imports only numpy, so that names and errors are cheap to import.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


class LanguageModelError(Exception):
    """A language model cannot be loaded or queried; the message says what to do."""


class ModelNotFoundError(LanguageModelError):
    """The named weights, adapter or folder is missing or unusable."""


class PromptTooLongError(LanguageModelError):
    """The prompt with its longest label exceeds the model's context."""


class InvalidRequestError(LanguageModelError):
    """The prompt or the labels cannot be processed as given."""


class ServerError(LanguageModelError):
    """A language model server is down, slow, wrong, or cannot score given text exactly."""


@dataclass(frozen=True, eq=False)
class LabelScores:
    """Scores of n labels as continuations of one prompt.

    Attributes:
        log_likelihood: float64 [n], natural log of p(" " + label | prompt): the sum of the
            log-probabilities of the label's tokens. Where the tokeniser merges the end of the
            prompt with the label, it is log p(prompt + " " + label) - log p(prompt): the same
            quantity, still comparable between labels.
        tokens: int64 [n], how many tokens each label adds to the prompt, at least 1.
    """

    log_likelihood: NDArray[np.float64]
    tokens: NDArray[np.int64]

    def __post_init__(self) -> None:
        self.log_likelihood.setflags(write=False)  # scores are cached and shared
        self.tokens.setflags(write=False)

    @property
    def mean_log_likelihood(self) -> NDArray[np.float64]:
        """float64 [n], log-likelihood per token: the length-normalised score."""
        return self.log_likelihood / self.tokens


@runtime_checkable
class LanguageModel(Protocol):
    """Scores given labels and continues text."""

    @property
    def name(self) -> str:
        """Name of this model in reports and tables."""

    def score(self, prompt: str, labels: Sequence[str]) -> LabelScores:
        """Log-likelihood of `" " + label` after `prompt`, for each of n labels.

        Raises:
            InvalidRequestError: no labels, an empty label, or text that is not valid unicode.
            PromptTooLongError: prompt and longest label exceed the context.
        """

    def generate(self, prompt: str, max_tokens: int = 64, stop: Sequence[str] = ()) -> str:
        """Greedy continuation of `prompt`, cut before the first of the `stop` strings."""


def check_labels(prompt: str, labels: Sequence[str]) -> None:
    """Reject what cannot be scored.

    Raises:
        InvalidRequestError: see `LanguageModel.score`.
    """
    if isinstance(labels, str):
        raise InvalidRequestError("labels is one string; pass a list of strings.")
    if not labels:
        raise InvalidRequestError("there are no labels to score; pass at least one.")
    for label in labels:
        if not label.strip():
            raise InvalidRequestError(f"the label {label!r} is empty; give every label some text.")
    check_text("the prompt", prompt)
    for label in labels:
        check_text("a label", label)


def check_text(what: str, text: str) -> None:
    """Reject text that no tokeniser can encode.

    Raises:
        InvalidRequestError: `text` has a lone surrogate.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequestError(
            f"{what} is not valid unicode at character {error.start}; "
            "decode its bytes with errors='replace' first."
        ) from None


def check_generation(prompt: str, max_tokens: int, stop: Sequence[str]) -> None:
    """Reject a generation request that cannot be met.

    Raises:
        InvalidRequestError: see the message.
    """
    check_text("the prompt", prompt)
    if max_tokens < 1:
        raise InvalidRequestError(f"max_tokens is {max_tokens}; it must be at least 1.")
    if isinstance(stop, str) or not all(stop):
        raise InvalidRequestError("stop must be a list of strings that are not empty.")


def cut_at_stop(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    """`text` up to the first stop string, and whether one was found."""
    ends = [at for at in (text.find(string) for string in stop) if at >= 0]
    return (text[: min(ends)], True) if ends else (text, False)


class ScoreMemory:
    """LRU cache of the scores of the last `size` distinct (prompt, labels) queries.

    Replaying a plan, or scoring one state with several formulas, repeats queries.
    """

    def __init__(self, size: int = 512) -> None:
        self._size = size
        self._scores: OrderedDict[tuple[str, tuple[str, ...]], LabelScores] = OrderedDict()

    def recall(
        self, prompt: str, labels: Sequence[str], compute: Callable[[], LabelScores]
    ) -> LabelScores:
        """The cached scores, or those of `compute`, which are then cached."""
        key = (prompt, tuple(labels))
        scores = self._scores.get(key)
        if scores is None:
            scores = self._scores[key] = compute()
            if len(self._scores) > self._size:
                self._scores.popitem(last=False)
        else:
            self._scores.move_to_end(key)
        return scores
