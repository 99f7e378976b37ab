"""Rollouts: policies carried out in environments, counted, recorded, filmed and compared."""
