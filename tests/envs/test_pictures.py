"""Views of the kitchen with the label of every pixel."""

from itertools import islice

import mujoco
import numpy as np
import pytest

from envs.kitchen import pictures
from envs.kitchen.env import KitchenEnv
from envs.kitchen.pictures import PLACEMENTS, POSES, SHOWN, views
from envs.kitchen.scene import Scene, build_scene
from envs.kitchen.start import StartState
from envs.kitchen.vocabulary import OBJECTS
from envs.rendering import CameraRenderer


def test_equal_seeds_draw_equal_views() -> None:
    first, second = (list(islice(views(np.random.default_rng(3), 48), 3)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_array_equal(one.labels, other.labels)
    assert not np.array_equal(first[0].images, first[1].images)


def test_a_room_is_shown_from_many_poses_with_its_things_in_sight() -> None:
    seen = list(views(np.random.default_rng(0), 96))
    assert len(seen) == PLACEMENTS * POSES
    assert all(view.images.shape == (2, 96, 96, 3) for view in seen)
    labels = np.stack([view.labels for view in seen])
    assert labels.shape == (len(seen), 2, 96, 96)
    assert labels.max() < len(SHOWN)
    things = [SHOWN.index(name) for name in OBJECTS]
    shows_some = np.isin(labels, things).any(axis=(1, 2, 3))
    assert shows_some.mean() > 0.9
    assert (labels == SHOWN.index("robot")).mean() > 0.05


def test_every_other_placement_has_other_cameras_and_light(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenes = []

    def build(start: StartState) -> Scene:
        scenes.append(build_scene(start))
        return scenes[-1]

    monkeypatch.setattr(pictures, "build_scene", build)
    looks = []
    for _ in views(np.random.default_rng(0), 32):
        model = scenes[0].model
        looks.append(np.concatenate([model.cam_fovy, model.cam_pos[:, 0], model.light_diffuse[0]]))
    plain, other, again, last = (np.array(part) for part in np.split(np.array(looks), PLACEMENTS))
    for part in (plain, other, again, last):
        assert (part == part[0]).all()
    np.testing.assert_array_equal(plain, again)
    robots = [model.camera(name).id for name in ("head", "wrist")]
    assert (other[0, robots] != plain[0, robots]).all()
    assert (other[0, -3:] != plain[0, -3:]).all()
    assert (other[0, robots] != last[0, robots]).all()


def test_a_pixel_shows_the_geom_that_its_ray_meets_first() -> None:
    env = KitchenEnv()
    env.reset(seed=1)
    model, data, size = env.scene.model, env.data, 96
    camera = model.camera("head").id
    renderer = CameraRenderer(size, size)
    shown = renderer.geoms(model, data, "head")
    # The camera looks along its -z; x is to the right, y up.
    half = np.tan(np.radians(model.cam_fovy[camera]) / 2)
    rng, agrees = np.random.default_rng(0), []
    for row, column in rng.integers(0, size, (300, 2)):
        ray = np.array([(2 * column + 1) / size - 1, 1 - (2 * row + 1) / size, 0.0]) * half
        ray[2] = -1.0
        met = np.array([-1], dtype=np.int32)
        mujoco.mj_ray(
            model, data, data.cam_xpos[camera], data.cam_xmat[camera].reshape(3, 3) @ ray,
            np.array([1, 1, 1, 0, 0, 0], np.uint8), True, -1, met,
        )  # fmt: skip
        agrees.append(met[0] == shown[row, column])
    # Edges fall on one side or the other.
    assert np.mean(agrees) > 0.94
    picture = renderer.render(model, data, "head")
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 500, "colours of geoms stayed on"
    renderer.close()
