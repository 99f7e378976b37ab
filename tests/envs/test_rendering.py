import ctypes
import os

import mujoco
import numpy as np
import pytest

from envs import rendering
from envs.kitchen.scene import Scene, build_scene, place_objects
from envs.kitchen.start import DEFAULT_START, StartState
from envs.rendering import VIDEO, CameraRenderer, RenderingUnavailableError

Room = tuple[Scene, mujoco.MjData]


def room(start: StartState, seed: int = 0) -> Room:
    scene = build_scene(start)
    data = mujoco.MjData(scene.model)
    place_objects(scene, data, start, np.random.default_rng(seed))
    return scene, data


@pytest.fixture(scope="module")
def stocked() -> Room:
    return room(DEFAULT_START)


@pytest.fixture(scope="module")
def renderer() -> CameraRenderer:
    return CameraRenderer(96, 96)


@pytest.mark.parametrize("camera", ["head", "wrist", "overview", "follow"])
def test_cameras_see_something(renderer: CameraRenderer, stocked: Room, camera: str) -> None:
    scene, data = stocked
    picture = renderer.render(scene.model, data, camera)
    assert picture.shape == (96, 96, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 10
    assert np.array_equal(picture, renderer.render(scene.model, data, camera))


def test_what_is_not_drawn_is_not_missed(
    renderer: CameraRenderer, stocked: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, data = stocked
    quick = [renderer.render(scene.model, data, camera) for camera in scene.cameras]
    groups = scene.model.geom_group.copy()
    monkeypatch.setattr(
        rendering, "in_view", lambda model, *_: np.ones(model.ngeom, dtype=np.bool_)
    )
    for camera, picture in zip(scene.cameras, quick, strict=True):
        complete = renderer.render(scene.model, data, camera)
        assert (np.abs(complete.astype(int) - picture).max(axis=-1) > 8).mean() < 0.002
    assert np.array_equal(groups, scene.model.geom_group)


def test_one_renderer_serves_models_in_turn(renderer: CameraRenderer, stocked: Room) -> None:
    other = room(StartState(objects=(("banana", "table"),)))
    first = renderer.render(stocked[0].model, stocked[1], "overview")
    second = renderer.render(other[0].model, other[1], "overview")
    assert not np.array_equal(first, second)
    assert np.array_equal(first, renderer.render(stocked[0].model, stocked[1], "overview"))


def test_renderers_of_several_sizes_live_together(renderer: CameraRenderer, stocked: Room) -> None:
    scene, data = stocked
    before = renderer.render(scene.model, data, "head")
    video = CameraRenderer(120, 160, VIDEO)
    assert video.render(scene.model, data, "overview").shape == (120, 160, 3)
    assert np.array_equal(before, renderer.render(scene.model, data, "head"))
    video.close()
    assert np.array_equal(before, renderer.render(scene.model, data, "head"))


def test_drawing_leaves_the_model_as_it_was(renderer: CameraRenderer) -> None:
    scene, data = room(StartState())
    before = (scene.model.vis.quality.shadowsize, scene.model.vis.quality.offsamples)
    renderer.render(scene.model, data, "head")
    assert before == (scene.model.vis.quality.shadowsize, scene.model.vis.quality.offsamples)


def test_without_a_gl_library_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str, *_: object, **__: object) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    with pytest.raises(RenderingUnavailableError, match="apt-get install"):
        rendering._new_context()


def test_an_unknown_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "MUJOCO_GL", "metal")
    with pytest.raises(RenderingUnavailableError, match="metal"):
        rendering._new_context()
