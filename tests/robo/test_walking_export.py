"""Out to the robot: what is exported says what torch says, and the runner keeps the robot safe."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from envs.humanoid import observations
from envs.humanoid.batch import GAIT_HZ, WalkBatch
from envs.humanoid.robots import g1
from policies.walker.mlp import MLPActor, MLPActorConfig
from policies.walker.next_token import NextTokenConfig, NextTokenWalker
from policies.walker.transformer import TransformerStudent, TransformerStudentConfig, TrunkConfig
from robo.errors import UserError
from robo.walking.export import export_walker, largest_difference
from robo.walking.runner import CONTRACT, Runner, RunnerError, Signals
from robo.walking.trajectories import last_action

ROBOT = g1(12)
SIZE = observations.size(ROBOT)
STILL = (0.0, 0.0, 0.0)
AHEAD = (0.5, 0.0, 0.0)


def student(**trunk: int) -> TransformerStudent:
    """With weights of a trained one's size, so that every path counts."""
    torch.manual_seed(0)
    config = TransformerStudentConfig(
        observation_size=SIZE, action_size=12, trunk=TrunkConfig(**trunk)
    )
    network = TransformerStudent(config)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    network.normalizer.update(torch.randn(50, SIZE) * 2.0 + 0.5)
    return network.eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("walker")
    export_walker(student(), ROBOT, path, trained={"seed": 3})
    return path


def signals(time: float = 0.0, **changes: Any) -> Signals:
    """Standing still, as measured at `time`."""
    values: dict[str, Any] = {
        "gyro": np.zeros(3),
        "gravity": np.array([0.0, 0.0, -1.0]),
        "joint_position": np.array(ROBOT.default_pose) + 0.01,
        "joint_velocity": np.zeros(12),
    }
    return Signals(**(values | changes), time=time)


def test_the_exported_next_token_walker_says_what_torch_says(tmp_path: Path) -> None:
    torch.manual_seed(0)
    trunk = TrunkConfig(history=8, width=24, layers=2, heads=3)
    config = NextTokenConfig(
        observation_size=SIZE, action_size=12, last_action=last_action(ROBOT), trunk=trunk
    )
    network = NextTokenWalker(config)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    network.normalizer.update(torch.randn(50, SIZE) * 2.0 + 0.5)
    export_walker(network.eval(), ROBOT, tmp_path)
    assert largest_difference(network, tmp_path) < 1e-5
    with torch.no_grad():
        assert network(torch.randn(20, 1, SIZE)).abs().max() > 0.1


@pytest.mark.parametrize("trunk", [{}, {"history": 7, "width": 24, "layers": 3, "heads": 3}])
def test_the_exported_transformer_says_what_torch_says(
    trunk: dict[str, int], tmp_path: Path
) -> None:
    """Over more steps than its window holds, with actions that are not small."""
    network = student(**trunk)
    export_walker(network, ROBOT, tmp_path)
    assert largest_difference(network, tmp_path) < 1e-5
    with torch.no_grad():
        assert network(torch.randn(20, 1, SIZE)).abs().max() > 0.1


def test_the_exported_mlp_says_what_torch_says(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = MLPActor(MLPActorConfig(observation_size=SIZE, action_size=12))
    torch.nn.init.normal_(network.head.linear.weight, std=0.1)
    network.normalizer.update(torch.randn(50, SIZE) * 2.0 + 0.5)
    contract = export_walker(network, ROBOT, tmp_path)
    assert largest_difference(network, tmp_path) < 1e-5
    assert contract["network"]["memory"] == []


def test_the_contract_says_what_the_robot_and_its_observation_are(folder: Path) -> None:
    contract = json.loads((folder / CONTRACT).read_text())
    assert contract["joints"] == list(ROBOT.joints)
    assert contract["effort"] == list(ROBOT.effort)
    assert contract["stiffness"] == list(ROBOT.kp)
    assert contract["observation"] == json.loads(json.dumps(observations.contract(ROBOT)))
    assert sum(term["size"] for term in contract["observation"]["terms"]) == SIZE
    assert contract["trained"] == {"seed": 3}


@pytest.mark.parametrize("command", [(0.5, -0.2, 0.3), (0.0, 0.0, 0.0)])
def test_the_runner_sees_what_the_environment_shows(
    folder: Path, command: tuple[float, float, float]
) -> None:
    """From the same signals the same observation: term by term, over a fall."""
    runner = Runner(folder)
    with WalkBatch(ROBOT, 1, seed=4) as batch:
        batch.hold_commands(np.array(command))
        seen = batch.reset()["policy"][0]
        clock = seen[-2:]
        runner.reset(phase=float(np.arctan2(clock[0], clock[1]) / (2.0 * np.pi)))
        generator = np.random.default_rng(0)
        for _ in range(15):
            action = generator.normal(size=(1, 12)).astype(np.float32)
            step = batch.step(action)
            runner._action = action[0]
            runner._phase = (runner._phase + GAIT_HZ / 50.0) % 1.0
            sensed = step.info["state"].sensed
            measured = signals(
                gyro=sensed.gyro[0],
                gravity=sensed.gravity[0],
                joint_position=sensed.joint_position[0],
                joint_velocity=sensed.joint_velocity[0],
            )
            np.testing.assert_allclose(
                runner.observation(measured, command),
                step.observation["policy"][0],
                atol=2e-5,
            )


def test_it_walks_from_good_signals(folder: Path) -> None:
    runner = Runner(folder)
    targets = [runner.step(signals(0.02 * k), AHEAD, now=0.02 * k) for k in range(5)]
    assert {target.mode for target in targets} == {"walk"}
    np.testing.assert_array_equal(targets[0].stiffness, np.array(ROBOT.kp, np.float32))
    action = (targets[-1].position - np.array(ROBOT.default_pose)) / np.array(ROBOT.action_scale)
    np.testing.assert_allclose(action, runner._action, atol=1e-5)
    assert np.abs(targets[0].position - targets[1].position).max() > 1e-4


NAN = np.array([0.0, np.nan, 0.0])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (None, "no signals"),
        (signals(-0.05), "signals are late"),
        (signals(np.nan), "signals are late"),
        (signals(gyro=NAN), "signals are not finite"),
        (signals(joint_velocity=np.full(12, np.inf)), "signals are not finite"),
        (signals(gravity=np.zeros(3)), "signals are impossible"),
        (signals(joint_position=np.full(12, 4.0)), "signals are impossible"),
        (signals(gyro=np.full(3, 1e4)), "signals are impossible"),
    ],
)
def test_a_bad_moment_repeats_the_last_safe_target(
    folder: Path, bad: Signals | None, reason: str
) -> None:
    runner = Runner(folder)
    good = runner.step(signals(), AHEAD, now=0.0)
    memory = {name: value.copy() for name, value in runner._memory.items()}
    held = runner.step(bad, AHEAD, now=0.0)
    assert (held.mode, held.reason) == ("hold", reason)
    np.testing.assert_array_equal(held.position, good.position)
    assert all(np.array_equal(runner._memory[name], value) for name, value in memory.items())
    assert runner.step(signals(), AHEAD, now=0.0).mode == "walk"
    assert runner.counts.reasons == {reason: 1}


