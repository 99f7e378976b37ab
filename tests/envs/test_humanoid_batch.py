"""A batch of walkers: the same numbers alone as together, and nothing unsound reaches a learner."""

from dataclasses import replace

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import envs.registration as registration
from envs.humanoid import observations, rewards
from envs.humanoid.batch import WalkBatch
from envs.humanoid.commands import CommandRanges, draw_commands, moving
from envs.humanoid.curriculum import EpisodeCurriculum, RandomizationCurriculum
from envs.humanoid.domain import Distribution, Term
from envs.humanoid.env import HumanoidWalkEnv
from envs.humanoid.physics import walk_model
from envs.humanoid.pushes import EVERY, OFTEN
from envs.humanoid.randomization import TERMS, TRAINING
from envs.humanoid.robots import FEET, g1, t1
from envs.humanoid.state import STANCE
from envs.humanoid.streams import Streams

EVERYTHING = tuple(TERMS)


def actions(steps, copies, size=0.3, joints=12, seed=0):
    return size * np.random.default_rng(seed).standard_normal((steps, copies, joints))


def run(batch, sequence, seed=None):
    """Every observation, reward and end."""
    seen = [batch.reset(seed)]
    rewarded, ended = [], []
    for action in sequence:
        step = batch.step(action)
        seen.append(step.observation)
        rewarded.append(step.reward)
        ended.append(step.terminated | step.truncated)
    stacked = {name: np.stack([one[name] for one in seen]) for name in seen[0]}
    return stacked, np.stack(rewarded), np.stack(ended)


@pytest.mark.filterwarnings("ignore:.*Box action spaces")
def test_the_gymnasium_checker_accepts_the_environment():
    check_env(HumanoidWalkEnv(seconds=0.5), skip_render_check=True)
    env = gymnasium.make(registration.HUMANOID_WALK_ID, robot="g1-29")
    observation, _ = env.reset(seed=1)
    assert env.action_space.shape == (29,)
    assert observation["policy"].shape == (observations.size(g1(29)),)
    env.close()


def test_the_environment_is_a_batch_of_one_bit_for_bit():
    sequence = actions(60, 1)
    env = HumanoidWalkEnv(randomization=EVERYTHING, terrain="rough")
    batch = WalkBatch(g1(12), 1, 7, EVERYTHING, "rough")
    seen, rewarded, ended = run(batch, sequence)
    observation, _ = env.reset(seed=7)
    assert ended.any(), "the test is to cover a new episode"
    for index, action in enumerate(sequence):
        for name, values in observation.items():
            np.testing.assert_array_equal(values, seen[name][index, 0])
        observation, reward, fell, late, _ = env.step(action[0])
        assert reward == rewarded[index, 0]
        assert (fell or late) == ended[index, 0]
        if fell or late:
            observation, _ = env.reset()


def test_a_copy_is_the_same_in_a_batch_and_alone():
    sequence = actions(50, 6)
    together = WalkBatch(g1(12), 6, 3, EVERYTHING, "mixed", threads=2)
    alone = WalkBatch(g1(12), 1, 3, EVERYTHING, "mixed", first=5)
    seen, rewarded, ended = run(together, sequence)
    other, reward, end = run(alone, sequence[:, 5:])
    for name, values in seen.items():
        np.testing.assert_array_equal(values[:, 5:], other[name])
    np.testing.assert_array_equal(rewarded[:, 5:], reward)
    np.testing.assert_array_equal(ended[:, 5:], end)


def test_a_seed_gives_the_same_again_and_another_gives_something_else():
    sequence = actions(20, 2)
    batch = WalkBatch(g1(12), 2, 1, EVERYTHING)
    first, rewarded, _ = run(batch, sequence, seed=4)
    again, same, _ = run(batch, sequence, seed=4)
    other, _, _ = run(batch, sequence, seed=5)
    np.testing.assert_array_equal(first["policy"], again["policy"])
    np.testing.assert_array_equal(rewarded, same)
    assert not np.array_equal(first["policy"], other["policy"])
    assert not np.array_equal(first["policy"][0, 0], first["policy"][0, 1])


