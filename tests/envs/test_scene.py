from dataclasses import replace
from itertools import combinations

import mujoco
import numpy as np
import pytest

from envs.kitchen import labels, layout, rules
from envs.kitchen.objects import KINDS
from envs.kitchen.scene import Scene, build_scene, place_objects
from envs.kitchen.start import DEFAULT_START, StartState
from envs.kitchen.state import read_state
from envs.kitchen.vocabulary import DRAWERS, OBJECTS, PLACES


def placed(start: StartState, seed: int = 0) -> tuple[Scene, mujoco.MjData]:
    scene = build_scene(start)
    data = mujoco.MjData(scene.model)
    place_objects(scene, data, start, np.random.default_rng(seed))
    return scene, data


def full_kitchen(drawers: str) -> StartState:
    names = [name for name in OBJECTS for _ in range(3)]
    places = [place for place in PLACES for _ in range(layout.SURFACES[place].capacity)]
    order = np.random.default_rng(0).permutation(len(names))
    objects = tuple((names[i], place) for i, place in zip(order, reversed(places), strict=False))
    return StartState(objects=objects, drawers=dict.fromkeys(DRAWERS, drawers))


# ------------------------------------------------------------------------------------- room plan


def test_the_base_turns_freely_at_every_station_and_drives_straight_between_them() -> None:
    furniture = layout.obstacles()
    corner = np.hypot(layout.BASE_HALF, layout.BASE_HALF)
    for first, second in combinations(layout.STATIONS.values(), 2):
        for share in np.linspace(0.0, 1.0, 50):
            x = first.x + share * (second.x - first.x)
            y = first.y + share * (second.y - first.y)
            assert layout.DRIVABLE.contains(x, y)
            assert not any(footprint.contains(x, y, corner) for footprint in furniture)


def test_distances_are_symmetric_and_the_far_counter_is_farther() -> None:
    for a, b in combinations(PLACES, 2):
        assert layout.distance(a, b) == pytest.approx(layout.distance(b, a))
    assert layout.distance("user", "close counter") < layout.distance("user", "far counter")
    assert layout.distance("top drawer", "bottom drawer") == 0.0


@pytest.mark.parametrize("place", PLACES)
def test_usable_spots_lie_on_their_surface_within_reach(place: str) -> None:
    surface = layout.surface(place, layout.DRAWER_TRAVEL)
    station = layout.STATIONS[place]
    spots = surface.spots(0.09)
    assert len(spots) >= surface.capacity
    for spot in spots:
        position = (*spot, surface.height + 0.03)
        assert surface.contains(position)
        assert layout.place_at(position, dict.fromkeys(DRAWERS, layout.DRAWER_TRAVEL)) == place
    depth = (spots - (station.x, station.y)) @ station.heading
    # The arm stands 0.12 m ahead of the base's centre and reaches about 0.7 m.
    assert depth.max() < 0.12 + 0.68


def test_an_open_top_drawer_does_not_hide_the_bottom_one() -> None:
    top, bottom = (layout.surface(name, layout.DRAWER_TRAVEL).extent for name in DRAWERS)
    assert abs(top.centre[0] - bottom.centre[0]) > top.half[0] + bottom.half[0]


# --------------------------------------------------------------------------------------- objects


def test_every_object_of_the_vocabulary_fits_hand_and_drawer() -> None:
    assert set(KINDS) == set(OBJECTS)
    for kind in KINDS.values():
        assert kind.grasp_width < 0.078
        assert 2 * kind.half[2] < layout.DRAWER_CLEARANCE
        assert 0.0 < kind.grasp_height < 2 * kind.half[2]
        assert 1 <= len(kind.colliders) <= 3


def test_things_of_the_same_shape_differ_in_colour() -> None:
    def colours(name: str) -> np.ndarray:
        counts, _ = np.histogramdd(
            labels.label(name).reshape(-1, 3), bins=(6, 6, 6), range=[(0, 256)] * 3
        )
        return np.asarray(counts / counts.sum())

    for a, b in combinations(OBJECTS, 2):
        if np.abs(np.log(np.divide(KINDS[a].half, KINDS[b].half))).max() > 0.25:
            continue
        assert np.abs(colours(a) - colours(b)).sum() > 0.6, (a, b)


