"""The `robo` command. Of a command only what makes its help is imported; it imports the rest."""

import sys
from dataclasses import make_dataclass
from importlib import import_module
from typing import Annotated, Any, Union

import tyro

from robo.errors import UserError

COMMANDS = {
    "run": "Run",
    "plan": "Plan",
    "scenarios": "Scenarios",
    "record": "Record",
    "replay": "Replay",
    "train": "Train",
    "rollout": "Rollout",
    "compare": "Compare",
    "data": "Data",
}
"""Names of the commands, each with the class in `robo.commands.<name>` that it is."""

USER_ERROR = 2
INTERRUPTED = 130


def main() -> None:
    """Run the command line; exits with 2 and one sentence for a user's mistake."""
    command = _parse(sys.argv[1:])
    try:
        code = command.execute()
    except KeyboardInterrupt:
        sys.stderr.write("robo: interrupted; what was finished is kept\n")
        code = INTERRUPTED
    except UserError as error:
        sys.stderr.write(f"robo: {' '.join(str(error).split())}\n")
        code = USER_ERROR
    sys.exit(code)


def _parse(arguments: list[str]) -> Any:
    """The command that was asked for; a named one alone, because reading all takes longer."""
    config = (tyro.conf.OmitSubcommandPrefixes,)
    if arguments and arguments[0] in COMMANDS:
        name = arguments[0]
        return tyro.cli(_command(name), prog=f"robo {name}", args=arguments[1:], config=config)
    named = tuple(Annotated[_empty(name), tyro.conf.subcommand(name)] for name in COMMANDS)
    every: Any = Union[named]  # noqa: UP007
    return tyro.cli(
        every,
        prog="robo",
        description="An embodied robotics agent stack: plan with a language model, act in MuJoCo.",
        args=arguments,
        config=config,
    )


def _command(name: str) -> Any:
    return getattr(import_module(f"robo.commands.{name}"), COMMANDS[name])


def _empty(name: str) -> Any:
    """A command without its options, for the list of all commands."""
    return make_dataclass(COMMANDS[name], (), namespace={"__doc__": _command(name).__doc__})
