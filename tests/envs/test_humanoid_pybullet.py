"""The second simulator: the same robot, proved in numbers, under the batch's own code."""

import mujoco
import numpy as np
import pybullet
import pytest

from envs.humanoid import observations
from envs.humanoid.batch import WalkBatch
from envs.humanoid.physics import walk_model
from envs.humanoid.pybullet.body import PyBulletBody
from envs.humanoid.pybullet.contract import check_contract
from envs.humanoid.pybullet.exporter import ExportError, export_urdf, with_rotors_in_links
from envs.humanoid.pybullet.proof import Proof, prove, rotor_error
from envs.humanoid.pybullet.rollout import PyBulletRollout
from envs.humanoid.pybullet.walker import PyBulletWalker
from envs.humanoid.robots import g1, robot_spec, t1
from envs.humanoid.terrain import Terrain

CRANE = """
<mujoco>
  <compiler angle="radian"/>
  <worldbody>
    <geom name="floor" type="plane" size="1 1 1"/>
    <body name="hull" pos="0 0 1" euler="0.3 -0.2 0.5">
      <freejoint/>
      <inertial pos="0.1 -0.05 0.02" mass="5" fullinertia="0.05 0.06 0.04 0.01 0.004 -0.006"/>
      <geom type="capsule" size="0.05" fromto="0 0 0 0.2 0.1 0.1"/>
      <body name="mast" pos="0.1 0.2 0.3" euler="0.4 0.1 -0.7">
        <joint name="slew" axis="0.36 0.48 0.8" pos="0.02 -0.03 0.05" ref="0.4" range="-1 1.2"
               armature="0.3" limited="true"/>
        <inertial pos="0 0.04 0.1" mass="1.3" diaginertia="0.01 0.012 0.004" quat="0.8 0.6 0 0"/>
        <geom type="sphere" size="0.03" pos="0 0 0.2" quat="0.5 0.5 0.5 0.5"/>
        <body name="lamp" pos="0.05 0 0.2" euler="1 0 0">
          <inertial pos="0 0 0.02" mass="0.2" diaginertia="0.001 0.001 0.0005"/>
        </body>
        <body name="trolley" pos="0 0.1 0.3" euler="0 0.5 0">
          <joint name="run" type="slide" axis="0.6 0 0.8" ref="0.1" pos="0.01 0 0"
                 range="-0.2 0.3" limited="true"/>
          <inertial pos="0.03 0 0" mass="0.7" diaginertia="0.002 0.003 0.004"/>
          <geom type="box" size="0.05 0.04 0.03" euler="0.2 0.3 0.4"/>
        </body>
      </body>
    </body>
  </worldbody>
</mujoco>
"""


@pytest.mark.parametrize("joints", [12, 29])
def test_the_g1_is_proved(joints: int) -> None:
    proof = prove(robot_spec(g1(joints)).compile(), poses=5)
    assert proof.failures() == []
    assert proof.mass_matrix < 1e-9
    assert proof.acceleration < 1e-6


def test_the_t1_is_proved() -> None:
    assert prove(robot_spec(t1()).compile(), poses=3).failures() == []


def test_any_floating_robot_is_proved() -> None:
    """Slides, reference angles, joints off the body's origin, welded parts, turned inertias."""
    assert prove(mujoco.MjModel.from_xml_string(CRANE), poses=10).failures() == []


def test_a_proof_names_what_differs() -> None:
    proof = Proof(
        mass=0.0, position=np.nan, rotation=0.0, mass_matrix=2e-4, gravity_torque=0.0,
        acceleration=0.0, poses=1,
    )  # fmt: skip
    assert proof.failures() == [
        "position differs by nan, allowed is 1e-05",
        "mass_matrix differs by 0.0002, allowed is 1e-04",
    ]


def test_a_changed_mass_is_carried_over() -> None:
    model = mujoco.MjModel.from_xml_string(CRANE)
    model.body_mass[model.body("lamp").id] += 1.0
    assert prove(model, poses=2).failures() == []
    with PyBulletBody(export_urdf(model)) as body:
        assert body.mass() == pytest.approx(8.2)


def test_rotors_are_felt_by_their_own_joint_and_hardly_by_others() -> None:
    model = robot_spec(g1(12)).compile()
    error = rotor_error(model, model.key("default").qpos)[6:]
    assert error.min() > -1e-12
    assert error.max() < 0.12
    assert with_rotors_in_links(model).dof_armature.max() == 0.0


def test_only_what_touches_in_mujoco_touches() -> None:
    export = export_urdf(robot_spec(g1(12)).compile())
    left, right = g1().feet
    assert export.self_contacts == {(left, right)}
    assert export.text.count("<capsule") == 2
    assert export.text.count("<sphere") == 8


