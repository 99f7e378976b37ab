"""`robo run`: an instruction becomes motion."""

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Optional

import tyro

from robo.planning import PlannerArguments, PlannerConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from envs.kitchen.start import StartState
    from planners.saycan import Decision
    from robo.agent import Episode
    from robo.film import Film, Filmed
    from robo.humanoid_body import HumanoidBody
    from robo.kitchen_body import KitchenBody


@dataclass(frozen=True)
class Run:
    """Carry out an instruction in the kitchen: plan with a language model, act in MuJoCo.

    Writes report.json, episode.mp4 and scores.png.
    """

    instruction: tyro.conf.Positional[str]
    """What to do, such as "bring me the sponge"."""

    scene: Optional[Path] = None
    """JSON file with the location of everything; by default a stocked kitchen."""

    out: Path = Path("runs/run")
    """Output folder."""

    seed: int = 0
    """Random seed: where exactly each object lies on its place."""

    robot: Literal["kitchen", "g1"] = "kitchen"
    """The kitchen's mobile manipulator, or a humanoid, which can only go to places."""

    policy: Optional[str] = None
    """What carries out the skills: the short name of shipped weights, or a checkpoint's folder.
    By default scripted experts, which see the true state; for the g1, the shipped walker."""

    video: bool = True
    """Record a video of the episode."""

    planner: PlannerArguments = field(default_factory=PlannerConfig)

    def execute(self) -> int:
        """Run the command; returns 0 if the planner reached `done` and its last skill succeeded."""
        from envs.kitchen.start import DEFAULT_START
        from robo.arguments import check_seed, checked_instruction
        from robo.graphics import check_graphics
        from robo.results import make_folder
        from robo.scenario import load_scene

        began = time.perf_counter()
        instruction = checked_instruction(self.instruction)
        check_seed(self.seed)
        start = DEFAULT_START if self.scene is None else load_scene(self.scene)
        make_folder(self.out)
        check_graphics()
        return self._run(instruction, start, began)

    def _run(self, instruction: str, start: "StartState", began: float) -> int:
        from contextlib import ExitStack

        from rich.console import Console

        from envs.rendering import RenderingUnavailableError
        from planners.language_models import LanguageModelError
        from robo.agent import run_episode
        from robo.display import PlanDisplay
        from robo.errors import user_errors
        from robo.film import Film
        from robo.planning import kitchen_skills, make_planner
        from robo.plots import plot_scores

        with user_errors(RenderingUnavailableError):
            film = Film(self.out / "episode.mp4", instruction) if self.video else None
        make_body = self._body_maker(start, film)
        planner = make_planner(self.planner)
        display = PlanDisplay(Console(), instruction)
        files = [self.out / name for name in ("report.json", "scores.png")]
        latest: Episode | None = None

        def begin(decision: "Decision") -> None:
            display.show_decision(decision)
            if film:
                film.caption(decision.label)

        def watch(kitchen: "Filmed") -> None:
            display.show_progress(body.simulated_seconds)
            if film:
                film.shoot(kitchen)

        def report(episode: "Episode") -> None:
            nonlocal latest
            latest = episode
            display.show_step(episode.steps[-1])
            self._write_report(episode, start, body, began)

        def plot() -> None:
            if latest:
                plot_scores(instruction, latest.steps, files[1])

        with ExitStack() as stack:
            stack.enter_context(user_errors(LanguageModelError))
            stack.callback(plot)  # last, even if a model's server or the disk fails half way
            stack.enter_context(display)
            if film:
                stack.enter_context(film)
                files.append(film.path)
            body = make_body(watch)
            stack.callback(body.close)
            episode = run_episode(
                planner,
                kitchen_skills(),
                body,
                instruction,
                on_decision=begin,
                on_step=report,
            )
        self._write_report(episode, start, body, began)
        display.show_end(episode)
        display.show_files(files, body.simulated_seconds, time.perf_counter() - began)
        return 0 if episode.done and all(step.outcome.success for step in episode.steps[-2:]) else 1

    def _body_maker(
        self, start: "StartState", film: "Film | None"
    ) -> "Callable[[Callable[[Filmed], None]], KitchenBody | HumanoidBody]":
        """A factory of the robot in its kitchen, given a callback that watches it."""
        if self.robot == "kitchen":
            from robo.acting import acting
            from robo.kitchen_body import KitchenBody

            actor = acting(self.policy)
            return lambda watch: KitchenBody(start, self.seed, on_frame=watch, **actor)
        from envs.humanoid.kitchen import HEAD
        from robo.errors import UserError
        from robo.humanoid_body import HumanoidBody, check_start
        from robo.walking.actor import SHIPPED, load_walker

        walker = load_walker(self.policy or SHIPPED)
        if not walker.robot.name.startswith(self.robot):
            raise UserError(
                f"{walker.folder} is a walker for {walker.robot.name}, not {self.robot}"
            )
        check_start(start, walker.robot)
        if film:
            film.camera = HEAD
        return lambda watch: HumanoidBody(start, self.seed, walker, on_frame=watch)

    def _write_report(
        self,
        episode: "Episode",
        start: "StartState",
        body: "KitchenBody | HumanoidBody",
        began: float,
    ) -> None:
        """Write report.json; after every step, so that an interrupted run has one too."""
        from envs.kitchen.rules import SUCCESS_RULE_VERSION
        from robo.report import episode_data
        from robo.results import provenance, write_json

        config = {"planner": asdict(self.planner), "robot": self.robot, "policy": self.policy}
        data = {
            **provenance(config, self.seed),
            "success_rule_version": SUCCESS_RULE_VERSION,
            "scene": start.to_dict(),
            **episode_data(episode),
            "unstable": body.unstable,
            "falls": getattr(body, "falls", 0),
            "simulated_seconds": round(body.simulated_seconds, 2),
            "wall_seconds": round(time.perf_counter() - began, 2),
        }
        write_json(self.out / "report.json", data)
