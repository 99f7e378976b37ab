"""The pages in a real headless Chromium."""

import contextlib
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

import mujoco
import numpy as np
import pytest

from envs.kitchen.env import KitchenEnv
from robo.data.features import ACTION, STATE, camera, vector
from robo.data.lerobot_reader import Dataset
from robo.data.lerobot_writer import DatasetWriter, create_dataset
from robo.recording.browser_view import SetView, ViewServer
from tests.robo.chromium import EXECUTABLE, Chromium, until

if TYPE_CHECKING:
    from robo.recording.browser import BrowserDevice

chromium = pytest.mark.skipif(
    EXECUTABLE is None, reason="there is no `chromium` on PATH: apt-get install chromium"
)
START = {"robot": "table", "holding": None, "objects": [["apple", "table"]]}
SIZE = (940, 520)
SESSION = "session"
SCENE = "document.getElementById('scene').contentDocument"
SMALL = "?fixedDpr=0.1"
"""Software rendering is slow: the scene in fewer pixels."""


@pytest.fixture(scope="module")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = tmp_path_factory.mktemp("sets") / "two"
    create_dataset(root, 10, [camera("head", 32, 32), vector(STATE, 3), vector(ACTION, 2)])
    with DatasetWriter(root) as writer:
        for episode in range(2):
            writer.begin_episode(f"task {episode}")
            for number in range(20):
                writer.add_frame(
                    {
                        STATE: np.full(3, number, np.float32),
                        ACTION: np.array([episode, number], np.float32),
                        "observation.images.head": np.full((32, 32, 3), 10 * number, np.uint8),
                    },
                    label="first" if number < 5 else "second",
                    success=number > 15,
                )
            writer.finish_episode()
    return Dataset(root)


@pytest.fixture
def view_server(small_set: Dataset) -> Iterator[ViewServer]:
    server = ViewServer(SetView(small_set))
    threading.Thread(target=server.serve, daemon=True).start()
    yield server
    server.stop()


def test_a_view_needs_its_token(view_server: ViewServer) -> None:
    for path in ("", "set.json"):
        with urlopen(view_server.address + path) as answer:
            assert answer.status == 200
        outside = view_server.address.rsplit("/", 2)[0] + f"/{path}"
        with pytest.raises(HTTPError) as refused:
            urlopen(outside)
        assert refused.value.code == 403
    for path in ("frame/9/0/observation.images.head", "frame/0/99/x", "episode/-1", "view.py"):
        with pytest.raises(HTTPError) as missing:
            urlopen(view_server.address + path)
        assert missing.value.code == 404


def test_an_episode_has_its_columns_and_skills(small_set: Dataset) -> None:
    episode = SetView(small_set).episode(1)
    assert episode["columns"]["action"] == [[1.0] * 20, [float(n) for n in range(20)]]
    assert episode["labels"] == [
        {"text": "first", "begin": 0, "end": 5},
        {"text": "second", "begin": 5, "end": 20},
    ]


def test_pictures_are_written_where_there_is_no_browser(small_set: Dataset, tmp_path: Path) -> None:
    from robo.recording.browser_sheet import write_pictures

    written = write_pictures(SetView(small_set), [0, 1], tmp_path / "png")
    names = ["sheet-000.png", "episode-0000.png", "episode-0001.png"]
    assert [path.name for path in written] == names
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)


@chromium
def test_a_set_is_scrubbed_and_played(view_server: ViewServer) -> None:
    with Chromium(*SIZE) as page:
        page.open(view_server.address)
        until(lambda: page.value("document.querySelectorAll('#plots canvas').length === 2"))
        assert page.value("document.querySelectorAll('#skills span').length") == 2
        page.press("ArrowRight")
        assert "1 / 19" in page.text("#clock")
        page.press(" ")
        until(lambda: "19 / 19" in page.text("#clock"))
        shown = "document.querySelector('canvas[data-camera]')"
        until(lambda: page.value(f"{shown}.dataset.shown") == "0/19")
        bright = f"{shown}.getContext('2d').getImageData(9, 9, 1, 1).data[0]"
        assert page.value(bright) == pytest.approx(190, abs=8)
        page.click("#episodes li:nth-child(2)")
        until(lambda: "task 1" in page.text("#task"))
        assert page.complaints == []
        page.value("window.fetch = async () => { throw new TypeError('gone'); }, 0")

        keys = itertools.cycle(("ArrowUp", "ArrowDown"))  # to another episode, each time

        def told_after_a_key() -> bool:
            page.press(next(keys))  # an answer that was on its way may have cleared the last notice
            with contextlib.suppress(AssertionError):
                return bool(until(lambda: "has ended" in page.text("#notice"), 2))
            return False

        until(told_after_a_key)


@pytest.fixture
def session(tmp_path: Path) -> Iterator["BrowserDevice"]:
    """A session at a page that wants two episodes, going into tmp_path/"set"."""
    from robo.recording.browser import BrowserDevice
    from robo.recording.recorder import Recorder
    from robo.recording.session import Session
    from robo.recording.tasks import PlainTask

    device = BrowserDevice(port=0)
    opened = threading.Event()

    def record() -> None:  # all in one thread: what draws the images belongs to it
        env = KitchenEnv(image_size=32, success=lambda state: state.gripper_opening < 0.04)
        task = PlainTask("close the gripper", options={"start": START})
        recorder = Recorder(env, tmp_path / "set", task, device="browser")
        Session(recorder, device, 2, on_open=lambda _: opened.set(), linger=True).run()
        env.close()

    thread = threading.Thread(target=record, name=SESSION, daemon=True)
    thread.start()
    assert opened.wait(180)
    yield device
    device._inputs.receive(0, {"event": {"name": "stop"}})
    thread.join(timeout=60)
    assert not thread.is_alive()


