"""Does it walk? What is counted is what happened, and what is finished is kept."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from envs.humanoid import observations
from envs.humanoid.batch import WalkBatch
from envs.humanoid.randomization import TERMS
from envs.humanoid.robots import g1
from envs.humanoid.state import heading, level
from policies.walker.mlp import MLPActor, MLPActorConfig
from policies.walker.transformer import TransformerStudent, TransformerStudentConfig, TrunkConfig
from policies.walker.weights import Network, save_network
from robo.commands.eval import Eval
from robo.errors import UserError
from robo.rollouts.folder import read_results
from robo.walking.actor import WalkActor, load_walker
from robo.walking.evaluation import hardships, probe, run, showing, tracking
from robo.walking.evaluation.episodes import Effort, Tally, make_batch, moments

BLINK = Effort(seconds=0.4, copies=1)
SHORT = Effort(seconds=3.0, copies=1)


def nothing() -> None:
    """No bar."""


def mlp(size: int = observations.size(g1(12))) -> MLPActor:
    """Holds the default pose, in which the robot falls within seconds."""
    network = MLPActor(MLPActorConfig(observation_size=size, action_size=12, hidden=(8,)))
    torch.nn.init.zeros_(network.head.linear.weight)
    return network


def transformer() -> TransformerStudent:
    torch.manual_seed(0)
    trunk = TrunkConfig(history=4, width=8, layers=1, heads=2, hidden=8)
    size = observations.size(g1(12))
    return TransformerStudent(
        TransformerStudentConfig(observation_size=size, action_size=12, trunk=trunk)
    )


def save(network: Network, folder: Path, **metadata: Any) -> str:
    noted = {
        "robot": "g1-12",
        "config": {"physics_hz": 100.0, "terrain": "flat"},
        "observation": {"groups": ["policy"], "version": observations.VERSION},
    }
    save_network(network, folder, noted | metadata)
    return str(folder)


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save(mlp(), tmp_path_factory.mktemp("walker"))


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[WalkBatch]:
    """Those that hardships are met in, as they come."""
    made: list[WalkBatch] = []

    def spied(*args: Any, **options: Any) -> WalkBatch:
        made.append(make_batch(*args, **options))
        return made[-1]

    monkeypatch.setattr(hardships, "make_batch", spied)
    return made


def moment(time: float, upright: list[bool], velocity: float = 0.5, power: float = 100.0) -> Any:
    """What `Tally` reads, of robots that all walk alike."""
    n = len(upright)
    state = SimpleNamespace(
        velocity=np.tile((velocity, 0.0, 0.0), (n, 1)),
        gyro=np.zeros((n, 3)),
        power=np.full(n, power),
    )
    step = SimpleNamespace(info={"unstable": np.zeros(n, dtype=bool)})
    return SimpleNamespace(time=time, hz=50, state=state, upright=np.array(upright), step=step)


def test_velocities_are_means_after_two_seconds_while_upright() -> None:
    tally = Tally(3)
    for number in range(1, 251):
        time = number / 50
        # The first is slow at the start, the second falls after 4 s, the third after 2.5 s.
        speed = 9.0 if time <= 2.0 else 0.5 if time <= 4.0 else 0.7
        tally.add(moment(time, [True, time <= 4.0, time <= 2.5], speed))
    assert tally.velocity[:, 0] == pytest.approx([(2 * 0.5 + 0.7) / 3, 0.5, np.nan], nan_ok=True)
    assert tally.lasted == pytest.approx([5.0, 4.0, 2.5])
    assert tally.survived.tolist() == [True, False, False]


def test_rows_give_shares_intervals_and_cost_and_name_dead_zones() -> None:
    asked = [("vx", 0.5), ("vx", 0.2), ("yaw", -0.2)]
    tally = Tally(6)
    for number in range(1, 201):
        now = moment(number / 50, [True] * 6)
        now.state.velocity[:, 0] = (0.4, 0.5, 0.05, 0.07, 0.0, 0.0)
        now.state.gyro[4:, 2] = -0.15
        tally.add(now)
    rows = tracking.summarise(asked, 2, tally, mass=20.0)
    assert rows[0]["achieved"] == pytest.approx(0.45)
    assert rows[0]["share"] == pytest.approx(0.9)
    assert rows[0]["energy"] == pytest.approx((100 / 0.4 + 100 / 0.5) / 2)
    assert rows[0]["cost_of_transport"] == pytest.approx(rows[0]["energy"] / (20 * 9.81), abs=1e-4)
    assert rows[0]["interval"][0] < 0.45 < rows[0]["interval"][1]
    assert rows[0]["survived"] == {"successes": 2, "trials": 2} | {
        key: rows[0]["survived"][key] for key in ("rate", "wilson_95")
    }
    assert rows[2]["cost_of_transport"] is None
    assert tracking.dead_zones(rows) == ["vx 0.2"]


def test_arms_that_go_with_the_opposite_legs_correlate() -> None:
    phase = np.linspace(0.0, 20.0, 1000)
    hips = np.stack((np.sin(phase), -np.sin(phase)), axis=1)
    natural = tracking.arm_swing(0.5 * hips[:, ::-1], hips)
    assert natural["correlation"] == pytest.approx(1.0)
    assert natural["amplitude"] == pytest.approx(np.degrees(0.5), rel=0.05)
    assert tracking.arm_swing(hips, hips)["correlation"] == pytest.approx(-1.0)
    still = tracking.arm_swing(np.zeros_like(hips), hips)
    assert still["correlation"] is None
    assert still["amplitude"] == 0.0


def test_arms_of_those_that_stay_upright_are_looked_at() -> None:
    robot = g1(29)
    asked, copies = [("vy", 0.4), ("vx", 0.5), ("vx", 1.0)], 2
    swing = tracking._Swing(robot, asked, copies)
    names = list(robot.joints)
    for phase in np.linspace(0.0, 12.0, 200):
        angles = np.zeros((6, 29))
        angles[2:, names.index("left_hip_pitch_joint")] = np.sin(phase)
        angles[2:, names.index("right_hip_pitch_joint")] = -np.sin(phase)
        # At 0.5 m/s one swings naturally and the other, which falls, does not; at 1 m/s none does.
        angles[2, names.index("left_shoulder_pitch_joint")] = -0.2 * np.sin(phase)
        angles[2, names.index("right_shoulder_pitch_joint")] = 0.2 * np.sin(phase)
        angles[3, names.index("left_shoulder_pitch_joint")] = np.sin(phase)
        swing.add(angles)
    slow, fast = swing.result(np.array([True, True, True, False, True, True]))["rows"]
    assert slow["episodes"] == 1
    assert slow["correlation"] == pytest.approx(1.0)
    assert slow["amplitude"] == pytest.approx(np.degrees(0.2), rel=0.05)
    assert fast["episodes"] == 2
    assert fast["correlation"] is None


def test_what_is_given_is_what_each_copy_has(policy: str) -> None:
    walker = load_walker(policy)
    given = {"payload": np.array([0.0, 2.0, 7.0]), "friction": np.array([0.2, 0.6, 1.5])}
    with make_batch(walker, 3, BLINK, given=given) as batch:
        batch.reset()
        masses = np.array([model.body_mass.sum() for model in batch.models])
        soles = [model.geom("left_sole_0").friction[0] for model in batch.models]
        assert batch.substeps == 2
    assert masses - masses[0] == pytest.approx([0.0, 2.0, 7.0])
    assert soles == pytest.approx([0.2, 0.6, 1.5])


def test_a_robot_that_holds_still_is_upright_at_first_and_then_falls(policy: str) -> None:
    walker = load_walker(policy)
    payload = hardships.AXES[0]
    before = hardships.vary(payload, walker, BLINK, nothing)["rows"]
    after = hardships.vary(payload, walker, SHORT, nothing)["rows"]
    assert [row["survived"]["rate"] for row in before] == [1.0] * 5
    assert [row["survived"]["rate"] for row in after] == [0.0] * 5
    assert all(0.4 < seconds < 3.0 for row in after for seconds in row["lasted"])
    assert [row["value"] for row in after] == [0, 2.5, 5, 7.5, 10]


def test_pushes_go_where_they_are_said_to_go(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardships, "PUSHED_AT", 0.04)
    monkeypatch.setattr(hardships, "PUSH_SECONDS", 0.1)
    seen: list[Any] = []

    def push(batch: WalkBatch, velocities: Any) -> None:
        if np.any(velocities):
            seen.append(level(velocities, heading(batch.qpos[:, 3:7])))

    monkeypatch.setattr(WalkBatch, "push", push)
    result = hardships.push(load_walker(policy), BLINK, nothing)
    assert len(seen) == 1
    for row, (ahead, left) in zip(result["rows"], seen[0], strict=True):
        assert np.hypot(ahead, left) == pytest.approx(row["size"])
        words = row["direction"].split()
        assert ("forwards" in words) == (ahead > 1e-6)
        assert ("backwards" in words) == (ahead < -1e-6)
        assert ("left" in words) == (left > 1e-6)
        assert ("right" in words) == (left < -1e-6)
    assert [row["survived"]["trials"] for row in result["by_size"]] == [8] * 4


@pytest.mark.parametrize("terrain", ["flat", "rough"])
def test_survival_is_of_all_that_is_randomised_and_of_pushes_of_a_metre_per_second(
    terrain: str, tmp_path: Path, batches: list[WalkBatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed: list[Any] = []

    def push(batch: WalkBatch, velocities: Any) -> None:
        pushed.append(velocities.copy())

    monkeypatch.setattr(WalkBatch, "push", push)
    often = partial(WalkBatch, push_every=(0.02, 0.2))
    monkeypatch.setattr("robo.walking.evaluation.episodes.WalkBatch", often)
    trained = save(mlp(), tmp_path, config={"physics_hz": 100.0, "terrain": terrain})
    effort = Effort(seconds=0.3, copies=2)
    result = hardships.survive(load_walker(trained), effort, nothing)
    (batch,) = batches
    assert batch.copies == 32
    assert batch.terrain_name == result["terrain"] == terrain
    assert batch.randomizer.names == tuple(TERMS)
    for name, drawn in batch.randomizer.draws.items():
        distribution = TERMS[name].distribution
        if name == "pushes":
            continue
        assert distribution.low <= drawn.min() <= drawn.max() <= distribution.high
        assert np.ptp(drawn) > 0.7 * (distribution.high - distribution.low), name
    speeds = np.linalg.norm(pushed, axis=2)
    assert (speeds.max(axis=0) > 0.0).all()
    assert speeds[speeds > 0.0] == pytest.approx(1.0)
    # Told to walk in all directions, and to stand.
    assert (batch.commands.min(axis=0) < (-0.5, -0.2, -0.5)).all()
    assert (batch.commands.max(axis=0) > (0.5, 0.2, 0.5)).all()
    (row,) = result["rows"]
    assert row["name"] == "everything randomised, pushes of 1 m/s"
    assert row["survived"]["trials"] == len(row["lasted"]) == 32
    assert result["seconds"] == 0.3


def test_grounds_are_as_steep_high_and_rough_as_they_are_said_to_be(
    policy: str, batches: list[WalkBatch]
) -> None:
    def steepness(heights: Any, cell: float) -> float:
        return 100.0 * np.abs(np.diff(heights, axis=0)).max() / cell

    def rise(heights: Any, cell: float) -> float:
        return 100.0 * np.abs(np.diff(heights, axis=0)).max()

    def roughness(heights: Any, cell: float) -> float:
        return 100.0 * np.ptp(heights)

    wanted = {
        "slopes": (steepness, [0, 10, 20, 30]),
        "steps": (rise, [2, 4, 8, 12]),
        "rough": (roughness, [2, 4, 8]),
    }
    axes = [axis for axis in hardships.AXES if axis.name in wanted]
    assert len(axes) == 3
    for axis in axes:
        rows = hardships.vary(axis, load_walker(policy), BLINK, nothing)["rows"]
        measure, values = wanted[axis.name]
        assert [row["value"] for row in rows] == values
        assert [row["name"] for row in rows] == [f"{value} {axis.unit}" for value in values]
        for number, model in enumerate(batches[-1].models):
            field = model.hfield_data.reshape(model.hfield_nrow[0], model.hfield_ncol[0])
            half, _, top, _ = model.hfield_size[0]
            cell = 2.0 * half / (model.hfield_ncol[0] - 1)
            value = values[number // 2]  # two episodes each
            assert measure(top * field, cell) == pytest.approx(value, rel=0.02, abs=1e-3)


@pytest.mark.parametrize("physics_hz", [100.0, 200.0])
def test_delays_are_those_that_the_physics_can_have(physics_hz: float) -> None:
    delay = next(axis for axis in hardships.AXES if axis.name == "delay")
    names = [condition.name for condition in delay.conditions(1.0 / physics_hz)]
    assert names[0] == "none"
    assert names[-1] == ("observations 10 ms" if physics_hz == 100.0 else "observations 15 ms")
    assert "actions 20 ms" in names


def test_the_probe_tells_what_can_be_told_and_nothing_else() -> None:
    generator = np.random.default_rng(0)
    steep = np.arange(40) % 2 == 1
    there = np.ones((40, 30), dtype=bool)
    noise = generator.normal(size=(40, 30, 6)).astype(np.float32)
    blind = probe._tell(noise, there, steep)
    noise[steep, :, 2] += 4.0
    sharp = probe._tell(noise, there, steep)
    assert json.loads(json.dumps(sharp)) == sharp
    assert blind is not None
    assert sharp is not None
    assert blind["accuracy"] == pytest.approx(0.5, abs=0.1)
    assert sharp["accuracy"] > 0.95
    assert sharp["copies"]["rate"] == 1.0
    assert sharp["moments"] == 20 * 30
    there[steep] = False
    assert probe._tell(noise, there, steep) is None


def test_a_transformer_remembers_and_shows_its_features(tmp_path: Path) -> None:
    walker = load_walker(save(transformer(), tmp_path))
    actor = WalkActor(walker, 2)
    with make_batch(walker, 2, BLINK) as batch:
        seen = [m.step.observation["policy"] for m in moments(batch, actor, 0.2)]
    assert actor.features.shape == (2, 8)
    fresh = WalkActor(walker, 2)
    fresh.act({"policy": seen[-2]})
    # The same moment without the past before it.
    assert np.abs(fresh.features - actor.features).max() > 1e-6


def test_an_evaluation_is_kept_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where nothing can be said, because every robot is still settling."""
    given = save(mlp(), tmp_path / "walker")
    out = tmp_path / "out"
    monkeypatch.setattr(hardships, "PUSH_SECONDS", 0.1)
    monkeypatch.setattr(showing, "BRIEF", ((0.08, (0.5, 0.0, 0.0)),))
    blink = Effort(seconds=0.1, copies=1)
    summary = run.evaluate(given, out, blink, brief=True)
    results = read_results(out)
    assert set(results) == {suite.name for suite in run.suites(blink)} | {run.FILM}
    assert results["tracking"]["rows"][0]["lasted"] == [0.1]
    assert "lasted" not in summary["suites"]["tracking"]["rows"][0]
    assert summary == json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["policy"]["robot"] == "g1-12"
    assert {"command", "config", "seed", "versions", "git_commit"} <= set(summary)
    assert [t["met"] for t in summary["targets"]] == [False] * 6 + [True]
    html = (out / "report.html").read_text(encoding="utf-8")
    assert html.count("data:image/png;base64,") == 4
    assert 'src="walk.mp4"' in html
    assert (out / "walk.mp4").is_file()
    assert "g1-12 has no arms that move" in html

    monkeypatch.setattr(run, "_measure", _fail)
    monkeypatch.setattr(run, "page", lambda *_: html)
    assert run.evaluate(given, out, blink, brief=True)["suites"] == summary["suites"]
    save(transformer(), tmp_path / "walker")
    with pytest.raises(UserError, match="holds results of other settings"):
        run.evaluate(given, out, blink, brief=True)


