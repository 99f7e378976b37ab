"""Links of the Unitree G1 (29 joints, revision 1.0), with Unitree's published parameters.

Frames: links in their parent's, principal axes of inertia in the link's; quaternions w, x, y, z.
SI units. Tests compare every value with the MuJoCo Menagerie's model of the robot, rotor inertias
with MuJoCo Playground's.
"""

from dataclasses import dataclass
from typing import Final, Literal

_LARGE_HIP: Final = 0.025101925
_SMALL_HIP: Final = 0.01017752004
_DOUBLE_ARM: Final = 0.00721945
_ARM: Final = 0.003609725
_WRIST: Final = 0.00425
"""Reflected rotor inertias (kg m²), by motor; two motors drive ankles, waist roll and pitch."""

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]


@dataclass(frozen=True)
class Joint:
    """A hinge about an axis of its link.

    Attributes:
        name: of the joint and of its motor.
        axis: in the link's frame.
        limits: rad.
        effort: largest torque (Nm).
        armature: reflected rotor inertia (kg m²).
    """

    name: str
    axis: Literal["x", "y", "z"]
    limits: tuple[float, float]
    effort: float
    armature: float


@dataclass(frozen=True)
class Link:
    """A rigid body.

    Attributes:
        name: of the body.
        parent: name of the parent body; None: it floats.
        position: in the parent's frame (m).
        orientation: in the parent's frame.
        mass: kg.
        centre: of mass, in the link's frame (m).
        axes: principal axes of inertia, in the link's frame.
        inertia: about the principal axes (kg m²).
        joint: between parent and link; None: it floats.
    """

    name: str
    parent: str | None
    position: Vector
    orientation: Quaternion
    mass: float
    centre: Vector
    axes: Quaternion
    inertia: Vector
    joint: Joint | None


