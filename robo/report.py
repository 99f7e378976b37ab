"""An episode as plain data, for result files."""

from typing import Any

from planners.world import World
from robo.agent import AgentStep, Episode

_DRAWER = {True: "open", False: "closed", None: "half open"}


def episode_data(episode: Episode, *, scores: bool = True) -> dict[str, Any]:
    """The instruction, every step with outcome and, optionally, scores, and both end worlds."""
    return {
        "instruction": episode.instruction,
        "plan": episode.plan,
        "done": episode.done,
        "steps": [_step_data(step, scores) for step in episode.steps],
        "start": world_data(episode.start),
        "end": world_data(episode.end),
    }


def world_data(world: World) -> dict[str, Any]:
    """A world as plain data."""
    return {
        "things": [[thing.name, thing.place] for thing in world.things],
        "robot_at": world.robot_at,
        "drawers": {name: _DRAWER[value] for name, value in world.drawers.items()},
        "visited": list(world.visited),
    }


def _step_data(step: AgentStep, scores: bool) -> dict[str, Any]:
    data: dict[str, Any] = {
        "skill": step.skill.label,
        "success": step.outcome.success,
        "feedback": step.outcome.feedback,
    }
    if scores:
        decision = step.decision
        data["scores"] = {
            label: {
                "language": float(f"{decision.language[i]:.4g}"),
                "affordance": round(float(decision.affordance[i]), 4),
                "product": float(f"{decision.product[i]:.4g}"),
            }
            for i, label in enumerate(decision.labels)
        }
    return data
