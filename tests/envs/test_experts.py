"""The experts do what their skills say, through the action alone."""

from itertools import pairwise

import mujoco
import numpy as np
import pytest

from envs.kitchen import layout, robot, rules
from envs.kitchen.env import KitchenEnv
from envs.kitchen.experts import SKILLS, Expert, make_expert
from envs.kitchen.experts.navigation import MARGIN, route
from envs.kitchen.experts.skills import where_to_stand
from envs.kitchen.start import StartState
from envs.kitchen.vocabulary import DRAWERS, OBJECTS, PLACES
from envs.rendering import CameraRenderer


@pytest.fixture(scope="module")
def env() -> KitchenEnv:
    return KitchenEnv(terminate_ends_episode=False)


def begin(env: KitchenEnv, start: StartState, seed: int = 0) -> None:
    env.reset(seed=seed, options={"start": start})


def carry_out(env: KitchenEnv, skill: str, thing: int | None, place: str | None) -> Expert:
    expert = make_expert(env.scene, skill, thing, place)
    for _ in range(400):
        env.step(expert.act(env.kitchen_state))
        if expert.finished:
            break
    for _ in range(5):
        env.step(expert.act(env.kitchen_state))
    return expert


def lay(
    env: KitchenEnv,
    position: tuple[float, ...],
    axis: tuple[float, float, float],
    angle: float,
) -> None:
    """Begin with the first object elsewhere: an arrangement of the test, not of an expert."""
    address = env.scene.object_qpos[0]
    env.data.qpos[address : address + 3] = position
    turned = np.sin(angle / 2) * np.array(axis)
    env.data.qpos[address + 3 : address + 7] = (np.cos(angle / 2), *turned)
    mujoco.mj_forward(env.scene.model, env.data)
    for _ in range(3):
        env.step(np.array([0.0] * 6 + [1.0] + [0.0] * 4))


def test_a_search_goes_round_until_the_thing_is_in_front(env: KitchenEnv) -> None:
    begin(env, StartState("close counter", None, (("tea", "table"), ("tea", "trash"))))
    expert = make_expert(env.scene, "find", 0, None, sees=env.sees)
    visited = []
    while not expert.finished:
        env.step(expert.act(env.kitchen_state))
        here = rules.robot_places(env.kitchen_state)
        if here and here[0] not in visited:
            visited.append(here[0])
    assert expert.failure is None
    # The other tea comes first, though the expert was told about the one on the table.
    assert visited == ["close counter", "user", "trash"]


@pytest.mark.parametrize("place", PLACES)
def test_a_search_stops_where_the_thing_is_in_the_image(env: KitchenEnv, place: str) -> None:
    """Wherever it lies; then the robot drives in front of it."""
    renderer = CameraRenderer(96, 96)
    surface = layout.SURFACES[place]
    open_drawers = dict.fromkeys(DRAWERS, "open")
    for spot in surface.spots(0.1)[[0, -1]] if place not in DRAWERS else [None]:
        begin(env, StartState("user", None, (("apple", place),), open_drawers))
        if spot is not None:
            lay(env, (*spot, surface.height + 0.04), (0.0, 0.0, 1.0), 0.0)
        seen = []

        def sees(camera: str, instance: int, seen: list[bool] = seen) -> bool:
            geoms = renderer.geoms(env.scene.model, env.data, camera)
            drawn = env.scene.geom_instance[geoms[geoms >= 0]] == instance
            seen.append(env.sees(camera, instance))
            assert drawn.any() or not seen[-1]
            assert not (drawn.sum() > 30 and not seen[-1])
            return seen[-1]

        expert = make_expert(env.scene, "find", 0, None, sees=sees)
        while not expert.finished:
            env.step(expert.act(env.kitchen_state))
        assert expert.failure is None
        assert seen[-1]
        assert not any(seen[:-1])
        state = env.kitchen_state
        assert rules.robot_at(state, place)
        x, y, _ = where_to_stand(state, state.objects[0].place or "", state.objects[0].position)
        assert np.hypot(*(state.base[:2] - (x, y))) < 0.06
    renderer.close()


def test_a_search_without_end_is_given_up(env: KitchenEnv) -> None:
    begin(env, StartState("user", None, (("tea", "top drawer"),)))
    expert = make_expert(env.scene, "find", 0, None, sees=env.sees)
    while not expert.finished:
        env.step(expert.act(env.kitchen_state))
    assert expert.failure == "not in view"
    assert rules.robot_at(env.kitchen_state, "close counter")