@chromium
def test_a_person_records_replays_discards_and_finishes(
    session: "BrowserDevice", tmp_path: Path
) -> None:
    with Chromium(*SIZE) as page:
        page.open(session.address + SMALL)
        until(lambda: page.text("#task") == "close the gripper")
        until(lambda: page.value("document.querySelectorAll('#cameras canvas').length") == 2)
        assert "Nothing yet" in page.text("#none")
        until(lambda: page.value(f"!!{SCENE}?.querySelector('canvas')"))

        def now(name: str) -> Any:
            return page.value(f"status?.{name}")

        def rows() -> list[str]:
            shown = "[...document.querySelectorAll('#episodes li')].map((row) => row.className)"
            return list(page.value(shown))

        # Held keys drive the base, Space closes the gripper, the rule holds, → keeps.
        assert now("phase") == "waiting"
        page.press("m")
        until(lambda: now("driving"))
        page.key("w", down=True)
        until(lambda: now("phase") == "recording" and now("frames") >= 4)
        page.key("w", down=False)
        assert now("success") is False
        page.press(" ")
        until(lambda: now("success"))
        assert "yes" in page.text("#success")
        page.press("ArrowRight")
        until(lambda: len(rows()) == 1)
        until(lambda: page.value("document.querySelector('#episodes img').naturalWidth") == 160)
        until(lambda: now("phase") == "waiting")

        # ← records again, and what is discarded can be put back.
        page.press("Enter")
        until(lambda: now("frames") > 1)
        page.press("ArrowLeft")
        until(lambda: now("phase") == "waiting")
        assert now("kept") == 1
        page.click("#episodes [title=discard]")
        until(lambda: rows() == ["discarded"])
        page.click("#episodes [title='put back']")
        until(lambda: rows() == [""])

        # After the last one the page stays: replay, discard, and there is one to record again.
        page.press("Enter")
        until(lambda: now("frames") > 1)
        page.press("n")
        until(lambda: now("phase") == "done")
        assert "All 2 are recorded" in page.text("#hint")
        page.click("#episodes [title=replay]")
        until(lambda: now("phase") == "replaying")
        page.press("n")
        until(lambda: now("phase") == "done")
        page.click("#episodes [title=discard]")
        until(lambda: now("phase") == "waiting")
        assert now("kept") == 1
        page.click("#episodes [title='put back']")
        until(lambda: now("phase") == "done")
        page.click("#episodes [title=discard]")
        until(lambda: rows() == ["discarded", ""])
        page.press("q")
        until(lambda: "over" in page.text("#veil"))
        assert page.complaints == []
    until(lambda: all(thread.name != SESSION for thread in threading.enumerate()))
    dataset = Dataset(tmp_path / "set")  # without what was discarded, once the session has ended
    (episode,) = dataset.episodes
    assert episode.info.device == "browser"
    assert episode.info.success
    actions = dataset.column("action")
    assert (actions[:, 7] > 0).any(), "the base was driven"
    assert actions[-1, 10] == 2


@chromium
def test_dragging_the_gizmo_moves_the_arm(session: "BrowserDevice") -> None:
    with Chromium(*SIZE) as page:
        page.open(session.address + SMALL)
        viewers = session._server.viser.get_clients
        wanted = session._controls.view()
        # viser's page begins with a camera of its own and takes ours over when it is ready.
        until(
            lambda: any(
                np.allclose(viewer.camera.position, wanted.position, atol=1e-3)
                for viewer in viewers().values()
            )
        )
        (viewer,) = viewers().values()
        (before,) = session._controls.poses().values()
        turn = np.zeros(9)
        mujoco.mju_quat2Mat(turn, before[3:])
        axis = turn.reshape(3, 3)[:, 2]  # out of the gripper, downwards; its arrow is seen best

        def pull(reach: float) -> bool:
            """Take the arrow at a distance (m) from the gripper, 0.1 m back along its axis."""
            for share in np.linspace(0, 1, 6):
                place = before[:3] + (reach - 0.1 * share) * axis
                x, y = _on_screen(viewer.camera, place)
                page.mouse("mouseMoved", x, y, held=share > 0)
                if share == 0:
                    page.mouse("mousePressed", x, y)
            with contextlib.suppress(AssertionError):
                return bool(until(lambda: page.value("status.pulling"), 10))
            page.mouse("mouseReleased", x, y)
            return False

        assert any(pull(reach) for reach in (0.1, 0.14, 0.18))
        until(lambda: _way(session, before) @ -axis > 0.05, 60)
        way = _way(session, before)
        assert np.linalg.norm(way - (way @ axis) * axis) < 0.02
        until(lambda: page.value("status.phase") == "recording", 60)
        page.mouse("mouseReleased", *SIZE)
        until(lambda: not page.value("status.pulling"))
        assert page.complaints == []
        session._server.stop()
        until(lambda: "connection is lost" in page.text("#veil"))


def _way(device: "BrowserDevice", before: np.ndarray) -> np.ndarray:
    """How far the gripper has come (m, world)."""
    (pose,) = device._controls.poses().values()
    return np.asarray(pose[:3] - before[:3])


def _on_screen(camera: Any, point: np.ndarray) -> tuple[float, float]:
    """Where a point of the scene (m, world) is on the page (pixels)."""
    width = SIZE[0] - 372
    ahead = camera.look_at - camera.position
    ahead = ahead / np.linalg.norm(ahead)
    right = np.cross(ahead, (0, 0, 1))
    right = right / np.linalg.norm(right)
    to = point - camera.position
    half = SIZE[1] / 2 / np.tan(camera.fov / 2) / (to @ ahead)
    return width / 2 + half * (to @ right), SIZE[1] / 2 - half * (to @ np.cross(right, ahead))
