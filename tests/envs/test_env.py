"""The environment keeps gymnasium's contract and its own promises."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import envs.registration
from envs.kitchen import rules
from envs.kitchen.control import ARM, BASE, TERMINATE
from envs.kitchen.env import STATE_NAMES, KitchenEnv
from envs.kitchen.randomization import TERMS
from envs.kitchen.start import StartState

START = StartState(
    robot="table", objects=(("coke can", "table"), ("apple", "table"), ("sponge", "top drawer"))
)
OTHER_PLACES = StartState(
    robot="user", objects=(("coke can", "user"), ("apple", "trash"), ("sponge", "table"))
)


@pytest.fixture(scope="module")
def env() -> KitchenEnv:
    return KitchenEnv(start=START)


def random_episode(env: KitchenEnv, seed: int, steps: int = 25) -> list[bytes]:
    """Everything that an episode of random actions returns, as bytes."""
    rng = np.random.default_rng(3)
    observation, info = env.reset(seed=seed)
    seen = [observation["state"].tobytes()]
    for _ in range(steps):
        action = rng.uniform(env.action_space.low, env.action_space.high)
        action[10] = rng.integers(0, 2)
        observation, _, _, _, info = env.step(action)
        seen.append(observation["state"].tobytes())
        seen.extend(thing["position"].tobytes() for thing in info["objects"])
    return seen


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_gymnasium_finds_nothing_to_complain_about() -> None:
    made = gymnasium.make(envs.registration.KITCHEN_ID, start=START)
    check_env(made.unwrapped, skip_render_check=True)


def test_it_is_made_without_importing_anything_of_ours() -> None:
    code = 'import gymnasium; gymnasium.make("robo/Kitchen-v1").reset(seed=0)'
    subprocess.run([sys.executable, "-c", code], check=True, cwd="/")


def test_one_seed_is_one_episode_bit_for_bit(env: KitchenEnv) -> None:
    first = random_episode(env, seed=5)
    random_episode(env, seed=6)
    assert random_episode(env, seed=5) == first
    assert random_episode(KitchenEnv(start=START), seed=5) == first


def test_randomised_episodes_repeat_too() -> None:
    everything = tuple(TERMS)
    first = random_episode(KitchenEnv(start=START, randomization=everything), seed=5)
    env = KitchenEnv(start=START, randomization=everything)
    random_episode(env, seed=7)
    assert random_episode(env, seed=5) == first


def test_what_was_drawn_is_in_the_info() -> None:
    env = KitchenEnv(start=START, randomization=("mass", "friction"))
    drawn = [env.reset(seed=seed)[1]["randomization"] for seed in (0, 1)]
    assert set(drawn[0]) == {"mass", "friction"}
    assert drawn[0] != drawn[1]


def test_actions_arrive_late_under_a_control_delay() -> None:
    env = KitchenEnv(start=START, randomization=("control delay",))
    for seed in range(20):
        _, info = env.reset(seed=seed)
        if info["randomization"]["control delay"] == 2:
            break
    action = np.array([0, 0, -0.05, 0, 0, 0, 1, 0, 0, 0, ARM])
    heights = [env.kitchen_state.gripper_position[2]]
    for _ in range(4):
        env.step(action)
        heights.append(env.kitchen_state.gripper_position[2])
    assert abs(heights[2] - heights[0]) < 1e-3
    assert heights[4] < heights[0] - 0.03


def test_the_model_is_built_anew_only_for_other_objects(env: KitchenEnv) -> None:
    env.reset(seed=0)
    scene = env.scene
    env.reset(seed=1, options={"start": OTHER_PLACES})
    assert env.scene is scene
    assert env.kitchen_state.objects[1].place == "trash"
    env.reset(seed=1, options={"start": {"robot": "table", "objects": [["tea", "table"]]}})
    assert env.scene is not scene
    assert env.scene.names == ("tea",)


def test_a_held_object_stays_in_the_hand(env: KitchenEnv) -> None:
    env.reset(seed=0, options={"start": StartState(robot="table", holding="tea")})
    drive = np.array([0.0] * 6 + [0.0, -0.1, 0.0, 0.1, BASE])
    for _ in range(15):
        _, _, _, _, info = env.step(drive)
        assert info["holding"] == 0


def test_the_success_rule_is_the_reward(env: KitchenEnv) -> None:
    judged = KitchenEnv(start=START, success=lambda state: rules.robot_at(state, "table"))
    judged.reset(seed=0)
    stay = np.array([0.0] * 10 + [ARM])
    away = np.array([0.0] * 7 + [-0.1, 0.0, 0.0, BASE])
    _, reward, _, _, info = judged.step(stay)
    assert (reward, info["success"]) == (1.0, True)
    for _ in range(12):
        _, reward, _, _, info = judged.step(away)
    assert (reward, info["success"]) == (0.0, False)


@pytest.mark.parametrize("ends", [True, False])
def test_terminate_ends_the_episode_when_asked_to(ends: bool) -> None:
    env = KitchenEnv(start=START, terminate_ends_episode=ends)
    env.reset(seed=0)
    assert env.step(np.array([0.0] * 10 + [TERMINATE]))[2] is ends


def test_broken_physics_end_the_episode_with_finite_observations(env: KitchenEnv) -> None:
    env.reset(seed=0)
    env.data.qvel[:] = np.nan
    observation, reward, terminated, _, info = env.step(np.zeros(11))
    assert terminated
    assert info["unstable"]
    assert reward == 0.0
    assert np.isfinite(observation["state"]).all()
    _, info = env.reset(seed=0)
    assert not info["unstable"]


def test_the_state_vector_is_named_and_true(env: KitchenEnv) -> None:
    observation, _ = env.reset(seed=0)
    state = dict(zip(STATE_NAMES, observation["state"], strict=True))
    assert state["base_x"] == pytest.approx(env.kitchen_state.base[0])
    assert state["gripper_opening"] == pytest.approx(1.0, abs=0.03)
    assert state["gripper_x"] == pytest.approx(0.335, abs=0.01)
    assert state["gripper_rotation_zx"] == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"control_hz": 7}, "it must divide 50"),
        ({"image_size": 2}, "at least 8 pixels"),
        ({"render_mode": "human"}, 'must be None or "rgb_array"'),
        ({"randomization": ("weather",)}, "no randomisation term 'weather'"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KitchenEnv(**arguments)


def test_the_env_is_named_when_an_action_is_refused(env: KitchenEnv) -> None:
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r'shape \(7,\), the env "robo/Kitchen-v1" takes \(11,\)'):
        env.step(np.zeros(7))


def test_images_come_when_asked_for() -> None:
    env = KitchenEnv(start=START, image_size=(48, 64), render_mode="rgb_array")
    observation, _ = env.reset(seed=0)
    for camera in ("head", "wrist"):
        image = observation[f"images/{camera}"]
        assert image.shape == (48, 64, 3)
        assert image.std() > 5
    assert env.render().shape == (480, 640, 3)
    env.close()