def test_capsules_are_as_long_as_they_were() -> None:
    """Above a plane, the lowest point of a capsule lies as high as geometry says."""
    text = """<mujoco><worldbody><body name="log"><freejoint/>
    <geom type="capsule" size="0.1" fromto="-0.3 0 0.05 0.3 0 0.05"/></body></worldbody></mujoco>"""
    model = mujoco.MjModel.from_xml_string(text)
    with PyBulletBody(export_urdf(model)) as body:
        plane = body.add_plane()
        for tilt in (0.0, 0.3, 1.2, np.pi / 2):
            body.set_state(np.array([0.0, 0.0, 2.0, np.cos(tilt / 2), 0.0, np.sin(tilt / 2), 0.0]))
            found = pybullet.getClosestPoints(
                body.robot, plane, 5.0, -1, -1, physicsClientId=body.client
            )
            lowest = 2.0 + 0.05 * np.cos(tilt) - 0.3 * np.sin(tilt) - 0.1
            assert min(point[8] for point in found) == pytest.approx(lowest, abs=1e-3)


def test_states_come_back_as_they_were_set() -> None:
    model = robot_spec(g1(29)).compile()
    generator = np.random.default_rng(3)
    with PyBulletBody(export_urdf(model)) as body:
        turn = generator.normal(size=4)
        turn *= np.sign(turn[0]) / np.linalg.norm(turn)
        qpos = np.concatenate([generator.normal(size=3), turn, generator.normal(size=29)])
        qvel = generator.normal(size=35)
        body.set_state(qpos, qvel)
        again = body.state()
    np.testing.assert_allclose(again[0], qpos, atol=1e-12)
    np.testing.assert_allclose(again[1], qvel, atol=1e-12)


