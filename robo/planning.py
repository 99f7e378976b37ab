"""Build a planner from its configuration."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from robo.errors import user_errors

if TYPE_CHECKING:
    from planners.language_models import LanguageModel
    from planners.saycan import Chooser
    from planners.skills import Skill

PromptName = Literal["auto", "scene", "examples"]
FormulaName = Literal["auto", "sum", "mean", "half-prior", "prior"]

FINE_TUNED = "robo-135m"
"""The embedded model with the adapter trained for this kitchen."""


@dataclass(frozen=True)
class PlannerConfig:
    """How the next skill is chosen."""

    llm: str = FINE_TUNED
    """Language model: "robo-135m" (embedded, trained for this kitchen), "smollm2" (embedded, as
    published), the folder of a Hugging Face causal model, or a server such as
    "http://127.0.0.1:8080/v1#model"."""

    prompt: PromptName = "auto"
    """"scene" describes the kitchen, "examples" shows 17 solved requests; "auto" is "scene" for
    robo-135m and "examples" for any other model."""

    formula: FormulaName = "auto"
    """How token log-likelihoods become a score: "sum", "mean", "half-prior" or "prior"; "auto" is
    the one that measured best for the prompt (docs/planner.md)."""

    affordances: bool = True
    """Weight language scores by what is possible now."""

    feedback: bool = True
    """Tell the planner the outcome of each skill."""

    generate: bool = False
    """Let the model write freely and take the nearest label instead of scoring labels."""


PlannerArguments = Annotated[PlannerConfig, tyro.conf.OmitArgPrefixes]

BEST_FORMULA: dict[str, FormulaName] = {"scene": "sum", "examples": "half-prior"}
"""The formula that measured best for each prompt (docs/planner.md)."""


def kitchen_skills() -> tuple["Skill", ...]:
    """Every skill of the kitchen, `done` last."""
    from envs.kitchen.vocabulary import DRAWERS, OBJECTS, PLACES
    from planners.skills import all_skills

    return all_skills(OBJECTS, PLACES, DRAWERS)


def make_planner(config: PlannerConfig) -> "Chooser":
    """Load the language model and build the planner that uses it.

    Raises:
        UserError: The model cannot be loaded.
    """
    from planners.language_models import LanguageModelError, load_language_model

    with user_errors(LanguageModelError):
        model = load_language_model(config.llm)
    return planner_with(model, config)


def planner_with(model: "LanguageModel", config: PlannerConfig) -> "Chooser":
    """The planner for a model that is already loaded."""
    from envs.kitchen.layout import distance
    from envs.kitchen.vocabulary import DRAWERS, PLACES
    from planners.examples import solved_examples
    from planners.prompts import FewShotPrompt, PromptStyle, ScenePrompt
    from planners.saycan import Formula, Generative, SayCan

    name = config.prompt
    if name == "auto":
        name = "scene" if config.llm == FINE_TUNED else "examples"
    prompt: PromptStyle
    if name == "scene":
        prompt = ScenePrompt(config.feedback)
    else:
        prompt = FewShotPrompt(solved_examples(PLACES, DRAWERS, distance), config.feedback)
    if config.generate:
        return Generative(model, kitchen_skills(), prompt)
    formula = BEST_FORMULA[name] if config.formula == "auto" else config.formula
    return SayCan(
        model,
        kitchen_skills(),
        prompt,
        Formula(formula),
        use_affordances=config.affordances,
    )
