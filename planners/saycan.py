"""SayCan: what a language model says is useful, times what the robot says is possible.

Ahn et al., "Do As I Can, Not As I Say: Grounding Language in Robotic Affordances",
arXiv 2204.01691, algorithm 1.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from planners.language_models.base import LanguageModel
from planners.prompts import PromptStyle, Step
from planners.skills import Skill

NO_INSTRUCTION = "N/A"
"""Replaces the instruction when scoring a label's prior."""

FAILURE_DISCOUNT = 0.5
"""Factor on a skill's affordance per failure of it since the last success of any skill."""


class Formula(StrEnum):
    """How a label's token log-likelihoods become its language score."""

    SUM = "sum"
    """log p(label | prompt), as in the paper."""
    MEAN = "mean"
    """The mean over the label's tokens."""
    HALF_PRIOR = "half-prior"
    """The sum minus half of log p(label | the same prompt without the instruction)."""
    PRIOR = "prior"
    """The sum minus all of it: pointwise mutual information."""


PRIOR_WEIGHT = {Formula.HALF_PRIOR: 0.5, Formula.PRIOR: 1.0}


@dataclass(frozen=True)
class Decision:
    """Why a skill was chosen.

    Attributes:
        labels: All labels, n of them.
        language: The language model's distribution over the labels [n].
        affordance: Affordance of each skill, from 0 to 1 [n].
        product: Their product [n]; its largest entry was chosen.
        chosen: Index of the chosen label.
    """

    labels: tuple[str, ...]
    language: NDArray[np.float64]
    affordance: NDArray[np.float64]
    product: NDArray[np.float64]
    chosen: int

    @property
    def label(self) -> str:
        """The chosen label."""
        return self.labels[self.chosen]


class Chooser(Protocol):
    """Chooses the next skill; implemented by `SayCan` and `Generative`."""

    def choose(
        self,
        instruction: str,
        scene: str,
        history: Sequence[Step],
        affordances: NDArray[np.float64],
    ) -> Decision:
        """Choose among the skills, given their current affordances."""


class SayCan:
    """Scores every skill by language and affordance and takes the best."""

    def __init__(
        self,
        language_model: LanguageModel,
        skills: Sequence[Skill],
        prompt: PromptStyle,
        formula: Formula = Formula.SUM,
        *,
        use_affordances: bool = True,
    ) -> None:
        self.language_model = language_model
        self.skills = tuple(skills)
        self.labels = tuple(skill.label for skill in skills)
        self.prompt = prompt
        self.formula = formula
        self.use_affordances = use_affordances

    def choose(
        self,
        instruction: str,
        scene: str,
        history: Sequence[Step],
        affordances: NDArray[np.float64],
    ) -> Decision:
        """See `Chooser`. `affordances` has one value from 0 to 1 per skill [n].

        Raises:
            LanguageModelError: The model could not score the labels.
        """
        language = softmax(self.language_scores(instruction, scene, history))
        affordance = discounted(affordances, self.labels, history)
        if not self.use_affordances:
            affordance = np.ones_like(affordance)
        product = language * affordance
        return Decision(self.labels, language, affordance, product, int(np.argmax(product)))

    def language_scores(
        self, instruction: str, scene: str, history: Sequence[Step]
    ) -> NDArray[np.float64]:
        """The formula's score of every label, in nats [n]."""
        scores = self.language_model.score(
            self.prompt.write(instruction, scene, history), self.labels
        )
        if self.formula is Formula.MEAN:
            return scores.log_likelihood / scores.tokens
        if self.formula is Formula.SUM:
            return scores.log_likelihood
        prior = self.language_model.score(
            self.prompt.write(NO_INSTRUCTION, scene, history), self.labels
        )
        return scores.log_likelihood - PRIOR_WEIGHT[self.formula] * prior.log_likelihood


class Generative:
    """The paper's baseline: free generation of the next step, mapped to the nearest label."""

    def __init__(
        self, language_model: LanguageModel, skills: Sequence[Skill], prompt: PromptStyle
    ) -> None:
        self.language_model = language_model
        self.skills = tuple(skills)
        self.labels = tuple(skill.label for skill in skills)
        self.prompt = prompt

    def choose(
        self,
        instruction: str,
        scene: str,
        history: Sequence[Step],
        affordances: NDArray[np.float64],
    ) -> Decision:
        """See `Chooser`. Affordances are ignored, as in the baseline."""
        text = self.language_model.generate(
            self.prompt.write(instruction, scene, history), max_tokens=16, stop=("\n", "(")
        )
        chosen = nearest_label(text.strip(), self.labels)
        language = np.eye(len(self.labels))[chosen]
        return Decision(self.labels, language, np.ones_like(language), language, chosen)


def nearest_label(text: str, labels: Sequence[str]) -> int:
    """Index of the longest label that starts the text, else of the one most similar to it."""
    likeness = [
        1.0 + len(label) if text.startswith(label) else _ratio(text, label) for label in labels
    ]
    return int(np.argmax(likeness))


def _ratio(text: str, label: str) -> float:
    return difflib.SequenceMatcher(None, text, label).ratio()


def discounted(
    affordances: NDArray[np.float64], labels: Sequence[str], history: Sequence[Step]
) -> NDArray[np.float64]:
    """Affordances [n], reduced for skills that have just failed or succeeded.

    Every failure since the last success is evidence against trying the same skill again; the skill
    that succeeded last has nothing left to do.
    """
    values = np.array(affordances, dtype=np.float64)
    index = {label: i for i, label in enumerate(labels)}
    for step in reversed(history):
        if step.label not in index:
            continue
        if step.feedback.startswith("failed"):
            values[index[step.label]] *= FAILURE_DISCOUNT
        else:
            values[index[step.label]] = 0.0
            break
    return values


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn scores in nats into a distribution."""
    weights = np.exp(scores - np.max(scores))
    return np.asarray(weights / weights.sum(), dtype=np.float64)