def measured(share: float | None, dead: list[str], survived: int) -> dict[str, Any]:
    """Results of which the targets speak: every command alike, and so many of 1000 upright."""
    rows = [
        {"axis": axis, "command": command, "share": share, "achieved": 0.4}
        for axis, commands in tracking.COMMANDS.items()
        for command in commands
    ]
    rate = {"rate": survived / 1000, "trials": 1000, "successes": survived}
    return {
        "tracking": {"rows": rows, "dead_zones": dead},
        "survival": {"seconds": 20.0, "rows": [{"survived": rate}]},
    }


@pytest.mark.parametrize(
    ("share", "dead", "survived", "met"),
    [
        (0.9, [], 990, [True] * 5 + [True, True]),
        (0.89, [], 990, [False] * 5 + [True, True]),
        (-1.0, [], 1000, [False] * 5 + [True, True]),
        (None, [], 1000, [False] * 5 + [True, True]),
        (1.1, ["vy -0.2"], 1000, [True] * 5 + [False, True]),
        (1.1, [], 989, [True] * 5 + [True, False]),
        (1.1, [], 500, [True] * 5 + [True, False]),
    ],
)
def test_targets_are_nine_tenths_of_commands_no_dead_zones_and_ninety_nine_of_a_hundred_upright(
    share: float | None, dead: list[str], survived: int, met: list[bool]
) -> None:
    found = run.targets(measured(share, dead, survived))
    assert [target["met"] for target in found] == met
    assert [(target["what"], target["wanted"]) for target in found] == [
        ("vx 0.5 m/s", "at least 90%"),
        ("vx 1 m/s", "at least 90%"),
        ("vx -0.5 m/s", "at least 90%"),
        ("vy 0.4 m/s", "at least 90%"),
        ("yaw 0.8 rad/s", "at least 90%"),
        ("commands of 0.2", "all followed"),
        ("upright for 20 s, all randomised, pushes of 1 m/s", "at least 99%"),
    ]
    reached = [target["reached"] for target in found]
    assert reached[0] == ("falls" if share is None else f"0.40 ({share:.0%})")
    assert reached[5] == ("ignored: vy -0.2" if dead else "all followed")
    assert reached[6] == f"{survived / 10:.1f}% of 1000"


def _fail(*_: Any) -> None:
    raise AssertionError("what is finished is not measured again")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: Eval("walk", policy=str(p / "nowhere")), "nowhere"),
        (lambda p: Eval("walk", policy=str(p), copies=0), "--copies is 0"),
        (lambda p: Eval("walk", policy=str(p), seconds=1.0), "--seconds is 1.0"),
        (lambda p: Eval("walk", policy=str(p), seed=-1), "--seed is -1"),
    ],
)
def test_mistakes_are_refused(change: Callable[[Path], Eval], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        change(tmp_path).execute()
