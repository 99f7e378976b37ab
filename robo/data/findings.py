"""What `robo data validate` finds."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """The set is not as the format says; training on it goes wrong, mostly in silence."""
    WARNING = "warning"
    """The set can be read, but what was recorded looks wrong."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        severity: How bad.
        check: Its short name.
        message: What is wrong, and where it helps what to do.
        episode: Where; of the set as a whole it is none.
        column: The feature, where there is one.
        penalty: What it takes from the episode's score of 1.
    """

    severity: Severity
    check: str
    message: str
    episode: int | None = None
    column: str | None = None
    penalty: float = 0.0

    @property
    def place(self) -> str:
        """Such as "episode 3, action"."""
        parts = [] if self.episode is None else [f"episode {self.episode}"]
        return ", ".join(parts + ([self.column] if self.column else []))

    def as_dict(self) -> dict[str, Any]:
        """For a report file."""
        return {
            "severity": str(self.severity),
            "check": self.check,
            "episode": self.episode,
            "column": self.column,
            "message": self.message,
        }


@dataclass(frozen=True)
class EpisodeReport:
    """An episode's worth.

    Attributes:
        index: Its number.
        frames: Its length.
        success: As recorded.
        score: 1 without findings, less with warnings, 0 with an error.
    """

    index: int
    frames: int
    success: bool | None
    score: float


@dataclass
class Report:
    """What was found in a set.

    Attributes:
        root: The set's folder.
        fps: Frames a second; 0 where it cannot be read.
        findings: Errors first.
        episodes: By number; empty where the set cannot be read.
    """

    root: str
    fps: int = 0
    findings: list[Finding] = field(default_factory=list)
    episodes: list[EpisodeReport] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """How many errors."""
        return sum(finding.severity is Severity.ERROR for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """For a report file."""
        return {
            "root": self.root,
            "errors": self.errors,
            "warnings": len(self.findings) - self.errors,
            "findings": [finding.as_dict() for finding in self.findings],
            "episodes": [
                {
                    "episode": episode.index,
                    "frames": episode.frames,
                    "success": episode.success,
                    "score": round(episode.score, 3),
                }
                for episode in self.episodes
            ],
        }


def error(
    check: str, message: str, episode: int | None = None, column: str | None = None
) -> Finding:
    """An error."""
    return Finding(Severity.ERROR, check, message, episode, column, penalty=1.0)


def warning(
    check: str,
    message: str,
    episode: int | None = None,
    column: str | None = None,
    penalty: float = 0.2,
) -> Finding:
    """A warning."""
    return Finding(Severity.WARNING, check, message, episode, column, penalty)
