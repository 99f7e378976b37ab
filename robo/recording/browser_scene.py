"""A mirror of a MuJoCo model in viser: one node per body, and only moved bodies are sent."""

from dataclasses import dataclass
from typing import Any, Final

import mujoco
import numpy as np
import viser
from numpy.typing import NDArray

from robo.recording.browser_meshes import body_model, look

BACKGROUND: Final = (223, 229, 230)
MOVED: Final = 2e-4
"""A body that moved or turned less (m, quaternion elements) is not sent again."""

Poses = NDArray[np.float64]
"""Position (m) and quaternion wxyz of each body in the world frame, shape (nbody, 7)."""


def body_poses(data: mujoco.MjData) -> Poses:
    """A copy of all body poses."""
    return np.concatenate([data.xpos, data.xquat], axis=1)


def blend(before: Poses, after: Poses, share: float) -> Poses:
    """Interpolate poses, `share` 0 to 1 of the way; for small rotations only."""
    turn = np.sign((before[:, 3:] * after[:, 3:]).sum(axis=1, keepdims=True))
    target = after.copy()
    target[:, 3:] *= np.where(turn == 0, 1.0, turn)
    poses = before + share * (target - before)
    poses[:, 3:] /= np.linalg.norm(poses[:, 3:], axis=1, keepdims=True)
    return poses


@dataclass
class _Node:
    handle: Any
    pose: NDArray[np.float64]


class SceneMirror:
    """Shows a model's bodies.

    Args:
        server: The 3-D scene's server.
    """

    def __init__(self, server: viser.ViserServer) -> None:
        self._server = server
        self._nodes: dict[int, _Node] = {}
        self._look = b""
        self._number = 0
        scene = server.scene
        scene.world_axes.visible = False
        scene.configure_default_lights(enabled=False)
        scene.configure_environment_map(None)
        scene.set_background_image(np.full((4, 4, 3), BACKGROUND, np.uint8), format="png")
        scene.add_light_hemisphere(
            "/light/sky", sky_color=(255, 250, 240), ground_color=(150, 140, 130), intensity=2.7
        )
        scene.add_light_directional(
            "/light/sun", color=(255, 244, 225), intensity=1.6, position=(1.5, -2.0, 4.0)
        )

    def load(self, model: mujoco.MjModel) -> None:
        """Show this model; does nothing if it looks like the current one."""
        new_look = look(model)
        if new_look == self._look:
            return
        self._number += 1
        old = list(self._nodes.values())
        self._nodes = {}
        with self._server.atomic():
            for body in range(model.nbody):
                glb = body_model(model, body)
                if glb is not None:
                    name = f"/model{self._number}/{body}"
                    handle = self._server.scene.add_glb(name, glb)
                    self._nodes[body] = _Node(handle, np.full(7, np.nan))
            for node in old:
                node.handle.remove()
        self._look = new_look

    def push(self, poses: Poses) -> int:
        """Send the bodies that moved; returns how many."""
        moved = [
            (node, poses[body])
            for body, node in self._nodes.items()
            if not np.abs(poses[body] - node.pose).max() < MOVED
        ]
        if moved:
            with self._server.atomic():
                for node, pose in moved:
                    node.handle.position, node.handle.wxyz = pose[:3], pose[3:]
                    node.pose = pose.copy()
        return len(moved)


class Chase:
    """Moves all viewers along with a body, as if mounted on it.

    Args:
        server: The 3-D scene's server.
    """

    def __init__(self, server: viser.ViserServer) -> None:
        self._server = server
        self._pose: NDArray[np.float64] | None = None
        self._seats: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
        self._ends = 0.0

    def follow(self, pose: NDArray[np.float64], now: float) -> None:
        """Follow the body to a pose, shape (7,), at time `now` (s).

        While the body moves, a viewer keeps its initial seat: the camera poses that pages report
        lag, and following them would drift.
        """
        if self._pose is None:
            self._pose = pose.copy()
        if np.abs(pose - self._pose).max() < 1e-3:
            return
        if now > self._ends:
            self._seats = {}
        self._ends = now + 0.4
        for number, client in self._server.get_clients().items():
            camera = client.camera
            if number not in self._seats:
                self._seats[number] = (
                    _onto(self._pose, camera.position),
                    _onto(self._pose, camera.look_at),
                )
            position, target = self._seats[number]
            camera.position, camera.look_at = _from(pose, position), _from(pose, target)
        self._pose = pose.copy()

    def forget(self) -> None:
        """Drop the seats: something else moved the viewers."""
        self._seats, self._ends = {}, 0.0


def place_cameras(
    server: viser.ViserServer, position: NDArray[np.float64], target: NDArray[np.float64]
) -> None:
    """Place all viewers, current and future, at a position (m, world), facing a target."""
    initial = server.initial_camera
    initial.position, initial.look_at = tuple(position), tuple(target)
    for client in server.get_clients().values():
        camera = client.camera
        camera.position, camera.look_at = position, target


def _turn(pose: NDArray[np.float64]) -> NDArray[np.float64]:
    """A pose's rotation about the vertical, world from body."""
    w, x, y, z = pose[3:]
    yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    cosine, sine = np.cos(yaw), np.sin(yaw)
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def _onto(pose: NDArray[np.float64], point: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(_turn(pose).T @ (point - pose[:3]))


def _from(pose: NDArray[np.float64], point: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(pose[:3] + _turn(pose) @ point)
