"""`robo plan`: the plan alone, in a symbolic kitchen."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Optional

import tyro

from robo.planning import PlannerArguments, PlannerConfig


@dataclass(frozen=True)
class Plan:
    """Plan without physics: every skill that is possible succeeds."""

    instruction: tyro.conf.Positional[str]
    """What to do, such as "bring me the sponge"."""

    scene: Optional[Path] = None
    """JSON file with the location of everything; by default a stocked kitchen."""

    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print the plan with all scores as JSON."""

    planner: PlannerArguments = field(default_factory=PlannerConfig)

    def execute(self) -> int:
        """Run the command; returns 0 if the planner reached `done`."""
        import json

        from rich.console import Console

        from envs.kitchen.start import DEFAULT_START
        from planners.language_models import LanguageModelError
        from robo.agent import SymbolicBody, run_episode
        from robo.arguments import checked_instruction
        from robo.display import PlanDisplay
        from robo.errors import user_errors
        from robo.planning import kitchen_skills, make_planner
        from robo.report import episode_data
        from robo.scenario import distance, load_scene, world_of

        instruction = checked_instruction(self.instruction)
        start = DEFAULT_START if self.scene is None else load_scene(self.scene)
        planner = make_planner(self.planner)
        display = None if self.json else PlanDisplay(Console(), instruction)
        with user_errors(LanguageModelError):
            episode = run_episode(
                planner,
                kitchen_skills(),
                SymbolicBody(world_of(start), distance),
                instruction,
                on_decision=display.show_decision if display else None,
                on_step=(lambda so_far: display.show_step(so_far.steps[-1])) if display else None,
            )
        if display is None:
            Console().print_json(json.dumps(episode_data(episode)))
        else:
            display.show_end(episode)
        return 0 if episode.done else 1
