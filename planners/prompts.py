"""From instruction, scene and history to the prompt that a language model continues.

Prompts only grow: each step's prompt is a prefix of the next one, so that a language model encodes
each step once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Step:
    """An executed skill.

    Attributes:
        label: The skill's label.
        feedback: Its outcome, such as "coke can: picked up".
    """

    label: str
    feedback: str


class PromptStyle(Protocol):
    """How a prompt is written; the next label follows after a space."""

    def write(self, instruction: str, scene: str, history: Sequence[Step]) -> str:
        """The prompt for the next skill."""


@dataclass(frozen=True)
class ScenePrompt:
    """Zero-shot prompt: the scene, the request, and each step with its outcome.

    The fine-tuned model was trained on it. Inner Monologue (arXiv 2207.05608) calls the first line
    passive scene description and the brackets success detection.

    Attributes:
        feedback: Whether outcomes are included; without them the model plans open-loop.
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
        feedback: Whether outcomes are included.
    """

    examples: tuple[tuple[str, tuple[Step, ...]], ...]
    feedback: bool = True

    def write(self, instruction: str, scene: str, history: Sequence[Step]) -> str:
        """See `PromptStyle`. The scene is left out, as in SayCan."""
        solved = "".join(
            f"Human: {question}\nRobot: I would:\n"
            f"{write_steps(steps, self.feedback, last=True)}\n\n"
            for question, steps in self.examples
        )
        lines = write_steps(history, self.feedback)
        return f"{solved}Human: {instruction.strip()}\nRobot: I would:\n{lines}"


def write_steps(steps: Sequence[Step], feedback: bool, *, last: bool = False) -> str:
    """Numbered lines, one per step; unless `last`, the next step's number follows."""
    lines = [
        f"{number}. {step.label}" + (f" ({step.feedback})" if feedback and step.feedback else "")
        for number, step in enumerate(steps, start=1)
    ]
    return "\n".join(lines if last else [*lines, f"{len(steps) + 1}."])
