"""`robo run`: an instruction becomes motion."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from robo.planning import PlannerArguments, PlannerConfig

if TYPE_CHECKING:
    from envs.kitchen.start import StartState
    from planners.saycan import Decision


@dataclass(frozen=True)
class Run:
    """Carry out an instruction in the kitchen: plan with a language model, act in MuJoCo.

    Writes report.json, episode.mp4 and scores.png.
    """

    instruction: tyro.conf.Positional[str]
    """What to do, such as "bring me the sponge"."""

    scene: Path | None = None
    """JSON file that says where everything is; a stocked kitchen when left out."""

    out: Path = Path("runs/run")
    """Folder for what is written."""

    seed: int = 0
    """Seed of everything that is drawn: where on a place each object lies."""

    video: bool = True
    """Film the episode."""

    planner: PlannerArguments = field(default_factory=PlannerConfig)

    def execute(self) -> int:
        """Run the command; 0 when the planner reached `done` and its last skill succeeded."""
        import time

        from envs.kitchen.start import DEFAULT_START
        from robo.planning import checked_instruction
        from robo.results import make_folder
        from robo.scenario import load_scene

        began = time.perf_counter()
        instruction = checked_instruction(self.instruction)
        start = DEFAULT_START if self.scene is None else load_scene(self.scene)
        make_folder(self.out)
        return self._run(instruction, start, began)

    def _run(self, instruction: str, start: "StartState", began: float) -> int:
        import time
        from contextlib import nullcontext

        from rich.console import Console

        from envs.kitchen.rendering import RenderingUnavailableError
        from envs.kitchen.rules import SUCCESS_RULE_VERSION
        from planners.language_models import LanguageModelError
        from robo.agent import run_episode
        from robo.display import PlanDisplay
        from robo.errors import user_errors
        from robo.film import Film
        from robo.kitchen_body import KitchenBody
        from robo.planning import kitchen_skills, make_planner
        from robo.plots import plot_scores
        from robo.report import episode_data
        from robo.results import provenance, write_json

        with user_errors(RenderingUnavailableError):
            film = Film(self.out / "episode.mp4", instruction) if self.video else None
        planner = make_planner(self.planner)
        display = PlanDisplay(Console(), instruction)
        with (
            user_errors(LanguageModelError),
            film or nullcontext(),
            KitchenBody(start, self.seed, on_frame=film.shoot if film else None) as body,
        ):

            def begin(decision: "Decision") -> None:
                display.show_decision(decision)
                if film:
                    film.caption(decision.label)

            episode = run_episode(
                planner,
                kitchen_skills(),
                body,
                instruction,
                feedback=self.planner.feedback,
                on_decision=begin,
                on_step=display.show_step,
            )
            simulated = body.simulated_seconds
            unstable = body.unstable
        display.show_end(episode)
        plot_scores(instruction, episode.steps, self.out / "scores.png")
        wall = time.perf_counter() - began
        write_json(
            self.out / "report.json",
            {
                **provenance(
                    {"planner": asdict(self.planner), "scene": str(self.scene)}, self.seed
                ),
                "success_rule_version": SUCCESS_RULE_VERSION,
                "scene": start.to_dict(),
                **episode_data(episode),
                "unstable": unstable,
                "simulated_seconds": round(simulated, 2),
                "wall_seconds": round(wall, 2),
            },
        )
        display.show_files(self.out, simulated, wall)
        return 0 if episode.done and all(step.outcome.success for step in episode.steps[-2:]) else 1
