"""The second simulator is the same robot: proved in numbers, and refused where it cannot be."""

import mujoco
import numpy as np
import pytest

from envs.humanoid.pybullet.body import PyBulletBody
from envs.humanoid.pybullet.exporter import ExportError, export_urdf, with_rotors_in_links
from envs.humanoid.pybullet.proof import Proof, prove, rotor_error
from envs.humanoid.robots import g1, robot_spec

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
<joint type="ball"/><geom size="0.1"/></body></body></worldbody></mujoco>"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CRANE.replace("<freejoint/>", ""), "0 bodies with a free joint"),
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
