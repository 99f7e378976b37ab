"""Any causal model from a local folder in Hugging Face format."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from planners.language_models.adapter import merge_adapter
from planners.language_models.base import ModelNotFoundError
from planners.language_models.causal import CausalLanguageModel, KeyValues, Method

_TOLERANCE = 1e-3  # on a log-likelihood, between a fast method and whole passes
_LOADING_ERRORS = (OSError, ValueError, TypeError, KeyError, ImportError, RuntimeError)


def load_folder(
    folder: Path, adapter: Path | None = None, *, threads: int = 1
) -> CausalLanguageModel:
    """Load a causal model, its tokeniser and optionally an adapter, all from local folders.

    Nothing is downloaded, no code from the folder is run and no pickle is read. A check against
    whole passes selects how labels are scored: a trie in one pass where the model honours 4-D
    attention masks, else batches after the cached prompt, else whole passes.

    Args:
        folder: config.json, *.safetensors and tokenizer files.
        adapter: folder in PEFT format.
        threads: torch threads during a pass.

    Raises:
        ModelNotFoundError: the folder does not hold a usable causal model.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    auto_model: Any = AutoModelForCausalLM  # its annotations do not cover what is used here
    messages: Any = logging
    messages.disable_progress_bar()  # it would garble the caller's display
    if not list(folder.glob("*.safetensors")):
        raise ModelNotFoundError(
            f"{folder} has no *.safetensors; save the model there with save_pretrained."
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        model, report = auto_model.from_pretrained(
            folder,
            output_loading_info=True,
            dtype=torch.float32,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
    except (*_LOADING_ERRORS, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelNotFoundError(
            f"{folder} cannot be loaded as a causal model ({reason}); give a folder with a "
            "config.json, *.safetensors and a tokenizer that transformers knows."
        ) from None
    if missing := sorted(report["missing_keys"]):
        raise ModelNotFoundError(
            f"{folder} lacks the weight {missing[0]} and {len(missing) - 1} more; "
            "save or copy the whole model."
        )
    model.requires_grad_(False).eval()
    if adapter is not None:
        merge_adapter(model, adapter)
    language_model = CausalLanguageModel(
        folder.name, FolderNetwork(model), FolderTokenizer(tokenizer, model), threads=threads
    )
    language_model.method = exact_method(language_model)
    return language_model


def exact_method(model: CausalLanguageModel) -> Method:
    """The fastest method whose scores equal those of whole passes on a small test.

    The test has a prompt that extends the previous one, a prompt that diverges from it, and labels
    that share words, so that masks, positions and cropped caches all matter.
    """
    prompts = ("one two three four five six", "one two three four five six seven", "one two nine")
    labels = ("a b c d", "a b d c", "a b", "d c b a", "b")
    truth = [model.score_one_by_one(prompt, labels).log_likelihood for prompt in prompts]
    methods: tuple[Method, ...] = ("trie", "batch")
    for method in methods:
        try:
            scores = [model.score_by(method, prompt, labels) for prompt in prompts]
        except (RuntimeError, ValueError, TypeError, AttributeError, IndexError, KeyError):
            continue  # models reject such a mask or cache in many ways
        errors = [abs(got.log_likelihood - true) for got, true in zip(scores, truth, strict=True)]
        if max(float(error.max()) for error in errors) < _TOLERANCE:
            return method
    return "full"


class FolderNetwork:
    """`causal.Network` over a transformers model."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._takes_rows = "logits_to_keep" in inspect.signature(model.forward).parameters
        config = model.config.get_text_config()
        limits = [getattr(config, "max_position_embeddings", None), _window(config)]
        self.context: int = min([limit for limit in limits if limit] or [2048])

    def __call__(
        self,
        tokens: Tensor,
        positions: Tensor,
        mask: Tensor | None = None,
        past: KeyValues | None = None,
        rows: Tensor | None = None,
        keep: bool = True,
    ) -> tuple[Tensor, KeyValues]:
        """One forward pass; see `causal.Network.__call__`."""
        from transformers import DynamicCache

        cache = DynamicCache()
        for layer, (keys, values) in enumerate(past or ()):
            cache.update(keys, values, layer)
        extra: dict[str, Any] = {}
        if mask is not None:  # additive, as every attention implementation accepts
            lowest = torch.finfo(torch.float32).min
            extra["attention_mask"] = torch.zeros(mask.shape).masked_fill_(~mask, lowest)
        if rows is not None and self._takes_rows:
            extra["logits_to_keep"] = rows
        output = self._model(
            input_ids=tokens,
            position_ids=positions,
            past_key_values=cache if keep else None,
            use_cache=keep,
            **extra,
        )
        logits = output.logits
        if rows is not None and not self._takes_rows:
            logits = logits[:, rows]
        layers = output.past_key_values.layers if keep else ()
        return logits, tuple((layer.keys, layer.values) for layer in layers)


class FolderTokenizer:
    """`causal.Tokenizer` over a transformers tokeniser."""

    def __init__(self, tokenizer: Any, model: Any) -> None:
        self._tokenizer = tokenizer
        self.start_token: int | None = tokenizer.bos_token_id
        if self.start_token is None:
            self.start_token = tokenizer.eos_token_id
        ends = [tokenizer.eos_token_id, *_listed(model.generation_config.eos_token_id)]
        self.end_tokens = frozenset(end for end in ends if end is not None)
        marked, bare = tokenizer("a").input_ids, self._bare("a")
        at = next(
            (at for at in range(len(marked)) if marked[at : at + len(bare)] == bare), len(marked)
        )
        self._opening: list[int] = marked[:at] if at < len(marked) else []

    def encode(self, text: str) -> list[int]:
        """Tokens of `text`, preceded by those that this tokeniser prepends to every text."""
        return self._opening + self._bare(text)

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of `tokens`."""
        text: str = self._tokenizer.decode(list(tokens), clean_up_tokenization_spaces=False)
        return text

    def _bare(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False).input_ids
        return ids


def _window(config: Any) -> int | None:
    """Sliding window, beyond which our masks would show more than the model was trained on."""
    if getattr(config, "use_sliding_window", True) is False:
        return None
    window: int | None = getattr(config, "sliding_window", None)
    return window


def _listed(value: int | list[int] | None) -> list[int | None]:
    return list(value) if isinstance(value, list) else [value]
