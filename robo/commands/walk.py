"""`robo walk`: drive a trained walker in the browser."""

from dataclasses import dataclass
from typing import Literal, Optional


@dataclass(frozen=True)
class Walk:
    """Drive a trained walker in the browser, with the keyboard, in real time.

    W and S walk, A and D step aside, Q and E turn, Space stops, P pushes. A robot that falls is
    stood up again. Ctrl-C ends.
    """

    policy: str = "walk"
    """The walker: the short name of shipped weights, or the folder of a checkpoint or of a run of
    `robo train walk`; teachers, too."""

    robot: Optional[Literal["g1-12", "g1-29", "t1-12"]] = None
    """Robot; the one that the walker was trained on when left out."""

    terrain: Literal["flat", "rough", "slopes", "steps"] = "flat"
    """Ground."""

    level: float = 0.5
    """How rough, steep or high the ground is, 0 to 1: up to 8 cm, 0.3, 12 cm."""

    port: Optional[int] = None
    """The page's port on loopback; 8766, or the next free one, when left out."""

    seed: int = 0
    """Seed of where on uneven ground it begins."""

    def execute(self) -> int:
        """Run the command."""
        from rich.console import Console

        from robo.arguments import check_seed
        from robo.errors import UserError, user_errors

        check_seed(self.seed)
        if not 0.0 <= self.level <= 1.0:
            raise UserError(f"--level is {self.level}; it must be 0 to 1")
        from robo.walking.actor import load_walker
        from robo.walking.drive import drive

        say = Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print
        walker = load_walker(self.policy, self.robot)
        say(f"{walker.robot.name} with {walker.title}")
        with user_errors(ModuleNotFoundError):
            drove = drive(
                walker,
                terrain=self.terrain,
                level=self.level,
                seed=self.seed,
                port=self.port,
                on_open=lambda address: say(
                    f"open this page in a browser, end with Ctrl-C: {address}"
                ),
            )
        say(f"{drove.ticks} ticks of 20 ms, {drove.missed} deadlines missed, {drove.falls} falls")
        return 0
