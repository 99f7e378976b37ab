"""How an episode was made: what `robo replay` needs to reproduce it."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from robo import __version__
from robo.data.episodes import EpisodeInfo
from robo.results import git_commit

PACKAGES = ("mujoco", "gymnasium", "mink", "numpy")


@dataclass(frozen=True)
class Origin:
    """The environment of an episode and its start.

    Attributes:
        environment: The gymnasium id; empty if it was made without one.
        arguments: Arguments of `gymnasium.make`, plain JSON values.
        seed: Seed of the reset; None: none was given, so the episode is not reproducible.
        options: Options of the reset, plain JSON values.
        draw: Which draw of a session's seed this start is, for resuming; empty if it is none.
        lead: Actions sent before the first frame, shape (steps, n): those of the policy that the
            episode corrects.
    """

    environment: str
    arguments: Mapping[str, Any]
    seed: int | None
    options: Mapping[str, Any] = field(default_factory=dict)
    draw: Mapping[str, Any] = field(default_factory=dict)
    lead: Sequence[Sequence[float]] = ()

    def info(self, device: str, rule_version: str) -> EpisodeInfo:
        """What the dataset stores of it."""
        start = {
            "arguments": dict(self.arguments),
            "options": dict(self.options),
            "draw": dict(self.draw),
            **({"lead": [list(action) for action in self.lead]} if self.lead else {}),
        }
        return EpisodeInfo(
            seed=self.seed,
            environment=self.environment,
            start=start,
            versions=_versions(),
            device=device,
            success_rule_version=rule_version,
            git_commit=_commit(),
        )

    @staticmethod
    def of(info: EpisodeInfo) -> "Origin":
        """The origin stored in `info`; of other people's datasets at most seed and environment."""
        return Origin(
            environment=info.environment,
            arguments=info.start.get("arguments", {}),
            seed=info.seed,
            options=info.start.get("options", {}),
            draw=info.start.get("draw", {}),
            lead=info.start.get("lead", ()),
        )


@cache
def _commit() -> str:
    return git_commit() or ""


@cache
def _versions() -> dict[str, str]:
    found = {"robo": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
