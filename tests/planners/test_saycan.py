"""SayCan: language times affordance."""

from collections.abc import Sequence

import numpy as np
import pytest

from planners.language_models.base import LabelScores
from planners.prompts import FewShotPrompt, ScenePrompt, Step
from planners.saycan import NO_INSTRUCTION, Formula, Generative, SayCan, discounted, nearest_label
from tests.planners.kitchens import SKILLS

LABELS = [skill.label for skill in SKILLS]


class Favourite:
    """A language model with fixed likes."""

    name = "favourite"

    def __init__(self, likes: dict[str, float], prior: dict[str, float] | None = None) -> None:
        self.likes, self.prior = likes, prior or {}

    def score(self, prompt: str, labels: Sequence[str]) -> LabelScores:
        likes = self.prior if f"Human: {NO_INSTRUCTION}\n" in prompt else self.likes
        return LabelScores(
            log_likelihood=np.array([likes.get(label, -20.0) for label in labels]),
            tokens=np.array([len(label.split()) for label in labels]),
        )

    def generate(self, prompt: str, max_tokens: int, stop: Sequence[str]) -> str:
        return " fetch up the apple"


def choose(
    planner: SayCan | Generative, impossible: Sequence[str] = (), history: Sequence[Step] = ()
) -> str:
    affordances = np.array([float(label not in impossible) for label in LABELS])
    return planner.choose("eat", "table: apple.", list(history), affordances).label


def test_the_likeliest_possible_skill_is_chosen() -> None:
    model = Favourite({"pick up the apple": -1.0, "find the apple": -2.0})
    planner = SayCan(model, SKILLS, ScenePrompt())
    assert choose(planner) == "pick up the apple"
    assert choose(planner, impossible=["pick up the apple"]) == "find the apple"


def test_without_affordances_language_decides_alone() -> None:
    model = Favourite({"pick up the apple": -1.0})
    planner = SayCan(model, SKILLS, ScenePrompt(), use_affordances=False)
    assert choose(planner, impossible=["pick up the apple"]) == "pick up the apple"


def test_formulas_weigh_length_and_prior() -> None:
    likes = {"done": -3.0, "go to the close counter": -4.0}
    model = Favourite(likes, prior={"done": -0.5, "go to the close counter": -9.0})
    chosen = {f: choose(SayCan(model, SKILLS, ScenePrompt(), f)) for f in Formula}
    assert chosen[Formula.SUM] == "done"
    assert chosen[Formula.MEAN] == "go to the close counter"
    assert chosen[Formula.HALF_PRIOR] == "go to the close counter"
    assert chosen[Formula.PRIOR] == "go to the close counter"


def test_the_product_is_language_times_affordance_and_language_is_a_distribution() -> None:
    planner = SayCan(Favourite({"done": -1.0}), SKILLS, ScenePrompt())
    affordances = np.linspace(0.0, 1.0, len(LABELS))
    decision = planner.choose("eat", "", [], affordances)
    assert decision.language.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(decision.product, decision.language * affordances)
    assert decision.product[decision.chosen] == decision.product.max()


def test_failures_lower_an_affordance_and_a_success_is_not_repeated_at_once() -> None:
    labels = ["find the apple", "pick up the apple", "done"]
    history = [
        Step("done", "done"),
        Step("find the apple", "apple: found on the table"),
        Step("pick up the apple", "failed: not in the gripper"),
        Step("pick up the apple", "failed: not in the gripper"),
    ]
    np.testing.assert_allclose(discounted(np.ones(3), labels, history), [0.0, 0.25, 1.0])


def test_generation_takes_the_nearest_label() -> None:
    assert LABELS[nearest_label("done done done", LABELS)] == "done"
    assert LABELS[nearest_label("go to the table and sit", LABELS)] == "go to the table"
    assert choose(Generative(Favourite({}), SKILLS, ScenePrompt())) == "pick up the apple"


@pytest.mark.parametrize("feedback", [True, False])
@pytest.mark.parametrize("style", ["scene", "examples"])
def test_a_prompt_begins_with_the_one_before_it(style: str, feedback: bool) -> None:
    examples = (("Eat.", (Step("find the apple", "apple: found"), Step("done", ""))),)
    prompt = ScenePrompt(feedback) if style == "scene" else FewShotPrompt(examples, feedback)
    history = [Step("find the coke can", "coke can: found"), Step("done", "")]
    texts = [prompt.write("drink", "table: coke can.", history[:n]) for n in range(3)]
    assert texts[1].startswith(texts[0])
    assert texts[2].startswith(texts[1])
    assert all(text.endswith(f"{n + 1}.") for n, text in enumerate(texts))
    assert ("coke can: found)" in texts[2]) is feedback
