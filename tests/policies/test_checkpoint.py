import json

import pytest
import torch
from safetensors.torch import save_file

from policies import checkpoint, export
from policies.errors import CheckpointError
from policies.registry import find_checkpoint
from policies.rt1.config import RT1Config
from policies.rt1.rt1 import RT1

INPUTS = {"observation.state": (3,), "observation.images.head": (32, 32, 3)}
TINY = {
    "use_state": True,
    "encoder": "residual",
    "encoder_widths": (16, 16),
    "encoder_strides": (2,),
    "condition": 8,
    "width": 16,
    "layers": 1,
    "heads": 2,
    "head_width": 8,
    "bins": 8,
}
METADATA = {"seed": 3, "dataset": {"fingerprint": "abc"}}


@pytest.fixture
def policy():
    torch.manual_seed(0)
    made = RT1(RT1Config.for_dataset(INPUTS, 2, **TINY))
    numbers = {"mean": [1, 2], "std": [1, 1], "min": [-1 / 3, 0], "max": [2, 3]}
    state = {"mean": [0] * 3, "std": [1] * 3, "min": [-1] * 3, "max": [1] * 3}
    made.normalizer.set_stats({"action": numbers, "observation.state": state})
    return made


def test_what_is_saved_comes_back(policy, tmp_path):
    checkpoint.save(policy, tmp_path / "a" / "b", METADATA)
    loaded = checkpoint.load(tmp_path / "a" / "b")
    assert loaded.config == policy.config
    assert not loaded.training
    for name, tensor in policy.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert checkpoint.describe(tmp_path / "a" / "b").metadata == METADATA
    written = json.loads((tmp_path / "a" / "b" / "policy.json").read_text())
    assert (written["policy"], written["metadata"]) == ("rt1", METADATA)


def test_other_weights_and_half_precision_are_stored(policy, tmp_path):
    averaged = {name: p.detach() * 0 + 1 / 3 for name, p in policy.named_parameters()}
    checkpoint.save(policy, tmp_path, {}, weights=averaged, dtype=torch.float16)
    loaded = checkpoint.load(tmp_path)
    assert loaded.head.weight.dtype == torch.float32
    assert torch.equal(loaded.head.weight, torch.full_like(loaded.head.weight, 1 / 3).half())
    assert torch.equal(
        loaded.normalizer.buffer("action", "min"), policy.normalizer.buffer("action", "min")
    )


def test_a_checkpoint_is_handed_on_in_half_the_size(policy, tmp_path, monkeypatch, capsys):
    checkpoint.save(policy, tmp_path / "run", METADATA)
    arguments = ["export", str(tmp_path / "run"), str(tmp_path / "shipped")]
    monkeypatch.setattr("sys.argv", arguments)
    export.main()
    shipped = checkpoint.load(tmp_path / "shipped")
    assert torch.equal(shipped.head.weight, policy.head.weight.half().float())
    assert checkpoint.describe(tmp_path / "shipped").metadata == METADATA
    sizes = [(tmp_path / name / checkpoint.MODEL).stat().st_size for name in ("run", "shipped")]
    assert sizes[1] < 0.7 * sizes[0]
    monkeypatch.setattr("sys.argv", [*arguments, "decoding=expectation"])
    export.main()
    shipped = checkpoint.load(tmp_path / "shipped")
    assert shipped.config.decoding == "expectation"
    noted = checkpoint.describe(tmp_path / "shipped").metadata
    assert noted == {**METADATA, "changed": {"decoding": "expectation"}}
    for wrong, words in {"width=32": "do not fit", "x=1": "no number", "shift": "no key"}.items():
        monkeypatch.setattr("sys.argv", [*arguments, wrong])
        with pytest.raises(SystemExit, match=words):
            export.main()
    monkeypatch.setattr("sys.argv", ["export", str(tmp_path / "nothing"), str(tmp_path / "x")])
    with pytest.raises(SystemExit, match="nothing has no model.safetensors"):
        export.main()


def test_a_failed_save_leaves_what_was_there(policy, tmp_path):
    checkpoint.save(policy, tmp_path, {"step": 1})
    with pytest.raises(TypeError):
        checkpoint.save(policy, tmp_path, {"step": object()})
    assert checkpoint.describe(tmp_path).metadata == {"step": 1}
    checkpoint.save(policy, tmp_path, {"step": 2})
    assert checkpoint.describe(tmp_path).metadata == {"step": 2}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors", "policy.json"]


def _empty(folder):
    pass


def _garbage(folder):
    (folder / "model.safetensors").write_bytes(b"not a checkpoint")


def _no_description(folder):
    save_file({"x": torch.zeros(1)}, folder / "model.safetensors")


def _described(folder, **values):
    description = {"policy": "rt1", "config": {}, "metadata": {}, **values}
    save_file(
        {"x": torch.zeros(1)},
        folder / "model.safetensors",
        metadata={"description": json.dumps(description)},
    )


def _other_policy(folder):
    _described(folder, policy="rt9")


def _other_config(folder):
    _described(folder, config={"inputs": {}, "action_size": 1, "wheels": 4})


def _other_weights(folder):
    config = RT1Config.for_dataset(INPUTS, 2, **TINY)
    _described(folder, config=config.to_json())


def _list_of_inputs(folder):
    _described(folder, config={"inputs": [], "action_size": 1})


def _list_as_metadata(folder):
    _described(folder, metadata=[])


@pytest.mark.parametrize(
    ("breaking", "words"),
    [
        (_empty, "has no model.safetensors"),
        (_garbage, "cannot be read"),
        (_no_description, "cannot be read"),
        (_other_policy, 'no policy "rt9"'),
        (_other_config, 'no "wheels"'),
        (_other_weights, "Missing key"),
        (_list_of_inputs, "do not fit this version"),
        (_list_as_metadata, "metadata is no object"),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_one_sentence(tmp_path, breaking, words):
    breaking(tmp_path)
    with pytest.raises(CheckpointError, match=words) as caught:
        checkpoint.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_of_a_run_the_best_checkpoint_is_found_else_the_newest(tmp_path):
    for which in ("last", "best"):
        folder = tmp_path / "run" / "checkpoints" / which
        folder.mkdir(parents=True)
        (folder / "model.safetensors").touch()
        assert find_checkpoint(str(tmp_path / "run")) == folder
        assert find_checkpoint(str(folder)) == folder