@pytest.mark.parametrize("name", OBJECTS)
def test_a_held_object_stays_in_the_hand_by_friction(name: str) -> None:
    scene, data = placed(StartState(robot="table", holding=name))
    before = read_state(scene, data)
    assert before.holding == 0
    mujoco.mj_step(scene.model, data, nstep=500)
    after = read_state(scene, data)
    assert after.holding == 0
    slip = (after.objects[0].position - after.gripper_position) - (
        before.objects[0].position - before.gripper_position
    )
    assert np.abs(slip).max() < 0.003
    assert scene.model.neq == 1  # The fingers' coupling: nothing is welded.


# ----------------------------------------------------------------------------------- start poses


@pytest.mark.parametrize("drawers", ["open", "closed", "half open"])
def test_a_full_kitchen_lies_still_where_it_should(drawers: str) -> None:
    start = full_kitchen(drawers)
    scene, data = placed(start)
    before = read_state(scene, data)
    for thing, (name, place) in zip(before.objects, start.objects, strict=True):
        assert thing.name == name
        assert rules.on(before, thing.id, place), (name, place, thing.position)
        assert rules.place_of(before, thing.id) == place
    mujoco.mj_step(scene.model, data, nstep=250)
    after = read_state(scene, data)
    for a, b in zip(before.objects, after.objects, strict=True):
        assert np.abs(a.position - b.position).max() < 0.002


def test_one_seed_gives_one_start_and_another_seed_another() -> None:
    first, again, other = (placed(DEFAULT_START, seed)[1] for seed in (3, 3, 4))
    assert np.array_equal(first.qpos, again.qpos)
    assert not np.array_equal(first.qpos, other.qpos)


def test_a_scene_is_used_again_bit_for_bit() -> None:
    scene, data = placed(DEFAULT_START, 3)
    before = data.qpos.copy()
    mujoco.mj_step(scene.model, data, nstep=20)
    place_objects(scene, data, DEFAULT_START, np.random.default_rng(8))
    place_objects(scene, data, DEFAULT_START, np.random.default_rng(3))
    assert np.array_equal(before, data.qpos)


def test_robot_and_drawers_start_where_they_should() -> None:
    start = replace(DEFAULT_START, robot="far counter", drawers={"bottom drawer": "open"})
    state = read_state(*placed(start))
    station = layout.STATIONS["far counter"]
    assert state.base == pytest.approx((station.x, station.y, station.yaw), abs=0.002)
    assert rules.is_open(state, "bottom drawer")
    assert rules.is_closed(state, "top drawer")


def test_a_scene_for_other_objects_is_refused() -> None:
    scene, data = placed(StartState())
    with pytest.raises(ValueError, match="apple"):
        place_objects(
            scene, data, StartState(objects=(("apple", "table"),)), np.random.default_rng()
        )


# --------------------------------------------------------------------------------------- physics


def test_drawers_slide_with_their_contents_and_stay_where_they_are_left() -> None:
    objects = tuple((name, DRAWERS[i % 2]) for i, name in enumerate(OBJECTS[4:16]))
    scene, data = placed(StartState(objects=objects))
    for target, holds in ((layout.DRAWER_TRAVEL, rules.is_open), (0.0, rules.is_closed)):
        for _ in range(1200):
            for drawer in DRAWERS:
                dof = scene.drawer_dofs[drawer]
                speed = np.clip(4 * (target - data.qpos[scene.drawer_qpos[drawer]]), -0.25, 0.25)
                data.qfrc_applied[dof] = np.clip(300 * (speed - data.qvel[dof]), -60, 60)
            mujoco.mj_step(scene.model, data)
        data.qfrc_applied[:] = 0.0
        mujoco.mj_step(scene.model, data, nstep=250)
        state = read_state(scene, data)
        assert all(holds(state, drawer) for drawer in DRAWERS)
        assert all(rules.on(state, i, place) for i, (_, place) in enumerate(objects))


def test_things_at_rest_sleep() -> None:
    scene, data = placed(DEFAULT_START)
    mujoco.mj_step(scene.model, data, nstep=250)
    assert data.ntree_awake == 1  # The robot: its servos keep it awake.
    assert data.ncon == 0