def test_the_learner_gets_the_last_observation_of_an_episode_that_ran_out_of_time():
    sequence = np.zeros((10, 2, 12))
    short = WalkBatch(g1(12), 2, 2, seconds=0.2)
    longer = WalkBatch(g1(12), 2, 2, seconds=0.4)
    short.reset()
    longer.reset()
    for action in sequence:
        step, reference = short.step(action), longer.step(action)
    assert step.truncated.all()
    assert not step.terminated.any()
    final = step.info["final_observation"]
    np.testing.assert_array_equal(final["copies"], [0, 1])
    for name in ("policy", "privileged"):
        np.testing.assert_array_equal(final[name], reference.observation[name])
        assert not np.array_equal(final[name], step.observation[name])
    episode = step.info["episode"]
    np.testing.assert_array_equal(episode["length"], [10, 10])
    assert not episode["fell"].any()
    assert episode["rewards"].shape == (2, len(rewards.TERMS))
    np.testing.assert_allclose(episode["rewards"].sum(axis=1), episode["return"])


def test_a_robot_that_lies_down_ends_its_episode_and_is_punished():
    batch = WalkBatch(g1(12), 1, auto_reset=False)
    batch.reset()
    limp = np.zeros((1, 12))
    limp[0, [0, 6]] = -6.0
    for _ in range(100):
        step = batch.step(limp)
        if step.terminated[0]:
            break
    assert step.terminated[0]
    assert step.info["state"].fallen[0]
    assert step.reward[0] < -1.0
    assert not step.info["unstable"][0]


@pytest.mark.parametrize("physics_hz", [200.0, 50.0])  # of several steps an action, and of one
@pytest.mark.parametrize("poison", ["nan", "fast", "model"])
def test_unstable_physics_ends_its_copy_alone_and_is_counted(poison, physics_hz):
    batch = WalkBatch(g1(12), 3, 6, physics_hz=physics_hz)
    batch.reset()
    quiet = np.zeros((3, 12))
    before = batch.step(quiet)
    if poison == "nan":
        batch.physics.state[1, 10] = np.nan
    elif poison == "fast":
        batch.physics.state[1, -1] = 1e7
    else:
        batch.models[1].actuator_biasprm[:, 2] = np.nan
    step = batch.step(quiet)
    np.testing.assert_array_equal(step.info["unstable"], [False, True, False])
    np.testing.assert_array_equal(step.terminated, [False, True, False])
    assert batch.unstable == 1
    assert step.reward[1] == 0.0
    for values in (*step.observation.values(), *before.observation.values()):
        assert np.isfinite(values).all()
    assert np.isfinite(step.info["final_observation"]["policy"]).all()
    assert np.isfinite(step.info["episode"]["return"]).all()
    if poison != "model":
        assert not batch.step(quiet).info["unstable"].any()


def test_physics_is_mujocos_with_motors_that_hold_the_targets():
    robot = g1(12)
    batch = WalkBatch(robot, 1, auto_reset=False)
    batch.reset(seed=2)
    model, data = walk_model(robot), None
    for action in actions(8, 1):
        if data is None:
            data = mujoco.MjData(model)
            data.qpos[:], data.qvel[:] = batch.qpos[0], batch.qvel[0]
        batch.step(action)
        target = np.array(robot.default_pose) + np.array(robot.action_scale) * action[0]
        for _ in range(4):
            torque = np.array(robot.kp) * (target - data.qpos[7:])
            torque -= np.array(robot.kd) * data.qvel[6:]
            data.ctrl[:] = target
            mujoco.mj_step(model, data)
            limit = np.array(robot.effort)
            np.testing.assert_allclose(data.actuator_force, np.clip(torque, -limit, limit))
        np.testing.assert_allclose(batch.qpos[0], data.qpos, atol=1e-5)
    feet = np.array([data.site(name).xpos for name in FEET])
    # Sensors are those of the last physics step's beginning, 5 ms ago.
    np.testing.assert_allclose(batch.physics.feet[0, :, :3], feet, atol=0.02)


def test_other_rates_stand_as_well():
    for joints, rate in ((12, 100.0), (29, 100.0), (12, 500.0)):
        batch = WalkBatch(g1(joints), 1, physics_hz=rate, auto_reset=False)
        batch.reset()
        for _ in range(15):
            step = batch.step(np.zeros((1, joints)))
        assert not step.terminated.any()
        assert step.info["state"].height[0] == pytest.approx(0.784, abs=0.02)


