"""Language models behind one small interface; heavy imports wait until one is loaded."""

from planners.language_models.base import (
    InvalidRequestError,
    LabelScores,
    LanguageModel,
    LanguageModelError,
    ModelNotFoundError,
    PromptTooLongError,
    ServerError,
)
from planners.language_models.loading import load_language_model, shipped_adapters

__all__ = [
    "InvalidRequestError",
    "LabelScores",
    "LanguageModel",
    "LanguageModelError",
    "ModelNotFoundError",
    "PromptTooLongError",
    "ServerError",
    "load_language_model",
    "shipped_adapters",
]
