"""Policies: from an observation to a chunk of actions."""