LINKS: Final = (
    Link(
        "pelvis",
        None,
        (0.0, 0.0, 0.793),
        (1.0, 0.0, 0.0, 0.0),
        3.813,
        (0.0, 0.0, -0.07605),
        (1.0, 0.0, -0.000399148, 0.0),
        (0.010549, 0.0093089, 0.0079184),
        None,
    ),
    Link(
        "left_hip_pitch_link",
        "pelvis",
        (0.0, 0.064452, -0.1027),
        (1.0, 0.0, 0.0, 0.0),
        1.35,
        (0.002741, 0.047791, -0.02606),
        (0.954862, 0.293964, 0.0302556, 0.030122),
        (0.00181517, 0.00153422, 0.00116212),
        Joint("left_hip_pitch_joint", "y", (-2.5307, 2.8798), 88.0, _SMALL_HIP),
    ),
    Link(
        "left_hip_roll_link",
        "left_hip_pitch_link",
        (0.0, 0.052, -0.030465),
        (0.996179, 0.0, -0.0873386, 0.0),
        1.52,
        (0.029812, -0.001045, -0.087934),
        (0.977808, -1.97119e-05, 0.205576, -0.0403793),
        (0.00254986, 0.00241169, 0.00148755),
        Joint("left_hip_roll_joint", "x", (-0.5236, 2.9671), 139.0, _LARGE_HIP),
    ),
    Link(
        "left_hip_yaw_link",
        "left_hip_roll_link",
        (0.025001, 0.0, -0.12412),
        (1.0, 0.0, 0.0, 0.0),
        1.702,
        (-0.057709, -0.010981, -0.15078),
        (0.600598, 0.15832, 0.223482, 0.751181),
        (0.00776166, 0.00717575, 0.00160139),
        Joint("left_hip_yaw_joint", "z", (-2.7576, 2.7576), 88.0, _SMALL_HIP),
    ),
    Link(
        "left_knee_link",
        "left_hip_yaw_link",
        (-0.078273, 0.0021489, -0.17734),
        (0.996179, 0.0, 0.0873386, 0.0),
        1.932,
        (0.005457, 0.003964, -0.12074),
        (0.923418, -0.0327699, 0.0158246, 0.382067),
        (0.0113804, 0.0112778, 0.00146458),
        Joint("left_knee_joint", "y", (-0.087267, 2.8798), 139.0, _LARGE_HIP),
    ),
    Link(
        "left_ankle_pitch_link",
        "left_knee_link",
        (0.0, -9.4445e-05, -0.30001),
        (1.0, 0.0, 0.0, 0.0),
        0.074,
        (-0.007269, 0.0, 0.011137),
        (0.603053, 0.369225, 0.369225, 0.603053),
        (1.89e-05, 1.40805e-05, 6.9195e-06),
        Joint("left_ankle_pitch_joint", "y", (-0.87267, 0.5236), 50.0, _DOUBLE_ARM),
    ),
    Link(
        "left_ankle_roll_link",
        "left_ankle_pitch_link",
        (0.0, 0.0, -0.017558),
        (1.0, 0.0, 0.0, 0.0),
        0.608,
        (0.026505, 0.0, -0.016425),
        (-0.000481092, 0.728482, -0.000618967, 0.685065),
        (0.00167218, 0.0016161, 0.000217621),
        Joint("left_ankle_roll_joint", "x", (-0.2618, 0.2618), 50.0, _DOUBLE_ARM),
    ),
    Link(
        "right_hip_pitch_link",
        "pelvis",
        (0.0, -0.064452, -0.1027),
        (1.0, 0.0, 0.0, 0.0),
        1.35,
        (0.002741, -0.047791, -0.02606),
        (0.954862, -0.293964, 0.0302556, -0.030122),
        (0.00181517, 0.00153422, 0.00116212),
        Joint("right_hip_pitch_joint", "y", (-2.5307, 2.8798), 88.0, _SMALL_HIP),
    ),
    Link(
        "right_hip_roll_link",
        "right_hip_pitch_link",
        (0.0, -0.052, -0.030465),
        (0.996179, 0.0, -0.0873386, 0.0),
        1.52,
        (0.029812, 0.001045, -0.087934),
        (0.977808, 1.97119e-05, 0.205576, 0.0403793),
        (0.00254986, 0.00241169, 0.00148755),
        Joint("right_hip_roll_joint", "x", (-2.9671, 0.5236), 139.0, _LARGE_HIP),
    ),
    Link(
        "right_hip_yaw_link",
        "right_hip_roll_link",
        (0.025001, 0.0, -0.12412),
        (1.0, 0.0, 0.0, 0.0),
        1.702,
        (-0.057709, 0.010981, -0.15078),
        (0.751181, 0.223482, 0.15832, 0.600598),
        (0.00776166, 0.00717575, 0.00160139),
        Joint("right_hip_yaw_joint", "z", (-2.7576, 2.7576), 88.0, _SMALL_HIP),
    ),
    Link(
        "right_knee_link",
        "right_hip_yaw_link",
        (-0.078273, -0.0021489, -0.17734),
        (0.996179, 0.0, 0.0873386, 0.0),
        1.932,
        (0.005457, -0.003964, -0.12074),
        (0.923439, 0.0345276, 0.0116333, -0.382012),
        (0.011374, 0.0112843, 0.00146452),
        Joint("right_knee_joint", "y", (-0.087267, 2.8798), 139.0, _LARGE_HIP),
    ),
    Link(
        "right_ankle_pitch_link",
        "right_knee_link",
        (0.0, 9.4445e-05, -0.30001),
        (1.0, 0.0, 0.0, 0.0),
        0.074,
        (-0.007269, 0.0, 0.011137),
        (0.603053, 0.369225, 0.369225, 0.603053),
        (1.89e-05, 1.40805e-05, 6.9195e-06),
        Joint("right_ankle_pitch_joint", "y", (-0.87267, 0.5236), 50.0, _DOUBLE_ARM),
    ),
    Link(
        "right_ankle_roll_link",
        "right_ankle_pitch_link",
        (0.0, 0.0, -0.017558),
        (1.0, 0.0, 0.0, 0.0),
        0.608,
        (0.026505, 0.0, -0.016425),
        (0.000481092, 0.728482, 0.000618967, 0.685065),
        (0.00167218, 0.0016161, 0.000217621),
        Joint("right_ankle_roll_joint", "x", (-0.2618, 0.2618), 50.0, _DOUBLE_ARM),
    ),
    Link(
        "waist_yaw_link",
        "pelvis",
        (0.0, 0.0, 0.0),
        (1.0, 0.0, 0.0, 0.0),
        0.214,
        (0.003494, 0.000233, 0.018034),
        (0.289697, 0.591001, -0.337795, 0.672821),
        (0.000163531, 0.000107714, 0.000102205),
        Joint("waist_yaw_joint", "z", (-2.618, 2.618), 88.0, _SMALL_HIP),
    ),
    Link(
        "waist_roll_link",
        "waist_yaw_link",
        (-0.0039635, 0.0, 0.044),
        (1.0, 0.0, 0.0, 0.0),
        0.086,
        (0.0, 2.3e-05, 0.0),
        (0.5, 0.5, -0.5, 0.5),
        (8.245e-06, 7.079e-06, 6.339e-06),
        Joint("waist_roll_joint", "x", (-0.52, 0.52), 50.0, _DOUBLE_ARM),
    ),
    Link(
        "torso_link",
        "waist_roll_link",
        (0.0, 0.0, 0.0),
        (1.0, 0.0, 0.0, 0.0),
        7.818,
        (0.00203158, 0.000339683, 0.184568),
        (0.999803, -6.03319e-05, 0.0198256, 0.00131986),
        (0.121847, 0.109825, 0.0273735),
        Joint("waist_pitch_joint", "y", (-0.52, 0.52), 50.0, _DOUBLE_ARM),
    ),
    Link(
        "left_shoulder_pitch_link",
        "torso_link",
        (0.0039563, 0.10022, 0.24778),
        (0.990264, 0.139201, 1.38722e-05, -9.86868e-05),
        0.718,
        (0.0, 0.035892, -0.011628),
        (0.654152, 0.0130458, -0.326267, 0.68225),
        (0.000465864, 0.000432842, 0.000406394),
        Joint("left_shoulder_pitch_joint", "y", (-3.0892, 2.6704), 25.0, _ARM),
    ),
    Link(
        "left_shoulder_roll_link",
        "left_shoulder_pitch_link",
        (0.0, 0.038, -0.013831),
        (0.990268, -0.139172, 0.0, 0.0),
        0.643,
        (-0.000227, 0.00727, -0.063243),
        (0.701256, -0.0196223, -0.00710317, 0.712604),
        (0.000691311, 0.000618011, 0.000388977),
        Joint("left_shoulder_roll_joint", "x", (-1.5882, 2.2515), 25.0, _ARM),
    ),
    Link(
        "left_shoulder_yaw_link",
        "left_shoulder_roll_link",
        (0.0, 0.00624, -0.1032),
        (1.0, 0.0, 0.0, 0.0),
        0.734,
        (0.010773, -0.002949, -0.072009),
        (0.716879, -0.0964829, -0.0679942, 0.687134),
        (0.00106187, 0.00103217, 0.000400661),
        Joint("left_shoulder_yaw_joint", "z", (-2.618, 2.618), 25.0, _ARM),
    ),
    Link(
        "left_elbow_link",
        "left_shoulder_yaw_link",
        (0.015783, 0.0, -0.080518),
        (1.0, 0.0, 0.0, 0.0),
        0.6,
        (0.064956, 0.004454, -0.010062),
        (0.541765, 0.636132, 0.388821, 0.388129),
        (0.000443035, 0.000421612, 0.000259353),
        Joint("left_elbow_joint", "y", (-1.0472, 2.0944), 25.0, _ARM),
    ),
    Link(
        "left_wrist_roll_link",
        "left_elbow_link",
        (0.1, 0.00188791, -0.01),
        (1.0, 0.0, 0.0, 0.0),
        0.085445,
        (0.0171394, 0.000537591, 4.8864e-07),
        (0.575338, 0.411667, -0.574906, 0.411094),
        (5.48211e-05, 4.96646e-05, 3.57798e-05),
        Joint("left_wrist_roll_joint", "x", (-1.97222, 1.97222), 25.0, _ARM),
    ),
    Link(
        "left_wrist_pitch_link",
        "left_wrist_roll_link",
        (0.038, 0.0, 0.0),
        (1.0, 0.0, 0.0, 0.0),
        0.48405,
        (0.0229999, -0.00111685, -0.00111658),
        (0.249998, 0.661363, 0.293036, 0.643608),
        (0.000430353, 0.000429873, 0.000164648),
        Joint("left_wrist_pitch_joint", "y", (-1.61443, 1.61443), 5.0, _WRIST),
    ),
    Link(
        "left_wrist_yaw_link",
        "left_wrist_pitch_link",
        (0.046, 0.0, 0.0),
        (1.0, 0.0, 0.0, 0.0),
        0.254576,
        (0.0708244, 0.000191745, 0.00161742),
        (0.510571, 0.526295, 0.468078, 0.493188),
        (0.000646113, 0.000559993, 0.000147566),
        Joint("left_wrist_yaw_joint", "z", (-1.61443, 1.61443), 5.0, _WRIST),
    ),
    Link(
        "right_shoulder_pitch_link",
        "torso_link",
        (0.0039563, -0.10021, 0.24778),
        (0.990264, -0.139201, 1.38722e-05, 9.86868e-05),
        0.718,
        (0.0, -0.035892, -0.011628),
        (0.68225, -0.326267, 0.0130458, 0.654152),
        (0.000465864, 0.000432842, 0.000406394),
        Joint("right_shoulder_pitch_joint", "y", (-3.0892, 2.6704), 25.0, _ARM),
    ),
    Link(
        "right_shoulder_roll_link",
        "right_shoulder_pitch_link",
        (0.0, -0.038, -0.013831),
        (0.990268, 0.139172, 0.0, 0.0),
        0.643,
        (-0.000227, -0.00727, -0.063243),
        (0.712604, -0.00710317, -0.0196223, 0.701256),
        (0.000691311, 0.000618011, 0.000388977),
        Joint("right_shoulder_roll_joint", "x", (-2.2515, 1.5882), 25.0, _ARM),
    ),
    Link(
        "right_shoulder_yaw_link",
        "right_shoulder_roll_link",
        (0.0, -0.00624, -0.1032),
        (1.0, 0.0, 0.0, 0.0),
        0.734,
        (0.010773, 0.002949, -0.072009),
        (0.687134, -0.0679942, -0.0964829, 0.716879),
        (0.00106187, 0.00103217, 0.000400661),
        Joint("right_shoulder_yaw_joint", "z", (-2.618, 2.618), 25.0, _ARM),
    ),
    Link(
        "right_elbow_link",
        "right_shoulder_yaw_link",
        (0.015783, 0.0, -0.080518),
        (1.0, 0.0, 0.0, 0.0),
        0.6,
        (0.064956, -0.004454, -0.010062),
        (0.388129, 0.388821, 0.636132, 0.541765),
        (0.000443035, 0.000421612, 0.000259353),
        Joint("right_elbow_joint", "y", (-1.0472, 2.0944), 25.0, _ARM),
    ),
    Link(
        "right_wrist_roll_link",
        "right_elbow_link",
        (0.1, -0.00188791, -0.01),
        (1.0, 0.0, 0.0, 0.0),
        0.085445,
        (0.0171394, -0.000537591, 4.8864e-07),
        (0.411667, 0.575338, -0.411094, 0.574906),
        (5.48211e-05, 4.96646e-05, 3.57798e-05),
        Joint("right_wrist_roll_joint", "x", (-1.97222, 1.97222), 25.0, _ARM),
    ),
    Link(
        "right_wrist_pitch_link",
        "right_wrist_roll_link",
        (0.038, 0.0, 0.0),
        (1.0, 0.0, 0.0, 0.0),
        0.48405,
        (0.0229999, 0.00111685, -0.00111658),
        (0.643608, 0.293036, 0.661363, 0.249998),
        (0.000430353, 0.000429873, 0.000164648),
        Joint("right_wrist_pitch_joint", "y", (-1.61443, 1.61443), 5.0, _WRIST),
    ),
    Link(
        "right_wrist_yaw_link",
        "right_wrist_pitch_link",
        (0.046, 0.0, 0.0),
        (1.0, 0.0, 0.0, 0.0),
        0.254576,
        (0.0708244, -0.000191745, 0.00161742),
        (0.493188, 0.468078, 0.526295, 0.510571),
        (0.000646113, 0.000559993, 0.000147566),
        Joint("right_wrist_yaw_joint", "z", (-1.61443, 1.61443), 5.0, _WRIST),
    ),
)
