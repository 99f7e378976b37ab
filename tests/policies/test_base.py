import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from policies.base import Policy, PolicyConfig
from policies.errors import PolicyError
from policies.registry import POLICIES, find_checkpoint, policy_class, weights_folder

INPUTS = {"observation.state": (3,), "observation.images.head": (8, 6, 3)}


@dataclass(frozen=True, kw_only=True)
class SmallConfig(PolicyConfig):
    widths: tuple[int, ...] = (4, 5)
    kind: str = "plain"

    presets = {"wide": {"widths": (9,), "image_size": (4, 4)}}  # noqa: RUF012


class Small(Policy):
    name = "small"
    config_class = SmallConfig

    def __init__(self, config):
        super().__init__(config)
        self.layer = nn.Linear(3, config.action_size)

    def windows(self):
        return {"observation.state": range(1), "action": range(2)}

    def loss(self, batch):
        total = self.layer(batch["observation.state"]).square().mean()
        return total, {"loss": total.detach()}

    def reset(self):
        pass

    def act(self, observation):
        state = self.tensors(observation)["observation.state"]
        return self.layer(state).detach().numpy()[None]


def test_a_configuration_survives_json():
    config = SmallConfig(inputs=INPUTS, action_size=2, widths=(7, 8, 9))
    again = SmallConfig.from_json(config.to_json())
    assert again == config
    assert again.widths == (7, 8, 9)


def test_presets_scale_cameras_and_overrides_go_first():
    config = SmallConfig.for_dataset(INPUTS, 2, preset="wide", kind="other")
    assert config.inputs == {"observation.state": (3,), "observation.images.head": (4, 4, 3)}
    assert (config.widths, config.kind) == ((9,), "other")
    assert SmallConfig.for_dataset(INPUTS, 2, "wide", widths=(1,)).widths == (1,)
    assert SmallConfig.for_dataset(INPUTS, 2).inputs == INPUTS
    assert config.cameras == ("observation.images.head",)


@pytest.mark.parametrize(
    ("preset", "overrides", "words"),
    [("huge", {}, 'no preset "huge"; it has wide'), (None, {"width": 3}, 'no "width"')],
)
def test_wrong_names_are_refused(preset, overrides, words):
    with pytest.raises(PolicyError, match=words):
        SmallConfig.for_dataset(INPUTS, 2, preset, **overrides)


@pytest.fixture
def policy():
    return Small(SmallConfig(inputs=INPUTS, action_size=2, instruction_width=4)).eval()


@pytest.fixture
def observation():
    return {
        "observation.state": np.zeros(3),
        "observation.images.head": np.full((16, 12, 3), 7, np.uint8),
        "instruction": np.ones((5, 4), np.float32),
        "unused": np.zeros(1),
    }


def test_an_observation_becomes_tensors_of_the_policys_shapes(policy, observation):
    tensors = policy.tensors(observation)
    assert {key: tuple(value.shape) for key, value in tensors.items()} == {
        **INPUTS,
        "instruction": (5, 4),
    }
    assert tensors["observation.state"].dtype == torch.float32
    assert torch.equal(tensors["observation.images.head"], torch.full((8, 6, 3), 7).byte())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"observation.state": np.zeros(4)}, r'"observation.state" has shape \(4,\).*\(3,\)'),
        ({"instruction": np.zeros((0, 4))}, r"\('any', 4\)"),
        ({"observation.images.head": np.zeros((8, 6), np.uint8)}, r"shape \(8, 6\)"),
        ({"observation.images.head": None}, 'needs "observation.images.head"'),
    ],
)
def test_an_observation_that_does_not_fit_is_refused(policy, observation, change, words):
    changed = {k: v for k, v in {**observation, **change}.items() if v is not None}
    with pytest.raises(PolicyError, match=words):
        policy.tensors(changed)


def test_what_does_not_train_is_in_no_group(policy):
    policy.layer.bias.requires_grad_(False)
    (group,) = policy.optimizer_groups(0.5)
    assert group["lr"] == 0.5
    assert [p.shape for p in group["params"]] == [policy.layer.weight.shape]


def test_policies_are_found_by_name():
    assert policy_class("rt1").name == "rt1"
    assert dataclasses.is_dataclass(policy_class("rt1").config_class)
    with pytest.raises(PolicyError, match="there are " + ", ".join(POLICIES)):
        policy_class("rt9")


def test_what_is_no_checkpoint_is_named(tmp_path):
    (tmp_path / "model.safetensors").touch()
    assert find_checkpoint(str(tmp_path)) == tmp_path
    with pytest.raises(PolicyError, match="no shipped policy"):
        find_checkpoint("nothing-of-the-kind")
    assert weights_folder("act").name == "act"
