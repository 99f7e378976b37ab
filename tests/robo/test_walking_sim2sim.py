"""The gate before a robot: what must hold, and that another simulator really is another."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from envs.humanoid import observations
from envs.humanoid.physics import walk_model
from envs.humanoid.pybullet import contract
from envs.humanoid.pybullet.body import PyBulletBody
from envs.humanoid.pybullet.contract import Link, check_contract
from envs.humanoid.pybullet.walker import PyBulletWalker
from envs.humanoid.randomization import TERMS
from envs.humanoid.robots import g1
from policies.walker.mlp import MLPActor, MLPActorConfig
from policies.walker.transformer import TransformerStudent, TransformerStudentConfig, TrunkConfig
from policies.walker.weights import Network, save_network
from robo.commands.sim2sim import Sim2sim
from robo.errors import UserError
from robo.statistics import Rate
from robo.walking import sim2sim
from robo.walking.actor import load_walker
from robo.walking.evaluation.episodes import Effort
from robo.walking.evaluation.hardships import RANDOM_PUSH

ROBOT = g1(12)
SIZE = observations.size(ROBOT)
BLINK = Effort(seconds=0.4, copies=1)


def student() -> TransformerStudent:
    torch.manual_seed(0)
    trunk = TrunkConfig(history=4, width=8, layers=1, heads=2, hidden=8)
    network = TransformerStudent(
        TransformerStudentConfig(observation_size=SIZE, action_size=12, trunk=trunk)
    )
    torch.nn.init.normal_(network.head.linear.weight, std=0.1)
    return network


def mlp(size: int = SIZE) -> MLPActor:
    return MLPActor(MLPActorConfig(observation_size=size, action_size=12, hidden=(8,)))


def save(network: Network, folder: Path, *groups: str) -> str:
    metadata = {
        "robot": "g1-12",
        "config": {"physics_hz": 100.0},
        "observation": {"groups": list(groups) or ["policy"], "version": observations.VERSION},
    }
    save_network(network, folder, metadata)
    return str(folder)


def walked(upright: int, **achieved: float | None) -> dict[str, Any]:
    """A simulator's result in which 20 robots walked, all under one command."""
    rows = [
        {
            "axis": axis,
            "command": 0.5,
            "achieved": value,
            "survived": Rate(upright, 20).as_dict(),
        }
        for axis, value in achieved.items()
    ]
    return {"rows": rows}


@pytest.mark.parametrize(
    ("holds", "upright", "randomised", "velocity", "why"),
    [
        (True, 19, 19, 0.41, None),
        (True, 19, 19, 0.39, "differs from MuJoCo's by 0.11"),
        (True, 18, 20, 0.5, "18 of 20 robots stay upright"),
        (True, 20, 18, 0.5, "18 of 20 randomised and pushed robots stay upright"),
        (True, 20, 20, None, "no robot walks for long enough"),
        (False, 20, 20, 0.5, "broken at: action → torque"),
    ],
)
def test_the_gate_says_why_it_is_not_passed(
    holds: bool, upright: int, randomised: int, velocity: float | None, why: str | None
) -> None:
    links = [{"name": "robot", "holds": True}, {"name": "action → torque", "holds": holds}]
    judged = sim2sim.judge(
        {
            sim2sim.CONTRACT: {"links": links},
            sim2sim.REFERENCE: walked(20, vx=0.5),
            sim2sim.SECOND: walked(upright, vx=velocity),
            sim2sim.SECOND_RANDOMISED: walked(randomised, vx=0.5),
        }
    )
    assert judged["passed"] is (why is None)
    assert (why or "19/20 (95%") in judged["verdict"]


def test_every_form_of_the_weights_says_the_same(tmp_path: Path) -> None:
    walker = load_walker(save(student(), tmp_path))
    seen = np.random.default_rng(0).normal(size=(12, SIZE)).astype(np.float32)
    forms = sim2sim.forms(walker)
    assert list(forms) == ["torch", "torch, step by step", "ONNX"]
    said = {name: form(seen) for name, form in forms.items()}
    assert np.abs(said["torch"]).max() > 0.1
    for actions in said.values():
        assert actions.shape == (12, 12)
        assert np.abs(actions - said["torch"]).max() < 1e-5


def test_a_teacher_has_no_form_for_a_robot(tmp_path: Path) -> None:
    size = SIZE + observations.size(ROBOT, "privileged")
    walker = load_walker(save(mlp(size), tmp_path, "policy", "privileged"))
    assert sim2sim.forms(walker) == {}


def without(*names: str) -> Callable[[str], Any]:
    """`find_spec` where packages are not installed."""
    return lambda name: None if name in names else find_spec(name)


