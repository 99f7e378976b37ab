"""Make the pictures of the documentation: the objects, a strip of frames of a demo, the page.

Run `make demo && python docs/make_images.py runs/demo`, and, in the checkout's folder and with
Chromium, `python -m docs.make_images page`; `python docs/make_images.py arms` needs neither, and
`python docs/make_images.py walk runs/g1/episode.mp4` takes a video of `robo run … --robot g1`.
"""

import sys
import tempfile
import threading
import time
from pathlib import Path

import av
import cv2
import mujoco
import numpy as np

from envs.kitchen.scene import build_scene, place_objects
from envs.kitchen.start import StartState
from envs.kitchen.vocabulary import OBJECTS
from envs.rendering import VIDEO, CameraRenderer

IMAGES = Path(__file__).parent / "images"
TILE = 192
COLUMNS = 7


def object_sheet() -> np.ndarray:
    """Every object on the table from close by, with its name."""
    renderer = CameraRenderer(TILE, TILE, VIDEO)
    tiles = []
    for name in OBJECTS:
        start = StartState(robot="user", objects=((name, "far counter"),))
        scene = build_scene(start)
        data = mujoco.MjData(scene.model)
        place_objects(scene, data, start, np.random.default_rng(0))
        camera = mujoco.MjvCamera()
        camera.lookat[:] = data.xpos[scene.object_bodies[0]]
        camera.distance, camera.azimuth, camera.elevation = 0.38, 120.0, -40.0
        tile = renderer.render(scene.model, data, camera).copy()
        for shift, colour in ((1, (0, 0, 0)), (0, (255, 255, 255))):
            at = (6 + shift, 18 + shift)
            cv2.putText(tile, name, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
        tiles.append(tile)
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    return np.vstack(rows)


def strip(film: Path, moments: tuple[float, ...] = (0.27, 0.42, 0.7, 0.93)) -> np.ndarray:
    """Frames of a video side by side, at shares of its length, in two rows."""
    with av.open(str(film)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    chosen = [frames[int(share * (len(frames) - 1))] for share in moments]
    half = len(chosen) // 2
    return np.vstack([np.hstack(chosen[:half]), np.hstack(chosen[half:])])


def save(name: str, image: np.ndarray) -> None:
    """Write an RGB image."""
    cv2.imwrite(str(IMAGES / name), image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])


def arms() -> np.ndarray:
    """Both tasks of the two arms as their experts do them: a row of frames each."""
    from envs.aloha.env import AlohaInsertionEnv, AlohaTransferCubeEnv
    from envs.aloha.experts import make_expert

    rows = []
    for kind in (AlohaTransferCubeEnv, AlohaInsertionEnv):
        env = kind(render_mode="rgb_array", success_ends_episode=False)
        env.reset(seed=0)
        expert, frames = make_expert(env.scene, 0), []
        while True:
            action = expert.act(env.aloha_state)
            if expert.finished:
                break
            env.step(action)
            if len(frames) * 12 <= env.data.time / 0.02:
                frames.append(env.render()[:400])
        chosen = [frames[int(share * (len(frames) - 1))] for share in (0.16, 0.4, 0.68, 1.0)]
        rows.append(np.hstack(chosen))
        env.close()
    return cv2.resize(np.vstack(rows), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def page(path: Path) -> None:
    """The recording page with two episodes, in a headless Chromium."""
    from robo.recording.browser import BrowserDevice
    from robo.recording.environments import make_environment, make_task
    from robo.recording.recorder import Recorder
    from robo.recording.session import Session
    from tests.robo.chromium import Chromium, until

    device, opened = BrowserDevice(), threading.Event()
    name = "robo/Kitchen-v1"

    def record(root: Path) -> None:
        made = make_environment(name)
        task = make_task(name, "pick up the apple", seed=3)
        recorder = Recorder(made.env, root, task, device="browser")
        Session(recorder, device, 50, on_open=lambda _: opened.set()).run()

    with tempfile.TemporaryDirectory() as folder, Chromium(1280, 800) as browser:
        thread = threading.Thread(target=record, args=(Path(folder, "set"),))
        thread.start()
        opened.wait()
        browser.open(device.address)
        until(lambda: browser.value("status?.phase") == "waiting")
        for kept in (1, 2):
            browser.key("k", down=True)
            until(lambda: browser.value("status.frames") > 20)
            browser.key("k", down=False)
            browser.press("n")
            until(lambda kept=kept: browser.value("status.kept") == kept)
        time.sleep(20)  # the scene is drawn in software
        browser.screenshot(path)
        browser.press("q")
        thread.join()


def main() -> None:
    """Make all pictures from a demo's folder, or the page's, the arms' or the walker's."""
    IMAGES.mkdir(exist_ok=True)
    if sys.argv[1] == "page":
        page(IMAGES / "record.png")
        return
    if sys.argv[1] == "arms":
        save("aloha.png", arms())
        return
    if sys.argv[1] == "walk":
        save("walk.png", cv2.resize(strip(Path(sys.argv[2])), None, fx=0.75, fy=0.75))
        return
    demo = Path(sys.argv[1])
    save("objects.png", object_sheet())
    save("demo.png", cv2.resize(strip(demo / "episode.mp4"), None, fx=0.75, fy=0.75))
    (IMAGES / "scores.png").write_bytes((demo / "scores.png").read_bytes())


if __name__ == "__main__":
    main()
