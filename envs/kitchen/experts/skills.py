"""The skills: scripts of motions that succeed or give up with a reason.

Each script is a generator on a `Pilot`; it may read the true state, but acts only through actions.
"""

from collections.abc import Callable, Mapping
from math import atan2, hypot, pi, remainder
from types import MappingProxyType
from typing import Final

import numpy as np

from envs.kitchen import layout, robot, rules
from envs.kitchen.control import GRIPPER_SPEED
from envs.kitchen.experts.grasp import Grasp, half_height, plan_grasp
from envs.kitchen.experts.pilot import GiveUpError, Motion, Pilot, rotation_matrix
from envs.kitchen.experts.placing import free_spot
from envs.kitchen.state import KitchenState
from envs.kitchen.vocabulary import DRAWERS

HOVER: Final[float] = 0.20
"""The gripper comes and goes this far above a surface (m), above everything on it."""

APPROACH: Final[float] = 0.2
"""Speed at which the gripper descends to an object (m/s). At full speed it moves 6 cm in a tenth of
a second, and a policy that learns from that closes the hand in the air."""

CRAMPED: Final[float] = -0.010
"""With less clearance than this (m) a flat object is first dragged away from what is in the way."""

DRAG: Final[float] = 0.06
"""How far it is dragged (m)."""

LEAN: Final[float] = 0.45
"""How far the hand leans away from a wall while dragging (rad)."""

LOOK: Final[int] = 2
"""Steps for which the robot stands still while it looks for an object."""

SPOTS: Final[Mapping[str, tuple[float, ...]]] = MappingProxyType(
    {
        "table": (-0.5, 0.1),
        "far counter": (-0.65, -0.2, 0.3),
        "top drawer": (-0.5, 0.0),
        "close counter": (-0.65, -0.2, 0.3),
        "user": (-0.3, 0.0),
        "trash": (0.0,),
    }
)
"""From where the head camera sees all of a place, past the arm: so far to the right of its station
(m). Clockwise round the room; both drawers share a station."""

ASIDE: Final[float] = 0.12
"""How far to the left or right of the arm an object on an open surface is still reached (m)."""

Sees = Callable[[str, int], bool]
"""Whether one of the robot's cameras, by name, sees an object, by id, now."""

TRIES: Final[int] = 4
"""Maximum number of grasp attempts before the expert gives up."""


def find(pilot: Pilot, instance: int) -> Motion:
    """Drive to where an object lies and face it."""
    if not rules.visible(pilot.state, instance):
        raise GiveUpError("not in view")
    thing = pilot.state.objects[instance]
    if thing.place is None:
        raise GiveUpError("not on any surface")
    yield from stand(pilot, thing.place, thing.position)


def search(pilot: Pilot, instance: int, sees: Sees) -> Motion:
    """Tour the kitchen until the robot sees an object of the same name, and face it.

    Where to go next follows from where the robot stands and whether it sees the object, so that a
    policy can learn it from images; `find` knows where the object is.

    Args:
        pilot: Of the robot.
        instance: An object of that name.
        sees: Whether the robot sees an object now.
    """
    alike = [t.id for t in pilot.state.objects if t.name == pilot.state.objects[instance].name]
    here, places = rules.robot_places(pilot.state), tuple(SPOTS)
    begin = next((i for i, place in enumerate(places) if place in here), 0)
    tour = [spot for place in (*places[begin:], *places[:begin]) for spot in _overlooking(place)]
    for spot in (None, *tour):
        if spot is not None:
            yield from pilot.drive(*spot)
        yield from pilot.wait(LOOK)
        here = rules.robot_places(pilot.state)
        for thing in (pilot.state.objects[i] for i in alike):
            if thing.place not in here or not rules.visible(pilot.state, thing.id):
                continue
            if sees(robot.HEAD_CAMERA, thing.id):
                yield from stand(pilot, thing.place, thing.position)
                return
    raise GiveUpError("not in view")


def _overlooking(place: str) -> list[tuple[float, float, float]]:
    """Poses of the base from which all of a place is seen, clockwise (x, y, yaw; world frame)."""
    station = layout.STATIONS[place]
    x, y = station.heading
    return [(station.x + side * y, station.y - side * x, station.yaw) for side in SPOTS[place]]


def go_to(pilot: Pilot, place: str) -> Motion:
    """Drive to the station of a place."""
    station = layout.STATIONS[place]
    yield from pilot.drive(station.x, station.y, station.yaw)