def test_a_push_is_what_it_says_and_the_teacher_sees_it():
    batch = WalkBatch(g1(12), 1, auto_reset=False)
    batch.reset(seed=1)
    batch.step(np.zeros((1, 12)))
    before = batch.qvel[0, :2].copy()
    batch.push(np.array([0.5, -0.25]))
    np.testing.assert_allclose(batch.qvel[0, :2] - before, [0.5, -0.25])
    pushed = WalkBatch(g1(12), 1, 1, ("pushes",), auto_reset=False)
    pushed.reset()
    pushed._pushes.left[:] = 0.0
    state = pushed.step(np.zeros((1, 12))).info["state"]
    speed = pushed.randomizer.parameters.push_speed[0]
    assert np.linalg.norm(state.push[0]) == pytest.approx(speed)


def test_training_pushes_more_and_may_calm_down():
    with WalkBatch(g1(12), 64, 1, ("pushes",), terms=TRAINING, push_every=OFTEN) as batch:
        batch.reset()
        assert batch.randomizer.parameters.push_speed.max() > 1.2
        left = batch._pushes.left
        assert OFTEN[0] <= left.min() < EVERY[0] < left.max() <= OFTEN[1]
        batch.push_every = EVERY
        left[:32] = 0.0
        pushed = np.linalg.norm(batch.step(np.zeros((64, 12))).info["state"].push, axis=1) > 0.0
        assert (pushed == (np.arange(64) < 32)).all()
        assert EVERY[0] <= left[:32].min() < OFTEN[1] < left[:32].max() <= EVERY[1]
        assert left[32:].max() <= OFTEN[1]
        batch.reset(2)
        assert (batch._pushes.left >= EVERY[0]).all()


def test_a_picture_shows_the_robot_where_it_is():
    env = HumanoidWalkEnv(terrain="rough", render_mode="rgb_array")
    env.reset(seed=0)
    first = env.render()
    for _ in range(10):
        env.step(np.full(12, 1.0))
    second = env.render()
    assert first.shape == (480, 640, 3)
    assert np.abs(first.astype(int) - second).max() > 50
    env.close()


def test_wrong_actions_and_arguments_are_refused_in_one_sentence():
    batch = WalkBatch(g1(12), 2)
    batch.reset()
    with pytest.raises(ValueError, match=r"shape \(2, 11\), this batch takes \(2, 12\)"):
        batch.step(np.zeros((2, 11)))
    with pytest.raises(ValueError, match="finite"):
        batch.step(np.full((2, 12), np.nan))
    with pytest.raises(ValueError, match="no terrain 'ice'"):
        WalkBatch(g1(12), 1, terrain="ice")
    with pytest.raises(ValueError, match="no multiple"):
        WalkBatch(g1(12), 1, control_hz=60)
    with pytest.raises(ValueError, match="no randomisation term 'wind'"):
        WalkBatch(g1(12), 1, randomization=("wind",))
    with pytest.raises(ValueError, match="has no step"):
        WalkBatch(g1(12), 1, seconds=0.0)


def test_a_term_of_ones_own_may_change_any_field():
    def damping(draw):
        drawn = draw.values(1)
        draw.fields["dof_damping"][:, draw.parts.dofs] += drawn
        return drawn

    term = Term("damping", "each joint", Distribution("uniform", 0.1, 0.3, 0.0), damping)
    batch = WalkBatch(g1(12), 2, 0, "damping", terms=TERMS | {"damping": term})
    batch.reset()
    for model, drawn in zip(batch.models, batch.randomizer.draws["damping"][:, 0], strict=True):
        np.testing.assert_allclose(
            model.dof_damping[6:], drawn + walk_model(g1(12)).dof_damping[6:]
        )
    assert batch.models[0].dof_damping[6] != batch.models[1].dof_damping[6]


