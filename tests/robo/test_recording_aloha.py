"""The two arms' experts record, replay exactly, and go on where they were."""

from pathlib import Path

import numpy as np
import pytest

from envs.aloha.env import AlohaTransferCubeEnv
from envs.registration import TRANSFER_CUBE_ID
from robo.data.features import ACTION
from robo.data.lerobot_reader import Dataset
from robo.errors import UserError
from robo.recording.aloha_expert import AlohaExpertDevice
from robo.recording.environments import (
    default_task,
    has_expert,
    made_again,
    make_environment,
    make_task,
)
from robo.recording.expert_episodes import record_experts
from robo.recording.expert_settings import ExpertSettings
from robo.recording.recorder import SENT_ACTION
from robo.recording.replaying import replay_episode


def test_an_expert_episode_is_recorded_and_comes_back_exactly(tmp_path: Path) -> None:
    root = tmp_path / "set"
    words = default_task(TRANSFER_CUBE_ID)
    assert words == AlohaTransferCubeEnv.instruction
    settings = ExpertSettings(TRANSFER_CUBE_ID, seed=41, noise=0.2, image_size=16)
    report = record_experts(root, [words], 1, settings, workers=1)
    assert report.kept == 1
    found = Dataset(root)
    assert found.fps == 50
    episode = found.episodes[0]
    assert episode.info.success
    assert episode.info.success_rule_version == "aloha-1"
    assert 200 < episode.length < 400
    label, sent = found.column(ACTION), found.column(SENT_ACTION)
    assert label.shape == (episode.length, 14)
    assert 0.001 < np.abs(label - sent).max() < 0.1
    assert (label[:, [6, 13]] == sent[:, [6, 13]]).all()
    made = made_again(TRANSFER_CUBE_ID, {"success_ends_episode": False})
    replay = replay_episode(made.env, root, episode, make_task(TRANSFER_CUBE_ID, words))
    assert replay.worst == 0.0
    assert replay.success
    # Nothing is missing, so nothing is made again.
    assert record_experts(root, [words], 1, settings, workers=1).kept == 0


def test_pictures_are_of_the_environments_own_size_unless_asked() -> None:
    assert make_environment(TRANSFER_CUBE_ID).arguments == {
        "image_size": [240, 320],
        "success_ends_episode": False,
    }
    assert make_environment(TRANSFER_CUBE_ID, image_size=32).arguments["image_size"] == 32


def test_other_environments_have_no_such_expert() -> None:
    assert has_expert(TRANSFER_CUBE_ID)
    assert not has_expert("CartPole-v1")
    assert default_task("CartPole-v1") is None
    with pytest.raises(UserError, match="two arms"):
        AlohaExpertDevice().open(make_environment("CartPole-v1").env.unwrapped)
