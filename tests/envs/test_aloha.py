"""The two arms keep gymnasium's contract and the numbers of the simulation that they stand for."""

import importlib.metadata

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from envs.aloha import model, rules
from envs.aloha.env import STATE_NAMES, AlohaEnv, AlohaInsertionEnv, AlohaTransferCubeEnv
from envs.registration import INSERTION_ID, TRANSFER_CUBE_ID

CLASSES = (AlohaTransferCubeEnv, AlohaInsertionEnv)
START = np.array(2 * (*model.START_POSE[:6], model.opening_of(model.START_POSE[6])), np.float32)


@pytest.fixture(scope="module", params=CLASSES, ids=lambda kind: kind.scene)
def env(request: pytest.FixtureRequest) -> AlohaEnv:
    made = request.param()
    assert isinstance(made, AlohaEnv)
    return made


@pytest.fixture(scope="module")
def cube_env() -> AlohaTransferCubeEnv:
    return AlohaTransferCubeEnv()


def sway(step: int) -> np.ndarray:
    """An action near the start pose."""
    return (START + 0.1 * np.sin(np.arange(14) + step / 10)).astype(np.float32)


def swaying_episode(env: AlohaEnv, seed: int, steps: int = 40) -> list[bytes]:
    """Everything that an episode returns, as bytes."""
    observation, info = env.reset(seed=seed)
    seen = [observation["state"].tobytes(), repr(info["objects"]).encode()]
    for step in range(steps):
        observation, reward, _, _, info = env.step(sway(step))
        seen += [observation["state"].tobytes(), repr((reward, info["objects"])).encode()]
    return seen


def touching(*pairs: tuple[str, str]) -> frozenset[frozenset[str]]:
    return frozenset(frozenset(pair) for pair in pairs)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("name", "steps"), [(TRANSFER_CUBE_ID, 400), (INSERTION_ID, 500)])
def test_gymnasium_finds_nothing_to_complain_about(name: str, steps: int) -> None:
    made = gymnasium.make(name, image_size=(24, 32))
    assert made.spec is not None
    assert made.spec.max_episode_steps == steps
    # What it sends at random throws the arms about and may end the episode: that is allowed.
    check_env(made.unwrapped, skip_render_check=True)
    made.close()


def test_one_seed_is_one_episode_bit_for_bit(env: AlohaEnv) -> None:
    first = swaying_episode(env, seed=5)
    assert swaying_episode(env, seed=6) != first
    assert swaying_episode(env, seed=5) == first
    assert swaying_episode(type(env)(), seed=5) == first


def test_things_begin_everywhere_in_their_ranges(env: AlohaEnv) -> None:
    drawn = np.array(
        [[t["position"] for t in env.reset(seed=seed)[1]["objects"]] for seed in range(150)]
    )
    low, high = (np.array([r[end] for r in env.starts.values()]) for end in (0, 1))
    assert (drawn >= low).all()
    assert (drawn <= high).all()
    assert (np.ptp(drawn, axis=0) >= 0.9 * (high - low)).all()


def test_the_state_is_joints_and_openings(cube_env: AlohaTransferCubeEnv) -> None:
    observation, _ = cube_env.reset(seed=0)
    assert list(observation) == ["state"]
    np.testing.assert_allclose(observation["state"], START, atol=1e-6)
    assert STATE_NAMES[6] == "left_gripper"
    for finger, opening in ((0.01844, 0.0), (0.058, 1.0)):
        assert model.opening_of(finger) == pytest.approx(opening)
        assert model.finger_of(opening) == pytest.approx(finger)


def test_joints_and_grippers_go_where_they_are_sent(cube_env: AlohaTransferCubeEnv) -> None:
    cube_env.reset(seed=0)
    action = START + np.array(2 * (0.2, 0.1, -0.2, 0.3, -0.2, 0.4, 0.6), np.float32)
    for _ in range(60):
        observation, *_ = cube_env.step(action)
    np.testing.assert_allclose(observation["state"], action, atol=0.03)
    # The fingers of a gripper mirror each other.
    fingers = cube_env.data.qpos[[6, 7, 14, 15]]
    np.testing.assert_allclose(fingers[::2], -fingers[1::2], atol=3e-3)


def test_numbers_out_of_range_are_clipped(cube_env: AlohaTransferCubeEnv) -> None:
    space = cube_env.action_space
    assert isinstance(space, gymnasium.spaces.Box)
    beyond = START.copy()
    beyond[[6, 13]] = 7.0
    ends = []
    for action in (beyond, np.clip(beyond, space.low, space.high)):
        cube_env.reset(seed=3)
        for _ in range(5):
            observation, *_ = cube_env.step(action)
        ends.append(observation["state"])
    assert (ends[0] == ends[1]).all()


