"""A kitchen without physics: every skill that can succeed does."""

from dataclasses import dataclass

from planners.skills import (
    Distance,
    Skill,
    apply_skill,
    failure_text,
    obstacle,
    success_text,
)
from planners.world import World


@dataclass(frozen=True)
class Outcome:
    """The outcome of a skill.

    Attributes:
        success: Whether it succeeded.
        feedback: The feedback as written into the prompt.
    """

    success: bool
    feedback: str


class SymbolicKitchen:
    """Executes skills on a `World`; a skill that cannot succeed changes nothing."""

    def __init__(self, world: World, distance: Distance) -> None:
        self.start = world
        self.world = world
        self.distance = distance

    def execute(self, skill: Skill) -> Outcome:
        """Execute one skill."""
        reason = obstacle(self.world, skill, self.distance)
        if reason is not None:
            return Outcome(False, failure_text(reason))
        before, self.world = self.world, apply_skill(self.world, skill, self.distance)
        return Outcome(True, success_text(skill, before, self.world))
