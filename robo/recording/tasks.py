"""What is to be done in an episode: its words, its start, and whether it is done."""

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
        task: What is to be done, in words.
        seed: Of the environment's reset.
        options: Of the environment's reset, plain JSON values.
        draw: Which draw it is, plain JSON values.
    """

    task: str
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)
    draw: Mapping[str, Any] = field(default_factory=dict)


class Task(Protocol):
    """Draws starts and judges. `begin` comes after every reset, `judge` after every step.

    Attributes:
        text: As it was asked for; the starts' words may be more exact.
        rule_version: Of the success rule; empty where there is none.
    """

    text: str
    rule_version: str

    def start(self, number: int) -> Start:
        """The start of draw `number`: the same number, the same start."""
        ...

    def begin(self, env: "gymnasium.Env[Any, Any]", words: str) -> None:
        """An episode begins; `env` is unwrapped and was reset, `words` are its start's."""
        ...

    def judge(self, env: "gymnasium.Env[Any, Any]", info: Mapping[str, Any]) -> bool | None:
        """Whether the task is done now; None where nothing says so."""
        ...

    @property
    def label(self) -> str:
        """The skill that is to be carried out now."""
        ...


class PlainTask:
    """A task in words; the environment says in its `info` whether it is done, if it does.

    Args:
        text: What is to be done.
        seed: Of the session.
        options: Of every reset.
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