def test_commands_are_followed_by_the_observation_and_can_be_held():
    batch = WalkBatch(g1(12), 2)
    batch.hold_commands(np.array([0.5, 0.1, -0.2]))
    observation = batch.reset(seed=0)
    np.testing.assert_allclose(observation["policy"][:, 6:9], [[1.0, 0.2, -0.2]] * 2)
    drawn, lasting = draw_commands(
        Streams(0, 2000), np.zeros(2000, dtype=int), np.arange(2000), CommandRanges()
    )
    assert (np.abs(drawn).max(axis=0) <= (1.0, 0.5, 1.0)).all()
    assert 0.12 < np.mean(~moving(drawn)) < 0.2
    assert np.mean((drawn != 0.0).sum(axis=1) == 1) > 0.2
    assert lasting.min() >= 4.0


@pytest.mark.parametrize("robot", [g1(12), g1(29), t1()], ids=lambda robot: robot.name)
def test_a_mirrored_state_is_observed_as_the_mirrored_observation(robot):
    joints = len(robot.joints)
    batch = WalkBatch(robot, 2, auto_reset=False)
    batch.hold_commands(np.array([[0.4, 0.2, -0.3], [0.4, -0.2, 0.3]]))
    batch.reset(seed=1)
    order, signs = np.array(robot.mirror_joints), np.array(robot.mirror_signs)
    physics = batch.physics
    physics.state[:, 4:8] = (1.0, 0.0, 0.0, 0.0)
    batch._phase[:] = 0.3, 0.8
    physics.state[0, physics.base_velocity] = (0.2, 0.3, -0.1)
    physics.state[1, physics.base_velocity] = (0.2, -0.3, -0.1)
    action = actions(1, 1, joints=joints)[0, 0]
    step = batch.step(np.stack((action, action[order] * signs)))
    for name, values in step.observation.items():
        places, factors = observations.mirror(robot, name)
        mirrored = values[0, places] * factors
        np.testing.assert_allclose(mirrored[places] * factors, values[0], atol=1e-6)
        # Left and right of these robots are equal to about a thousandth.
        np.testing.assert_allclose(mirrored, values[1], atol=0.05)
    assert step.reward[0] == pytest.approx(step.reward[1], abs=2e-3)


