"""Domain randomisation: one table of named terms, all off by default.

A term is a plain function that draws from its distribution, changes the model (or the start
poses) and returns what it drew. `Randomizer` restores the model before every episode, so a draw
never depends on the previous episode.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.kitchen import layout, materials, robot
from envs.kitchen.scene import Scene, place_objects
from envs.kitchen.start import StartState
from envs.terms import check_terms

Samples = dict[str, Any]

_FIELDS: Final = (
    "light_pos",
    "light_diffuse",
    "geom_matid",
    "geom_rgba",
    "mat_rgba",
    "cam_pos",
    "cam_quat",
    "cam_fovy",
    "geom_friction",
    "body_mass",
    "body_inertia",
    "body_subtreemass",
    "body_invweight0",
    "dof_invweight0",
    "actuator_gainprm",
    "actuator_biasprm",
)
"""Everything in the model that a term may change."""


@dataclass(frozen=True)
class Distribution:
    """What a term draws from: both ends are included.

    Attributes:
        kind: "uniform", "log-uniform", "integer" (uniform) or "choice" (uniform over variants).
        low: lower end.
        high: upper end.
        unit: of the ends; "" for factors and counts.
    """

    kind: Literal["uniform", "log-uniform", "integer", "choice"]
    low: float
    high: float
    unit: str = ""

    def draw(
        self, rng: np.random.Generator, shape: int | tuple[int, ...] = ()
    ) -> NDArray[np.float64]:
        """Independent draws of the given shape."""
        if self.kind == "log-uniform":
            return np.asarray(np.exp(rng.uniform(np.log(self.low), np.log(self.high), shape)))
        if self.kind in ("integer", "choice"):
            return np.asarray(rng.integers(int(self.low), int(self.high) + 1, shape), dtype=float)
        return np.asarray(rng.uniform(self.low, self.high, shape))


@dataclass(frozen=True)
class Term:
    """One line of the table.

    Attributes:
        name: by which it is selected.
        what: what it changes, in words.
        distribution: what its main number is drawn from.
        apply: changes the scene or its data, returns the draws as plain values.
        moves: whether it acts on start poses (after placing) instead of the model (before).
    """

    name: str
    what: str
    distribution: Distribution
    apply: Callable[[Scene, mujoco.MjData, Distribution, np.random.Generator], Any]
    moves: bool = False


def lights(
    scene: Scene, data: mujoco.MjData, distribution: Distribution, rng: np.random.Generator
) -> Any:
    """Scale each light's brightness, tint it by up to 8 % and move it by up to 0.6 m."""
    model = scene.model
    brightness = distribution.draw(rng, model.nlight)
    tint = rng.uniform(0.92, 1.08, (model.nlight, 3))
    shift = rng.uniform(-0.6, 0.6, (model.nlight, 3))
    model.light_diffuse *= brightness[:, None] * tint
    model.light_pos += shift
    return {"brightness": brightness.tolist(), "tint": tint.tolist(), "shift": shift.tolist()}


def colours(
    scene: Scene, data: mujoco.MjData, distribution: Distribution, rng: np.random.Generator
) -> Any:
    """Scale red, green and blue of every material and every plain geom."""
    model = scene.model
    shades = distribution.draw(rng, (model.nmat, 3))
    geoms = distribution.draw(rng, (model.ngeom, 3))
    model.mat_rgba[:, :3] *= shades
    # A geom's own colour hides its material's.
    plain = model.geom_matid < 0
    model.geom_rgba[plain, :3] = np.clip(model.geom_rgba[plain, :3] * geoms[plain], 0.0, 1.0)
    return {"materials": shades.tolist(), "mean": float(geoms.mean())}


def surface_textures(
    scene: Scene, data: mujoco.MjData, distribution: Distribution, rng: np.random.Generator
) -> Any:
    """Choose a variant of floor, walls, worktops and wood; all are already uploaded."""
    model, chosen = scene.model, {}
    for material, variants in materials.VARIANTS.items():
        if len(variants) < 2:
            continue
        ids = [model.material(f"{material} {index}").id for index in range(len(variants))]
        index = int(distribution.draw(rng)) % len(variants)
        model.geom_matid[np.isin(model.geom_matid, ids)] = ids[index]
        chosen[material] = index
    return chosen


