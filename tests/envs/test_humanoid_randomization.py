"""Every term of the table changes what it names, and nothing else decides what it draws."""

import json
import subprocess
import sys
from dataclasses import replace

import mujoco
import numpy as np
import pytest

from envs.humanoid import observations
from envs.humanoid.batch import WalkBatch
from envs.humanoid.pushes import EVERY, Pushes
from envs.humanoid.randomization import TERMS, Randomizer
from envs.humanoid.robots import g1, robot_config
from envs.humanoid.streams import Streams
from envs.terms import check_terms, table

PARAMETERS = {
    "friction": ("friction", "geom_friction"),
    "link mass": (None, "body_mass"),
    "link size": ("size", "body_pos"),
    "payload": ("payload", "body_mass"),
    "payload place": ("payload_place", "body_pos"),
    "centre of mass": ("centre", "body_ipos"),
    "motor strength": ("strength", "actuator_forcerange"),
    "gains": (None, "actuator_gainprm"),
    "armature": (None, "dof_armature"),
    "joint friction": (None, "dof_frictionloss"),
    "joint offset": ("joint_offset", None),
    "action delay": ("action_delay", None),
    "observation delay": ("observation_delay", None),
    "observation noise": ("noise", None),
    "pushes": ("push_speed", None),
    "terrain": ("terrain_level", None),
    "time step": ("time_step", None),
    "start": ("start_pose", None),
}
"""Of each term, the parameter and the model field that it changes."""


def batch(*names, copies=3, **options):
    made = WalkBatch(g1(12), copies, 11, names, **options)
    made.reset()
    return made


def test_the_test_names_every_term():
    assert list(PARAMETERS) == list(TERMS)


@pytest.mark.parametrize("name", TERMS)
def test_a_term_changes_what_it_names_and_is_logged(name):
    parameter, field = PARAMETERS[name]
    nominal, drawn = batch(), batch(name)
    for other in {one for _, one in PARAMETERS.values() if one is not None}:
        before = getattr(nominal.models[0], other)
        after = [getattr(model, other) for model in drawn.models]
        related = {"link size": ("body_ipos", "body_pos"), "motor strength": ("actuator_gainprm",)}
        if other == field or other in related.get(name, ()):
            assert not np.array_equal(after[0], before)
            assert not np.array_equal(after[0], after[1])
        else:
            np.testing.assert_array_equal(after[0], before)
    for one in vars(nominal.randomizer.parameters):
        same = np.array_equal(
            getattr(drawn.randomizer.parameters, one), getattr(nominal.randomizer.parameters, one)
        )
        assert same == (one != parameter and not (name == "start" and one.startswith("start")))
    log, distribution = drawn.randomizer.draws[name], TERMS[name].distribution
    assert np.isfinite(log).all()
    assert log.min() >= distribution.low
    assert log.max() <= distribution.high
    assert list(drawn.randomizer.draws) == [name]


def test_a_payload_weighs_what_it_should_where_it_should():
    loaded = batch("payload", "payload place")
    for copy, model in enumerate(loaded.models):
        parameters = loaded.randomizer.parameters
        assert model.body_mass.sum() == pytest.approx(33.341142 + parameters.payload[copy])
        data = mujoco.MjData(model)
        mujoco.mj_resetDataKeyframe(model, data, 0)
        mujoco.mj_forward(model, data)
        place = data.body("payload").xpos - data.body("pelvis").xpos
        np.testing.assert_allclose(place, parameters.payload_place[copy] + (0.0, 0.0, 0.2))
        # What MuJoCo derives from masses is derived anew.
        assert model.body_subtreemass[1] == pytest.approx(model.body_mass.sum())


def test_every_draw_fills_the_range_of_its_term():
    drawn = batch(*TERMS, copies=64)
    for name, log in drawn.randomizer.draws.items():
        distribution = TERMS[name].distribution
        low, high = distribution.low, distribution.high
        if distribution.kind == "log-uniform":
            log, low, high = np.log(log), np.log(low), np.log(high)
        share = (log - low) / (high - low)
        assert share.min() < 0.1, name
        assert share.max() > 0.9, name
        assert share.mean() == pytest.approx(0.5, abs=0.12), name


