"""The browser device without a browser: who may come in, what keys and gizmos become."""

import json
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from envs.kitchen.env import KitchenEnv
from robo.commands.view import DataView
from robo.errors import UserError
from robo.recording.browser import BrowserDevice
from robo.recording.browser_controls import Operator, SliderControls, arrived, pose_error, slowed
from robo.recording.browser_inputs import HEARTBEAT, Inputs, Wish
from robo.recording.browser_kitchen import GRIPPER, KitchenControls
from robo.recording.browser_scene import SceneMirror, blend, body_poses
from robo.recording.browser_server import PageServer
from robo.recording.device import EpisodeStart, Event, Phase, Status, Tick
from robo.recording.joints import CROSSING_SECONDS
from robo.recording.ports import check_port
from tests.robo import point_env

START = {"robot": "table", "holding": None, "objects": [["apple", "table"]]}


@pytest.fixture(scope="module")
def env() -> Iterator[KitchenEnv]:
    kitchen = KitchenEnv(image_size=32)
    kitchen.reset(seed=0, options={"start": START})
    yield kitchen
    kitchen.close()


@pytest.fixture
def server() -> Iterator[PageServer]:
    page = PageServer(0, lambda *_: None, lambda _: None, lambda _: None)
    yield page
    page.stop()


@pytest.fixture
def kitchen(env: KitchenEnv) -> KitchenEnv:
    env.reset(seed=0, options={"start": START})
    return env


@pytest.mark.parametrize("path", ["", "viser/", "channel", "pictures/0.jpg", "x/", "page.css"])
def test_nothing_is_served_without_the_token(server: PageServer, path: str) -> None:
    for protocols in (None, ["viser-v1.1.1"]):
        with pytest.raises(InvalidStatus) as refused:
            connect(f"ws://127.0.0.1:{server.port}/{path}", subprotocols=protocols)  # type: ignore[arg-type]
        assert refused.value.response.status_code == 403
    right = server.address.replace("http", "ws")
    wrong = right[:-2] + ("a/" if right[-2] != "a" else "b/")
    with pytest.raises(InvalidStatus):
        connect(wrong + path)


def test_the_page_is_served_with_the_token(server: PageServer) -> None:
    from urllib.request import urlopen

    for path, words in (("", b"robo record"), ("live.js", b"channel"), ("viser/", b"hasFocus")):
        with urlopen(server.address + path) as answer:
            assert words in answer.read()
            assert answer.headers["Cache-Control"] == "no-store"
    with connect(server.address.replace("http", "ws") + "channel"):
        pass


def test_a_page_that_comes_late_is_told_how_things_stand(server: PageServer) -> None:
    server.send("status", {"phase": "waiting"})
    with connect(server.address.replace("http", "ws") + "channel") as channel:
        assert json.loads(channel.recv(timeout=5)) == {
            "kind": "status",
            "content": {"phase": "waiting"},
        }


def test_only_bodies_that_moved_are_sent(server: PageServer, kitchen: KitchenEnv) -> None:
    mirror = SceneMirror(server.viser)
    mirror.load(kitchen.scene.model)
    poses = body_poses(kitchen.data)
    assert mirror.push(poses) > 10
    assert mirror.push(poses) == 0
    poses[kitchen.scene.object_bodies[0], 0] += 0.1
    assert mirror.push(poses) == 1


def test_blending_takes_the_short_turn() -> None:
    before = np.array([[0.0, 0, 0, 1, 0, 0, 0]])
    after = np.array([[1.0, 0, 0, -1, 0, 0, 0]])
    middle = blend(before, after, 0.5)[0]
    assert middle == pytest.approx([0.5, 0, 0, 1, 0, 0, 0])


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_keys_of_a_page_that_falls_silent_are_let_go() -> None:
    clock = Clock()
    inputs = Inputs(clock)
    inputs.receive(1, {"keys": ["W"]})
    assert inputs.operator({})[0].keys == {"w"}
    clock.now += HEARTBEAT + 0.01
    assert not inputs.operator({})[0].keys
    inputs.receive(1, {"keys": ["w"]})
    inputs.leave(1)
    assert not inputs.operator({})[0].keys


