"""Placeholder; written next."""

from __future__ import annotations

from planners.language_models.base import LanguageModel, ServerError


def connect(address: str) -> LanguageModel:
    """Connect."""
    raise ServerError(f"servers such as {address} are not supported yet.")
