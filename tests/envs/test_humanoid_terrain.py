"""Grounds: what NumPy says of them is what MuJoCo has, and they go on for ever."""

import mujoco
import numpy as np
import pytest

from envs.humanoid.batch import WalkBatch
from envs.humanoid.physics import walk_model
from envs.humanoid.robots import FEET, g1
from envs.humanoid.terrain import KINDS, PERIOD, Terrain, pattern

UNEVEN = KINDS[1:]


def on(kind, copies=1, **options):
    batch = WalkBatch(g1(12), copies, 4, terrain=kind, **options)
    batch.reset()
    return batch


@pytest.mark.parametrize("kind", UNEVEN)
def test_heights_are_those_of_mujocos_ground(kind):
    batch = on(kind)
    model, data = batch.models[0], mujoco.MjData(batch.models[0])
    mujoco.mj_forward(model, data)
    points = np.random.default_rng(0).uniform(-4.0, 4.0, (60, 2))
    ours = batch.terrain.height(np.array([0]), points[None, :, 0], points[None, :, 1])[0]
    theirs = []
    for x, y in points:
        start, below = np.array([x, y, 3.0]), np.array([0.0, 0.0, -1.0])
        field = model.geom("field").id
        theirs.append(3.0 - mujoco.mj_rayHfield(model, data, field, start, below, None))
    # Ours is the nearest node's; a step's edge lies between two.
    close = np.abs(ours - theirs) < 0.02
    assert close.mean() > (0.8 if kind == "steps" else 0.99)
    assert np.ptp(theirs) > 0.04


@pytest.mark.parametrize("kind", UNEVEN)
def test_a_pattern_continues_at_its_edges(kind):
    heights = pattern(kind)
    inside = np.abs(np.diff(heights, axis=1)).max()
    assert np.abs(heights[:, 0] - heights[:, -1]).max() <= inside + 1e-9
    assert np.abs(heights[0] - heights[-1]).max() <= inside + 1e-9
    assert heights.min() >= 0.0


def test_a_copy_that_walks_off_is_set_back_by_a_period_onto_the_same_ground():
    batch = on("slopes", auto_reset=False)
    batch.physics.state[0, 1:3] = 3.999, -1.0
    batch.physics.state[0, batch.physics.base_velocity] = (1.0, 0.0, 0.0)
    before = batch.terrain.height(np.array([0]), np.array([[3.999]]), np.array([[-1.0]]))
    state = batch.step(np.zeros((1, 12))).info["state"]
    x = batch.qpos[0, 0]
    assert x == pytest.approx(4.0 - PERIOD, abs=0.03)
    after = batch.terrain.height(np.array([0]), np.array([[x]]), np.array([[-1.0]]))
    assert after[0, 0] == pytest.approx(before[0, 0], abs=0.02)
    assert np.abs(state.foot_position[0, :, :2]).max() < 0.6


@pytest.mark.parametrize("kind", KINDS)
def test_a_robot_begins_on_its_ground_and_not_in_it(kind):
    batch = on(kind, 8)
    for _ in range(5):
        step = batch.step(np.zeros((8, 12)))
    state = step.info["state"]
    assert not step.terminated.any()
    assert (state.foot_height > -0.05).all()
    assert (state.foot_height < 0.25).all()
    assert (np.abs(state.velocity) < 2.0).all()


def test_the_teacher_sees_the_ground_around_relative_to_the_base():
    flat, sloping = on("flat"), on("slopes")
    states = [batch.step(np.zeros((1, 12))).info["state"] for batch in (flat, sloping)]
    assert not states[0].ground.any()
    assert np.ptp(states[1].ground) > 0.1
    assert states[1].ground.shape == (1, 21)


def test_mixed_ground_gives_copies_each_kind_in_turn_and_flat_ones_a_plane():
    batch = on("mixed", 5)
    np.testing.assert_array_equal(batch.terrain.kinds, [0, 1, 2, 3, 0])
    for copy, kind in enumerate(batch.terrain.kinds):
        model = batch.models[copy]
        assert bool(model.geom("ground").contype[0]) == (kind == 0)
        assert bool(model.geom("field").contype[0]) == (kind != 0)
    assert walk_model(g1(12), "flat").nhfield == 0


def test_a_level_of_zero_is_flat():
    batch = WalkBatch(g1(12), 2, 0, ("terrain",), "rough")
    batch.factor[:] = 0.0
    batch.reset()
    assert not batch.models[0].hfield_data.any()
    batch.factor[:] = 1.0
    batch.reset()
    assert batch.models[0].hfield_data.any()


def test_feet_stand_in_the_models_where_the_reset_says():
    batch = on("flat", 3)
    data = mujoco.MjData(batch.models[0])
    for copy in range(3):
        data.qpos[:] = batch.qpos[copy]
        mujoco.mj_kinematics(batch.models[copy], data)
        feet = np.array([data.site(name).xpos for name in FEET])
        np.testing.assert_allclose(batch.physics.feet[copy, :, :3], feet, atol=0.003)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="no terrain 'ice', choose from flat, rough"):
        Terrain("ice", 1, np.zeros((1, 2)))
