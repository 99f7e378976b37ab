"""The planner walks a humanoid: places of the floor plan become commands; falls are said so."""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from envs.humanoid import observations
from envs.humanoid.batch import WalkBatch
from envs.humanoid.kitchen import in_kitchen
from envs.humanoid.robots import g1
from envs.kitchen import layout, rules
from envs.kitchen.layout import STATIONS
from envs.kitchen.start import StartState
from envs.kitchen.vocabulary import PLACES
from planners.examples import parse_label
from planners.prompts import Step
from planners.saycan import Decision
from planners.skills import Skill, Verb
from planners.symbolic import Outcome
from planners.world import describe_scene
from policies.walker.mlp import MLPActor, MLPActorConfig
from policies.walker.weights import save_network
from robo.agent import run_episode
from robo.commands.run import Run
from robo.errors import UserError
from robo.humanoid_body import CONTROL_HZ, HumanoidBody
from robo.planning import kitchen_skills
from robo.walking.actor import Walker
from robo.walking.follower import SPEED, Follower

ROBOT = g1(12)
START = StartState(robot="user", objects=(("sponge", "far counter"), ("apple", "top drawer")))


def limp() -> Walker:
    """One that holds the default pose, with which the robot falls in a second or two."""
    size = observations.size(ROBOT)
    network = MLPActor(MLPActorConfig(observation_size=size, action_size=12, hidden=(4,)))
    torch.nn.init.zeros_(network.head.linear.weight)
    torch.nn.init.zeros_(network.head.linear.bias)
    return Walker(network.eval(), ROBOT, 100.0, (observations.POLICY,), Path("limp"))


class Sleepwalker:
    """What follows commands late and not wholly and sways, as walkers do (m, rad)."""

    def __init__(self, x: float, y: float, yaw: float, share: tuple[float, ...]) -> None:
        self.pose, self.share = np.array((x, y, yaw)), np.array(share)
        self.velocity = np.zeros(3)
        self.seconds = 0.0

    def walk(self, follower: Follower, seconds: float = 60.0) -> list[NDArray[np.float64]]:
        path = []
        for _ in range(round(seconds * CONTROL_HZ)):
            sway = 0.1 * np.sin(2 * np.pi * 1.25 * self.seconds)
            seen = self.pose + np.array((0.0, 0.3 * sway, sway))
            command = follower.command(*seen)
            command[np.abs(command) < 0.2] = 0.0
            self.velocity += (self.share * command - self.velocity) / (0.4 * CONTROL_HZ)
            yaw = self.pose[2]
            forward, aside, turn = self.velocity / CONTROL_HZ
            self.pose += (
                np.cos(yaw) * forward - np.sin(yaw) * aside,
                np.sin(yaw) * forward + np.cos(yaw) * aside,
                turn,
            )
            path.append(self.pose.copy())
            self.seconds += 1 / CONTROL_HZ
            if follower.arrived:
                break
        return path


@pytest.mark.parametrize("share", [(0.6, 0.5, 0.6), (1.1, 1.1, 1.1), (0.8, 0.0, 0.8)])
def test_every_place_is_reached_from_every_other_around_the_furniture(
    share: tuple[float, ...],
) -> None:
    """By walkers that do less or more than they are told, and one that cannot step sideways."""
    tour = [*PLACES, *PLACES[::2], *PLACES[::3]]
    station = STATIONS[tour[0]]
    walker = Sleepwalker(station.x, station.y, station.yaw, share)
    for before, place in pairwise(tour):
        follower = Follower(place, {}, CONTROL_HZ)
        path = walker.walk(follower)
        assert follower.arrived, (before, place)
        x, y, yaw = walker.pose
        assert layout.distance_to_station(place, x, y) < 0.75 * rules.AT_STATION
        goal = STATIONS[place]
        assert np.cos(yaw - goal.yaw) > np.cos(0.35)
        nearest = min(
            max(abs(x - zone.centre[0]) - zone.half[0], abs(y - zone.centre[1]) - zone.half[1])
            for x, y, _ in path
            for zone in layout.obstacles()
        )
        assert nearest > 0.15, (before, place)


def test_commands_are_such_as_walkers_are_trained_with() -> None:
    follower = Follower("trash", {}, CONTROL_HZ)
    generator = np.random.default_rng(0)
    for _ in range(300):
        x, y, yaw = generator.uniform((-1.5, -1.5, -3.0), (1.5, 1.5, 3.0))
        forward, aside, turn = follower.command(x, y, yaw)
        assert np.hypot(forward, aside) <= SPEED + 1e-9
        assert abs(turn) <= 1.0


def test_only_going_to_places_is_offered() -> None:
    skills = kitchen_skills()
    with HumanoidBody(START, 0, limp()) as body:
        values = dict(zip(skills, body.affordances(skills), strict=True))
        assert {s.verb for s, value in values.items() if value} == {Verb.GO_TO, Verb.DONE}
        assert "cannot handle things" in body.execute(parse_label("pick up the sponge")).feedback
        assert describe_scene(body.world) == (
            "far counter: sponge; top drawer: closed; bottom drawer: closed. "
            "Robot: at the user, hand empty."
        )


def test_a_fall_ends_the_skill_as_failed_and_it_is_stood_up_where_it_fell() -> None:
    shown = []
    with HumanoidBody(START, 0, limp(), on_frame=lambda view: shown.append(view.data.time)) as body:
        outcome = body.execute(parse_label("go to the table"))
        assert (outcome.success, outcome.feedback) == (False, "failed: the robot fell")
        assert body.falls == 1
        assert 0.2 < body.simulated_seconds < 10.0
        assert len(shown) == int(body.simulated_seconds * 10)
        where = body.pose
        station = STATIONS["user"]
        assert np.hypot(where[0] - station.x, where[1] - station.y) < 1.0
        assert body._batch.qpos[0, 2] > 0.75
        assert not body.execute(parse_label("go to the user")).success
        assert body.falls == 2


