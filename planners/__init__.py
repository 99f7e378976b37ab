"""Planners: language models, their scoring, and the choice of the next skill."""