def test_soles_touch_the_ground_with_frictions_from_slippery_to_rubber():
    """On which walkers are measured; the ground is left as it is, the soles' friction counts."""
    drawn = batch("friction", copies=64)
    touched = []
    for model in drawn.models:
        data = mujoco.MjData(model)
        mujoco.mj_resetDataKeyframe(model, data, 0)
        data.qpos[2] -= 0.005
        mujoco.mj_forward(model, data)
        assert data.ncon == 8
        assert np.ptp(data.contact.friction[:, :2]) == 0.0
        touched.append(data.contact.friction[0, 0])
    np.testing.assert_array_equal(touched, drawn.randomizer.parameters.friction)
    assert 0.3 <= min(touched) < 0.35
    assert 1.2 < max(touched) <= 1.25
    assert np.mean(touched) == pytest.approx(0.775, abs=0.1)


def test_a_robot_whose_links_are_all_a_tenth_heavier_has_a_tenth_more_of_all_inertia():
    """Of that along and about every degree of freedom, but for the rotors'."""
    heavier = replace(TERMS["link mass"].distribution, low=1.1, high=1.1)
    terms = {**TERMS, "link mass": replace(TERMS["link mass"], distribution=heavier)}
    inertias = []
    for made in (batch(), batch("link mass", terms=terms)):
        model = made.models[0]
        data, inertia = mujoco.MjData(model), np.zeros((model.nv, model.nv))
        mujoco.mj_resetDataKeyframe(model, data, 0)
        mujoco.mj_forward(model, data)
        mujoco.mj_fullM(model, data, inertia)
        inertias.append(inertia - np.diag(model.dof_armature))
    np.testing.assert_allclose(inertias[1], 1.1 * inertias[0], rtol=1e-6, atol=1e-9)


def test_each_link_has_a_mass_and_with_it_an_inertia_of_its_own():
    nominal, drawn = batch().models[0], batch("link mass")
    factors = []
    for copy, model in enumerate(drawn.models):
        for body, factor in enumerate(drawn.randomizer.draws["link mass"][copy], start=1):
            assert model.body_mass[body] == pytest.approx(factor * nominal.body_mass[body])
            np.testing.assert_allclose(
                model.body_inertia[body], factor * nominal.body_inertia[body], rtol=1e-12
            )
            factors.append(factor)
    assert len(set(factors)) == 3 * 13


MOTORS = ("motor strength", "gains", "joint offset")


@pytest.mark.parametrize("names", [(), *((name,) for name in MOTORS), MOTORS], ids="+".join)
def test_motors_pull_with_their_own_strength_and_gains_to_where_encoders_read_the_target(names):
    """torque = s (p kp (target - q - offset) - d kd qd), within ± s effort."""
    robot, copies = g1(12), 6
    # One step of physics in an action: the torque is that at the state before it.
    made = batch(*names, copies=copies, physics_hz=50.0)
    rng = np.random.default_rng(2)
    made.qpos[:, 7:] += rng.uniform(-0.1, 0.1, (copies, 12))
    made.qvel[:, 6:] = rng.uniform(-1.0, 1.0, (copies, 12))
    angle, speed = made.qpos[:, 7:].copy(), made.qvel[:, 6:].copy()
    action = rng.uniform(-8.0, 8.0, (copies, 12))
    assert not made.step(action).info["unstable"].any()
    drawn = made.randomizer.draws
    strength = drawn.get("motor strength", np.ones((copies, 12)))
    stiffness, damping = np.hsplit(drawn.get("gains", np.ones((copies, 24))), 2)
    offset = drawn.get("joint offset", np.zeros((copies, 12)))
    target = np.array(robot.default_pose) + np.array(robot.action_scale) * action
    torque = stiffness * robot.kp * (target - angle - offset) - damping * robot.kd * speed
    effort = strength * robot.effort
    assert 0.1 < (strength * np.abs(torque) > effort).mean() < 0.9
    wanted = np.clip(strength * torque, -effort, effort)
    # Of a single step, the mean square root is the size.
    np.testing.assert_allclose(made.physics.torque, np.abs(wanted), rtol=1e-9, atol=1e-9)