BALL = """<mujoco><worldbody><body name="buoy"><freejoint/><geom size="0.1"/><body name="mast">
<joint name="swing" type="ball"/><geom size="0.1"/></body></body></worldbody></mujoco>"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CRANE.replace("<freejoint/>", ""), "0 bodies with a free joint"),
        (CRANE.replace('name="run"', ""), "joint of body 'trolley' has no name"),
        (CRANE.replace('name="lamp"', ""), "has no name"),
        (BALL, "'mast' has 1 joints, or one that is no hinge"),
        (CRANE.replace('"box"', '"ellipsoid"'), "of type ellipsoid"),
    ],
)
def test_what_urdf_cannot_say_is_refused(text: str, said: str) -> None:
    with pytest.raises(ExportError, match=said):
        export_urdf(mujoco.MjModel.from_xml_string(text))


def test_a_root_that_does_not_float_is_refused() -> None:
    with pytest.raises(ExportError, match="'mast' has no free joint"):
        export_urdf(mujoco.MjModel.from_xml_string(CRANE), root="mast")


def test_standing_it_does_what_it_does_in_mujoco() -> None:
    """Half a second on its feet: the same fall forward, by the same code from the same seed."""
    zeros = np.zeros((1, 12))
    with WalkBatch(g1(12), 1, seed=3) as one, PyBulletWalker(g1(12), seed=3) as two:
        one.hold_commands(np.zeros(3))
        two.hold_commands(np.zeros(3))
        np.testing.assert_array_equal(one.reset()["policy"], two.reset()["policy"])
        for _ in range(25):
            states = [side.step(zeros).info["state"] for side in (one, two)]
    np.testing.assert_allclose(states[1].joint_position, states[0].joint_position, atol=0.005)
    np.testing.assert_allclose(states[1].height, states[0].height, atol=0.002)
    np.testing.assert_allclose(states[1].velocity, states[0].velocity, atol=0.02)
    np.testing.assert_allclose(states[1].torque, states[0].torque, atol=1.5)
    np.testing.assert_allclose(states[1].foot_position, states[0].foot_position, atol=0.005)
    assert states[1].contact.all()
    weight = 9.81 * one.models[0].body_subtreemass[1]
    np.testing.assert_allclose(states[1].foot_force.sum(), weight, rtol=0.1)


def test_the_same_seed_gives_the_same_episode() -> None:
    actions = np.random.default_rng(0).normal(size=(6, 1, 12))
    runs = []
    for _ in range(2):
        with PyBulletWalker(g1(12), seed=5, randomization=("gains", "start")) as walker:
            walker.reset()
            runs.append([walker.step(action).observation["policy"] for action in actions])
    np.testing.assert_array_equal(runs[0], runs[1])


def test_payload_and_friction_are_felt() -> None:
    """A payload weighs on the feet; on ice the pushed robot slides, on rubber it does not."""
    zeros, went, weighs = np.zeros((1, 12)), [], []
    for friction, payload in ((0.05, 0.0), (1.0, 5.0)):
        with PyBulletWalker(g1(12), seed=1, friction=friction, payload=payload) as walker:
            walker.reset()
            for _ in range(10):
                settled = walker.step(zeros).info["state"]
            walker.push((0.0, 0.5))
            for _ in range(6):
                pushed = walker.step(zeros).info["state"]
            weighs.append(settled.foot_force.sum())
            went.append(float(np.linalg.norm(pushed.foot_velocity[0, :, :2], axis=1).mean()))
            assert settled.parameters.friction[0] == pytest.approx(friction)
    assert weighs[1] - weighs[0] == pytest.approx(5.0 * 9.81, rel=0.3)
    assert went[0] > 3.0 * went[1]


def test_a_robot_thrown_down_has_fallen_and_begins_anew() -> None:
    with PyBulletWalker(g1(12), seed=2) as walker:
        walker.reset()
        walker.push((4.0, 0.0))
        for _ in range(60):
            step = walker.step(np.zeros((1, 12)))
            if step.terminated[0]:
                break
        assert step.terminated[0]
        assert not step.info["unstable"][0]
        height = walker.step(np.zeros((1, 12))).info["state"].height[0]
    assert height == pytest.approx(g1(12).base_height, abs=0.03)


def test_uneven_ground_is_where_it_is_in_mujoco() -> None:
    with PyBulletWalker(g1(12), seed=0, terrain="rough") as walker:
        walker.reset()
        walker.step(np.zeros((1, 12)))
        terrain: Terrain = walker.terrain
        world = walker.physics.engine._worlds[0]
        points = 0.05 * np.random.default_rng(0).integers(-60, 60, (60, 2))
        robot = world.body.state()[0][:2]
        points = points[np.linalg.norm(points - robot, axis=1) > 0.3]  # not on its feet
        assert len(points) > 50
        expected = terrain.height(np.array([0]), points[None, :, 0], points[None, :, 1])[0]
        measured = np.array([world.body.height_below(x, y) for x, y in points])
    np.testing.assert_allclose(measured, expected, atol=1e-4)
    assert np.ptp(expected) > 0.03


def test_a_changed_model_is_built_anew_and_an_unchanged_one_goes_on() -> None:
    model = walk_model(g1(12))
    start = np.concatenate([[0.0], model.key("default").qpos, np.zeros(model.nv)])[None]
    control = np.tile(g1(12).default_pose, (1, 4, 1))
    path, sensors = np.zeros((1, 4, start.shape[1])), np.zeros((1, 4, model.nsensordata))
    engine = PyBulletRollout()

    def run(state: np.ndarray) -> np.ndarray:
        engine.rollout([model], [], state, control, nstep=4, state=path, sensordata=sensors)
        return path[:, -1].copy()

    later = run(start)
    world = engine._worlds[0]
    run(later)
    assert engine._worlds[0] is world
    model.body_mass[3] *= 1.5
    run(start)
    assert engine._worlds[0] is not world
    assert path[0, -1, 0] == pytest.approx(4 * model.opt.timestep)
    engine.close()


def test_the_contract_holds() -> None:
    torch_like = {"one": lambda seen: 0.1 * seen[:, :12], "two": lambda seen: 0.1 * seen[:, :12]}
    links = check_contract(g1(12), actors=torch_like)
    assert [str(link) for link in links if not link.holds] == []
    assert len(links) == 6


@pytest.mark.parametrize(
    ("field", "broken", "where"),
    [
        ("body_mass", "robot → second simulator", "left_knee_link"),
        ("dof_armature", "robot → second simulator", "rotor of left_knee_link"),
        ("actuator_gainprm", "action → torque", "left_knee_joint"),
        ("dof_frictionloss", "torque → next state, in the air", "left_knee_joint"),
    ],
)
def test_a_broken_link_is_named(field: str, broken: str, where: str) -> None:
    other = walk_model(g1(12))
    index = {
        "body_mass": other.body("left_knee_link").id,
        "actuator_gainprm": (other.actuator("left_knee_joint").id, 0),
    }.get(field, other.joint("left_knee_joint").dofadr[0])
    getattr(other, field)[index] *= 100.0 if field == "dof_frictionloss" else 1.2
    first = next(link for link in check_contract(g1(12), second=other) if not link.holds)
    assert (first.name, where in first.where) == (broken, True), str(first)


def test_weights_that_say_different_things_break_the_first_link() -> None:
    actors = {"torch": lambda seen: seen[:, :12], "onnx": lambda seen: seen[:, :12] * 1.01}
    broken = [link for link in check_contract(g1(12), actors=actors) if not link.holds]
    assert [(link.name, link.where) for link in broken] == [
        ("observation → action", "onnx from torch")
    ]


def test_observation_terms_are_the_batchs() -> None:
    with PyBulletWalker(g1(29), seed=0) as walker:
        assert walker.reset()["policy"].shape == (1, observations.size(g1(29)))