def pick_up(
    pilot: Pilot, instance: int, aside: float | None = None, sees: Sees | None = None
) -> Motion:
    """Grasp an object at the robot's place and tuck the arm.

    Args:
        pilot: Of the robot.
        instance: The object.
        aside: Stand this far to the left of straight in front of it (m, at most `ASIDE`), or stay
            if it is within reach; None: stand straight in front of it. A policy that has only seen
            objects straight ahead never learns to look where they are, and reaches past them when
            the base has stopped slightly off.
        sees: what the robot sees. An object that no camera does is first looked for along the
            place, so that a policy can tell from images where to stand (in a drawer the hand sees
            it on its way); None: not needed.
    """
    state = pilot.state
    if state.holding is not None:
        raise GiveUpError("the hand is full")
    if not rules.visible(state, instance):
        raise GiveUpError("not in view")
    place = state.objects[instance].place
    if place is None or not rules.robot_at(state, place):
        raise GiveUpError("out of reach")
    if sees is not None and place not in DRAWERS:
        yield from _look_for(pilot, place, instance, sees)
    tried: list[Grasp] = []
    for _ in range(TRIES):
        place = pilot.state.objects[instance].place
        if place is None:
            raise GiveUpError("it fell")
        point = pilot.state.objects[instance].position
        if aside is None or place in DRAWERS or place == "trash":
            yield from stand(pilot, place, point)
        elif not _within_reach(pilot.state, place, point):
            yield from stand(pilot, place, point, aside)
        heading = float(pilot.state.base[2])
        grasp = plan_grasp(pilot.state, pilot.scene.kinds, instance, heading, tried)
        if grasp is None:
            raise GiveUpError("too wide to grasp")
        tried.append(grasp)
        if grasp.clearance < CRAMPED and len(tried) < TRIES and _is_flat(pilot, instance):
            yield from _drag_inward(pilot, instance, place)
            continue
        yield from _take(pilot, place, grasp)
        if _between_fingers(pilot, instance):
            yield from pilot.tuck()
            if pilot.state.holding == instance:
                return
        yield from pilot.grip(1.0)
    raise GiveUpError("not in the gripper")


def _look_for(pilot: Pilot, place: str, instance: int, sees: Sees) -> Motion:
    """Go along a place until a camera sees an object there, or none is left to look from."""
    for spot in (None, *_overlooking(place)):
        if spot is not None:
            yield from pilot.drive(*spot)
            yield from pilot.wait(LOOK)
        if any(sees(camera, instance) for camera in (robot.HEAD_CAMERA, robot.WRIST_CAMERA)):
            return


def put_down(pilot: Pilot, instance: int, place: str | None) -> Motion:
    """Put the held object on or into the place where the robot stands."""
    if pilot.state.holding != instance:
        raise GiveUpError("not in the gripper")
    here = rules.robot_places(pilot.state)
    if place is None:
        place = next((p for p in here if p not in DRAWERS or rules.is_open(pilot.state, p)), None)
    if place is None or place not in here:
        raise GiveUpError("no place to put it")
    if place in DRAWERS and not rules.is_open(pilot.state, place):
        raise GiveUpError("the drawer is closed")
    yield from _place(pilot, instance, place)


def bring(pilot: Pilot) -> Motion:
    """Drive to the user and put the held object on the tray."""
    instance = pilot.state.holding
    if instance is None:
        raise GiveUpError("nothing in the gripper")
    station = layout.STATIONS["user"]
    spot = free_spot(pilot.state, pilot.scene.kinds, "user", instance, (station.x, station.y))
    yield from stand(pilot, "user", spot)
    if pilot.state.holding != instance:
        raise GiveUpError("lost on the way")
    yield from _place(pilot, instance, "user")


def stand(pilot: Pilot, place: str, point: np.ndarray, aside: float = 0.0) -> Motion:
    """Stand at a place with `point` (world x, y) in front of the arm, or `aside` (m) left of it."""
    x, y, yaw = where_to_stand(pilot.state, place, point, aside)
    near = hypot(x - pilot.state.base[0], y - pilot.state.base[1]) < 0.06
    turned = abs(remainder(pilot.state.base[2] - yaw, 2 * pi)) > 0.05
    if not near or turned:
        yield from pilot.drive(x, y, yaw)


def _within_reach(state: KitchenState, place: str, point: np.ndarray) -> bool:
    """Whether the robot stands at a place, at most `ASIDE` off straight in front of a point."""
    x, y, yaw = where_to_stand(state, place, point)
    ahead = np.array([np.cos(yaw), np.sin(yaw)])
    off = state.base[:2] - (x, y)
    turned = abs(remainder(state.base[2] - yaw, 2 * pi))
    return bool(abs(off @ ahead) < 0.06 and np.hypot(*off) < ASIDE and turned < 0.05)


def where_to_stand(
    state: KitchenState, place: str, point: np.ndarray, aside: float = 0.0
) -> tuple[float, float, float]:
    """Pose of the base (x, y, yaw; world frame) at a place with `point` in front of the arm, or
    `aside` (m) to the left of there."""
    station = layout.STATIONS[place]
    ahead = np.array(station.heading)
    usable = layout.SURFACES[place].usable
    half = 0.25 if place in DRAWERS else float(np.abs(ahead[::-1]) @ usable.half)
    side = np.array([-ahead[1], ahead[0]])
    origin = np.array([station.x, station.y])
    across = float((point[:2] - origin) @ side) + aside
    if place == "bottom drawer" and rules.is_open(state, "top drawer"):
        # From the right, so that the forearm stays clear of the open top drawer.
        across -= 0.12
    x, y = origin + float(np.clip(across, -half, half)) * side
    return float(x), float(y), station.yaw