NOISE = {"gyro": 0.2, "gravity": 0.05, "joint position": 0.01, "joint velocity": 0.75}
"""Amplitudes of docs/humanoid.md, in the terms' units."""


@pytest.mark.parametrize("name", [term.name for term in observations.TERMS["policy"]])
def test_what_is_sensed_is_noisy_and_uniformly_so_as_the_table_says(name):
    amplitude, seen = NOISE.get(name, 0.0), []
    noisy = batch("observation noise", auto_reset=False)
    factors = noisy.randomizer.parameters.noise
    factors[:] = 0.0, 0.5, 1.0
    sizes = observations.sizes(noisy.robot)
    first = sum(list(sizes.values())[: list(sizes).index(name)])
    term = next(term for term in observations.TERMS["policy"] if term.name == name)
    for _ in range(40):
        step = noisy.step(np.zeros((3, 12)))
        state = step.info["state"]
        # A state has all that sensors read under the same names.
        true = term.read(replace(state, sensed=state))
        told = step.observation["policy"][:, first : first + sizes[name]] / term.scale
        seen.append(told - true)
    errors = np.stack(seen, axis=1).reshape(3, -1)
    for error, factor in zip(errors, factors, strict=True):
        largest = factor * amplitude
        if largest == 0.0:
            np.testing.assert_allclose(error, 0.0, atol=1e-5)
            continue
        assert 0.95 * largest < np.abs(error).max() <= largest + 1e-5
        assert error.std() == pytest.approx(largest / 3**0.5, rel=0.15)
        assert error.mean() == pytest.approx(0.0, abs=0.2 * largest)


def test_first_observations_are_noisy_too():
    quiet, noisy = batch().reset(seed=11), batch("observation noise").reset(seed=11)
    sensed = np.array([*range(6), *range(9, 33)])
    assert (quiet["policy"][:, sensed] != noisy["policy"][:, sensed]).all()


def test_a_factor_of_zero_leaves_the_nominal_robot_and_one_half_goes_half_way():
    every = [name for name in TERMS if name != "pushes"]
    robot = g1(12)
    shifts = []
    for factor in (0.0, 0.5, 1.0):
        made = WalkBatch(robot, 2, 5, every)
        made.factor[:] = factor
        made.reset()
        parameters = made.randomizer.parameters
        shifts.append((parameters.friction - 0.6, parameters.payload, parameters.joint_offset))
        if factor == 0.0:
            plain = WalkBatch(robot, 2, 5)
            for field in ("body_mass", "body_pos", "actuator_gainprm", "dof_armature"):
                for mine, theirs in zip(made.models, plain.models, strict=True):
                    np.testing.assert_allclose(getattr(mine, field), getattr(theirs, field))
    for none, half, full in zip(*shifts, strict=True):
        np.testing.assert_allclose(none, 0.0, atol=1e-12)
        np.testing.assert_allclose(half, 0.5 * full)


def test_a_draw_does_not_depend_on_the_other_terms_or_on_earlier_episodes():
    alone, together = batch("friction"), batch(*TERMS)
    friction = [made.randomizer.parameters.friction.copy() for made in (alone, together)]
    np.testing.assert_array_equal(*friction)
    for made in (alone, together):
        made.reset()
    np.testing.assert_array_equal(
        alone.randomizer.parameters.friction, together.randomizer.parameters.friction
    )
    assert not np.array_equal(friction[0], alone.randomizer.parameters.friction)
    together.reset(seed=11)
    np.testing.assert_array_equal(friction[1], together.randomizer.parameters.friction)