def test_a_tap_between_two_ticks_counts_for_one() -> None:
    inputs = Inputs()
    inputs.receive(1, {"keys": ["w"]})
    inputs.receive(1, {"keys": []})
    operator, touched = inputs.operator({})
    assert operator.keys == {"w"}
    assert touched
    assert not inputs.operator({})[0].keys


def test_nothing_is_touched_until_something_is_done() -> None:
    inputs = Inputs()
    inputs.begin(frozenset())
    inputs.receive(1, {"speed": 0.2, "mode": "base", "text": {"note": "x"}})
    assert not inputs.operator({})[1]
    inputs.receive(1, {"gripper": GRIPPER})
    operator, touched = inputs.operator({})
    assert touched
    assert operator.closed == {GRIPPER}
    assert operator.driving
    assert inputs.note == "x"


@pytest.mark.parametrize(
    "message",
    [
        '{"keys": 3}', '{"event": "keep"}', '{"event": {"name": "fly"}}', '{"event": {"name": []}}',
        '{"speed": "x"}', '{"speed": NaN}', '{"faster": -Infinity}', '{"mode": [1]}', '{"?": 1}',
        '{"slider": {"name": "a", "value": NaN}}', '{"choose": NaN}', '{"choose": 1e9}',
        '{"slider": {"name": "a", "value": 1' + "0" * 400 + "}}",
    ],
)  # fmt: skip
def test_messages_without_sense_are_ignored(message: str) -> None:
    inputs = Inputs()
    inputs.receive(1, json.loads(message))
    assert inputs.wish() is None
    assert inputs.operator({}) == (Operator(), False)


def test_a_gizmo_without_a_place_does_not_pull() -> None:
    inputs = Inputs()
    inputs.drag(GRIPPER, np.full(7, np.nan))
    inputs.drag(GRIPPER, np.zeros(7))
    inputs.release(GRIPPER)
    assert not inputs.operator({GRIPPER: np.zeros(7)})[0].targets


def test_a_gizmo_that_lost_its_target_may_still_be_let_go() -> None:
    inputs = Inputs()
    here = np.array([0.0, 0, 0, 1, 0, 0, 0])
    inputs.drag(GRIPPER, here + np.eye(7)[0])
    inputs.begin(frozenset())
    inputs.release(GRIPPER)
    assert not inputs.operator({GRIPPER: here})[0].targets


def test_two_pages_steer_and_one_that_leaves_lets_go_of_its_keys() -> None:
    inputs = Inputs()
    inputs.receive(1, {"keys": ["w"]})
    inputs.receive(2, {"keys": ["a"]})
    assert inputs.operator({})[0].keys == {"w", "a"}
    inputs.leave(1)
    assert inputs.operator({})[0].keys == {"a"}


def test_events_come_in_order_with_their_episode() -> None:
    inputs = Inputs()
    inputs.receive(1, {"event": {"name": "discard", "episode": 3}})
    inputs.receive(1, {"event": {"name": "keep"}})
    assert [inputs.wish(), inputs.wish()] == [Wish(Event.DISCARD, 3), Wish(Event.KEEP)]


def test_a_released_gizmo_pulls_until_the_gripper_is_there() -> None:
    clock = Clock()
    inputs = Inputs(clock)
    far, near = np.array([1.0, 0, 0, 1, 0, 0, 0]), np.array([0.0, 0, 0, 1, 0, 0, 0])
    inputs.drag(GRIPPER, far)
    clock.now = 100.0
    assert inputs.operator({GRIPPER: near})[0].targets
    inputs.release(GRIPPER)
    assert inputs.operator({GRIPPER: near})[0].targets
    assert not inputs.operator({GRIPPER: far})[0].targets


