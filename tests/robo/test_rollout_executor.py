"""A policy in an environment: chunks, clipping, words, ends, deadlines, misfits."""

from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest

from envs.kitchen.control import TERMINATE
from envs.kitchen.env import KitchenEnv
from envs.kitchen.start import StartState
from planners.skills import Skill, Verb
from policies.base import Batch, Observation, Policy, PolicyConfig
from robo.errors import UserError
from robo.kitchen_body import KitchenBody
from robo.rollouts.actors import Assignment, make_expert_actor
from robo.rollouts.executor import LoadedPolicy, PolicyExecutor, load_policy
from robo.rollouts.stage import observed_size
from tests.robo.point_env import POINT_ID

STATE = "observation.state"
NOTHING = Assignment("go", "go", seed=3)


class Scripted(Policy):
    """Gives chunks from a list, the last one for ever, and keeps what it was shown."""

    name: ClassVar[str] = "scripted"
    config_class: ClassVar[type[PolicyConfig]] = PolicyConfig

    def __init__(self, chunks: list[Any], size: int = 2, width: int = 0, state: int = 4) -> None:
        config = PolicyConfig(inputs={STATE: (state,)}, action_size=size, instruction_width=width)
        super().__init__(config)
        self.chunks = [np.asarray(chunk, np.float32) for chunk in chunks]
        self.seen: list[Observation] = []
        self.seeds: list[int] = []
        self.reset()

    def windows(self) -> dict[str, range]:
        raise NotImplementedError

    def loss(self, batch: Batch) -> Any:
        raise NotImplementedError

    def reset(self, seed: int = -1) -> None:
        self.seeds.append(seed)
        self._left = list(self.chunks)

    def act(self, observation: Observation) -> np.ndarray:
        self.tensors(observation)
        self.seen.append(observation)
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]


def executor_of(policy: Scripted, **metadata: Any) -> PolicyExecutor:
    return PolicyExecutor(LoadedPolicy(policy, metadata, Path()))


@pytest.fixture
def point() -> "gymnasium.Env[Any, Any]":
    return gymnasium.make(POINT_ID, disable_env_checker=True)


def test_a_chunk_is_carried_out_before_the_next_is_asked_for(point: Any) -> None:
    policy = Scripted([[[0.01, 0], [0.02, 0]], [[0.03, 0]]])
    executor = executor_of(policy, fps=20)
    observation, _ = point.reset(seed=0)
    executor.begin(point, NOTHING)
    first = [float(executor.act(observation)[0]) for _ in range(4)]
    assert first == pytest.approx([0.01, 0.02, 0.03, 0.03])
    # Two decisions and a repeated one; the very first call is made twice, to warm up.
    assert len(executor.counts.seconds) == 3
    assert len(policy.seen) == 4
    np.testing.assert_array_equal(policy.seen[0][STATE], observation["state"])
    assert not executor.finished

    executor.begin(point, NOTHING)
    assert float(executor.act(observation)[0]) == pytest.approx(0.01)
    assert (executor.counts.seconds, len(policy.seen)) == ([pytest.approx(0, abs=1)], 5)
    assert policy.seeds[-1] == NOTHING.seed


def test_actions_are_clipped_and_counted_but_for_rounding(point: Any) -> None:
    executor = executor_of(Scripted([[[0.5, -0.05]], [[0.100001, 0]], [[0, -0.2]]]))
    observation, _ = point.reset(seed=0)
    executor.begin(point, NOTHING)
    actions = [executor.act(observation) for _ in range(3)]
    np.testing.assert_allclose(actions, [[0.1, -0.05], [0.1, 0], [0, -0.1]], atol=1e-6)
    assert executor.counts.clipped == 2


def test_an_action_that_is_no_number_is_handed_on_as_it_is(point: Any) -> None:
    executor = executor_of(Scripted([[[np.nan, 0]]]))
    observation, _ = point.reset(seed=0)
    executor.begin(point, NOTHING)
    assert np.isnan(executor.act(observation)[0])


def test_other_actions_another_rate_and_other_observations_are_refused(point: Any) -> None:
    observation, _ = point.reset(seed=0)
    with pytest.raises(UserError, match="actions of 3 numbers, PointEnv takes 2"):
        executor_of(Scripted([[[0, 0, 0]]], size=3)).begin(point, NOTHING)
    with pytest.raises(UserError, match="trained at 50 actions a second, PointEnv takes 20"):
        executor_of(Scripted([[[0, 0]]]), fps=50).begin(point, NOTHING)
    executor = executor_of(Scripted([[[0, 0]]], state=7))
    executor.begin(point, NOTHING)
    with pytest.raises(UserError, match=r"has shape \(4,\)"):
        executor.act(observation)


def test_words_reach_the_policy_as_features(point: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def features(text: str) -> np.ndarray:
        return np.full((len(text.split()), 5), len(text), np.float32)

    monkeypatch.setattr("robo.rollouts.executor.instruction_features", features)
    policy = Scripted([[[0, 0]]], width=5)
    executor = executor_of(policy)
    observation, _ = point.reset(seed=0)
    executor.begin(point, Assignment("take the tea", "pick up the tea"))
    executor.act(observation)
    np.testing.assert_array_equal(policy.seen[-1]["instruction"], np.full((3, 5), 12))


def test_terminate_ends_a_skill_in_the_kitchen_and_the_rule_judges() -> None:
    start = StartState("user", None, (("apple", "table"),), {"top drawer": "open"})
    still, end = np.zeros(11), np.zeros(11)
    end[10] = TERMINATE - 0.3
    policy = Scripted([[still], [still], [end]], size=11, state=31)
    executor = executor_of(policy, fps=10)
    with KitchenBody(
        start, 0, env=KitchenEnv(terminate_ends_episode=False), actor=executor
    ) as body:
        done = body.execute(Skill(Verb.GO_TO, "user"))
        assert done.success
        assert 0.3 <= body.simulated_seconds <= 0.3 + 2.0
        assert executor.finished
        failed = body.execute(Skill(Verb.FIND, "apple"))
        assert (failed.success, failed.feedback) == (False, "failed: did not get there")
        assert policy.seeds[-1] > 0


def test_images_are_drawn_as_data_sets_have_them_unless_the_policy_sees_more() -> None:
    assert observed_size(96, (64, 64)) == (96, 96)
    assert observed_size(96, (128, 128)) == (128, 128)
    assert observed_size([240, 320], (96, 96)) == (240, 320)


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match='"nobody" is no folder'):
        load_policy("nobody")
    with pytest.raises(UserError, match="there is no expert"):
        make_expert_actor(POINT_ID)