def test_a_term_can_be_given_another_range():
    wide = {**TERMS}
    distribution = replace(wide["payload"].distribution, low=20.0, high=30.0)
    wide["payload"] = replace(wide["payload"], distribution=distribution)
    made = WalkBatch(g1(12), 2, 0, ("payload",), terms=wide)
    made.reset()
    assert (made.randomizer.parameters.payload >= 20.0).all()


def test_late_actions_act_later():
    prompt, late = batch(), batch("action delay")
    late.randomizer.parameters.action_delay[:] = 0.01
    action = np.ones((3, 12))
    for made in (prompt, late):
        made.step(action)
    default = np.array(g1(12).default_pose)
    np.testing.assert_allclose(prompt.physics.control[0], [default + 0.25] * 4)
    np.testing.assert_allclose(late.physics.control[0, :2], [default] * 2)
    np.testing.assert_allclose(late.physics.control[0, 2:], [default + 0.25] * 2)


def test_old_observations_are_old_and_offsets_are_seen():
    prompt, old = batch(), batch("observation delay")
    old.randomizer.parameters.observation_delay[:] = 0.015
    action = np.ones((3, 12))
    fresh, stale = (made.step(action).info["state"] for made in (prompt, old))
    np.testing.assert_array_equal(fresh.joint_position, stale.joint_position)
    np.testing.assert_array_equal(fresh.sensed.joint_position, fresh.joint_position)
    moved = np.abs(fresh.joint_position - np.array(g1(12).default_pose))
    seen = np.abs(stale.sensed.joint_position - np.array(g1(12).default_pose))
    assert (seen.max(axis=1) < 0.6 * moved.max(axis=1)).all()
    off = batch("joint offset")
    state = off.step(action).info["state"]
    np.testing.assert_allclose(
        state.sensed.joint_position - state.joint_position,
        off.randomizer.parameters.joint_offset,
        atol=1e-12,
    )


def test_pushes_come_every_five_to_ten_seconds_with_their_speed():
    speed = batch("pushes", copies=1).randomizer.parameters.push_speed
    pushes, times = Pushes(Streams(1, 1), 1, 1.0 / 50.0), []
    pushes.begin(np.array([0]), np.array([0.5]), EVERY)
    for step in range(1200):
        pushed = pushes.draw(speed, np.array([step]), EVERY)
        if pushed.any():
            times.append(step / 50.0)
            assert np.linalg.norm(pushed[0]) == pytest.approx(speed[0])
    assert 2 <= len(times) <= 4
    assert all(5.0 <= gap <= 10.02 for gap in np.diff([0.0, *times]))


def test_streams_are_uniform_and_differ_between_copies_uses_and_counters():
    streams = Streams(1, 500)
    counter = np.arange(500)
    drawn = streams.uniform("a", counter, 20)
    assert drawn.mean() == pytest.approx(0.5, abs=0.01)
    assert drawn.std() == pytest.approx(12**-0.5, abs=0.01)
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1]) < 0.15
    assert abs(np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]) < 0.15
    assert not np.array_equal(drawn, streams.uniform("b", counter, 20))
    assert not np.array_equal(drawn, streams.uniform("a", counter + 1, 20))
    row = Streams(1, 1, first=7).uniform("a", counter[7:8], 20)
    np.testing.assert_array_equal(row[0], drawn[7])


def test_unknown_terms_are_refused_in_one_sentence():
    with pytest.raises(ValueError, match="no randomisation term 'wind', choose from friction"):
        check_terms(["wind"], TERMS)


def test_every_robot_can_be_randomised():
    for name in ("g1-29", "t1-12"):
        made = WalkBatch(robot_config(name), 2, 0, tuple(TERMS))
        made.reset()
        joints = len(made.robot.joints)
        assert not made.step(np.zeros((2, joints))).info["unstable"].any()
    assert isinstance(made.randomizer, Randomizer)


def test_the_command_prints_the_tables():
    done = subprocess.run(
        [sys.executable, "-m", "robo", "randomization", "humanoid", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = json.loads(done.stdout)["humanoid"]
    assert [tuple(row.values()) for row in rows] == table(TERMS)
    assert [row["term"] for row in rows] == list(TERMS)
