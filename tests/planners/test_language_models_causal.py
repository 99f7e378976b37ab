"""Exact scoring over a cached prompt, held against one whole pass per label."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from planners.language_models import (
    InvalidRequestError,
    LanguageModel,
    ModelNotFoundError,
    PromptTooLongError,
)
from planners.language_models.adapter import merge_adapter
from planners.language_models.causal import Method
from tests.planners.tiny_language_models import MERGES, tiny_llama, tiny_model

PROMPT = "Human: bring me a coke can\nRobot: 1:"
LABELS = ["find a coke can", "find a sponge", "pick up the sponge", "done", "find", "done"]
TEXTS = st.text(st.sampled_from("ab. \né日"), min_size=1, max_size=12)


def test_it_is_a_language_model() -> None:
    assert isinstance(tiny_model(), LanguageModel)


@pytest.mark.parametrize("method", ["trie", "batch"])
def test_fast_scores_equal_whole_passes(method: Method) -> None:
    model = tiny_model()
    fast = model.score_by(method, PROMPT, LABELS)
    slow = model.score_one_by_one(PROMPT, LABELS)
    np.testing.assert_allclose(fast.log_likelihood, slow.log_likelihood, atol=1e-4)
    assert fast.tokens.tolist() == slow.tokens.tolist()


@settings(max_examples=15, deadline=None)
@given(
    st.lists(TEXTS, min_size=1, max_size=4),
    st.lists(TEXTS.filter(str.strip), min_size=1, max_size=6),
)
def test_scores_do_not_depend_on_what_was_asked_before(
    prompts: list[str], labels: list[str]
) -> None:
    model = tiny_model(start_token=0, cached_tokens=20)
    for prompt in [*prompts, prompts[0] + "ab", prompts[0][:-1]]:
        for method in ("trie", "batch"):
            fast = model.score_by(method, prompt, labels).log_likelihood
            slow = model.score_one_by_one(prompt, labels).log_likelihood
            np.testing.assert_allclose(fast, slow, atol=2e-4)


def test_a_long_prompt_is_run_in_chunks() -> None:
    model = tiny_model()
    prompt = "find the cup, " * 100
    fast, slow = model.score(prompt, LABELS), model.score_one_by_one(prompt, LABELS)
    np.testing.assert_allclose(fast.log_likelihood, slow.log_likelihood, atol=1e-4)
    again = model.score(prompt + "2", LABELS)
    slow = model.score_one_by_one(prompt + "2", LABELS)
    np.testing.assert_allclose(again.log_likelihood, slow.log_likelihood, atol=1e-4)


def test_a_growing_prompt_runs_only_its_new_tokens() -> None:
    network = _CountingNetwork()
    model = tiny_model(network)
    model.score(PROMPT, ["x"])
    network.tokens = 0
    model.score(PROMPT + " find", ["x"])
    inner_nodes = 1  # the space before x
    assert network.tokens == len(" find") + inner_nodes


def test_two_growing_prompts_do_not_push_each_other_out() -> None:
    network = _CountingNetwork()
    model = tiny_model(network)
    for text in ("with an instruction", "without one"):
        model.score(PROMPT + text, ["x"])
    network.tokens = 0
    for text in ("with an instruction 2", "without one 2"):
        model.score(PROMPT + text, ["x"])
    assert network.tokens == 2 * (len(" 2") + 1)


def test_a_repeated_question_runs_nothing() -> None:
    network = _CountingNetwork()
    model = tiny_model(network)
    first = model.score(PROMPT, LABELS)
    network.tokens = 0
    assert model.score(PROMPT, tuple(LABELS)) is first
    assert network.tokens == 0
    with pytest.raises(ValueError, match="read-only"):
        first.log_likelihood[0] = 0.0


def test_a_prompt_whose_end_merges_with_the_label_is_scored_as_the_joined_text() -> None:
    model = tiny_model()
    scores = model.score("Robot: 1.", ["x", "yy"])  # the "." and the label's " " are one token
    tokens = [*b"Robot: 1", MERGES[". "], *b"yy"]
    logits, _ = model._network(torch.tensor([tokens]), torch.arange(len(tokens))[None])
    log_p = logits[0].log_softmax(-1)
    shared = len(b"Robot: 1")
    merged = log_p[shared - 1, MERGES[". "]] + log_p[shared, ord("y")] + log_p[shared + 1, ord("y")]
    plain = log_p[shared - 1, ord(".")]
    assert scores.log_likelihood[1] == pytest.approx(float(merged - plain), abs=1e-4)
    assert scores.tokens.tolist() == [1, 2]


def test_an_empty_prompt_needs_a_start_token() -> None:
    with pytest.raises(InvalidRequestError, match="longer prompt"):
        tiny_model().score("", ["x"])
    model = tiny_model(start_token=0)
    np.testing.assert_allclose(
        model.score("", ["x"]).log_likelihood,
        model.score_one_by_one("", ["x"]).log_likelihood,
        atol=1e-4,
    )


def test_bad_requests_are_refused() -> None:
    model = tiny_model()
    for prompt, labels in [("a", []), ("a", [" "]), ("a", "label"), ("a\ud800", ["b"])]:
        with pytest.raises(InvalidRequestError):
            model.score(prompt, labels)
    with pytest.raises(InvalidRequestError, match="max_tokens"):
        model.generate("a", 0)
    with pytest.raises(InvalidRequestError, match="stop"):
        model.generate("a", 4, [""])


def test_prompts_beyond_the_context_are_refused() -> None:
    model = tiny_model(tiny_llama(context=16))
    assert model.score("x" * 10, ["fits"]).tokens.tolist() == [5]
    with pytest.raises(PromptTooLongError, match=r"10 tokens and needs 8 more.*16"):
        model.score("x" * 10, ["one", "too long"[:7]])
    with pytest.raises(PromptTooLongError):
        model.generate("x" * 10, 7)


def test_generation_takes_the_most_likely_token_each_time() -> None:
    model = tiny_model()
    text = model.generate("Robot:", 6)
    tokens = model._tokenizer.encode("Robot:")
    expected: list[int] = []
    for _ in range(6):
        logits, _ = model._network(torch.tensor([tokens]), torch.arange(len(tokens))[None])
        token = int(logits[0, -1].argmax())
        if token in model._tokenizer.end_tokens:
            break
        tokens, expected = [*tokens, token], [*expected, token]
    assert text == model._tokenizer.decode(expected)
    assert model.generate("Robot:", 6, ["?", text[1:3]]) == text[0]
    assert model.generate(PROMPT, 6) == ""  # it ends at once


def test_passes_leave_the_thread_setting_alone() -> None:
    threads = torch.get_num_threads()
    tiny_model().score(PROMPT, LABELS)
    assert torch.get_num_threads() == threads


def test_a_merged_adapter_adds_its_scaled_product(tmp_path: Path) -> None:
    network, module = tiny_llama(), "model.layers.1.self_attn.k_proj"
    before = network.get_parameter(f"{module}.weight").clone()
    down, up = torch.randn(4, 32), torch.randn(16, 4)
    merge_adapter(network, _adapter(tmp_path, {module: (down, up)}, r=4, lora_alpha=8))
    torch.testing.assert_close(network.get_parameter(f"{module}.weight"), before + 2 * up @ down)
    other = "model.layers.0.self_attn.k_proj.weight"
    torch.testing.assert_close(network.get_parameter(other), tiny_llama().get_parameter(other))


def test_adapters_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    good = {"model.layers.0.mlp.up_proj": (torch.zeros(2, 32), torch.zeros(48, 2))}
    for name, tensors, options, words in [
        (
            "shape",
            {"model.layers.0.mlp.up_proj": (torch.zeros(2, 9), torch.zeros(48, 2))},
            {},
            "fit",
        ),
        ("layer", {"model.layers.7.mlp.up_proj": good["model.layers.0.mlp.up_proj"]}, {}, "fit"),
        ("dora", good, {"use_dora": True}, "use_dora"),
        ("kind", good, {"peft_type": "PREFIX_TUNING"}, "PREFIX_TUNING"),
    ]:
        folder = _adapter(tmp_path / name, tensors, r=2, lora_alpha=2, **options)
        with pytest.raises(ModelNotFoundError, match=words):
            merge_adapter(tiny_llama(), folder)
    for text in ("{", "[]", '{"r": 0, "lora_alpha": 8}', '{"peft_type": "LORA"}'):
        (tmp_path / "shape" / "adapter_config.json").write_text(text)
        with pytest.raises(ModelNotFoundError, match="cannot be read"):
            merge_adapter(tiny_llama(), tmp_path / "shape")
    with pytest.raises(ModelNotFoundError, match=r"adapter_config\.json"):
        merge_adapter(tiny_llama(), tmp_path / "nothing")


class _CountingNetwork:
    """The tiny Llama, counting the tokens that it runs."""

    def __init__(self) -> None:
        self._network = tiny_llama()
        self.context = self._network.context
        self.tokens = 0

    def __call__(self, tokens, *arguments, **options):  # type: ignore[no-untyped-def]
        self.tokens += tokens.numel()
        return self._network(tokens, *arguments, **options)


def _adapter(
    folder: Path, tensors: dict[str, tuple[torch.Tensor, torch.Tensor]], **config: object
) -> Path:
    folder.mkdir(exist_ok=True)
    named = {}
    for module, (down, up) in tensors.items():
        named[f"base_model.model.{module}.lora_A.weight"] = down
        named[f"base_model.model.{module}.lora_B.weight"] = up
    save_file(named, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", **config}))
    return folder