@pytest.mark.parametrize(
    ("action", "saying"),
    [
        (np.zeros(11), "takes .14,."),
        ("up", "shape .14,."),
        (np.where(np.arange(14) == 8, np.nan, 0.0), "not finite in right_shoulder"),
    ],
)
def test_what_is_no_action_is_refused(
    cube_env: AlohaTransferCubeEnv, action: object, saying: str
) -> None:
    cube_env.reset(seed=0)
    with pytest.raises(ValueError, match=saying):
        cube_env.step(action)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "saying"),
    [
        ({"image_size": 4}, "at least 8"),
        ({"cameras": ("moon",)}, "choose a list from top"),
        ({"render_mode": "human"}, "rgb_array"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict, saying: str) -> None:
    with pytest.raises(ValueError, match=saying):
        AlohaTransferCubeEnv(**arguments)


def test_poses_can_be_given(cube_env: AlohaTransferCubeEnv) -> None:
    _, info = cube_env.reset(seed=0, options={"objects": {"box": [0.1, 0.5, 0.02]}})
    assert info["objects"][0]["position"] == [0.1, 0.5, 0.02]
    for wrong in ({"cup": [0, 0, 0]}, {"box": [0.1, 0.5]}, 3):
        with pytest.raises(ValueError, match="pose"):
            cube_env.reset(options={"objects": wrong})


def test_physics_that_breaks_down_ends_the_episode(cube_env: AlohaTransferCubeEnv) -> None:
    cube_env.reset(seed=0)
    cube_env.data.qvel[3] = 1e12
    observation, reward, terminated, _, info = cube_env.step(START)
    assert terminated
    assert info["unstable"]
    assert not info["success"]
    assert reward == 0
    assert np.isfinite(observation["state"]).all()
    _, info = cube_env.reset(seed=0)
    assert not info["unstable"]


def test_success_stays_and_ends_the_episode_only_if_asked() -> None:
    """A cube that lies in the closing left gripper, off the table."""
    ends = {}
    for ends_episode in (True, False):
        env = AlohaTransferCubeEnv(success_ends_episode=ends_episode)
        env.reset(seed=0)
        site = env.data.site("cali_left_site1").xpos
        env.reset(seed=0, options={"objects": {"box": site + np.array([-0.01, 0.025, 0.0])}})
        _, reward, terminated, _, info = env.step(START)
        assert reward == rules.DONE
        assert info["success"]
        ends[ends_episode] = terminated
        away = START.copy()
        away[6] = 1.0
        for _ in range(40):
            _, reward, _, _, info = env.step(away)
        assert reward == 0
        assert info["success"]
    assert ends == {True: True, False: False}


def test_stages_of_the_transfer() -> None:
    right, left, table = (
        (rules.CUBE, other) for other in (rules.RIGHT_FINGER, rules.LEFT_FINGER, rules.TABLE)
    )
    stage = rules.transfer_stage
    assert stage(touching(table)) == 0
    assert stage(touching(table, right)) == 1
    assert stage(touching(right)) == 2
    assert stage(touching(right, left, table)) == 3
    assert stage(touching(right, left)) == stage(touching(left)) == 4
    other_finger = (rules.CUBE, "vx300s_left/10_right_gripper_finger")
    assert stage(touching(other_finger)) == 0


def test_stages_of_the_insertion() -> None:
    peg, socket = (rules.PEG, rules.RIGHT_FINGER), ("socket-3", rules.LEFT_FINGER)
    tables = ((rules.PEG, rules.TABLE), ("socket-1", rules.TABLE))
    stage = rules.insertion_stage
    assert stage(touching(peg, *tables)) == 0
    assert stage(touching(peg, socket, tables[0])) == 1
    assert stage(touching(peg, socket)) == 2
    assert stage(touching(peg, socket, (rules.PEG, "socket-2"))) == 3
    assert stage(touching(peg, socket, tables[1], (rules.PEG, "socket-2"))) == 1
    assert stage(touching((rules.PEG, rules.PIN), *tables)) == 4


def test_cameras_see_the_cube() -> None:
    env = AlohaTransferCubeEnv(image_size=(48, 64), cameras=("top", "left_wrist"))
    place = {"objects": {"box": [0.1, 0.5, 0.02]}}
    image = env.reset(seed=0, options=place)[0]["images/top"]
    assert image.shape == (48, 64, 3)
    red = (image[..., 0] > 150) & (image[..., 1] < 60)
    assert 1 <= red.sum() <= 12
    # It is to the right of the table's middle, which is at y = 0.6, towards the lower edge.
    rows, columns = np.nonzero(red)
    assert columns.mean() > 34
    assert rows.mean() > 25
    env.close()


def test_thinning_out_leaves_the_picture() -> None:
    from envs.rendering import CameraRenderer

    env = AlohaTransferCubeEnv()
    env.reset(seed=0)
    thin = model.drawing_model(env.model)
    assert thin.mesh_facenum.sum() < 0.4 * env.model.mesh_facenum.sum()
    renderer = CameraRenderer(120, 160)
    pictures = [renderer.render(shown, env.data, "top") for shown in (env.model, thin)]
    difference = np.abs(pictures[0].astype(int) - pictures[1])
    assert difference.mean() < 0.2
    renderer.close()


def test_missing_model_files_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(model, "distribution", missing)
    with pytest.raises(gymnasium.error.Error, match="pip install --no-deps gym-aloha==0.1.5"):
        AlohaTransferCubeEnv()
