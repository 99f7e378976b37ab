"""The `robo` command. Only what makes its help is imported here; a command imports the rest."""

import sys
from typing import Annotated

import tyro

from robo.commands.compare import Compare
from robo.commands.data import Data
from robo.commands.plan import Plan
from robo.commands.record import Record
from robo.commands.replay import Replay
from robo.commands.rollout import Rollout
from robo.commands.run import Run
from robo.commands.scenarios import Scenarios
from robo.commands.train import Train
from robo.errors import UserError

Command = (
    Annotated[Run, tyro.conf.subcommand("run")]
    | Annotated[Plan, tyro.conf.subcommand("plan")]
    | Annotated[Scenarios, tyro.conf.subcommand("scenarios")]
    | Annotated[Record, tyro.conf.subcommand("record")]
    | Annotated[Replay, tyro.conf.subcommand("replay")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Rollout, tyro.conf.subcommand("rollout")]
    | Annotated[Compare, tyro.conf.subcommand("compare")]
    | Annotated[Data, tyro.conf.subcommand("data")]
)

USER_ERROR = 2
INTERRUPTED = 130


def main() -> None:
    """Run the command line; exits with 2 and one sentence for a user's mistake."""
    command = tyro.cli(
        Command,
        prog="robo",
        description="An embodied robotics agent stack: plan with a language model, act in MuJoCo.",
        config=(tyro.conf.OmitSubcommandPrefixes,),
    )
    try:
        code = command.execute()
    except KeyboardInterrupt:
        sys.stderr.write("robo: interrupted; what was finished is kept\n")
        code = INTERRUPTED
    except UserError as error:
        sys.stderr.write(f"robo: {' '.join(str(error).split())}\n")
        code = USER_ERROR
    sys.exit(code)
