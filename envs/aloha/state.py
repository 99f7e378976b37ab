"""The true state, for experts and rules; policies see only the observation."""

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class AlohaState:
    """The true state.

    Attributes:
        joints: Joint positions of each arm by side, shape (6,), rad.
        openings: Opening of each gripper by side, 0 closed to 1 open.
        objects: Pose of each object by name, shape (7,): position (world frame, m) and quaternion
            (w, x, y, z).
        touching: Unordered pairs of the names of geoms in contact.
    """

    joints: dict[str, Vector]
    openings: dict[str, float]
    objects: dict[str, Vector]
    touching: frozenset[frozenset[str]]


def touching_pairs(model: mujoco.MjModel, data: mujoco.MjData) -> frozenset[frozenset[str]]:
    """Unordered pairs of the names of geoms in contact."""
    pairs = np.unique(data.contact.geom, axis=0) if data.ncon else ()
    return frozenset(
        frozenset((model.geom(int(one)).name, model.geom(int(other)).name)) for one, other in pairs
    )
