"""The weights that come with the project: each loads, acts, and still does what it is for."""

from pathlib import Path

import numpy as np
import pytest

from policies.registry import shipped_weights
from robo.recording.environments import make_environment
from robo.recording.kitchen import KitchenTask, SkillRule, kitchen_of, skills_of
from robo.rollouts.actors import Assignment
from robo.rollouts.executor import PolicyExecutor, load_policy
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


WORDS = [
    ("open the top drawer", "close the top drawer"),
    ("pick up the apple", "pick up the sponge"),
    ("pick up the apple", "put down the apple"),
    ("find the apple", "find the sponge"),
    ("go to the table", "go to the trash"),
]
"""Pairs that differ in a word."""


def test_what_is_said_changes_what_rt1_does() -> None:
    """Before a table with both things and a cabinet with half-open drawers."""
    loaded = load_policy("rt1", "cpu")
    policy, executor = loaded.policy, PolicyExecutor(loaded)
    deviation = policy.normalizer.buffer("action", "std").numpy()
    start = {
        "objects": [["apple", "table"], ["sponge", "table"]],
        "drawers": {"top drawer": "half open", "bottom drawer": "half open"},
    }
    env = make_environment("robo/Kitchen-v1", image_size=loaded.image_size[0]).env

    def actions(words: str) -> np.ndarray:
        executor.begin(env, Assignment(words, words, 0))
        return np.stack([executor.act(observation) for _ in range(5)])

    for one, other in WORDS:
        robot = "top drawer" if "drawer" in one else "table"
        observation, _ = env.reset(seed=0, options={"start": {"robot": robot, **start}})
        change = np.abs(actions(one) - actions(other)).max(0)
        assert (change[deviation > 0] / deviation[deviation > 0]).max() > 0.1, (one, other)
        np.testing.assert_array_equal(actions(one), actions(one))
    env.close()


def test_from_one_start_rt1_opens_or_closes_as_it_is_told() -> None:
    """Drawers are half open: whoever does not listen is right in half of the episodes at most."""
    loaded = load_policy("rt1", "cpu")
    executor, done = PolicyExecutor(loaded), 0
    env = make_environment("robo/Kitchen-v1", image_size=loaded.image_size[0]).env
    for number in range(4):
        start = KitchenTask("open", half_open=True).start(number)
        for words in (start.task, start.task.replace("open", "close")):
            observation, _ = env.reset(seed=start.seed, options=dict(start.options))
            (skill,) = skills_of(words)
            rule = SkillRule(skill, kitchen_of(env).kitchen_state)
            executor.begin(env, Assignment(words, words, 0))
            for _ in range(150):
                observation, *_ = env.step(executor.act(observation))
                if executor.finished:
                    break
            done += rule.holds(kitchen_of(env).kitchen_state)
    env.close()
    assert done >= 6
