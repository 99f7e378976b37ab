"""Findings of `robo data validate`."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """The dataset violates the format; training on it goes wrong, mostly silently."""
    WARNING = "warning"
    """The dataset can be read, but the recording looks wrong."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        severity: How bad it is.
        check: Short name of the check.
        message: What is wrong and, where helpful, what to do.
        episode: The episode; None for the dataset as a whole.
        column: The feature, if any.
        penalty: Deduction from the episode's score of 1.
    """

    severity: Severity
    check: str
    message: str
    episode: int | None = None
    column: str | None = None
    penalty: float = 0.0

    @property
    def place(self) -> str:
        """Where it is, such as "episode 3, action"."""
        parts = [] if self.episode is None else [f"episode {self.episode}"]
        return ", ".join(parts + ([self.column] if self.column else []))

    def as_dict(self) -> dict[str, Any]:
        """As plain values for a report file."""
        return {
            "severity": str(self.severity),
            "check": self.check,
            "episode": self.episode,
            "column": self.column,
            "message": self.message,
        }


@dataclass(frozen=True)
class EpisodeReport:
    """An episode's score.

    Attributes:
        index: Its index.
        frames: Its length.
        success: Whether it succeeded, as recorded.
        score: 1 without findings, less with warnings, 0 with an error.
    """

    index: int
    frames: int
    success: bool | None
    score: float


@dataclass
class Report:
    """What was found in a dataset.

    Attributes:
        root: The dataset's folder.
        fps: Frames per second; 0 if it cannot be read.
        findings: All findings, errors first.
        episodes: Reports in episode order; empty if the dataset cannot be read.
    """

    root: str
    fps: int = 0
    findings: list[Finding] = field(default_factory=list)
    episodes: list[EpisodeReport] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """Number of errors."""
        return sum(finding.severity is Severity.ERROR for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """As plain values for a report file."""
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
