"""`robo export`: what a robot's own computer runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro


@dataclass(frozen=True)
class Export:
    """Write a trained walker for a robot's own computer: ONNX, its contract, and a runner.

    The runner needs only numpy and onnxruntime. Outputs of onnxruntime are compared with torch's
    over a rollout; a difference above 1e-5 is an error.
    """

    what: tyro.conf.Positional[Literal["walk"]]
    """walk."""

    out: Path
    """Folder for walker.onnx, contract.json and runner.py; existing ones are replaced."""

    policy: str = "walk"
    """The walker: short name of shipped weights, or folder of a run or checkpoint of
    `robo train walk`."""

    def execute(self) -> int:
        """Run the command."""
        import torch
        from rich.console import Console

        from robo.errors import UserError, user_errors
        from robo.results import make_folder, writing
        from robo.walking.actor import load_walker
        from robo.walking.export import RolloutCheck, check_rollout, export_walker
        from robo.walking.runner import CONTRACT, RunnerError

        torch.set_num_threads(1)
        walker = load_walker(self.policy)
        if walker.is_teacher:
            raise UserError(
                f"{walker.folder} is a teacher: it sees what only a simulator knows, such as its "
                "true velocity and the friction; export a student (robo train walk --stage student)"
            )
        make_folder(self.out)
        checks: list[RolloutCheck] = []
        with writing(self.out / CONTRACT), user_errors(RunnerError):
            contract = export_walker(
                walker.network,
                walker.robot,
                self.out,
                trained=walker.metadata,
                check=lambda fresh: checks.append(check_rollout(walker, fresh)),
            )
        (check,) = checks
        network, joints = contract["network"], len(contract["joints"])
        say = Console(soft_wrap=True, highlight=False, markup=False).print
        say(
            f"{self.out}: {network['file']}, a {network['kind']} for {contract['robot']}, "
            f"{contract['observation']['size']} observations to {joints} joints; {CONTRACT}, "
            f"version {contract['version']}; runner.py"
        )
        say(
            f"onnxruntime says what torch says within {check.difference:.1e} (allowed 1e-5) over "
            f"{check.steps} steps of walking; an action takes it {check.milliseconds:.2f} ms"
        )
        say(_USAGE.format(folder=self.out.resolve().name, rate=contract["rate_hz"]))
        return 0


_USAGE = """
On the robot, which needs numpy and onnxruntime, {rate:g} times a second:

    from pathlib import Path
    from runner import Runner, Signals

    runner = Runner(Path("{folder}"))
    runner.reset()
    while True:
        signals = Signals(gyro, gravity, joint_position, joint_velocity, time)
        target = runner.step(signals, command=(0.5, 0.0, 0.0))
        motors.send(target.position, target.stiffness, target.damping)

Late or broken signals repeat the last safe target; a robot that lies is damped until reset()."""
