"""The robots' figures are those of the models that their makers and the Menagerie publish."""

import mujoco
import numpy as np
import pytest

from envs.humanoid.menagerie import menagerie
from envs.humanoid.robots import (
    FEET,
    PAYLOAD,
    ROBOTS,
    SOLES,
    g1,
    robot_config,
    robot_spec,
    t1,
)

MENAGERIE_G1 = "mujoco_menagerie/unitree_g1/g1.xml"
PLAYGROUND_G1 = "mujoco_playground/_src/locomotion/g1/xmls/g1_mjx_feetonly.xml"
PLAYGROUND_T1 = "mujoco_playground/_src/locomotion/t1/xmls/t1_mjx_feetonly.xml"


def published(path):
    """A model of the wheel, without its meshes; of what touches, spheres alone."""
    spec = mujoco.MjSpec.from_file(str(path))
    others = [geom for geom in spec.geoms if geom.type != mujoco.mjtGeom.mjGEOM_SPHERE]
    for elements in (others, spec.meshes, spec.keys, spec.pairs):
        for element in list(elements):
            spec.delete(element)
    return spec.compile()


def lowest_points(model, foot):
    """Of the spheres on a foot, in its frame, in an order of their own [k, 3] (m)."""
    spheres = (model.geom_bodyid == model.body(foot).id) & (
        model.geom_type == mujoco.mjtGeom.mjGEOM_SPHERE
    )
    points = model.geom_pos[spheres] - model.geom_size[spheres, :1] * (0.0, 0.0, 1.0)
    return points[np.lexsort(points.T)]


def grounded(robot):
    spec = robot_spec(robot)
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_PLANE, size=(0.0, 0.0, 0.1), contype=1, conaffinity=0
    )
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    mujoco.mj_forward(model, data)
    return model, data


def inertia(model, body):
    axes = np.zeros(9)
    mujoco.mju_quat2Mat(axes, model.body_iquat[body])
    axes = axes.reshape(3, 3)
    return axes @ np.diag(model.body_inertia[body]) @ axes.T


def test_every_figure_of_the_g1_is_the_menageries():
    ours, theirs = robot_spec(g1(29)).compile(), published(menagerie() / "unitree_g1/g1.xml")
    assert ours.nbody == theirs.nbody + 1  # the payload's
    for body in range(1, theirs.nbody):
        name = theirs.body(body).name
        mine = ours.body(name).id
        assert ours.body_mass[mine] == theirs.body_mass[body]
        np.testing.assert_allclose(inertia(ours, mine), inertia(theirs, body), atol=1e-12)
        np.testing.assert_array_equal(ours.body_ipos[mine], theirs.body_ipos[body])
        np.testing.assert_allclose(ours.body_quat[mine], theirs.body_quat[body], atol=1e-12)
        if name != "pelvis":
            np.testing.assert_array_equal(ours.body_pos[mine], theirs.body_pos[body])
            parent = theirs.body(theirs.body_parentid[body]).name
            assert ours.body(ours.body_parentid[mine]).name == parent
    motors = [theirs.actuator(index).name for index in range(theirs.nu)]
    assert list(g1(29).joints) == motors
    for index, name in enumerate(motors):
        mine, joint = ours.joint(name).id, theirs.joint(name).id
        np.testing.assert_array_equal(ours.jnt_range[mine], theirs.jnt_range[joint])
        np.testing.assert_array_equal(ours.jnt_axis[mine], theirs.jnt_axis[joint])
        effort = theirs.jnt_actfrcrange[joint]
        np.testing.assert_array_equal(ours.actuator_forcerange[index], effort)


def test_rotor_inertias_of_the_g1_are_the_playgrounds():
    ours, theirs = robot_spec(g1(29)).compile(), published(menagerie().parent / PLAYGROUND_G1)
    for name in g1(29).joints:
        mine, joint = ours.joint(name), theirs.joint(name)
        assert ours.dof_armature[mine.dofadr[0]] == theirs.dof_armature[joint.dofadr[0]]


@pytest.mark.parametrize(
    ("robot", "model"), [(g1(29), PLAYGROUND_G1), (g1(12), PLAYGROUND_G1), (t1(), PLAYGROUND_T1)]
)
def test_dry_friction_of_the_joints_is_the_playgrounds(robot, model):
    """The Menagerie's G1 has three times as much."""
    ours, theirs = robot_spec(robot).compile(), published(menagerie().parent / model)
    for name in robot.joints:
        mine, joint = ours.joint(name).dofadr[0], theirs.joint(name).dofadr[0]
        assert ours.dof_frictionloss[mine] == theirs.dof_frictionloss[joint] == 0.1
    # And what floats has none.
    assert not ours.dof_frictionloss[:6].any()


@pytest.mark.parametrize(
    ("robot", "model"), [(g1(29), MENAGERIE_G1), (g1(12), MENAGERIE_G1), (t1(), PLAYGROUND_T1)]
)
def test_soles_touch_the_ground_where_the_published_feet_do(robot, model):
    """With larger spheres, whose lowest points are the same; the site is in their middle."""
    ours, theirs = robot_spec(robot).compile(), published(menagerie().parent / model)
    for foot, site in zip(robot.feet, FEET, strict=True):
        points = lowest_points(ours, foot)
        assert len(points) == 4
        np.testing.assert_allclose(points, lowest_points(theirs, foot), atol=1e-12)
        np.testing.assert_allclose(ours.site(site).pos, points.mean(axis=0), atol=1e-12)


