"""The commands of the `robo` command line, one file each."""
