"""Rollouts: policies executed in environments, evaluated, recorded, filmed and compared."""