def test_the_gripper_follows_its_gizmo(kitchen: KitchenEnv) -> None:
    controls = KitchenControls(kitchen)
    target = controls.poses()[GRIPPER]
    target[:3] += (0.1, 0.06, -0.1)
    half = 0.2
    turn = np.array([np.cos(half), 0, 0, np.sin(half)])
    product = np.zeros(4)
    import mujoco

    mujoco.mju_mulQuat(product, turn, target[3:])
    target[3:] = product
    for _ in range(30):
        action = controls.action(Operator(targets={GRIPPER: target}))
        assert kitchen.action_space.contains(action)
        kitchen.step(action)
    way, angle = pose_error(controls.poses()[GRIPPER], target)
    assert arrived(controls.poses()[GRIPPER], target), (way, angle)


def test_held_keys_drive_the_base_where_the_robot_looks(kitchen: KitchenEnv) -> None:
    controls = KitchenControls(kitchen)
    before = np.array(kitchen.kitchen_state.base)
    for _ in range(10):
        kitchen.step(controls.action(Operator(keys=frozenset("s"), driving=True, speed=0.5)))
    after = np.array(kitchen.kitchen_state.base)
    ahead = np.array([np.cos(before[2]), np.sin(before[2])])
    assert (after - before)[:2] @ ahead < -0.2


def test_actions_stay_inside_their_space(kitchen: KitchenEnv) -> None:
    controls = KitchenControls(kitchen)
    for keys in ("wai", "jou", "sdk"):
        for driving in (False, True):
            operator = Operator(keys=frozenset(keys), driving=driving, speed=1.0)
            assert kitchen.action_space.contains(controls.action(operator))
    goodbye = controls.goodbye(Operator(closed=frozenset({GRIPPER})))
    assert goodbye is not None
    assert goodbye[10] == 2
    assert goodbye[6] == 0


def test_slowed_keeps_the_direction() -> None:
    assert slowed(np.array([4.0, 1.0]), np.array([2.0, 2.0])) == pytest.approx([2.0, 0.5])


def test_other_environments_have_a_slider_for_each_number() -> None:
    pendulum = gymnasium.make("Pendulum-v1").unwrapped
    controls = SliderControls(pendulum)
    (slider,) = controls.sliders
    assert (slider.low, slider.high) == (-2.0, 2.0)
    for value, sent in ((1.5, 1.5), (9.0, 2.0)):
        operator = Operator(sliders={slider.name: value})
        controls.attend(operator, {})
        assert controls.action(operator) == pytest.approx([sent])


def test_keys_choose_a_joint_and_nudge_it() -> None:
    arms = point_env.PointEnv()
    arms.action_space = gymnasium.spaces.Box(-1, 2, (14,), np.float32)
    controls = SliderControls(arms)
    state = {"state": np.linspace(-0.5, 0.5, 14, dtype=np.float32)}
    controls.attend(Operator(choose=-2, switch=True), state)
    held = Operator(keys=frozenset("i"), speed=1.0)
    for _ in range(3):
        sent = controls.action(held, 0.02)
    assert np.flatnonzero(sent - state["state"] > 1e-6).tolist() == [12]
    assert sent[12] - state["state"][12] == pytest.approx(3 * 0.02 / CROSSING_SECONDS * 3)
    assert controls.action(Operator(), 0.02) == pytest.approx(sent), "it stays"
    for _ in range(200):
        sent = controls.action(held, 0.02)
    assert arms.action_space.contains(sent)
    assert sent[12] == 2
    controls.attend(Operator(switch=True), state)
    assert controls.action(held)[12] == 2
    assert controls.action(Operator())[12] == 0, "it springs back"
    panel = controls.panel()
    assert (panel["chosen"], panel["stays"]) == (12, False)


