"""A walker that nobody trained keeps upright and follows commands; its walks are recorded, too."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from envs.humanoid import observations
from envs.humanoid.batch import WalkBatch
from envs.humanoid.observations import POLICY
from envs.humanoid.robots import g1, t1
from policies.walker.mlp import MLPActor, MLPActorConfig
from robo.walking.actor import Walker
from robo.walking.reference import COMMANDS, ReferenceController, ReferenceGains
from robo.walking.reference_search import walk
from robo.walking.trajectories import last_action, record, source_of


def test_it_steps_on_the_spot_and_walks_when_told() -> None:
    commands = np.zeros((64, 3))
    commands[32:, 0] = 0.3
    walks = walk(g1(12), ReferenceGains(), commands, 5.0, seed=0)
    assert (walks.upright[:32] > 4.99).mean() >= 0.9
    assert (walks.upright[32:] > 4.99).mean() >= 0.9
    assert abs(walks.velocity[:32, 0].mean()) < 0.1
    assert walks.velocity[32:, 0].mean() > 0.15


def test_a_mirrored_robot_does_the_mirror_image() -> None:
    robot = g1(12)
    controller, polar = ReferenceController(robot), np.array([1.0, -1.0, 1.0])
    with WalkBatch(robot, 4, seed=1) as batch:
        batch.reset()
        actions = np.random.default_rng(0).normal(size=(10, 4, 12))
        state = [batch.step(action).info["state"] for action in actions][-1]
    mirrored = replace(
        state,
        gyro=state.gyro * -polar,
        gravity=state.gravity * polar,
        velocity=state.velocity * polar,
        joint_position=state.joint_position[:, robot.mirror_joints] * robot.mirror_signs,
        foot_position=state.foot_position[:, ::-1] * polar,
        command=state.command * (1.0, -1.0, -1.0),
        phase=(state.phase + 0.5) % 1.0,
    )
    actions = controller.act(state)[:, robot.mirror_joints] * robot.mirror_signs
    np.testing.assert_allclose(controller.act(mirrored), actions, atol=1e-9)


def test_every_source_is_recorded() -> None:
    robot, steps = g1(12), 30
    torch.manual_seed(0)
    config = MLPActorConfig(observation_size=observations.size(robot), action_size=12, hidden=(8,))
    teacher = Walker(MLPActor(config).eval(), robot, 100.0, (POLICY,), Path())
    with (
        WalkBatch(robot, 6, physics_hz=100.0) as batch,
        WalkBatch(robot, 2, physics_hz=100.0, ranges=COMMANDS) as reference,
    ):
        recording = record(batch, reference, teacher, steps, 0, lambda _: True)
    assert recording is not None
    sources = np.array(source_of(8, robot))
    assert list(sources[::2]) == ["teacher", "noisy", "reference", "observed"]
    assert recording.known.tolist() == [True] * 6 + [False] * 2
    first = last_action(robot)
    done = recording.observations[1:, :, first : first + 12]
    goes_on = ~recording.begins[1:]
    as_wanted = [
        torch.allclose(done[goes_on[:, copy], copy], recording.actions[:-1][goes_on[:, copy], copy])
        for copy in range(8)
    ]
    # A noisy copy did something else than what is to be learnt of it.
    assert as_wanted == [source != "noisy" for source in sources]
    assert recording.actions[1:, 4:6].abs().amax((0, 2)).min() > 0.5
    assert not recording.actions[:, 6:].any()


def test_robots_without_a_controller_have_the_other_sources() -> None:
    for robot in (t1(), g1(29)):
        assert set(source_of(9, robot)) == {"teacher", "noisy", "observed"}