def test_every_figure_of_the_t1s_legs_is_the_menageries():
    robot = t1()
    ours, theirs = robot_spec(robot).compile(), published(menagerie() / "booster_t1/t1.xml")
    for index, name in enumerate(robot.joints):
        mine, joint = ours.joint(name).id, theirs.joint(name).id
        np.testing.assert_array_equal(ours.jnt_range[mine], theirs.jnt_range[joint])
        np.testing.assert_array_equal(
            ours.actuator_forcerange[index], theirs.jnt_actfrcrange[joint]
        )
        assert ours.dof_armature[ours.jnt_dofadr[mine]] == 0.005
        body, original = ours.jnt_bodyid[mine], theirs.jnt_bodyid[joint]
        assert ours.body_mass[body] == theirs.body_mass[original]
        np.testing.assert_allclose(inertia(ours, body), inertia(theirs, original), atol=1e-12)
    assert ours.body_mass.sum() == pytest.approx(theirs.body_mass.sum())


def test_the_legs_alone_move_as_the_whole_robot_whose_upper_body_is_held():
    legs, whole = g1(12), g1(29)
    small, data = grounded(legs)
    large, other = grounded(whole)
    assert small.body_mass.sum() == pytest.approx(large.body_mass.sum(), rel=1e-12)
    np.testing.assert_allclose(data.subtree_com[1], other.subtree_com[1], atol=1e-9)
    mass, full = np.zeros((small.nv, small.nv)), np.zeros((large.nv, large.nv))
    mujoco.mj_fullM(small, data, mass)
    mujoco.mj_fullM(large, other, full)
    np.testing.assert_allclose(mass, full[: small.nv, : small.nv], atol=1e-9)


@pytest.mark.parametrize("name", ROBOTS)
def test_a_robot_with_firm_ankles_stands_for_two_seconds_in_its_default_pose(name):
    robot = robot_config(name)
    model, data = grounded(robot)
    for index, joint in enumerate(robot.joints):
        if "ankle" in joint.lower():
            model.actuator_gainprm[index, 0], model.actuator_biasprm[index, 1] = 300.0, -300.0
            model.actuator_biasprm[index, 2] = -10.0
    soles = [model.geom(f"{prefix}_{index}").id for prefix in SOLES for index in range(4)]
    lowest = data.geom_xpos[soles, 2].min() - robot.sole_radius
    assert lowest == pytest.approx(0.0, abs=2e-3)
    for _ in range(400):
        mujoco.mj_step(model, data)
    assert data.qpos[2] > 0.97 * robot.base_height
    assert abs(data.body(robot.base).xmat[8]) > 0.99


@pytest.mark.parametrize("name", ROBOTS)
def test_the_mirror_is_an_involution_under_which_the_dynamics_are_equal(name):
    robot = robot_config(name)
    order, signs = np.array(robot.mirror_joints), np.array(robot.mirror_signs)
    count = len(robot.joints)
    np.testing.assert_array_equal(order[order], np.arange(count))
    np.testing.assert_array_equal(signs[order], signs)
    np.testing.assert_allclose(np.array(robot.default_pose)[order] * signs, robot.default_pose)
    model, data = grounded(robot)
    rng = np.random.default_rng(0)
    pose = np.array(robot.default_pose) + rng.uniform(-0.1, 0.1, count)
    speed, target = rng.uniform(-1.0, 1.0, count), rng.uniform(-0.3, 0.3, count)
    base, turning = np.array([0.3, 0.2, -0.1]), np.array([0.4, 0.5, -0.6])
    accelerations = []
    for mirrored in (False, True):
        data.qpos[7:] = pose[order] * signs if mirrored else pose
        data.qvel[6:] = speed[order] * signs if mirrored else speed
        data.ctrl[:] = target[order] * signs if mirrored else target
        data.qvel[:3] = base * (1.0, -1.0, 1.0) if mirrored else base
        data.qvel[3:6] = turning * (-1.0, 1.0, -1.0) if mirrored else turning
        data.qpos[2] = 2.0
        mujoco.mj_forward(model, data)
        accelerations.append(data.qacc.copy())
    expected, got = accelerations
    expected[:6] *= (1.0, -1.0, 1.0, -1.0, 1.0, -1.0)
    expected[6:] = expected[6:][order] * signs
    # The makers' figures for left and right differ in the last digits, the T1's in the third.
    assert np.linalg.norm(got - expected) < 0.03 * np.linalg.norm(expected)


def test_the_model_has_what_the_simulator_reads():
    model, _ = grounded(g1(12))
    assert model.body(PAYLOAD).mass[0] == 0.0
    assert model.nsensordata == 12 + 2 * 7
    for site in FEET:
        assert model.sensor(f"{site}_force").dim[0] == 1


def test_a_robot_that_does_not_exist_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match="no robot 'atlas', choose from g1-12, g1-29, t1-12"):
        robot_config("atlas")
    with pytest.raises(ValueError, match="not with 23"):
        g1(23)
