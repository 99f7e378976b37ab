"""`robo walk`: a walker is driven, pushed and loaded, and gets up again; the page in Chromium."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import mujoco
import numpy as np
import pytest
import torch
from websockets.sync.client import connect

from envs.humanoid import observations
from envs.humanoid.batch import WalkBatch
from envs.humanoid.robots import g1
from policies.walker.mlp import MLPActor, MLPActorConfig
from robo.commands.walk import Walk
from robo.errors import UserError
from robo.recording.browser_meshes import body_model
from robo.walking.actor import Walker
from robo.walking.drive import Drove, drive
from robo.walking.drive_scene import DriveScene
from robo.walking.live import CONTROL_HZ, LiveWalk
from robo.walking.steering import HEARTBEAT, LIMITS, Push, Steering
from tests.robo.chromium import EXECUTABLE, Chromium, until

SMALL = "?fixedDpr=0.1"
SIZE = (940, 700)


def limp(groups: tuple[str, ...] = (observations.POLICY,)) -> Walker:
    """One that holds the default pose, with which the robot falls in a second or two."""
    robot = g1(12)
    size = sum(observations.size(robot, group) for group in groups)
    network = MLPActor(MLPActorConfig(observation_size=size, action_size=12, hidden=(4,)))
    torch.nn.init.zeros_(network.head.linear.weight)
    torch.nn.init.zeros_(network.head.linear.bias)
    return Walker(network.eval(), robot, 100.0, groups, Path("limp"))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_held_keys_command_and_let_go_keys_stop() -> None:
    clock = Clock()
    steering = Steering(clock)
    steering.receive(1, {"speed": 0.5, "keys": ["W", "a"]})
    np.testing.assert_allclose(steering.take().command, (0.5, 0.25, 0.0))
    clock.now += HEARTBEAT + 0.01
    assert not steering.take().command.any()
    steering.receive(1, {"keys": ["q", "e"]})
    assert not steering.take().command.any()


def test_sliders_stay_until_a_key_of_their_axis_or_stop() -> None:
    steering = Steering()
    steering.receive(1, {"slider": {"name": "forward", "value": -0.4}})
    steering.receive(1, {"slider": {"name": "turning", "value": 9.0}})
    np.testing.assert_allclose(steering.take().command, (-0.4, 0.0, LIMITS[2]))
    steering.receive(1, {"keys": ["w"]})
    steering.receive(1, {"keys": []})
    assert steering.take().command[0] > 0.0
    np.testing.assert_allclose(steering.take().command, (0.0, 0.0, LIMITS[2]))
    steering.receive(1, {"stop": True})
    assert not steering.take().command.any()


def test_what_makes_no_sense_is_ignored() -> None:
    steering = Steering()
    nan = float("nan")
    for message in (
        {"slider": {"name": "forward", "value": nan}},
        {"slider": {"name": "upwards", "value": 1.0}},
        {"slider": 3},
        {"push": {"speed": nan, "angle": 0.0}},
        {"keys": ["x", "p"]},
        {"keys": 5},
        {"setting": {"name": "gravity", "value": 1.0}},
        {"speed": "fast"},
        {"unheard": 1},
    ):
        steering.receive(1, message)
    wanted = steering.take()
    assert not wanted.command.any()
    assert wanted.pushes == ()
    assert wanted.settings == {"payload": 0.0, "friction": 0.6}
    steering.receive(1, {"push": {"speed": 100.0, "angle": 1.0}, "end": True})
    wanted = steering.take()
    assert wanted.pushes == (Push(2.0, 1.0),)
    assert wanted.end
    assert not steering.take().end


def test_a_robot_that_falls_is_counted_and_stood_up_again() -> None:
    with LiveWalk(limp()) as live:
        lowest = 1.0
        for _ in range(round(6 * CONTROL_HZ)):
            live.tick(np.array([0.5, 0.0, 0.0]))
            lowest = min(lowest, live.batch.qpos[0, 2])
            if live.falls and not live.fallen:
                break
        assert live.falls == 1
        assert lowest < 0.7
        assert live.batch.qpos[0, 2] == pytest.approx(live.batch.robot.base_height, abs=0.02)


def test_a_push_goes_where_it_is_seen_from_the_robot() -> None:
    with LiveWalk(limp(), seed=3) as live:
        assert abs(live.yaw) > 0.1
        live.push(Push(1.0, np.pi / 2))
        left = live.yaw + np.pi / 2
        np.testing.assert_allclose(live.batch.qvel[0, :2], (np.cos(left), np.sin(left)))
        live.tick(np.zeros(3))
        assert live.velocity[1] > 0.02


def test_payload_and_friction_change_while_it_walks() -> None:
    with LiveWalk(limp()) as live:
        model = live.batch.models[0]
        before = model.body_mass.sum()
        live.tick(np.zeros(3))
        qpos = live.batch.qpos.copy()
        live.set({"payload": 4.0, "friction": 0.3})
        np.testing.assert_array_equal(live.batch.qpos, qpos)
        assert model.body_mass.sum() == pytest.approx(before + 4.0)
        assert live.batch.randomizer.parameters.friction[0] == 0.3
        live.stand_up()
        assert model.body_mass.sum() == pytest.approx(before + 4.0)


def test_the_robot_is_seen_from_its_own_place() -> None:
    with WalkBatch(g1(12), 1, seed=5) as batch:
        batch.reset()
        scene = DriveScene(batch)
        base = scene.model.body("pelvis").id
        batch.physics.state[0, 1:3] += (0.2, 0.1)
        for _ in range(100):
            poses, jumped = scene.poses(0.02)
        assert not jumped
        np.testing.assert_allclose(poses[base, :2], 0.0, atol=1e-3)
        np.testing.assert_allclose(np.abs(poses[base, 3:]), (1.0, 0.0, 0.0, 0.0), atol=1e-3)
        batch.physics.state[0, 1:3] += (7.0, 0.0)
        poses, jumped = scene.poses(0.02)
        assert jumped
        np.testing.assert_allclose(poses[base, :2], 0.0, atol=1e-3)
        assert np.abs(poses[0, :2]).max() < 2.0


def test_uneven_ground_is_drawn_where_it_is_touched() -> None:
    with WalkBatch(g1(12), 1, seed=5, terrain="steps") as batch:
        batch.reset()
        model = DriveScene(batch).model
        assert body_model(model, 0) is not None
        (geom,) = np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_HFIELD)
        rows, size = int(model.hfield_nrow[0]), model.hfield_size[0]
        heights = model.hfield_data.reshape(rows, rows) * size[2]
        at = np.linspace(-size[0], size[0], rows)
        drawn = heights[40, 70]
        touched = batch.terrain.height(np.array([0]), at[None, 70:71], at[None, 40:41])
        assert drawn == pytest.approx(float(touched[0, 0]), abs=1e-6)
        assert model.geom_contype[geom] == 0
        batch.physics.state[0, 1] += 8.0
        scene = DriveScene(batch)
        batch.physics.state[0, 1] -= 8.0
        assert scene.poses(0.02)[1]


def test_a_walker_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no shipped walker"):
        Walk(policy=str(tmp_path)).execute()
    with pytest.raises(UserError, match="--level is 2"):
        Walk(level=2.0).execute()


@dataclass
class Session:
    """A page of `robo walk` in a thread."""

    address: str
    drove: list[Drove]


@pytest.fixture
def session() -> Iterator[Session]:
    drove: list[Drove] = []
    opened: list[str] = []
    ready = threading.Event()
    threads = torch.get_num_threads()

    def tell(address: str) -> None:
        opened.append(address)
        ready.set()

    def run() -> None:
        drove.append(drive(limp(tuple(observations.TERMS)), port=0, on_open=tell))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(120)
    yield Session(opened[0], drove)
    with contextlib.suppress(OSError), connect(opened[0].replace("http", "ws") + "channel") as page:
        page.send('{"end": true}')
    thread.join(timeout=60)
    assert not thread.is_alive()
    torch.set_num_threads(threads)


@pytest.mark.skipif(EXECUTABLE is None, reason="no `chromium` on PATH: apt-get install chromium")
def test_a_person_drives_pushes_and_ends(session: Session) -> None:
    with pytest.raises(HTTPError) as refused:
        urlopen(session.address.rsplit("/", 2)[0] + "/")
    assert refused.value.code == 403
    with Chromium(*SIZE) as page:
        page.open(session.address + SMALL)
        until(lambda: page.value("!!status && !!setup"))
        assert page.text("#robot") == "g1-12 on flat ground"
        assert "a teacher" in page.text("#policy")

        page.key("w", down=True)
        lit = "document.querySelector('[data-key=w]').classList.contains('on')"
        until(lambda: page.value(f"status.command[0] > 0.5 && {lit}"))
        page.key("w", down=False)
        until(lambda: page.value("status.command[0]") == 0)
        page.value("say({slider: {name: 'sideways', value: 0.3}})")
        until(lambda: "0.30" in page.text("[data-axis=sideways] .told"))
        page.press(" ")
        until(lambda: page.value("status.command[1]") == 0)

        falls = page.value("status.falls")
        page.value("(() => { document.getElementById('push').value = 2; })()")
        page.click("#compass [data-angle='-90']")
        until(lambda: page.value("status.falls") > falls)
        until(lambda: page.value("status.phase") != "fallen")
        page.value("say({setting: {name: 'payload', value: 3}})")
        until(lambda: page.value("status.settings.payload") == 3)
        page.press("v")
        until(lambda: page.value("status.turns") is False)
        assert int(page.text("#missed")) >= 0
        drawn = "document.querySelector('#axes canvas').width"
        assert page.value(drawn) > 100
        assert page.complaints == []
        page.click("#end")
        until(lambda: "over" in page.text("#veil"))
    until(lambda: session.drove)
    assert session.drove[0].ticks > 20
    assert session.drove[0].falls > 0