def judged(result: dict[str, Any]) -> str:
    results = {
        sim2sim.CONTRACT: result,
        sim2sim.REFERENCE: walked(20, vx=0.5),
        sim2sim.SECOND: walked(20, vx=0.5),
        sim2sim.SECOND_RANDOMISED: walked(20, vx=0.5),
    }
    return str(sim2sim.judge(results)["verdict"])


def test_onnx_is_checked_without_what_only_other_exporters_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sim2sim, "find_spec", without("onnxscript"))
    walker = load_walker(save(mlp(), tmp_path))
    assert list(sim2sim.forms(walker)) == ["torch", "ONNX"]
    assert sim2sim.unchecked(walker) is None


@pytest.mark.parametrize(
    ("make", "where", "checked"),
    [(mlp, "torch alone", 5), (student, "from torch", 6)],
)
def test_a_form_that_is_not_checked_is_named_with_the_reason(
    make: Callable[[], Network],
    where: str,
    checked: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sim2sim, "find_spec", without("onnxruntime"))
    result = sim2sim._contract(load_walker(save(make(), tmp_path)), BLINK)
    said = next(link["where"] for link in result["links"] if link["name"] == "observation → action")
    reason = "ONNX was not checked: onnxruntime missing, install the extra onnx"
    assert said.endswith(f"{where}; {reason}")
    assert f"passed: {checked} links of the contract were checked and hold ({reason})," in judged(
        result
    )


def test_a_teacher_s_gate_says_how_many_links_were_checked(tmp_path: Path) -> None:
    size = SIZE + observations.size(ROBOT, "privileged")
    walker = load_walker(save(mlp(size), tmp_path, "policy", "privileged"))
    result = sim2sim._contract(walker, BLINK)
    assert len(result["links"]) == 5
    assert (
        "passed: 5 links of the contract were checked and hold"
        " (observation → action was not checked: no robot runs a teacher)," in judged(result)
    )


def test_the_contract_is_checked_at_the_walker_s_physics_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    ground = contract._states

    def states(sides: Any, *, in_the_air: bool) -> Link:
        rates.append(1.0 / sides.model.opt.timestep)
        return ground(sides, in_the_air=in_the_air)

    monkeypatch.setattr(contract, "_states", states)
    result = sim2sim._contract(load_walker(save(mlp(), tmp_path)), BLINK)
    assert rates == pytest.approx([100.0, 100.0])
    assert all(link["holds"] for link in result["links"])
    check_contract(ROBOT)
    assert rates[2:] == pytest.approx([200.0, 200.0])