def test_observations_have_the_terms_of_their_contract():
    robot = g1(12)
    contract = observations.contract(robot)
    assert contract["size"] == sum(term["size"] for term in contract["terms"]) == 47
    assert [term["name"] for term in contract["terms"]] == [
        "gyro",
        "gravity",
        "command",
        "joint position",
        "joint velocity",
        "last action",
        "clock",
    ]
    batch = WalkBatch(robot, 1, auto_reset=False)
    batch.reset()
    action = actions(1, 1)[0]
    policy = batch.step(action).observation["policy"][0]
    np.testing.assert_allclose(policy[33:45], action[0], rtol=1e-6)
    angles = batch.qpos[0, 7:] - np.array(robot.default_pose)
    np.testing.assert_allclose(policy[9:21], angles, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(policy[21:33], batch.qvel[0, 6:] * 0.05, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(policy[:3], batch.qvel[0, 3:6] * 0.25, rtol=1e-5, atol=1e-7)


def test_penalties_grow_with_the_curriculum_and_rewards_do_not():
    full, half = WalkBatch(g1(12), 1, 3), WalkBatch(g1(12), 1, 3)
    half.penalties = 0.5
    action = actions(1, 1, size=1.0)[0]
    for batch in (full, half):
        batch.reset()
    ones, halves = (batch.step(action).info["rewards"][0] for batch in (full, half))
    for term, one, other in zip(rewards.TERMS, ones, halves, strict=True):
        assert other == pytest.approx(one * (0.5 if term.penalty else 1.0))
    curriculum = EpisodeCurriculum(0.5)
    assert curriculum.update(0.9) > 0.5
    assert curriculum.update(0.1) == 0.5


def test_a_copy_meets_more_randomisation_once_it_follows_commands():
    rule = RandomizationCurriculum(rise=0.5, drop=0.25, follows=np.inf)
    batch = WalkBatch(g1(12), 1, 0, ("friction",), seconds=0.1, curriculum=rule)
    batch.reset()
    assert batch.models[0].geom("left_sole_0").friction[0] == pytest.approx(0.6)
    for _ in range(5):
        batch.step(np.zeros((1, 12)))
    assert batch.factor[0] == 0.5
    assert batch.models[0].geom("left_sole_0").friction[0] != pytest.approx(0.6)
    rule = RandomizationCurriculum(rise=0.5, drop=0.25, follows=0.4)
    upright, error = np.array([False, True, True]), np.array([0.1, 0.5, 0.3])
    new = rule.update(np.full(3, 0.5), upright, error)
    np.testing.assert_allclose(new, [0.25, 0.5, 1.0])


def test_on_the_spot_nothing_gets_harder():
    """However small the commands of an episode happen to be."""
    batch = WalkBatch(
        g1(12), 64, 0, ("friction",), seconds=0.4, curriculum=RandomizationCurriculum()
    )
    batch.command_scale = 0.7
    batch.reset()
    for _ in range(20):
        step = batch.step(np.zeros((64, 12)))
    assert step.truncated.all()
    assert batch.factor.mean() < 0.02


def test_a_batch_goes_on_where_another_was():
    """Through ends of episodes, pushes and new commands, on ground of several kinds."""

    def begun():
        return WalkBatch(
            g1(12),
            4,
            7,
            EVERYTHING,
            "mixed",
            physics_hz=100.0,
            curriculum=RandomizationCurriculum(start=0.5),
            seconds=0.4,
        )

    sequence = actions(40, 4, size=1.0)
    with begun() as one, begun() as other:
        one.reset(stagger=True)
        for action in sequence[:25]:
            one.step(action)
        other.reset()
        other.restore(one.state())
        for action in sequence[25:]:
            ours, theirs = one.step(action), other.step(action)
            np.testing.assert_array_equal(ours.reward, theirs.reward)
            for name in ("policy", "privileged"):
                np.testing.assert_array_equal(ours.observation[name], theirs.observation[name])


def test_who_is_pushed_while_standing_steps_in_time_with_the_clock() -> None:
    with WalkBatch(g1(12), 2, physics_hz=100.0) as batch:
        batch.hold_commands(np.zeros(3))
        batch.reset()
        nothing = np.zeros((2, 12))
        for _ in range(3):
            step = batch.step(nothing)
        assert not step.info["state"].striding.any()
        clock = step.observation["policy"][:, -2:]
        np.testing.assert_allclose(np.hypot(*clock.T), observations.STANDING_CLOCK, rtol=1e-5)
        batch.push(np.array([[1.0, 0.0], [0.0, 0.0]]))
        for _ in range(4):
            state = batch.step(nothing).info["state"]
        np.testing.assert_array_equal(state.striding, [True, False])
        in_time = replace(state, phase=np.full(2, 0.7))
        in_time = replace(in_time, contact=in_time.foot_phase < STANCE)
        by_name = {term.name: term.value(in_time) for term in rewards.TERMS}
        np.testing.assert_array_equal(by_name["gait"], [1.0, 0.0])
        assert by_name["stand still"][0] == 0.0 < by_name["stand still"][1]
        batch.hold_commands(np.array([0.5, 0.0, 0.0]))
        step = batch.step(nothing)
        assert step.info["state"].striding.all()
        clock = step.observation["policy"][:, -2:]
        np.testing.assert_allclose(np.hypot(*clock.T), 1.0, rtol=1e-5)


def test_a_tenth_more_is_rewarded_than_is_told() -> None:
    with WalkBatch(g1(12), 1) as batch:
        batch.reset()
        state = batch.step(np.zeros((1, 12))).info["state"]
    told = np.array([[0.5, -0.2, 0.8]])
    asked = rewards.ASKED * told
    velocity = np.column_stack((asked[:, :2], [0.0]))
    gyro = np.array([[0.0, 0.0, asked[0, 2]]])
    there = replace(state, command=told, velocity=velocity, gyro=gyro, astray=asked - told)
    for term in (rewards.track_forward, rewards.track_sideways, rewards.track_turning):
        assert term(there) == pytest.approx(1.0)
    assert rewards.error(there) == pytest.approx(0.0)
    misses = {(0.2, 0, 0): 0.2, (0, -0.2, 0): 0.3, (0, 0, 0.2): 0.1, (2, 2, 2): 1.75}
    for off, error in misses.items():
        astray = asked - told + np.array([off])
        assert rewards.error(replace(there, astray=astray)) == pytest.approx(error)
    assert rewards.error(replace(there, astray=-told)) == pytest.approx(
        rewards.error_on_the_spot(there)
    )