def camera_pose(
    scene: Scene, data: mujoco.MjData, distribution: Distribution, rng: np.random.Generator
) -> Any:
    """Shift the robot's cameras along each axis and turn them by up to 0.04 rad about each."""
    model, drawn = scene.model, {}
    for name in scene.cameras:
        if name not in (robot.HEAD_CAMERA, robot.WRIST_CAMERA):
            continue
        camera = model.camera(name).id
        shift, turn = distribution.draw(rng, 3), rng.uniform(-0.04, 0.04, 3)
        model.cam_pos[camera] += shift
        quaternion = model.cam_quat[camera].copy()
        mujoco.mju_quatIntegrate(quaternion, turn, 1.0)
        model.cam_quat[camera] = quaternion
        drawn[name] = {"shift": shift.tolist(), "turn": turn.tolist()}
    return drawn


def field_of_view(
    scene: Scene, data: mujoco.MjData, distribution: Distribution, rng: np.random.Generator
) -> Any:
    """Add to the vertical field of view of the robot's cameras."""
    drawn = {}
    for name in (robot.HEAD_CAMERA, robot.WRIST_CAMERA):
        drawn[name] = float(distribution.draw(rng))
        scene.model.cam_fovy[scene.model.camera(name).id] += drawn[name]
    return drawn


def object_poses(
    scene: Scene, data: mujoco.MjData, distribution: Distribution, rng: np.random.Generator
) -> Any:
    """Shift every object along x and y and turn it freely, where nothing is in the way.

    Objects in drawers and in the bin stay: there is no room.
    """
    shifts = distribution.draw(rng, (len(scene.names), 2))
    turns = rng.uniform(-np.pi, np.pi, len(scene.names))
    radii = np.array([np.hypot(kind.half[0], kind.half[1]) for kind in scene.kinds])
    positions = data.xpos[scene.object_bodies].copy()
    drawn = {}
    for instance, (_, place) in enumerate(scene.start.objects):
        surface = layout.SURFACES[place]
        target = positions[instance, :2] + shifts[instance]
        others = np.delete(positions[:, :2], instance, axis=0)
        gaps = np.linalg.norm(others - target, axis=1) - np.delete(radii, instance)
        roomy = place not in (*scene.drawer_qpos, "trash") and surface.usable.contains(*target)
        if not roomy or np.any(gaps < radii[instance] + 0.01):
            continue
        address = scene.object_qpos[instance]
        quaternion = data.qpos[address + 3 : address + 7].copy()
        turn, rotated = np.zeros(4), np.zeros(4)
        mujoco.mju_axisAngle2Quat(turn, np.array([0.0, 0.0, 1.0]), turns[instance])
        mujoco.mju_mulQuat(rotated, turn, quaternion)
        data.qpos[address : address + 2] = positions[instance, :2] = target
        data.qpos[address + 3 : address + 7] = rotated
        drawn[instance] = [*shifts[instance].tolist(), float(turns[instance])]
    mujoco.mj_forward(scene.model, data)
    return drawn


def friction(
    scene: Scene, data: mujoco.MjData, distribution: Distribution, rng: np.random.Generator
) -> Any:
    """Scale the friction of each object, and of the finger pads together."""
    objects = distribution.draw(rng, len(scene.names))
    pads = float(distribution.draw(rng))
    instances = scene.geom_instance
    scene.model.geom_friction[instances >= 0] *= objects[instances[instances >= 0], None]
    scene.model.geom_friction[scene.geom_finger >= 0] *= pads
    return {"objects": objects.tolist(), "fingers": pads}


