"""The walker that comes with the project."""

import numpy as np

from envs.humanoid.batch import WalkBatch
from robo.walking.actor import WalkActor, load_walker


def test_it_walks_where_it_is_told():
    told = np.repeat(
        [(1.0, 0.0, 0.0), (-0.5, 0.0, 0.0), (0.0, 0.0, 0.8), (0.0, 0.0, 0.0)], 8, axis=0
    )
    walker = load_walker()
    speeds = []
    with WalkBatch(walker.robot, len(told), 5, physics_hz=walker.physics_hz) as batch:
        actor, observation = WalkActor(walker, len(told)), batch.reset()
        batch.hold_commands(told)
        for moment in range(200):
            step = batch.step(actor.act(observation))
            observation = step.observation
            assert not step.terminated.any()
            if moment >= 75:
                state = step.info["state"]
                speeds.append(np.column_stack((state.velocity[:, 0], state.gyro[:, 2])))
    forward, turning = np.mean(speeds, axis=0).reshape(4, 8, 2).mean(axis=1).T
    assert forward[0] > 0.75
    assert forward[1] < -0.4
    assert turning[2] > 0.65
    assert abs(forward[3]) < 0.05
