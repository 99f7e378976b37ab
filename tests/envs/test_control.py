"""From actions to motion."""

import mujoco
import numpy as np
import pytest

from envs.kitchen import robot
from envs.kitchen.control import (
    ARM,
    BASE,
    BASE_ACCELERATION,
    BASE_SPEED,
    SERVO_HZ,
    TERMINATE,
    Controller,
    action_bounds,
    check_action,
)

HZ = 10


class Rig:
    """The robot alone on an empty plane."""

    def __init__(self) -> None:
        spec = mujoco.MjSpec()
        robot.add_robot(spec)
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        for name, angle in zip(robot.ARM_JOINTS, robot.HOME_ARM, strict=True):
            self.data.joint(name).qpos = angle
        mujoco.mj_forward(self.model, self.data)
        self.controller = Controller(self.model, HZ)
        self.controller.reset(self.data, 1.0)

    def act(self, mode: int, **numbers: float) -> None:
        names = ("dx", "dy", "dz", "droll", "dpitch", "dyaw", "opening", "bx", "by", "byaw")
        action = np.array([numbers.get(name, 0.0) for name in names] + [mode])
        self.controller.command(action)
        for _ in range(SERVO_HZ // HZ):
            self.controller.tick(self.data)
            for ctrl in self.controller.ramp:
                self.data.ctrl[:] = ctrl
                mujoco.mj_step(self.model, self.data)

    @property
    def gripper(self) -> np.ndarray:
        return self.data.site(robot.GRIPPER_SITE).xpos.copy()

    @property
    def rotation(self) -> np.ndarray:
        return self.data.site(robot.GRIPPER_SITE).xmat.reshape(3, 3).copy()

    @property
    def base(self) -> np.ndarray:
        return np.array([self.data.joint(name).qpos[0] for name in robot.BASE_JOINTS])


def test_the_gripper_moves_by_the_deltas() -> None:
    rig = Rig()
    before = rig.gripper
    for _ in range(5):
        rig.act(ARM, dx=0.03, dy=0.02, dz=-0.03)
    rig.act(ARM)
    np.testing.assert_allclose(rig.gripper - before, [0.15, 0.10, -0.15], atol=0.004)


def test_deltas_are_in_the_base_frame() -> None:
    rig = Rig()
    for _ in range(12):
        rig.act(BASE, byaw=0.1)
    for _ in range(3):
        rig.act(ARM)
    yaw, before = rig.base[2], rig.gripper
    for _ in range(4):
        rig.act(ARM, dx=0.04)
    rig.act(ARM)
    moved = rig.gripper - before
    np.testing.assert_allclose(moved[:2], 0.16 * np.array([np.cos(yaw), np.sin(yaw)]), atol=0.005)


def test_the_gripper_turns_by_the_deltas() -> None:
    rig = Rig()
    for _ in range(5):
        rig.act(ARM, dyaw=0.1)
    rig.act(ARM)
    axis = rig.rotation[:, 0]
    assert np.arctan2(axis[1], axis[0]) == pytest.approx(0.5, abs=0.02)


def test_a_blocked_or_stretched_arm_comes_back_at_once() -> None:
    rig = Rig()
    for _ in range(40):
        rig.act(ARM, dx=0.06)
    stretched = rig.gripper
    for _ in range(3):
        rig.act(ARM, dx=-0.06)
    assert rig.gripper[0] < stretched[0] - 0.05
    joints = [rig.data.joint(name).qpos[0] for name in robot.ARM_JOINTS]
    low, high = np.array(robot.JOINT_LIMITS).T
    assert np.all(joints > low)
    assert np.all(joints < high)


def test_the_base_keeps_its_limits_and_the_arm_its_place_in_it() -> None:
    rig = Rig()
    before, speeds = rig.gripper[0] - rig.base[0], [0.0]
    for _ in range(20):
        start = rig.base
        rig.act(BASE, bx=5.0)
        speeds.append(float(rig.base[0] - start[0]) * HZ)
    assert max(speeds) == pytest.approx(BASE_SPEED, rel=0.03)
    assert max(np.diff(speeds)) * HZ < 1.15 * BASE_ACCELERATION
    assert rig.gripper[0] - rig.base[0] == pytest.approx(before, abs=0.005)


def test_the_base_stops_in_other_modes() -> None:
    rig = Rig()
    for _ in range(8):
        rig.act(BASE, bx=0.1)
    for _ in range(10):
        rig.act(TERMINATE)
    place = rig.base
    rig.act(ARM)
    np.testing.assert_allclose(rig.base, place, atol=1e-3)


def test_numbers_out_of_range_are_clipped() -> None:
    low, high = action_bounds(HZ)
    controller = Rig().controller
    assert controller.command(np.full(11, 1e6)) == TERMINATE
    assert controller.command(np.full(11, -1e6)) == ARM
    assert np.all(low < high)


@pytest.mark.parametrize("mode", [0.2, -3.0, 0.49])
def test_the_mode_is_rounded(mode: float) -> None:
    assert Rig().controller.command(np.array([0.0] * 10 + [mode])) == ARM


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (np.zeros(7), r'action has shape \(7,\), the env "x/Y-v1" takes \(11,\)'),
        (np.full(11, np.nan), "not finite in gripper_dx"),
        ("jump", "takes an array of shape"),
    ],
)
def test_what_is_no_action_is_refused(action: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_action(action, "x/Y-v1")