@pytest.mark.parametrize(
    ("index", "term"), [(3, "gyro"), (6, "joint velocity")]
)  # Of `qvel`: the first number of each.
def test_a_sensor_that_is_read_otherwise_breaks_its_link(
    index: int, term: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other(PyBulletBody):
        """Has one sensor the wrong way round."""

        def state(self) -> tuple[np.ndarray, np.ndarray]:
            qpos, qvel = super().state()
            qvel = qvel.copy()
            qvel[index] *= -1.0
            return qpos, qvel

    monkeypatch.setattr(contract, "PyBulletBody", Other)
    broken = [link for link in check_contract(ROBOT) if not link.holds]
    assert [(link.name, link.where) for link in broken] == [("signals → observation", term)]


def test_thicker_soles_break_the_link_on_the_ground_alone() -> None:
    other = walk_model(ROBOT)
    for sole in range(4):
        other.geom(f"left_sole_{sole}").pos[2] -= 0.05
    broken = [link for link in check_contract(ROBOT, second=other) if not link.holds]
    assert [link.name for link in broken] == ["torque → next state, on the ground"]


@pytest.mark.parametrize("difference", [np.inf, np.nan])
def test_a_difference_that_is_no_number_is_null_in_json(
    difference: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = [Link("robot → second simulator", difference, 0.0, "mass differs")]
    monkeypatch.setattr(contract, "check_contract", lambda *_, **__: links)
    monkeypatch.setattr(sim2sim, "SIMULATORS", sim2sim.SIMULATORS[:4])
    policy, out = save(mlp(), tmp_path / "walker"), tmp_path / "out"
    for _ in range(2):  # The second time from the folder.
        summary = sim2sim.run_gate(policy, out, BLINK, video=False)
        assert "broken at: robot → second simulator" in summary["verdict"]
        assert summary["links"][0]["difference"] == np.inf
    for name in ("summary.json", "results.jsonl"):
        for line in (out / name).read_text().splitlines():
            assert "Infinity" not in line
            assert "NaN" not in line
    written = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert written["links"][0]["difference"] is None


def test_simulators_differ_in_what_their_names_say(tmp_path: Path) -> None:
    walker = load_walker(save(mlp(), tmp_path))
    steps, solvers, cones, iterations = {}, {}, {}, {}
    for simulator in sim2sim.SIMULATORS:
        with sim2sim._batch(simulator, walker, 2, BLINK) as batch:
            option = batch.models[1].opt
            name = simulator.name
            steps[name] = option.timestep
            solvers[name], cones[name] = option.solver, option.cone
            iterations[name] = option.iterations
            assert isinstance(batch, PyBulletWalker) == simulator.second
    assert steps[sim2sim.REFERENCE] == steps[sim2sim.SECOND] == 0.01
    assert steps["MuJoCo at 1000 Hz"] == 0.001
    assert solvers["500 Hz, CG solver"] == mujoco.mjtSolver.mjSOL_CG
    assert solvers[sim2sim.REFERENCE] == mujoco.mjtSolver.mjSOL_NEWTON
    assert iterations["500 Hz, 5 iterations"] == 5
    assert cones["500 Hz, elliptic cones"] == mujoco.mjtCone.mjCONE_ELLIPTIC
    assert cones[sim2sim.REFERENCE] == mujoco.mjtCone.mjCONE_PYRAMIDAL


def test_both_simulators_have_the_same_randomised_robots_and_pushes(tmp_path: Path) -> None:
    walker, effort = load_walker(save(mlp(), tmp_path)), Effort(seconds=1.0, copies=1)
    pair = [s for s in sim2sim.SIMULATORS if s.randomised]
    assert [s.second for s in pair] == [False, True]
    draws, pushes = [], []
    for simulator in pair:
        with sim2sim._batch(simulator, walker, 4, effort) as batch:
            batch.reset()
            draws.append(batch.randomizer.draws)
            pushed = []
            for _ in range(50):
                batch.step(np.zeros((4, 12)))
                pushed.append(batch.state()["push"].copy())
            pushes.append(np.array(pushed))
    assert set(draws[0]) == set(draws[1]) == set(TERMS)
    for name in TERMS:
        assert_array_equal(draws[0][name], draws[1][name])
    assert np.ptp(draws[0]["friction"]) > 0.0
    assert_array_equal(pushes[0], pushes[1])
    speed = np.linalg.norm(pushes[0], axis=-1)
    assert (np.count_nonzero(speed, axis=0) >= 1).all()
    assert_allclose(speed[speed > 0.0], RANDOM_PUSH)


def test_the_gate_walks_everywhere_and_keeps_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, out = save(mlp(), tmp_path / "walker"), tmp_path / "out"
    monkeypatch.setattr(sim2sim, "SIMULATORS", sim2sim.SIMULATORS[:5])
    summary = sim2sim.run_gate(policy, out, BLINK, video=False)
    assert summary == json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert [s["simulator"] for s in summary["simulators"]] == [s.name for s in sim2sim.SIMULATORS]
    assert all(s["survived"]["trials"] == 5 for s in summary["simulators"])
    assert all(link["holds"] for link in summary["links"])
    assert "observation → action" in [link["name"] for link in summary["links"]]
    # Nobody walks for long enough in so short a time.
    assert not summary["passed"]
    assert summary["versions"]["pybullet"]

    monkeypatch.setattr(sim2sim, "_walk", _fail)
    again = sim2sim.run_gate(policy, out, BLINK, video=False)
    assert again["simulators"] == summary["simulators"]


def _fail(*_: Any) -> None:
    raise AssertionError("what is finished is not done again")


@pytest.mark.parametrize("passed", [True, False])
def test_the_exit_code_is_the_gate_s(
    passed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    line = {
        "simulator": "PyBullet",
        "survived": Rate(3, 4).as_dict(),
        "achieved": {"vx 0.5": 0.41, "vx 1": None},
        "apart": 0.05,
    }
    link = {"name": "robot", "holds": passed, "difference": 0.5, "limit": 0.1, "where": "foot"}
    summary = {"passed": passed, "verdict": "so it is", "links": [link], "simulators": [line]}
    monkeypatch.setattr(sim2sim, "run_gate", lambda *_, **__: summary)
    assert Sim2sim(out=tmp_path).execute() == (0 if passed else 1)
    said = capsys.readouterr().out
    assert ("BROKEN" in said) is not passed
    assert "so it is" in said
    assert "0.41" in said


def test_without_the_second_simulator_a_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sim2sim, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'robo\[pybullet\]'"):
        sim2sim.run_gate("walk", tmp_path, BLINK)
    assert list(tmp_path.iterdir()) == []
