"""Planners: language models, label scoring, and the choice of the next skill."""
