"""`python -m robo` is the `robo` command."""

from robo.cli import main

main()