@pytest.mark.parametrize("place", ["close counter", "far counter", "table"])
def test_what_no_camera_sees_is_looked_for_before_it_is_picked_up(
    env: KitchenEnv, place: str
) -> None:
    """At the ends of large places; what is seen is reached for at once."""
    cameras = (robot.HEAD_CAMERA, robot.WRIST_CAMERA)
    spots = layout.SURFACES[place].spots(0.1)
    cases = set()
    for spot in spots[[0, -3, -2, -1]]:
        begin(env, StartState(place, None, (("apple", place),)))
        lay(env, (*spot, layout.SURFACES[place].height + 0.04), (0.0, 0.0, 1.0), 0.0)
        hidden = not any(env.sees(camera, 0) for camera in cameras)
        cases.add(hidden)
        begun = env.kitchen_state.base[:2].copy()
        asked: list[tuple[str, bool, float]] = []

        def sees(
            camera: str,
            instance: int,
            asked: list[tuple[str, bool, float]] = asked,
            begun: np.ndarray = begun,
        ) -> bool:
            moved = float(np.hypot(*(env.kitchen_state.base[:2] - begun)))
            asked.append((camera, env.sees(camera, instance), moved))
            return asked[-1][1]

        expert = make_expert(env.scene, "pick_up", 0, None, sees=sees)
        while not expert.finished:
            env.step(expert.act(env.kitchen_state))
        assert expert.failure is None
        assert env.kitchen_state.holding == 0
        asked_of, seen, moved = zip(*asked, strict=True)
        assert set(asked_of) <= set(cameras)
        assert seen[-1]
        assert not any(seen[:-1])
        assert (moved[-1] > 0.1) == hidden
    assert cases == {False, True}


@pytest.mark.parametrize("name", OBJECTS)
def test_every_object_is_fetched(env: KitchenEnv, name: str) -> None:
    begin(env, StartState("user", None, ((name, "far counter"), ("tea", "far counter"))))
    for skill in ("find", "pick_up", "bring"):
        assert carry_out(env, skill, 0, "user").failure is None
    assert rules.on(env.kitchen_state, 0, "user")
    assert env.kitchen_state.holding is None


@pytest.mark.parametrize("place", PLACES)
def test_things_are_put_down_and_picked_up_everywhere(env: KitchenEnv, place: str) -> None:
    drawers = dict.fromkeys(DRAWERS, "open")
    begin(env, StartState(place, "apple", (("coke can", place), ("sponge", place)), drawers))
    assert carry_out(env, "put_down", 2, place).failure is None
    assert rules.on(env.kitchen_state, 2, place)
    assert carry_out(env, "pick_up", 0, None).failure is None
    assert rules.held(env.kitchen_state, 0)


def test_a_thing_is_picked_up_from_beside_it_too(env: KitchenEnv) -> None:
    # With this seed it lies so far from the table's ends that there is room on both sides.
    reached = []
    for aside in (None, 0.1, -0.1):
        begin(env, StartState("table", None, (("apple", "table"),)), seed=2)
        away = env.kitchen_state.base.copy()
        away[:2] -= 0.3 * np.array([np.sin(away[2]), -np.cos(away[2])])
        env.data.qpos[env.scene.base_qpos] = away
        lay(env, (*env.kitchen_state.objects[0].position[:2], 0.8), (0.0, 0.0, 1.0), 0.0)
        expert = make_expert(env.scene, "pick_up", 0, None, aside=aside)
        while not expert.finished:
            env.step(expert.act(env.kitchen_state))
            if not env.kitchen_state.objects[0].fingers:
                thing, base = env.kitchen_state.objects[0].position, env.kitchen_state.base
        assert rules.held(env.kitchen_state, 0)
        sine, cosine = np.sin(base[2]), np.cos(base[2])
        reached.append(cosine * (thing[1] - base[1]) - sine * (thing[0] - base[0]))
    assert reached == pytest.approx([0.0, -0.1, 0.1], abs=0.03)


@pytest.mark.parametrize("drawer", DRAWERS)
def test_drawers_open_and_close(env: KitchenEnv, drawer: str) -> None:
    begin(env, StartState(drawer, None, (("rice chips", drawer),)))
    assert carry_out(env, "open", None, drawer).failure is None
    assert rules.is_open(env.kitchen_state, drawer)
    assert carry_out(env, "close", None, drawer).failure is None
    assert rules.is_closed(env.kitchen_state, drawer)
    assert env.kitchen_state.objects[0].place == drawer