def test_joints_that_are_named_as_the_state_stay_and_begin_where_the_robot_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("waist", "elbow", "gripper")
    for constant in ("STATE_NAMES", "ACTION_NAMES"):
        monkeypatch.setattr(point_env, constant, names, raising=False)
    arm = point_env.PointEnv()
    arm.action_space = gymnasium.spaces.Box(-1, 1, (3,), np.float32)
    controls = SliderControls(arm)
    controls.begin({"state": np.array([0.5, -0.5, 1.2], np.float32)}, {})
    assert controls.panel()["stays"]
    assert controls.action(Operator()) == pytest.approx([0.5, -0.5, 1.0])
    assert [slider.name for slider in controls.sliders] == list(names)


def status(phase: Phase, frames: int = 0) -> Status:
    return Status(phase, "t", 0, frames, 0.0, False, 10, 10.0, 0, 0, 1, ())


def test_the_device_waits_acts_and_says_goodbye(kitchen: KitchenEnv) -> None:
    device = BrowserDevice(port=0)
    try:
        assert "http://127.0.0.1:" in device.open(kitchen)
        observation, info = kitchen.reset(seed=1, options={"start": START})
        device.begin(EpisodeStart(0, "t", 1, {}, observation, info))
        waiting = Tick(observation, info, status(Phase.WAITING))
        recording = Tick(observation, info, status(Phase.RECORDING, 1))
        assert device.act(waiting).action is None
        with connect(device.address.replace("http", "ws") + "channel", max_size=None) as channel:
            channel.send(json.dumps({"keys": ["w"]}))
            action = wait_for(lambda: device.act(waiting).action)
            assert action[0] > 0
            channel.send(json.dumps({"text": {"note": "good", "label": "find the apple"}}))
            channel.send(json.dumps({"event": {"name": "keep"}}))
            command = wait_for(lambda: (c := device.act(recording)).event and c)
        assert (command.event, command.note) == (Event.KEEP, "good")
        assert command.label == "find the apple"
        assert command.action[10] == 2
        device.end(True)
        assert wait_for(lambda: bool((device.act(recording).action[:6] == 0).all()))
    finally:
        device.close()
        device.close()


def test_a_page_that_is_closed_in_mid_episode_stops_the_robot(kitchen: KitchenEnv) -> None:
    device = BrowserDevice(port=0)
    try:
        device.open(kitchen)
        observation, info = kitchen.reset(seed=1, options={"start": START})
        device.begin(EpisodeStart(0, "t", 1, {}, observation, info))
        recording = Tick(observation, info, status(Phase.RECORDING, 1))
        address = device.address.replace("http", "ws") + "channel"
        with connect(address, max_size=None) as channel:
            channel.send("no JSON")
            channel.send(json.dumps({"keys": ["w"]}))
            wait_for(lambda: bool(device.act(recording).action[0] > 0))
        wait_for(lambda: bool(device.act(recording).action[0] == 0))
        with connect(address, max_size=None) as channel:
            said = (message for message in iter(lambda: channel.recv(timeout=5), None))
            words = (json.loads(message) for message in said if isinstance(message, str))
            greetings = {next(words)["kind"] for _ in range(2)}  # pictures may come between
            assert "setup" in greetings
            channel.send(json.dumps({"keys": ["s"]}))
            wait_for(lambda: bool(device.act(recording).action[0] < 0))
    finally:
        device.close()


def test_a_port_that_is_taken_is_said_in_a_sentence(kitchen: KitchenEnv) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} cannot be used.*--port"):
            BrowserDevice(port).open(kitchen)
        with pytest.raises(UserError, match="--port"):
            DataView(Path("no set"), port=port).execute()
    with pytest.raises(UserError, match="1 to 65535"):
        check_port(70000)
    device = BrowserDevice(port)
    try:
        assert f":{port}/" in device.open(kitchen)
    finally:
        device.close()


def wait_for(get):  # type: ignore[no-untyped-def]
    end = time.monotonic() + 20
    while time.monotonic() < end:
        value = get()
        if value is not None and value is not False:
            return value
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def test_without_viser_the_person_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, kitchen: KitchenEnv, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "robo.recording.browser_server", None)
    with pytest.raises(UserError, match="pip install viser"):
        BrowserDevice().open(kitchen)
