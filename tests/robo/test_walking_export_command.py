"""`robo export walk`: what is written says what torch says while it walks; teachers are refused."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from envs.humanoid import observations
from envs.humanoid.robots import g1
from policies.walker.mlp import MLPActor, MLPActorConfig
from policies.walker.transformer import TransformerStudent, TransformerStudentConfig, TrunkConfig
from policies.walker.weights import Network, save_network
from robo.errors import UserError
from robo.walking.actor import load_walker
from robo.walking.export import TOLERANCE, RolloutCheck, check_rollout, export_walker
from robo.walking.runner import Runner
from tests.robo.test_cli import robo

ROBOT = g1(12)
SIZE = observations.size(ROBOT)
ALL = SIZE + observations.size(ROBOT, observations.PRIVILEGED)


def mlp(size: int = SIZE) -> MLPActor:
    torch.manual_seed(1)
    network = MLPActor(MLPActorConfig(observation_size=size, action_size=12, hidden=(16,)))
    torch.nn.init.normal_(network.head.linear.weight, std=0.1)
    return network


def transformer() -> TransformerStudent:
    torch.manual_seed(1)
    trunk = TrunkConfig(history=5, width=16, layers=2, heads=2, hidden=32)
    config = TransformerStudentConfig(observation_size=SIZE, action_size=12, trunk=trunk)
    network = TransformerStudent(config)
    torch.nn.init.normal_(network.head.linear.weight, std=0.1)
    return network


def kept(network: Network, folder: Path, **observation: object) -> Path:
    metadata = {"robot": "g1-12", "config": {"physics_hz": 100.0}, "observation": observation}
    save_network(network, folder, metadata)
    return folder


@pytest.mark.parametrize("make", [mlp, transformer])
def test_onnxruntime_says_what_torch_says_while_it_walks_and_falls(
    make: Callable[[], Network], tmp_path: Path
) -> None:
    walker = load_walker(str(kept(make(), tmp_path / "run" / "checkpoints" / "last").parents[1]))
    export_walker(walker.network, walker.robot, tmp_path / "out")
    check = check_rollout(walker, tmp_path / "out", seconds=3.0)
    assert check.steps == 150
    assert check.difference <= TOLERANCE
    assert 0.0 < check.milliseconds < 20.0


def test_weights_that_were_changed_afterwards_are_found_out(tmp_path: Path) -> None:
    walker = load_walker(str(kept(mlp(), tmp_path / "walker")))
    export_walker(walker.network, walker.robot, tmp_path)
    with torch.no_grad():
        walker.network.head.linear.bias.add_(1e-3)
    with pytest.raises(UserError, match="differs from torch"):
        check_rollout(walker, tmp_path, seconds=0.1)


def test_weights_that_broke_afterwards_are_called_broken(tmp_path: Path) -> None:
    walker = load_walker(str(kept(mlp(), tmp_path / "walker")))
    export_walker(walker.network, walker.robot, tmp_path)
    with torch.no_grad():
        walker.network.head.linear.bias[0] = torch.inf
    with pytest.raises(UserError, match="weights are broken"):
        check_rollout(walker, tmp_path, seconds=0.1)


def test_a_rollout_checks_files_before_they_replace_others(tmp_path: Path) -> None:
    walker = load_walker(str(kept(mlp(), tmp_path / "walker")))
    checks: list[RolloutCheck] = []
    out = tmp_path / "out"

    def check(fresh: Path) -> None:
        assert not (out / "walker.onnx").exists()
        checks.append(check_rollout(walker, fresh, seconds=0.2))

    export_walker(walker.network, walker.robot, out, check=check)
    assert [found.steps for found in checks] == [10]
    assert (out / "walker.onnx").is_file()


def test_the_shipped_walker_is_exported_with_its_commands(tmp_path: Path) -> None:
    walker = load_walker()
    export_walker(walker.network, walker.robot, tmp_path, trained=walker.metadata)
    assert Runner(tmp_path).contract["command_range"] == [[-1.0, 1.0], [-0.5, 0.5], [-1.0, 1.0]]
    assert check_rollout(walker, tmp_path, seconds=2.0).difference <= TOLERANCE


def test_a_command_whose_walker_is_broken_leaves_the_last_export(tmp_path: Path) -> None:
    network, out = mlp(), tmp_path / "out"
    export_walker(network, ROBOT, out)
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    with torch.no_grad():
        network.head.linear.bias[0] = torch.nan
    policy = kept(network, tmp_path / "walker", version=observations.VERSION)
    done = robo("export", "walk", "--policy", str(policy), "--out", str(out))
    assert done.returncode == 2
    assert "weights are broken" in done.stderr
    assert "report this" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


def test_the_command_writes_all_that_a_robot_needs(tmp_path: Path) -> None:
    kept(mlp(), tmp_path / "walker", groups=["policy"], version=observations.VERSION)
    out = tmp_path / "out"
    done = robo("export", "walk", "--policy", str(tmp_path / "walker"), "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "onnxruntime says what torch says within" in done.stdout
    assert 'Runner(Path("out"))' in done.stdout
    contract = json.loads((out / "contract.json").read_text())
    assert contract["joints"] == list(ROBOT.joints)
    assert contract["rate_hz"] == 50.0
    session = onnxruntime.InferenceSession(out / "walker.onnx")
    (action,) = session.run(["action"], {"observation": np.zeros((1, SIZE), np.float32)})
    assert action.shape == (1, 12)
    code = "from pathlib import Path; from runner import Runner; Runner(Path('.')).reset()"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=out)


def test_a_teacher_is_refused_in_one_sentence(tmp_path: Path) -> None:
    groups = [observations.POLICY, observations.PRIVILEGED]
    folder = kept(mlp(ALL), tmp_path / "teacher", groups=groups)
    done = robo("export", "walk", "--policy", str(folder), "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert "is a teacher" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("policy", "words"),
    [("nowhere", "no folder with a walker.safetensors"), ("{}", "no folder")],
)
def test_a_policy_that_is_not_there_is_said_so(policy: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words):
        load_walker(policy.format(tmp_path))


def test_a_walker_is_not_given_to_a_robot_of_another_size(tmp_path: Path) -> None:
    folder = str(kept(mlp(), tmp_path))
    assert load_walker(folder, "t1-12").robot.name == "t1-12"
    with pytest.raises(UserError, match="g1-29 wants"):
        load_walker(folder, "g1-29")
