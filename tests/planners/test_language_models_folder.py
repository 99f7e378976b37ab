"""Causal models from local folders in Hugging Face's format, and adapters as PEFT writes them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from planners.language_models import ModelNotFoundError, load_language_model
from planners.language_models.causal import CausalLanguageModel
from planners.language_models.huggingface import exact_method
from tests.planners.tiny_language_models import ByteTokenizer, tiny_llama

LABELS = ["find the cup", "find the can", "pick up the cup", "done"]
SIZES = {"vocab_size": 260, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
LLAMA = SIZES | {"num_key_value_heads": 2, "intermediate_size": 48, "max_position_embeddings": 256}


def _models() -> dict[str, PreTrainedModel]:
    torch.manual_seed(0)
    gpt2 = GPT2Config(vocab_size=260, n_embd=32, n_layer=2, n_head=4, n_positions=256)
    mamba = MambaConfig(vocab_size=260, hidden_size=32, num_hidden_layers=2, state_size=4)
    made: dict[str, PreTrainedModel] = {
        "llama": LlamaForCausalLM(LlamaConfig(**LLAMA, initializer_range=0.3)),
        "gpt2": GPT2LMHeadModel(gpt2),
        "mistral": MistralForCausalLM(MistralConfig(**LLAMA, sliding_window=64)),
        "mamba": MambaForCausalLM(mamba),
    }
    return made


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    tokens = {chr(at) if 32 <= at < 127 else f"<{at}>": at for at in range(256)}
    tokens |= {"<s>": 256, "</s>": 257}
    tokenizer = Tokenizer(models.WordLevel(tokens, unk_token="<0>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 256), ("</s>", 257)]
    )
    root = tmp_path_factory.mktemp("models")
    made = {}
    for name, model in _models().items():
        made[name] = root / name
        model.save_pretrained(made[name])
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>"
        ).save_pretrained(made[name])
    return made


@pytest.mark.parametrize(
    ("name", "method"),
    [("llama", "trie"), ("gpt2", "trie"), ("mistral", "trie"), ("mamba", "full")],
)
def test_every_architecture_is_scored_exactly(
    folders: dict[str, Path], name: str, method: str
) -> None:
    model = load_language_model(str(folders[name]))
    assert isinstance(model, CausalLanguageModel)
    assert model.method == method
    for prompt in ("Robot: 1.", "Robot: 1. find the cup, 2.", "Robot: 3."):
        scores = model.score(prompt, LABELS)
        slow = model.score_one_by_one(prompt, LABELS)
        np.testing.assert_allclose(scores.log_likelihood, slow.log_likelihood, atol=1e-4)
        assert scores.tokens.tolist() == [1 + len(label) for label in LABELS]
    whole = CausalLanguageModel("whole", model._network, model._tokenizer, method="full")
    assert model.generate("Robot: 1.", 8) == whole.generate("Robot: 1.", 8)


def test_scores_are_those_of_transformers(folders: dict[str, Path]) -> None:
    scores = load_language_model(str(folders["llama"])).score("Robot: 1.", ["done"])
    reference = AutoModelForCausalLM.from_pretrained(folders["llama"])
    prompt, label = [256, *b"Robot: 1."], list(b" done")  # opened by <s>, never closed by </s>
    with torch.no_grad():
        log_p = reference(torch.tensor([prompt + label])).logits[0].log_softmax(-1)
    expected = sum(float(log_p[len(prompt) - 1 + at, token]) for at, token in enumerate(label))
    assert scores.log_likelihood[0] == pytest.approx(expected, abs=1e-4)


def test_a_sliding_window_bounds_the_context(folders: dict[str, Path]) -> None:
    model = load_language_model(str(folders["mistral"]))
    assert isinstance(model, CausalLanguageModel)
    assert model._network.context == 64


def test_a_network_that_ignores_masks_is_scored_in_batches() -> None:
    network = tiny_llama()

    class Causal:
        context = network.context

        def __call__(self, tokens, positions, mask=None, past=None, rows=None, keep=True):  # type: ignore[no-untyped-def]
            return network(tokens, positions, None, past, rows, keep)

    class Refusing(Causal):
        def __call__(self, tokens, positions, mask=None, past=None, rows=None, keep=True):  # type: ignore[no-untyped-def]
            if mask is not None:
                raise ValueError("only 2-D masks")
            return network(tokens, positions, None, past, rows, keep)

    class Forgetful(Refusing):
        def __call__(self, tokens, positions, mask=None, past=None, rows=None, keep=True):  # type: ignore[no-untyped-def]
            return super().__call__(tokens, positions, mask, None, rows, keep)

    for kind, method in [(Causal, "batch"), (Refusing, "batch"), (Forgetful, "full")]:
        assert exact_method(CausalLanguageModel("x", kind(), ByteTokenizer())) == method


def test_an_adapter_written_by_peft_gives_the_scores_that_peft_gives(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    peft = pytest.importorskip("peft")
    from planners.language_models.huggingface import load_folder

    torch.manual_seed(1)
    config = peft.LoraConfig(
        r=4, lora_alpha=16, target_modules=["q_proj", "down_proj"], init_lora_weights=False
    )
    base = AutoModelForCausalLM.from_pretrained(folders["llama"])
    adapted = peft.get_peft_model(base, config).eval()
    adapted.save_pretrained(tmp_path)
    scores = load_folder(folders["llama"], tmp_path).score("Robot: 1.", ["done"])
    prompt, label = [256, *b"Robot: 1."], list(b" done")
    with torch.no_grad():
        log_p = adapted(torch.tensor([prompt + label])).logits[0].log_softmax(-1)
    expected = sum(float(log_p[len(prompt) - 1 + at, token]) for at, token in enumerate(label))
    assert scores.log_likelihood[0] == pytest.approx(expected, abs=1e-3)
    plain = load_language_model(str(folders["llama"])).score("Robot: 1.", ["done"])
    assert abs(float(plain.log_likelihood[0]) - expected) > 0.1


def test_folders_that_hold_no_usable_model_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle would run code")
    with pytest.raises(ModelNotFoundError, match="no \\*.safetensors"):
        load_language_model(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelNotFoundError, match="cannot be loaded"):
        load_language_model(str(tmp_path))


def test_weights_that_are_damaged_or_missing_are_refused(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(folders["llama"], tmp_path, dirs_exist_ok=True)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["model.layers.0.mlp.up_proj.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelNotFoundError, match="lacks the weight model.layers.0.mlp"):
        load_language_model(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelNotFoundError, match="cannot be loaded"):
        load_language_model(str(tmp_path))