def _take(pilot: Pilot, place: str, grasp: Grasp) -> Motion:
    """Approach from above, close the fingers, lift."""
    x, y, z = grasp.position
    above = max(z + 0.05, layout.SURFACES[place].height + HOVER)
    pilot.opening = grasp.opening
    yield from pilot.reach((x, y, above), grasp.yaw, 0.012)
    # In a cramped spot a slow hand would wedge the object.
    speed = APPROACH if grasp.clearance > 0.0 else GRIPPER_SPEED
    yield from pilot.reach((x, y, z), grasp.yaw, 0.004, speed=speed)
    yield from pilot.grip(0.0)
    yield from pilot.reach((x, y, above), grasp.yaw, 0.03)


def _is_flat(pilot: Pilot, instance: int) -> bool:
    """Whether an object is low and steady enough to be dragged from above."""
    kind, thing = pilot.scene.kinds[instance], pilot.state.objects[instance]
    return not kind.round and half_height(kind, rotation_matrix(thing.quaternion)) < 0.03


def _drag_inward(pilot: Pilot, instance: int, place: str) -> Motion:
    """Press the closed fingers on an object beside a wall and drag it away from there."""
    thing = pilot.state.objects[instance]
    middle = np.array(layout.surface(place, pilot.state.drawers.get(place, 0.0)).extent.centre)
    x, y = thing.position[:2]
    top = thing.position[2] + half_height(
        pilot.scene.kinds[instance], rotation_matrix(thing.quaternion)
    )
    way = middle - (x, y)
    inward = way / max(float(np.linalg.norm(way)), 1e-6)
    way = inward * min(DRAG, float(np.linalg.norm(way)))
    # Pressed on its outer half it hardly tips; the hand leans away from high walls.
    x, y = (x, y) - 0.006 * inward
    heading = float(pilot.state.base[2])
    yaw, tilt = heading, 0.0
    if place not in DRAWERS:
        yaw, tilt = atan2(-inward[1], -inward[0]), LEAN
        if abs(remainder(yaw - heading, 2 * pi)) > pi / 2:
            yaw, tilt = yaw + pi, -LEAN
    hover, z = layout.SURFACES[place].height + HOVER, top + 0.022
    yield from pilot.grip(0.0, steps=3)
    yield from pilot.reach((x, y, hover), yaw, 0.015, tilt=tilt)
    yield from pilot.reach((x, y, z), yaw, 0.003, speed=0.3, tilt=tilt)
    while not pilot.state.objects[instance].fingers and z > top + 0.005:
        z -= 0.002
        yield from pilot.reach((x, y, z), yaw, 0.002, patience=2, tilt=tilt)
    x, y = x + way[0], y + way[1]
    yield from pilot.reach((x, y, z - 0.001), yaw, 0.012, speed=0.2, tilt=tilt)
    yield from pilot.reach((x, y, hover), yaw, 0.05, tilt=tilt)
    yield from pilot.wait(2)


def _between_fingers(pilot: Pilot, instance: int) -> bool:
    thing = pilot.state.objects[instance]
    near = float(np.linalg.norm(thing.position - pilot.state.gripper_position)) < 0.15
    return thing.fingers == 2 and near


def _place(pilot: Pilot, instance: int, place: str) -> Motion:
    """Lower the held object onto a free spot, let go, retreat."""
    kinds = pilot.scene.kinds
    front = pilot.to_world((0.6, 0.0, 0.0))
    spot = free_spot(pilot.state, kinds, place, instance, (front[0], front[1]))
    yield from stand(pilot, place, spot)
    yaw = float(pilot.state.base[2])
    floor = layout.SURFACES[place].height + (0.03 if place == "trash" else 0.004)

    def target(bottom: float) -> np.ndarray:
        """Gripper position that puts the object above the spot, its bottom at a height."""
        thing = pilot.state.objects[instance]
        hangs = thing.position - pilot.state.gripper_position
        low = half_height(kinds[instance], rotation_matrix(thing.quaternion)) - hangs[2]
        return np.array([spot[0] - hangs[0], spot[1] - hangs[1], bottom + low])

    yield from pilot.reach(target(layout.SURFACES[place].height + HOVER - 0.03), yaw, 0.015)
    yield from pilot.reach(target(floor + 0.03), yaw, 0.012)
    yield from pilot.reach(target(floor), yaw, 0.004, speed=0.25, patience=4)
    width = pilot.state.gripper_opening
    yield from pilot.grip(min(1.0, (width + 0.03) / robot.MAX_OPENING), steps=5)
    x, y, _ = pilot.state.gripper_position
    yield from pilot.reach((x, y, layout.SURFACES[place].height + HOVER), pilot.gripper_yaw(), 0.05)
    pilot.opening = 1.0
    yield from pilot.tuck()
