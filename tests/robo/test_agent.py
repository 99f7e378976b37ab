"""The closed loop, in the symbolic kitchen with planners of fixed mind."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from planners.language_models.base import LabelScores
from planners.prompts import ScenePrompt, Step
from planners.saycan import FAILURE_DISCOUNT, Decision, SayCan
from planners.skills import Skill
from planners.symbolic import Outcome
from robo.agent import MAX_REPEATS, SymbolicBody, run_episode
from tests.planners.kitchens import SKILLS, distance, kitchen

LABELS = tuple(skill.label for skill in SKILLS)


class Script:
    """Chooses labels from a list; the last one for ever."""

    def __init__(self, *plan: str, labels: tuple[str, ...] = LABELS) -> None:
        self.plan = plan
        self.labels = labels
        self.heard: list[list[Step]] = []

    def choose(
        self,
        instruction: str,
        scene: str,
        history: Sequence[Step],
        affordances: NDArray[np.float64],
    ) -> Decision:
        self.heard.append(list(history))
        chosen = self.labels.index(self.plan[min(len(history), len(self.plan) - 1)])
        values = np.eye(len(self.labels))[chosen]
        return Decision(self.labels, values, affordances, values, chosen)


class Clumsy(SymbolicBody):
    """Drops what it picks up the first time."""

    dropped = False

    def execute(self, skill: Skill) -> Outcome:
        if skill.label.startswith("pick up") and not self.dropped:
            self.dropped = True
            return Outcome(False, "failed: not in the gripper")
        return super().execute(skill)


def test_an_episode_ends_with_done_and_tells_what_came_of_each_step() -> None:
    script = Script("find the apple", "pick up the apple", "bring it to you", "done")
    body = SymbolicBody(kitchen(("apple", "table")), distance)
    episode = run_episode(script, SKILLS, body, "eat")
    assert episode.done
    assert episode.plan == ["find the apple", "pick up the apple", "bring it to you", "done"]
    assert episode.end.things[0].place == "user"
    assert script.heard[-1][1] == Step("pick up the apple", "apple: picked up")


def test_failures_are_told() -> None:
    script = Script("find the apple", "pick up the apple", "done")
    body = Clumsy(kitchen(("apple", "table")), distance)
    episode = run_episode(script, SKILLS, body, "eat")
    assert script.heard[-1][-1].feedback == "failed: not in the gripper"
    assert not episode.steps[1].outcome.success


class Fickle:
    """A language model that likes what is in a list, in turn; keeps the prompts."""

    name = "fickle"

    def __init__(self, *plan: str) -> None:
        self.plan = list(plan)
        self.prompts: list[str] = []

    def score(self, prompt: str, labels: Sequence[str]) -> LabelScores:
        self.prompts.append(prompt)
        liked = self.plan[min(len(self.prompts), len(self.plan)) - 1]
        return LabelScores(np.array([20.0 * (label == liked) for label in labels]), np.ones(1, int))

    def generate(self, prompt: str, max_tokens: int = 64, stop: Sequence[str] = ()) -> str:
        raise NotImplementedError


def test_without_feedback_a_failure_is_kept_from_the_language_model_alone() -> None:
    model = Fickle("find the apple", "pick up the apple", "pick up the apple", "done")
    planner = SayCan(model, SKILLS, ScenePrompt(feedback=False))
    body = Clumsy(kitchen(("apple", "table")), distance)
    episode = run_episode(planner, SKILLS, body, "eat")
    assert episode.plan == model.plan
    assert "failed" not in model.prompts[-1]
    again = episode.steps[2].decision
    assert again.affordance[again.chosen] == FAILURE_DISCOUNT


def test_going_in_circles_and_endless_plans_are_given_up() -> None:
    stuck = run_episode(
        Script("pick up the apple"), SKILLS, SymbolicBody(kitchen(), distance), "eat"
    )
    assert not stuck.done
    assert len(stuck.steps) == MAX_REPEATS
    to_and_fro = Script(*["go to the table", "go to the trash"] * 20)
    body = SymbolicBody(kitchen(), distance)
    assert len(run_episode(to_and_fro, SKILLS, body, "walk").steps) < 2 * MAX_REPEATS + 1
    assert len(run_episode(to_and_fro, SKILLS, body, "walk", max_steps=3).steps) == 3


def test_affordances_in_the_symbolic_kitchen_say_what_is_possible() -> None:
    body = SymbolicBody(kitchen(("apple", "table")), distance)
    possible = {
        label for label, value in zip(LABELS, body.affordances(SKILLS), strict=True) if value
    }
    assert "find the apple" in possible
    assert "pick up the apple" not in possible
    assert "done" in possible