def test_a_robot_at_a_place_that_stands_there_has_gone_there() -> None:
    """A skill that is done at once succeeds by the kitchen's own rule, before it can fall."""
    with HumanoidBody(START, 0, limp()) as body:
        assert rules.robot_at(body._state, "user")
        assert not rules.robot_at(body._state, "table")
        assert body.world.robot_at == "user"
        body._stand(STATIONS["table"].x, STATIONS["table"].y, 0.3)
        np.testing.assert_allclose(body.pose, (STATIONS["table"].x, STATIONS["table"].y, 0.3))
        assert rules.robot_at(body._state, "table")


def test_a_robot_that_is_stood_up_elsewhere_observes_the_same() -> None:
    """Ground is flat, so where it stands and looks is nothing that it sees."""
    with HumanoidBody(START, 0, limp()) as body:
        batch = body._batch
        body._stand(0.5, -0.7, 2.0)
        told = {name: values.copy() for name, values in body._observation.items()}
        again = observations.observe(batch._observe(np.array([0]), "first noise"))
        for name, values in told.items():
            np.testing.assert_allclose(again[name], values, atol=1e-6)
        feet = batch.physics.feet[0, :, :2]
        np.testing.assert_allclose(feet.mean(axis=0), (0.5, -0.7), atol=0.05)


def test_furniture_stops_the_robot() -> None:
    with WalkBatch(in_kitchen(ROBOT), 1, physics_hz=200.0, auto_reset=False) as batch:
        batch.reset()
        model, data = batch.models[0], mujoco.MjData(batch.models[0])
        data.qpos[:] = batch.qpos[0]
        data.qpos[3:7] = (1.0, 0.0, 0.0, 0.0)
        touching = []
        for x in (0.0, 1.6, 1.97):
            data.qpos[:2] = x, 0.45
            mujoco.mj_forward(model, data)
            world = model.geom_bodyid[data.contact.geom] == 0
            boxes = model.geom_type[data.contact.geom] == mujoco.mjtGeom.mjGEOM_BOX
            touching.append(bool((world & boxes).any()))
        assert touching == [False, False, True]
        assert batch.qpos.shape[1] == 7 + 12


class Recited:
    """Chooses labels in a fixed order, where they are possible."""

    def __init__(self, *labels: str) -> None:
        self.labels = list(labels)
        self.heard: list[str] = []

    def choose(
        self,
        instruction: str,
        scene: str,
        history: Sequence[Step],
        affordances: NDArray[np.float64],
    ) -> Decision:
        names = tuple(skill.label for skill in kitchen_skills())
        self.heard = [step.feedback for step in history]
        chosen = names.index(self.labels.pop(0))
        assert affordances[chosen] == 1.0
        return Decision(names, affordances, affordances, affordances, chosen)


def test_the_agent_hears_of_the_fall() -> None:
    chooser = Recited("go to the table", "done")
    with HumanoidBody(START, 0, limp()) as body:
        episode = run_episode(chooser, kitchen_skills(), body, "go to the table")
    assert chooser.heard == ["failed: the robot fell"]
    assert episode.done
    assert [step.outcome.success for step in episode.steps] == [False, True]


def test_the_shipped_walker_goes_to_the_table_and_then_to_the_trash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chooser = Recited("go to the table", "go to the trash", "done")
    poses: list[NDArray[np.float64]] = []

    class Watched(HumanoidBody):
        def execute(self, skill: Skill) -> Outcome:
            outcome = super().execute(skill)
            poses.append(self.pose)
            return outcome

    monkeypatch.setattr("robo.planning.make_planner", lambda _: chooser)
    monkeypatch.setattr("robo.humanoid_body.HumanoidBody", Watched)
    run = Run("go to the table and then to the trash", out=tmp_path, robot="g1", video=False)
    assert run.execute() == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert [(step["success"], step["feedback"]) for step in report["steps"]] == [
        (True, "at the table"),
        (True, "at the trash"),
        (True, "done"),
    ]
    assert report["done"]
    assert report["falls"] == 0
    assert not report["unstable"]
    assert report["end"]["robot_at"] == "trash"
    for place, (x, y, yaw) in zip(("table", "trash"), poses, strict=True):
        assert layout.distance_to_station(place, x, y) < rules.AT_STATION
        assert np.cos(yaw - STATIONS[place].yaw) > np.cos(0.5)
    # At half a metre a second, and without going astray.
    assert 8.0 < report["simulated_seconds"] < 40.0


def test_a_scene_with_something_in_the_hand_is_refused(tmp_path: Path) -> None:
    save_network(limp().network, tmp_path / "walker", {"robot": "g1-12"})
    scene = tmp_path / "scene.json"
    scene.write_text(json.dumps({"robot": "user", "holding": "apple", "objects": []}))
    run = Run(
        "go to the table",
        scene=scene,
        out=tmp_path / "out",
        robot="g1",
        policy=str(tmp_path / "walker"),
        video=False,
    )
    with pytest.raises(UserError, match="holds nothing"):
        run.execute()


def test_without_a_walker_the_command_says_how_to_get_one(tmp_path: Path) -> None:
    run = Run("go to the table", out=tmp_path, robot="g1", policy=str(tmp_path), video=False)
    with pytest.raises(UserError, match="robo train walk"):
        run.execute()
