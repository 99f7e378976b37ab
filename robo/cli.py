"""The `robo` command. Imports only what a command's help needs; the command imports the rest."""

import os
import sys
from dataclasses import make_dataclass
from importlib import import_module
from typing import Annotated, Any, Union

import tyro

from robo import __version__
from robo.errors import UserError

COMMANDS = {
    "run": (
        "Run",
        "Carry out an instruction in the kitchen: plan with a language model, act in MuJoCo.",
    ),
    "plan": (
        "Plan",
        "Plan without physics: every skill that is possible succeeds.",
    ),
    "scenarios": (
        "Scenarios",
        "Run every scenario of a file; an interrupted run resumes.",
    ),
    "record": (
        "Record",
        "Record demonstrations into a dataset; the same command resumes.",
    ),
    "replay": (
        "Replay",
        "Replay recorded actions and compare what comes back.",
    ),
    "train": (
        "Train",
        "Train a policy on demonstrations (`train sight`: image encoders; `train walk`: walkers).",
    ),
    "rollout": (
        "Rollout",
        "Roll out a policy in episodes drawn from a seed and count its successes.",
    ),
    "compare": (
        "Compare",
        "Compare the results of two `robo rollout` runs, episode by episode.",
    ),
    "eval": (
        "Eval",
        "Measure how well a walker walks: commands, pushes, payloads, terrain, energy.",
    ),
    "sim2sim": (
        "Sim2sim",
        "Run a walker's weights in a second simulator: the gate before a robot.",
    ),
    "data": ("Data", "Inspect, validate, repair, merge and split datasets."),
    "walk": (
        "Walk",
        "Drive a trained walker in the browser, with the keyboard, in real time.",
    ),
    "export": (
        "Export",
        "Write a trained walker for a robot's own computer: ONNX, its contract, and a runner.",
    ),
    "randomization": (
        "Randomization",
        "Show what can be randomised in training, with its distributions and ranges.",
    ),
}
"""For each command name, its class in `robo.commands.<name>` and the first sentence of its help, so
that listing all commands imports none of them."""

USER_ERROR = 2
INTERRUPTED = 130
BROKEN_PIPE = 141


def main() -> None:
    """Run the command line; a user error exits with status 2 and one sentence."""
    code: str | int | None
    try:
        try:
            code = _parse(sys.argv[1:]).execute()
        except SystemExit as end:
            code = end.code
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader is gone, as in `robo … | head`; flushing the rest must not raise again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = BROKEN_PIPE
    except KeyboardInterrupt:
        sys.stderr.write("robo: interrupted; what was finished is kept\n")
        code = INTERRUPTED
    except UserError as error:
        sys.stderr.write(f"robo: {' '.join(str(error).split())}\n")
        code = USER_ERROR
    sys.exit(code)


def _parse(arguments: list[str]) -> Any:
    """The requested command; if it is named, only that one is imported, which is faster."""
    config = (tyro.conf.OmitSubcommandPrefixes,)
    if arguments == ["--version"]:
        sys.stdout.write(f"robo {__version__}\n")
        sys.exit()
    if arguments[:2] == ["train", "sight"]:
        from robo.commands.sight_training import SightTraining

        return tyro.cli(SightTraining, prog="robo train", args=arguments[1:], config=config)
    if arguments[:2] == ["train", "walk"]:
        # Reinforcement learning has other options than imitation learning from a dataset.
        from robo.commands.walk_training import WalkTraining

        return tyro.cli(WalkTraining, prog="robo train", args=arguments[1:], config=config)
    if arguments and arguments[0] in COMMANDS:
        name = arguments[0]
        return tyro.cli(_command(name), prog=f"robo {name}", args=arguments[1:], config=config)
    named = tuple(Annotated[_empty(name), tyro.conf.subcommand(name)] for name in COMMANDS)
    every: Any = Union[named]  # noqa: UP007
    return tyro.cli(
        every,
        prog="robo",
        description="An embodied robotics agent stack: plan with a language model, act in MuJoCo. "
        "--version says which.",
        args=arguments,
        config=config,
    )


def _command(name: str) -> Any:
    return getattr(import_module(f"robo.commands.{name}"), COMMANDS[name][0])


def _empty(name: str) -> Any:
    """A command without its options, for the list of all commands."""
    return make_dataclass(COMMANDS[name][0], (), namespace={"__doc__": COMMANDS[name][1]})
