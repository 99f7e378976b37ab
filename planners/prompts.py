"""From an instruction, a scene and a history to the text that a language model continues.

Every prompt only grows: what was written for one step is the beginning of what is written for the
next, so that a language model encodes each step once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Step:
    """A skill that was carried out.

    Attributes:
        label: The skill's label.
        feedback: What came of it, such as "coke can: picked up".
    """

    label: str
    feedback: str


class PromptStyle(Protocol):
    """How a prompt is written. The next label follows it after a space."""

    def write(self, instruction: str, scene: str, history: Sequence[Step]) -> str:
        """The prompt for the next skill."""


@dataclass(frozen=True)
class ScenePrompt:
    """No examples: the scene, the request, and each step with what came of it.

    What the fine-tuned model was trained on. Inner Monologue (arXiv 2207.05608) calls the first
    line passive scene description and the brackets success detection.

    Attributes:
        feedback: Whether outcomes are written; without them a plan is written blindly.
    """

    feedback: bool = True

    def write(self, instruction: str, scene: str, history: Sequence[Step]) -> str:
        """See `PromptStyle`."""
        lines = write_steps(history, self.feedback)
        return f"Scene: {scene}\nHuman: {instruction.strip()}\nRobot: I would:\n{lines}"


@dataclass(frozen=True)
class FewShotPrompt:
    """SayCan's dialogue of solved examples (arXiv 2204.01691, appendix), then the request.

    Attributes:
        examples: Each an instruction and the steps that solve it.
        feedback: Whether outcomes are written.
    """

    examples: tuple[tuple[str, tuple[Step, ...]], ...]
    feedback: bool = True

    def write(self, instruction: str, scene: str, history: Sequence[Step]) -> str:
        """See `PromptStyle`. The scene is left out, as SayCan does."""
        solved = "".join(
            f"Human: {question}\nRobot: I would:\n"
            f"{write_steps(steps, self.feedback, last=True)}\n\n"
            for question, steps in self.examples
        )
        lines = write_steps(history, self.feedback)
        return f"{solved}Human: {instruction.strip()}\nRobot: I would:\n{lines}"


def write_steps(steps: Sequence[Step], feedback: bool, *, last: bool = False) -> str:
    """Numbered lines, one a step; unless `last`, the number of the step to come follows."""
    lines = [
        f"{number}. {step.label}" + (f" ({step.feedback})" if feedback and step.feedback else "")
        for number, step in enumerate(steps, start=1)
    ]
    return "\n".join(lines if last else [*lines, f"{len(steps) + 1}."])
