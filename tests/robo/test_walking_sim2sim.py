"""The gate before a robot: what must hold, and that another simulator really is another."""

import json
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
import torch

from envs.humanoid import observations
from envs.humanoid.pybullet.walker import PyBulletWalker
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
    ("holds", "upright", "velocity", "why"),
    [
        (True, 19, 0.41, None),
        (True, 19, 0.39, "differs from MuJoCo's by 0.11"),
        (True, 18, 0.5, "18 of 20 robots stay upright"),
        (True, 20, None, "no robot walks for long enough"),
        (False, 20, 0.5, "broken at: action → torque"),
    ],
)
def test_the_gate_says_why_it_is_not_passed(
    holds: bool, upright: int, velocity: float | None, why: str | None
) -> None:
    links = [{"name": "robot", "holds": True}, {"name": "action → torque", "holds": holds}]
    judged = sim2sim.judge(
        {
            sim2sim.CONTRACT: {"links": links},
            sim2sim.REFERENCE: walked(20, vx=0.5),
            sim2sim.SECOND: walked(upright, vx=velocity),
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
            assert isinstance(batch, PyBulletWalker) == (name == sim2sim.SECOND)
    assert steps[sim2sim.REFERENCE] == steps[sim2sim.SECOND] == 0.01
    assert steps["MuJoCo at 1000 Hz"] == 0.001
    assert solvers["500 Hz, CG solver"] == mujoco.mjtSolver.mjSOL_CG
    assert solvers[sim2sim.REFERENCE] == mujoco.mjtSolver.mjSOL_NEWTON
    assert iterations["500 Hz, 5 iterations"] == 5
    assert cones["500 Hz, elliptic cones"] == mujoco.mjtCone.mjCONE_ELLIPTIC
    assert cones[sim2sim.REFERENCE] == mujoco.mjtCone.mjCONE_PYRAMIDAL


def test_the_gate_walks_everywhere_and_keeps_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, out = save(mlp(), tmp_path / "walker"), tmp_path / "out"
    monkeypatch.setattr(sim2sim, "SIMULATORS", sim2sim.SIMULATORS[:3])
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
