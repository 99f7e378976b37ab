"""Environments: MuJoCo models, gymnasium environments, tasks, controllers and randomisation."""
