"""The robot's kinematics, limits and strength."""

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.kitchen import robot

ANGLES = st.tuples(*(st.floats(low, high) for low, high in robot.JOINT_LIMITS))

# Modified Denavit-Hartenberg parameters as published: a, d (m), alpha (rad), flange last.
PUBLISHED = (
    (0.0, 0.333, 0.0),
    (0.0, 0.0, -np.pi / 2),
    (0.0, 0.316, np.pi / 2),
    (0.0825, 0.0, np.pi / 2),
    (-0.0825, 0.384, -np.pi / 2),
    (0.0, 0.0, np.pi / 2),
    (0.088, 0.0, np.pi / 2),
    (0.0, 0.107, 0.0),
)


def flange_by_table(angles: tuple[float, ...]) -> np.ndarray:
    """Pose of the flange in the arm's mount frame, shape (4, 4), by the published table."""
    pose = np.eye(4)
    for (a, d, alpha), theta in zip(PUBLISHED, (*angles, 0.0), strict=True):
        ct, st_, ca, sa = np.cos(theta), np.sin(theta), np.cos(alpha), np.sin(alpha)
        pose = pose @ np.array(
            [
                [ct, -st_, 0.0, a],
                [st_ * ca, ct * ca, -sa, -d * sa],
                [st_ * sa, ct * sa, ca, d * ca],
                [0.0, 0.0, 0.0, 1.0],
            ]
        )
    return pose


@settings(max_examples=50, deadline=None)
@given(ANGLES)
def test_the_arm_follows_the_published_table(angles: tuple[float, ...]) -> None:
    model = robot.arm_model()
    data = mujoco.MjData(model)
    data.qpos[:] = angles
    mujoco.mj_kinematics(model, data)
    expected = flange_by_table(angles)
    hand = data.body("robot/hand")
    np.testing.assert_allclose(hand.xpos - robot.ARM_MOUNT, expected[:3, 3], atol=1e-9)
    np.testing.assert_allclose(hand.xmat.reshape(3, 3)[:, 2], expected[:3, 2], atol=1e-9)


def test_at_home_the_gripper_points_down_and_faces_forward() -> None:
    model = robot.arm_model()
    data = mujoco.MjData(model)
    data.qpos[:] = robot.HOME_ARM
    mujoco.mj_kinematics(model, data)
    rotation = data.site(robot.GRIPPER_SITE).xmat.reshape(3, 3)
    np.testing.assert_allclose(rotation, np.diag([1.0, -1.0, -1.0]), atol=1e-4)


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    spec = mujoco.MjSpec()
    robot.add_robot(spec)
    return spec.compile()


def test_the_arm_hangs_still_under_gravity(model: mujoco.MjModel) -> None:
    data = mujoco.MjData(model)
    for name, angle in zip(robot.ARM_JOINTS, robot.HOME_ARM, strict=True):
        data.joint(name).qpos = data.actuator(name).ctrl = angle
    mujoco.mj_step(model, data, 500)
    angles = [data.joint(name).qpos[0] for name in robot.ARM_JOINTS]
    np.testing.assert_allclose(angles, robot.HOME_ARM, atol=1e-3)


def test_the_fingers_move_together(model: mujoco.MjModel) -> None:
    data = mujoco.MjData(model)
    for opening in (0.08, 0.03):
        data.actuator(robot.GRIPPER_ACTUATOR).ctrl = opening
        mujoco.mj_step(model, data, 500)
        left, right = (data.joint(name).qpos[0] for name in robot.FINGER_JOINTS)
        assert left == pytest.approx(right, abs=5e-4)
        assert left + right == pytest.approx(opening, abs=2e-3)


def test_links_of_the_robot_never_touch_each_other(model: mujoco.MjModel) -> None:
    data = mujoco.MjData(model)
    rng = np.random.default_rng(0)
    for _ in range(20):
        for name, (low, high) in zip(robot.ARM_JOINTS, robot.JOINT_LIMITS, strict=True):
            data.joint(name).qpos = rng.uniform(low, high)
        mujoco.mj_forward(model, data)
        assert data.ncon == 0


def test_forces_are_limited_as_on_the_real_robot(model: mujoco.MjModel) -> None:
    for number, name in enumerate(robot.ARM_JOINTS):
        limit = 87.0 if number < 4 else 12.0
        assert model.actuator(name).forcerange.tolist() == [-limit, limit]
    assert 2 * model.actuator(robot.GRIPPER_ACTUATOR).forcerange[1] <= 70.0


def test_it_is_drawn_with_few_primitives(model: mujoco.MjModel) -> None:
    assert model.ngeom <= 30
    assert model.nmesh == 0
