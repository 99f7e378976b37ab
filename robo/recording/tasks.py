"""The task of an episode: its words, its start, and whether it is done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import gymnasium
import numpy as np

SEEDS = 2**31
SUCCESS_KEYS = ("success", "is_success")


@dataclass(frozen=True)
class Start:
    """One draw of a session's seed.

    Attributes:
        task: The task, in words.
        seed: Seed of the environment's reset.
        options: Options of the environment's reset, plain JSON values.
        draw: Which draw it is, plain JSON values.
    """

    task: str
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)
    draw: Mapping[str, Any] = field(default_factory=dict)


class Task(Protocol):
    """Draws starts and judges success: `begin` and `judge` follow a reset, `judge` every step.

    Attributes:
        text: The task as requested; the starts' words may be more exact.
        rule_version: Version of the success rule; empty without a rule.
    """

    text: str
    rule_version: str

    def start(self, number: int) -> Start:
        """The start of draw `number`; the same number gives the same start."""
        ...

    def begin(self, env: "gymnasium.Env[Any, Any]", words: str) -> None:
        """Begin an episode; `env` is unwrapped and already reset, `words` are its start's."""
        ...

    def judge(self, env: "gymnasium.Env[Any, Any]", info: Mapping[str, Any]) -> bool | None:
        """Whether the task is done now; None if unknown."""
        ...

    @property
    def label(self) -> str:
        """The current skill."""
        ...


class PlainTask:
    """A task in words; the environment's `info` may say whether it is done.

    Args:
        text: The task, in words.
        seed: Seed of the session.
        options: Options of every reset.
    """

    def __init__(self, text: str, seed: int = 0, options: Mapping[str, Any] | None = None) -> None:
        self.text = text
        self.seed = seed
        self.options = dict(options or {})
        self.rule_version = ""

    def start(self, number: int) -> Start:
        """See `Task`."""
        rng = np.random.default_rng([self.seed, number])
        draw = {"seed": self.seed, "number": number}
        return Start(self.text, int(rng.integers(SEEDS)), self.options, draw)

    def begin(self, env: "gymnasium.Env[Any, Any]", words: str) -> None:
        """See `Task`."""

    def judge(self, env: "gymnasium.Env[Any, Any]", info: Mapping[str, Any]) -> bool | None:
        """See `Task`; `info["success"]` or `info["is_success"]`."""
        self.rule_version = str(info.get("success_rule_version", self.rule_version))
        return next((bool(info[key]) for key in SUCCESS_KEYS if key in info), None)

    @property
    def label(self) -> str:
        """See `Task`."""
        return self.text