def test_a_command_that_is_not_finite_is_not_followed(folder: Path) -> None:
    runner = Runner(folder)
    runner.step(signals(), AHEAD, now=0.0)
    assert runner.step(signals(), (np.nan, 0.0, 0.0), now=0.0).mode == "hold"


def test_a_network_that_says_nothing_finite_is_not_obeyed(folder: Path) -> None:
    runner = Runner(folder)
    good = runner.step(signals(), AHEAD, now=0.0)
    runner._memory["tokens"][:] = np.nan
    held = runner.step(signals(), AHEAD, now=0.0)
    assert (held.mode, held.reason) == ("hold", "the network's action is not finite")
    np.testing.assert_array_equal(held.position, good.position)


def test_silence_for_too_long_is_damped_until_reset(folder: Path) -> None:
    runner = Runner(folder)
    runner.step(signals(), AHEAD, now=0.0)
    modes = [runner.step(None, AHEAD, now=0.0).mode for _ in range(12)]
    assert modes == ["hold"] * 10 + ["damp"] * 2
    assert runner.step(signals(), AHEAD, now=0.0).mode == "damp"
    runner.reset()
    assert runner.step(signals(), AHEAD, now=0.0).mode == "walk"


def test_without_any_safe_target_it_damps_and_recovers(folder: Path) -> None:
    runner = Runner(folder)
    target = runner.step(None, AHEAD, now=0.0)
    assert target.mode == "damp"
    assert not target.stiffness.any()
    assert runner.step(signals(), AHEAD, now=0.0).mode == "walk"


def test_a_robot_that_lies_is_damped_until_reset(folder: Path) -> None:
    runner = Runner(folder)
    runner.step(signals(), AHEAD, now=0.0)
    lying = signals(gravity=np.array([1.0, 0.0, 0.0]))
    target = runner.step(lying, AHEAD, now=0.0)
    assert (target.mode, target.reason) == ("damp", "the robot has fallen")
    assert not target.stiffness.any()
    np.testing.assert_array_equal(target.damping, np.array(ROBOT.kd, np.float32))
    assert runner.step(signals(), AHEAD, now=0.0).mode == "damp"


def test_wrong_shapes_are_the_callers_mistake(folder: Path) -> None:
    runner = Runner(folder)
    with pytest.raises(RunnerError, match=r"joint_position has shape \(29,\).*\(12,\)"):
        runner.step(signals(joint_position=np.zeros(29)), AHEAD)
    with pytest.raises(RunnerError, match="give vx, vy and yaw rate"):
        runner.step(signals(), (0.5,))


def test_files_that_do_not_belong_together_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="cannot be read"):
        Runner(tmp_path)
    for name in (CONTRACT, "walker.onnx"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "walker.onnx").write_bytes(b"others")
    with pytest.raises(RunnerError, match="is not the one"):
        Runner(tmp_path)
    contract = json.loads((folder / CONTRACT).read_text()) | {"version": 1}
    (tmp_path / CONTRACT).write_text(json.dumps(contract))
    with pytest.raises(RunnerError, match="version 1, this runner understands 2"):
        Runner(tmp_path)


def test_a_network_of_another_robot_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="those of g1-29"):
        export_walker(student(), g1(29), tmp_path)


def test_the_exported_runner_needs_numpy_and_onnxruntime_alone(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from runner import Runner;"
        "runner = Runner(Path('.'));"
        "assert runner.step(None, (0, 0, 0)).mode == 'damp';"
        "print([m for m in ('torch', 'mujoco', 'onnx', 'robo', 'envs.humanoid', 'policies')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder
    )
    assert done.stdout.strip() == "[]"
