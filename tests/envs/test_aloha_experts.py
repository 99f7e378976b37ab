"""The experts do their tasks, through the action alone, the same for the same seed."""

import numpy as np
import pytest

from envs.aloha.env import AlohaEnv, AlohaInsertionEnv, AlohaTransferCubeEnv
from envs.aloha.experts import make_expert
from envs.aloha.experts.kinematics import ArmKinematics
from envs.aloha.experts.pilot import Hand
from envs.aloha.model import SIDES, START_POSE


def play(env: AlohaEnv, seed: int) -> tuple[dict, np.ndarray, str | None]:
    """The last info, all actions, and why the expert gave up."""
    _, info = env.reset(seed=seed)
    expert = make_expert(env.scene, seed)
    actions = []
    action = expert.act(env.aloha_state)
    while not expert.finished and len(actions) < 600:
        actions.append(action)
        *_, info = env.step(action)
        action = expert.act(env.aloha_state)
    return info, np.array(actions), expert.failure


@pytest.mark.parametrize("kind", [AlohaTransferCubeEnv, AlohaInsertionEnv])
def test_the_task_is_done_smoothly_and_within_the_action_space(kind: type[AlohaEnv]) -> None:
    env = kind(success_ends_episode=False)
    info, actions, failure = play(env, seed=90_001)
    assert failure is None
    assert info["success"]
    assert not info["unstable"]
    assert len(actions) < 400
    assert all(env.action_space.contains(action) for action in actions)
    # No joint is sent faster than 4 rad/s: as a person would, in fiftieths of a second.
    arms = np.delete(actions, [6, 13], axis=1)
    assert np.abs(np.diff(arms, axis=0)).max() < 4.0 / 50


def test_the_same_seed_gives_the_same_actions_and_another_gives_others() -> None:
    env = AlohaTransferCubeEnv(success_ends_episode=False)
    env.reset(seed=1)
    state = env.aloha_state

    def first_actions(seed: int) -> np.ndarray:
        expert = make_expert(env.scene, seed)
        return np.array([expert.act(state) for _ in range(30)])

    np.testing.assert_array_equal(first_actions(4), first_actions(4))
    assert np.abs(first_actions(4) - first_actions(5)).max() > 1e-3


def test_an_unknown_scene_is_refused() -> None:
    with pytest.raises(ValueError, match="transfer_cube, insertion"):
        make_expert("soup", 0)


@pytest.mark.parametrize("side", SIDES)
def test_kinematics_agree_with_the_simulated_arm_and_invert(side: str) -> None:
    env = AlohaTransferCubeEnv()
    env.reset(seed=0)
    arm = ArmKinematics(side)
    position, rotation = arm.tool_pose(np.array(START_POSE[:6]))
    body = env.data.body(f"vx300s_{side}/gripper_link")
    np.testing.assert_allclose(rotation, body.xmat.reshape(3, 3), atol=1e-5)
    np.testing.assert_allclose(position, body.xpos + 0.147 * rotation[:, 0], atol=1e-5)

    arm.reset(np.array(START_POSE[:6]))
    x = -0.1 if side == "left" else 0.1
    wanted = Hand((x, 0.45, 0.1), pitch=0.87, roll=0.0)
    for _ in range(20):
        joints = arm.solve(np.array(wanted.position), wanted.rotation(side))
    reached, turned = arm.tool_pose(joints)
    np.testing.assert_allclose(reached, wanted.position, atol=1e-3)
    np.testing.assert_allclose(turned, wanted.rotation(side), atol=0.01)
