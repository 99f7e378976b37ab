"""The weights that come with the project: each loads, acts, and still does what it is for."""

from pathlib import Path

import numpy as np
import pytest

from policies.registry import shipped_weights
from robo.instructions import instruction_features
from robo.rollouts.executor import load_policy
from robo.rollouts.folder import read_results
from robo.rollouts.run import Rollouts

TASKS = [
    ("act", "robo/AlohaTransferCube-v1", ()),
    ("act-insertion", "robo/AlohaInsertion-v1", ()),
    ("rt1", "robo/Kitchen-v1", ("go to", "bring it to you")),
]


def test_all_are_tried_here() -> None:
    assert sorted(name for name, _, _ in TASKS) == [n for n in shipped_weights() if n != "walk"]


@pytest.mark.parametrize(("name", "environment", "tasks"), TASKS)
def test_it_still_does_its_task(
    name: str, environment: str, tasks: tuple[str, ...], tmp_path: Path
) -> None:
    Rollouts(environment, name, tmp_path, seed=5, tasks=tasks, max_seconds=20).execute(4, 0)
    assert any(result["success"] for result in read_results(tmp_path).values())


def test_what_is_said_changes_what_rt1_does() -> None:
    policy = load_policy("rt1", "cpu").policy
    rng = np.random.default_rng(0)
    seen = {
        key: rng.integers(0, 256, shape, np.uint8)
        if len(shape) == 3
        else np.zeros(shape, np.float32)
        for key, shape in policy.config.inputs.items()
    }

    def actions(words: str) -> np.ndarray:
        policy.reset()
        return policy.act({**seen, "instruction": instruction_features(words)})

    deviation = policy.normalizer.buffer("action", "std").numpy()
    for one, other in (
        ("open the top drawer", "close the top drawer"),
        ("pick up the apple", "put down the apple"),
        ("find the apple", "find the sponge"),
    ):
        change = np.abs(actions(one) - actions(other)).max(0)
        assert (change[deviation > 0] / deviation[deviation > 0]).max() > 0.1, (one, other)
        np.testing.assert_array_equal(actions(one), actions(one))
