"""Images of the kitchen with labels per pixel, for learning to see before learning to act.

A demonstration shows one of a few recorded arrangements of objects, for seconds; here there are as
many as there is time to draw.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import pi
from typing import Final

import mink
import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.kitchen import layout, robot, rules
from envs.kitchen.control import ArmIK
from envs.kitchen.experts.pilot import HOME
from envs.kitchen.experts.skills import HOVER, where_to_stand
from envs.kitchen.randomization import Randomizer
from envs.kitchen.scene import Scene, build_scene, place_objects
from envs.kitchen.skill_starts import draw_skill_start
from envs.kitchen.start import StartState
from envs.kitchen.state import read_state
from envs.kitchen.vocabulary import DRAWERS, OBJECTS, PLACES

SHOWN: Final[tuple[str, ...]] = ("other", *OBJECTS, *DRAWERS, "robot")
"""What a pixel may show, by label."""

PLACEMENTS: Final = 4
"""How often the same objects are rearranged, which is faster than taking other objects."""
POSES: Final = 8
"""Poses of the robot per placement."""

LOOKS: Final[tuple[str, ...]] = ("camera pose", "field of view", "lights", "colours")
"""Terms of `envs.kitchen.randomization` that are drawn for every other placement."""

_IK_STEPS: Final = 30


@dataclass(frozen=True)
class View:
    """What the robot's cameras see, with labels.

    Attributes:
        images: RGB, [cameras, n, n, 3] uint8.
        labels: indices into `SHOWN`, [cameras, n, n] uint8.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def views(
    rng: np.random.Generator,
    image_size: int = 96,
    cameras: Sequence[str] = (robot.HEAD_CAMERA, robot.WRIST_CAMERA),
) -> Iterator[View]:
    """`PLACEMENTS` x `POSES` views of random objects, with the robot at work among them.

    The robot stands where an object lies, its arm at home or on the way to the object. In half of
    the placements its cameras, the lights and all colours differ slightly.

    Args:
        rng: source of randomness.
        image_size: side of the images (pixels).
        cameras: names.
    """
    # Imported late: without drawing, no GL library is needed.
    from envs.rendering import CameraRenderer

    renderer = CameraRenderer(image_size, image_size)
    start = draw_skill_start("pick_up", rng).start
    scene = build_scene(start)
    data = mujoco.MjData(scene.model)
    labels, arm, randomizer = _labels(scene), ArmIK(), Randomizer(scene, LOOKS)
    try:
        for placement in range(PLACEMENTS):
            start = _elsewhere(start, rng)
            if placement % 2:
                randomizer.reset(data, start, rng)
            else:
                randomizer.restore()
                place_objects(scene, data, start, rng)
            for _ in range(POSES):
                _pose(scene, data, arm, rng)
                images = [renderer.render(scene.model, data, camera) for camera in cameras]
                geoms = [renderer.geoms(scene.model, data, camera) for camera in cameras]
                yield View(np.stack(images), labels[np.stack(geoms)])
    finally:
        renderer.close()


def _elsewhere(start: StartState, rng: np.random.Generator) -> StartState:
    """The same objects with their places permuted, and drawers open or closed at random."""
    places = rng.permutation([place for _, place in start.objects]).tolist()
    names = (name for name, _ in start.objects)
    drawers = {name: str(rng.choice(("open", "closed"))) for name in DRAWERS}
    return replace(start, objects=tuple(zip(names, places, strict=True)), drawers=drawers)


def _labels(scene: Scene) -> NDArray[np.uint8]:
    """Label of each geom; the last entry is for no geom."""
    model = scene.model
    labels = np.zeros(model.ngeom + 1, np.uint8)
    for geom in range(model.ngeom):
        body = model.body(model.geom_bodyid[geom]).name
        if scene.geom_instance[geom] >= 0:
            labels[geom] = SHOWN.index(scene.names[scene.geom_instance[geom]])
        elif body in DRAWERS:
            labels[geom] = SHOWN.index(body)
        elif scene.geom_robot[geom]:
            labels[geom] = SHOWN.index("robot")
    return labels


def _pose(scene: Scene, data: mujoco.MjData, arm: ArmIK, rng: np.random.Generator) -> None:
    """Put the robot somewhere on its way to an object that it could grasp."""
    state = read_state(scene, data)
    things = [thing for thing in state.objects if thing.place and rules.visible(state, thing.id)]
    place = str(rng.choice(PLACES))
    point = np.array([layout.STATIONS[place].x, layout.STATIONS[place].y, 1.0])
    if things:
        thing = things[rng.integers(len(things))]
        place, point = thing.place or place, thing.position
    base = np.array(where_to_stand(state, place, point))
    station, along = layout.STATIONS[place], rng.random()
    at_home = rng.random() < 0.4
    if at_home:
        # On the way from the middle of the place to where the object is in front.
        base = along * base + (1 - along) * np.array([station.x, station.y, station.yaw])
    base += rng.normal(0.0, (0.03, 0.03, 0.03))
    data.qpos[scene.base_qpos] = base
    joints, opening = np.array(robot.HOME_ARM), 1.0
    if not at_home:
        joints = _on_the_way(arm, base, place, point, along, rng)
        opening = rng.uniform(0.4, 1.0)
    for name, angle in zip(robot.ARM_JOINTS, joints, strict=True):
        data.joint(name).qpos[0] = angle
    for name in robot.FINGER_JOINTS:
        data.joint(name).qpos[0] = opening * robot.MAX_OPENING / 2
    mujoco.mj_forward(scene.model, data)


def _on_the_way(
    arm: ArmIK,
    base: NDArray[np.float64],
    place: str,
    point: NDArray[np.float64],
    along: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Joint angles with the gripper between home, above an object (halfway) and at it."""
    cosine, sine = np.cos(base[2]), np.sin(base[2])
    dx, dy = point[:2] - base[:2]
    there = np.array([cosine * dx + sine * dy, cosine * dy - sine * dx, point[2]])
    above = np.array([*there[:2], layout.SURFACES[place].height + HOVER])
    begin, end = (np.array(HOME), above) if along < 0.5 else (above, there)
    target = begin + (2 * along % 1.0) * (end - begin)
    target += rng.normal(0.0, 0.01 + 0.03 * (1 - along), 3)
    yaw = rng.uniform(-pi / 2, pi / 2) * min(1.0, 2 * along)
    down = np.array([[np.cos(yaw), np.sin(yaw), 0], [np.sin(yaw), -np.cos(yaw), 0], [0, 0, -1.0]])
    pose = mink.SE3.from_rotation_and_translation(mink.SO3.from_matrix(down), target)
    arm.reset(np.array(robot.HOME_ARM))
    for _ in range(_IK_STEPS):
        if np.abs(arm.step(pose, 0.1)).max() < 0.02:
            break
    return arm.joints


__all__ = ["PLACEMENTS", "POSES", "SHOWN", "View", "views"]
