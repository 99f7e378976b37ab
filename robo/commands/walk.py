"""`robo walk`: drive a trained walker in the browser."""

from dataclasses import dataclass
from typing import Literal, Optional


@dataclass(frozen=True)
class Walk:
    """Drive a trained walker in the browser, with the keyboard, in real time.

    W and S walk, A and D sidestep, Q and E turn, Space stops, P pushes. A robot that falls is stood
    up again. Ctrl-C ends.
    """

    policy: str = "walk"
    """The walker: short name of shipped weights, or folder of a run or checkpoint of
    `robo train walk`, also of a teacher."""

    robot: Optional[Literal["g1-12", "g1-29", "t1-12"]] = None
    """Robot; by default the one that the walker was trained on."""

    terrain: Literal["flat", "rough", "slopes", "steps"] = "flat"
    """Type of ground."""

    level: float = 0.5
    """How rough, steep or high the ground is, 0 to 1; at 1: 8 cm, slope 0.3, 12 cm."""

    port: Optional[int] = None
    """Loopback port of the page; by default 8766, or the next free one."""

    seed: int = 0
    """Random seed of where it begins on uneven ground."""

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