@pytest.mark.parametrize("place", PLACES)
def test_the_robot_goes_to_every_place(env: KitchenEnv, place: str) -> None:
    begin(env, StartState("trash" if place == "user" else "user", "tea"))
    carry_out(env, "go_to", None, place)
    assert rules.robot_at(env.kitchen_state, place)
    assert env.kitchen_state.holding == 0


def test_a_fetch_takes_no_longer_than_people_watch(env: KitchenEnv) -> None:
    begin(env, StartState("user", None, (("coke can", "table"),)))
    for skill in ("find", "pick_up", "bring"):
        carry_out(env, skill, 0, "user")
    assert env.data.time < 25.0


@pytest.mark.parametrize(
    ("start", "skill", "thing", "place", "reason"),
    [
        (StartState("user", None, (("tea", "table"),)), "pick_up", 0, None, "out of reach"),
        (StartState("user", "apple", (("tea", "user"),)), "pick_up", 0, None, "the hand is full"),
        (StartState("user", None, (("tea", "top drawer"),)), "find", 0, None, "not in view"),
        (StartState("user", None, (("tea", "user"),)), "put_down", 0, None, "not in the gripper"),
        (StartState("user", None, ()), "bring", None, None, "nothing in the gripper"),
        (StartState("user", None, ()), "open", None, "top drawer", "out of reach"),
        (
            StartState("top drawer", "tea", ()),
            "put_down",
            0,
            "top drawer",
            "the drawer is closed",
        ),
    ],
)
def test_what_cannot_be_done_is_given_up_with_a_reason(
    env: KitchenEnv, start: StartState, skill: str, thing: int, place: str, reason: str
) -> None:
    begin(env, start)
    assert carry_out(env, skill, thing, place).failure == reason


def test_a_thing_lying_on_its_side_is_picked_up(env: KitchenEnv) -> None:
    begin(env, StartState("table", None, (("coke can", "table"),)))
    x, y, _ = env.kitchen_state.objects[0].position
    lay(env, (x, y, layout.SURFACES["table"].height + 0.034), axis=(0.0, 1.0, 0.0), angle=np.pi / 2)
    carry_out(env, "pick_up", 0, None)
    assert rules.held(env.kitchen_state, 0)


def test_a_flat_thing_in_a_corner_of_the_bin_is_dragged_out_first(env: KitchenEnv) -> None:
    begin(env, StartState("trash", None, (("sponge", "trash"),)))
    x, y = layout.SURFACES["trash"].extent.centre
    height = layout.BIN_FLOOR + 0.02
    lay(env, (x + 0.11, y + 0.11, height), axis=(0.0, 0.0, 1.0), angle=-1.3)
    carry_out(env, "pick_up", 0, None)
    assert rules.held(env.kitchen_state, 0)


def test_actions_stay_in_the_action_space(env: KitchenEnv) -> None:
    begin(env, StartState("user", None, (("coke can", "table"),)))
    for skill in ("find", "pick_up"):
        expert = make_expert(env.scene, skill, 0, None)
        while not expert.finished:
            action = expert.act(env.kitchen_state)
            assert env.action_space.contains(action)
            env.step(action)


def test_ways_keep_clear_of_furniture_and_open_drawers() -> None:
    openings = dict.fromkeys(DRAWERS, layout.DRAWER_TRAVEL)
    zones = layout.obstacles(openings)
    for first in PLACES:
        for second in PLACES:
            a, b = layout.STATIONS[first], layout.STATIONS[second]
            points = [(a.x, a.y), *route((a.x, a.y), (b.x, b.y), openings)]
            assert points[-1] == (b.x, b.y)
            for p, q in pairwise(points):
                for share in np.linspace(0.0, 1.0, 50):
                    x, y = p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1])
                    assert not any(zone.contains(x, y, MARGIN - 0.002) for zone in zones)


@pytest.mark.parametrize(
    ("skill", "thing", "place"), [("juggle", 0, None), ("find", None, None), ("open", None, None)]
)
def test_a_skill_that_makes_no_sense_is_refused(
    env: KitchenEnv, skill: str, thing: int | None, place: str | None
) -> None:
    begin(env, StartState())
    with pytest.raises(ValueError, match=r"skill"):
        make_expert(env.scene, skill, thing, place)


def test_every_skill_has_an_expert(env: KitchenEnv) -> None:
    begin(env, StartState("user", None, (("tea", "user"),)))
    for skill in SKILLS:
        assert make_expert(env.scene, skill, 0, "top drawer").failure is None