def mass(
    scene: Scene, data: mujoco.MjData, distribution: Distribution, rng: np.random.Generator
) -> Any:
    """Scale each object's mass and inertia."""
    model = scene.model
    factors = distribution.draw(rng, len(scene.names))
    for body, dof, factor in zip(scene.object_bodies, scene.object_dofs, factors, strict=True):
        model.body_mass[body] *= factor
        model.body_inertia[body] *= factor
        model.body_subtreemass[body] *= factor
        model.body_invweight0[body] /= factor
        model.dof_invweight0[dof : dof + 6] /= factor
    return factors.tolist()


def actuator_gains(
    scene: Scene, data: mujoco.MjData, distribution: Distribution, rng: np.random.Generator
) -> Any:
    """Scale stiffness and damping of each of the robot's servos together."""
    model = scene.model
    factors = distribution.draw(rng, model.nu)
    model.actuator_gainprm[:, 0] *= factors
    model.actuator_biasprm[:, :3] *= factors[:, None]
    return dict(
        zip((model.actuator(i).name for i in range(model.nu)), factors.tolist(), strict=True)
    )


def control_delay(
    scene: Scene, data: mujoco.MjData, distribution: Distribution, rng: np.random.Generator
) -> Any:
    """Environment steps between an action and its effect; the environment applies it."""
    return int(distribution.draw(rng))


_TERMS: Final = (
    Term("lights", "brightness of each light", Distribution("log-uniform", 0.6, 1.5), lights),
    Term("colours", "colour of each material", Distribution("uniform", 0.85, 1.15), colours),
    Term(
        "textures",
        "variant of floor, walls, worktops, wood (modulo their number)",
        Distribution("choice", 0, 11),
        surface_textures,
    ),
    Term(
        "camera pose",
        "position of head and wrist camera",
        Distribution("uniform", -0.02, 0.02, "m"),
        camera_pose,
    ),
    Term(
        "field of view",
        "head and wrist camera",
        Distribution("uniform", -3.0, 3.0, "deg"),
        field_of_view,
    ),
    Term(
        "object poses",
        "where each object starts, and its heading",
        Distribution("uniform", -0.05, 0.05, "m"),
        object_poses,
        moves=True,
    ),
    Term("friction", "each object, finger pads", Distribution("log-uniform", 0.75, 1.35), friction),
    Term("mass", "each object", Distribution("log-uniform", 0.7, 1.4), mass),
    Term("actuator gains", "each servo", Distribution("log-uniform", 0.85, 1.2), actuator_gains),
    Term("control delay", "actions", Distribution("integer", 0, 2, "steps"), control_delay),
)

TERMS: Final[Mapping[str, Term]] = MappingProxyType({term.name: term for term in _TERMS})
"""Every term by its name."""


class Randomizer:
    """Begins episodes of one scene with the chosen terms.

    Args:
        scene: with its model as it was compiled.
        names: of the terms to draw at each `reset`.

    Raises:
        ValueError: there is no such term.
    """

    def __init__(self, scene: Scene, names: Iterable[str] = ()) -> None:
        self.names = check_terms(names, TERMS)
        self._scene = scene
        self._pristine = {field: getattr(scene.model, field).copy() for field in _FIELDS}

    def restore(self) -> None:
        """Restore the model as compiled."""
        for field, values in self._pristine.items():
            getattr(self._scene.model, field)[:] = values

    def reset(self, data: mujoco.MjData, start: StartState, rng: np.random.Generator) -> Samples:
        """Restore the model, draw its terms, place everything, draw the poses' terms.

        Returns:
            What was drawn, by term, as plain values (for `info`).
        """
        terms = [TERMS[name] for name in self.names]
        if terms:
            self.restore()
        samples: Samples = {}
        for term in terms:
            if not term.moves:
                samples[term.name] = term.apply(self._scene, data, term.distribution, rng)
        place_objects(self._scene, data, start, rng)
        for term in terms:
            if term.moves:
                samples[term.name] = term.apply(self._scene, data, term.distribution, rng)
        return {name: samples[name] for name in self.names}


__all__ = [
    "TERMS",
    "Distribution",
    "Randomizer",
    "Samples",
    "Term",
]
