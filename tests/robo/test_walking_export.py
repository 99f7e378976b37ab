"""Out to the robot: what is exported says what torch says, and the runner keeps the robot safe."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from envs.humanoid import observations
from envs.humanoid.batch import GAIT_HZ, WalkBatch
from envs.humanoid.commands import CommandRanges
from envs.humanoid.robots import g1
from policies.walker.mlp import MLPActor, MLPActorConfig
from policies.walker.next_token import NextTokenConfig, NextTokenWalker
from policies.walker.transformer import TransformerStudent, TransformerStudentConfig, TrunkConfig
from robo.errors import UserError
from robo.walking import export
from robo.walking import runner as runner_module
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
    drawn = CommandRanges()
    assert contract["command_range"] == [
        list(drawn.forward), list(drawn.sideways), list(drawn.turning)
    ]  # fmt: skip
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
        (signals(0.05), "signals are from the future"),
        (signals(1e9), "signals are from the future"),
        (signals(np.nan), "signals have no time"),
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


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ((np.nan, 0.0, 0.0), "the command is not finite"),
        ((np.inf, 0.0, 0.0), "the command is not finite"),
        ((0.5, 0.0, None), "the command is not finite"),
        ((0.5, "0", 0.0), "the command is not finite"),
        ((0.5,), "command has shape (1,), give vx, vy and yaw rate"),
        (None, "command has shape (), give vx, vy and yaw rate"),
        (((0.5, 0.0), 0.0), "command has shape (), give vx, vy and yaw rate"),
    ],
)
def test_a_command_that_is_none_is_not_followed(folder: Path, command: Any, reason: str) -> None:
    runner = Runner(folder)
    good = runner.step(signals(), AHEAD, now=0.0)
    held = runner.step(signals(), command, now=0.0)
    assert (held.mode, held.reason) == ("hold", reason)
    np.testing.assert_array_equal(held.position, good.position)


@pytest.mark.parametrize(
    ("command", "end"),
    [((1000.0, 0.0, 0.0), (1.0, 0.0, 0.0)), ((-3.0, 0.7, -1e300), (-1.0, 0.5, -1.0))],
)
def test_a_command_beyond_the_training_is_cut_off(
    folder: Path, command: tuple[float, ...], end: tuple[float, ...]
) -> None:
    targets = [Runner(folder).step(signals(), told, now=0.0) for told in (command, end)]
    assert {target.mode for target in targets} == {"walk"}
    np.testing.assert_array_equal(targets[0].position, targets[1].position)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (signals(gravity=[0.0, 0.0, None]), "signals are not finite"),
        (signals(gyro=["0", "0", "0"]), "signals are not finite"),
        (signals(joint_velocity=None), "joint_velocity has shape (), the contract says (12,)"),
        (signals(joint_position=np.zeros(29)), "joint_position has shape (29,), the contract says"),
        (signals(None), "signals have no time"),
        (signals("now"), "signals have no time"),
        ({"gyro": np.zeros(3)}, "gyro has shape (), the contract says (3,)"),
    ],
)
def test_signals_of_another_kind_are_held_and_raise_nothing(
    folder: Path, bad: Any, reason: str
) -> None:
    runner = Runner(folder)
    runner.step(signals(), AHEAD, now=0.0)
    held = runner.step(bad, AHEAD, now=0.0)
    assert held.mode == "hold"
    assert held.reason.startswith(reason)
    assert runner.step(signals(), AHEAD, now=0.0).mode == "walk"


def test_a_clock_that_is_no_number_is_held(folder: Path) -> None:
    runner = Runner(folder)
    runner.step(signals(), AHEAD, now=0.0)
    assert runner.step(signals(), AHEAD, now="soon").mode == "hold"


def test_lists_are_as_good_as_arrays(folder: Path) -> None:
    arrays = signals()
    lists = Signals(
        [0, 0, 0],
        [0, 0, -1],
        arrays.joint_position.tolist(),
        [0.0] * 12,
        time=np.float32(0.0),
    )
    targets = [Runner(folder).step(read, AHEAD, now=0.0) for read in (arrays, lists)]
    assert targets[1].mode == "walk"
    np.testing.assert_array_equal(targets[0].position, targets[1].position)


def test_signals_of_another_clock_are_noticed_and_damped(folder: Path) -> None:
    """Stamped with `time.time()` while `now` is `time.monotonic()`."""
    runner = Runner(folder)
    runner.step(signals(), AHEAD, now=0.0)
    targets = [runner.step(signals(1.7e9), AHEAD, now=0.02 * k) for k in range(12)]
    assert targets[0].mode == "hold"
    assert (targets[-1].mode, targets[-1].reason) == (
        "damp", "signals are from the future for too long"
    )  # fmt: skip


def test_steps_longer_than_a_period_are_counted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Runner(folder)
    took = iter((0.0, 0.019, 0.02, 0.041, 0.05, 0.3))  # began, ended, began, …
    monkeypatch.setattr(runner_module, "time", SimpleNamespace(monotonic=lambda: next(took)))
    for _ in range(3):
        runner.step(signals(), AHEAD, now=0.0)
    assert runner.counts.missed == 2
    assert runner.counts.walk == 3
    runner.reset()
    assert runner.counts.missed == 0


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
    with pytest.raises(RunnerError, match="version 1, this runner understands 3"):
        Runner(tmp_path)


def reverse_terms(contract: dict[str, Any]) -> None:
    contract["observation"]["terms"].reverse()


def other_observation(contract: dict[str, Any]) -> None:
    contract["observation"]["version"] += 1


def other_scale(contract: dict[str, Any]) -> None:
    contract["observation"]["terms"][0]["scale"].pop()


def other_memory(contract: dict[str, Any]) -> None:
    contract["network"]["memory"][0]["shape"][0] += 1


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda contract: contract.pop("network"), "has no 'network'"),
        (lambda contract: contract.pop("effort"), "has no 'effort'"),
        (lambda contract: contract.pop("command_range"), "has no 'command_range'"),
        (lambda contract: contract["network"].pop("sha256"), "has no 'sha256'"),
        (lambda contract: contract.update(observation=[]), "is damaged"),
        (lambda contract: contract.update(network=None), "is damaged"),
        (lambda contract: contract.update(joints="leg"), '"joints" is no list of names'),
        (lambda contract: contract["effort"].pop(), '"effort" is not 12 numbers'),
        (lambda contract: contract.update(rate_hz=0), '"rate_hz" is not positive'),
        (lambda contract: contract.update(rate_hz="50"), '"rate_hz" is not a number'),
        (lambda contract: contract["stiffness"].__setitem__(3, None), '"stiffness" is not 12'),
        (lambda contract: contract["damping"].__setitem__(3, np.nan), '"damping" is not 12'),
        (lambda contract: contract["command_range"][0].reverse(), "lower end above its upper"),
        (reverse_terms, "is not made of gyro, gravity, command, .* in this order"),
        (other_observation, "version 3, this runner builds version 2"),
        (other_scale, '"scale of gyro" is not 3 numbers'),
        (other_memory, "has inputs and outputs .* its contract says"),
        (lambda contract: contract["network"].update(input="seen"), "its contract says"),
    ],
)
def test_a_damaged_contract_is_refused_in_one_sentence(
    folder: Path, tmp_path: Path, damage: Callable[[dict[str, Any]], object], said: str
) -> None:
    contract = json.loads((folder / CONTRACT).read_text())
    (tmp_path / "walker.onnx").write_bytes((folder / "walker.onnx").read_bytes())
    (tmp_path / CONTRACT).write_text(json.dumps(contract))
    Runner(tmp_path)
    damage(contract)
    (tmp_path / CONTRACT).write_text(json.dumps(contract))
    with pytest.raises(RunnerError, match=said) as refused:
        Runner(tmp_path)
    assert "export the walker again" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_network_of_another_robot_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="those of g1-29"):
        export_walker(student(), g1(29), tmp_path)


def broken() -> TransformerStudent:
    network = student()
    with torch.no_grad():
        network.head.linear.bias[3] = torch.nan
    return network


def refuse(fresh: Path) -> None:
    assert Runner(fresh).contract["robot"] == "g1-12"
    raise UserError("not these")


@pytest.mark.parametrize("there_before", [True, False])
@pytest.mark.parametrize(
    ("make", "tolerance", "check", "said"),
    [
        (broken, 1e-5, None, "weights are broken.*not finite numbers in torch itself"),
        (student, -1.0, None, "differs from torch by .* report this"),
        (student, 1e-5, refuse, "not these"),
    ],
)
def test_what_is_refused_replaces_nothing_and_leaves_nothing(
    make: Callable[[], TransformerStudent],
    tolerance: float,
    check: Callable[[Path], None] | None,
    said: str,
    there_before: bool,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = {file.name: file.read_bytes() for file in folder.iterdir()} if there_before else {}
    for name, data in good.items():
        (tmp_path / name).write_bytes(data)
    monkeypatch.setattr(export, "TOLERANCE", tolerance)
    with pytest.raises(UserError, match=said):
        export_walker(make(), ROBOT, tmp_path, trained={"seed": 4}, check=check)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == good


def test_a_new_export_replaces_the_last_one_whole(folder: Path, tmp_path: Path) -> None:
    export_walker(student(layers=1), ROBOT, tmp_path)
    export_walker(student(), ROBOT, tmp_path, trained={"seed": 3})
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        CONTRACT, "runner.py", "walker.onnx"
    ]  # fmt: skip
    for file in folder.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


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
