"""Other people's environments are recorded under our keys."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from robo.data.lerobot_reader import Dataset
from robo.recording.environments import made_again
from robo.recording.observations import with_our_keys
from robo.recording.recorder import Recorder

PICTURE = spaces.Box(0, 255, (16, 24, 3), np.uint8)
VECTOR = spaces.Box(-1.0, 1.0, (2,), np.float64)


class ForeignEnv(gymnasium.Env[Any, np.ndarray]):
    """Observes whatever space it is given."""

    metadata = {"render_fps": 10}  # noqa: RUF012

    def __init__(self, observed: spaces.Space[Any]) -> None:
        self.observation_space = observed
        self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {"is_success": False}

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self.observation_space.sample(), 0.0, False, False, {"is_success": action[0] > 0}


@pytest.mark.parametrize(
    ("observed", "keys"),
    [
        (spaces.Dict(pixels=PICTURE, agent_pos=VECTOR), {"images/camera", "state"}),
        (
            spaces.Dict(pixels=spaces.Dict(top=PICTURE, side=PICTURE), agent_pos=VECTOR),
            {"images/top", "images/side", "state"},
        ),
        (
            spaces.Dict(
                {
                    "observation.images.top": PICTURE,
                    "observation.state": VECTOR,
                    "observation.environment_state": VECTOR,
                }
            ),
            {"images/top", "state", "environment_state"},
        ),
        (spaces.Dict({"observation.image": PICTURE}), {"images/camera"}),
        (spaces.Dict(top=PICTURE, state=VECTOR), {"images/top", "state"}),
        (PICTURE, {"images/camera"}),
    ],
)
def test_names_become_ours(observed: spaces.Space[Any], keys: set[str]) -> None:
    env = with_our_keys(ForeignEnv(observed))
    assert isinstance(env.observation_space, spaces.Dict)
    assert set(env.observation_space.spaces) == keys
    observation, _ = env.reset(seed=0)
    assert set(observation) == keys
    assert env.observation_space.contains(observation)
    assert env.observation_space.contains(env.step(np.ones(1, np.float32))[0])


def test_what_has_our_keys_is_left_alone() -> None:
    for observed in (spaces.Dict({"state": VECTOR, "images/top": PICTURE}), VECTOR):
        env = ForeignEnv(observed)
        assert with_our_keys(env) is env


def test_a_foreign_environment_is_recorded(tmp_path: Path) -> None:
    observed = spaces.Dict(pixels=spaces.Dict(top=PICTURE), agent_pos=VECTOR)
    gymnasium.register("tests/Foreign-v0", entry_point=lambda: ForeignEnv(observed))
    try:
        env = made_again("tests/Foreign-v0", {}).env
    finally:
        del gymnasium.registry["tests/Foreign-v0"]
    with Recorder(env, tmp_path / "set", task="wait") as recorder:
        first, _ = recorder.reset(seed=0)
        state = np.array(first["state"])
        for _ in range(4):
            recorder.step(np.ones(1, np.float32))
        recorder.keep()
    found = Dataset(tmp_path / "set")
    assert {"observation.state", "observation.images.top"} <= found.features.keys()
    assert found.episodes[0].info.success
    np.testing.assert_array_equal(found.column("observation.state")[0], state)
