"""A rollout run from Python: episodes, processes, results, a summary.

run = Rollouts("robo/Kitchen-v1", "rt1", Path("runs/rt1"), tasks=("pick up",))
summary = run.execute(episodes=100, workers=2)
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

from robo.data.errors import DatasetError
from robo.errors import UserError, user_errors
from robo.results import provenance, write_json
from robo.rollouts.crew import Done, done_by_crew
from robo.rollouts.folder import EPISODE, SUMMARY, Result, RunFolder
from robo.rollouts.recording import check_fits, put_together
from robo.rollouts.settings import (
    EXPERT,
    RANDOM,
    PlannedEpisode,
    RolloutSettings,
    planned_episodes,
)
from robo.rollouts.splits import SPLITS
from robo.rollouts.summary import summarise


class Rollouts:
    """A run in a folder, which resumes where it stopped.

    Args:
        environment: The gymnasium id; "module:id" imports the module first.
        policy: "expert", "random", the short name of shipped weights, or a checkpoint folder.
        out: The run's folder.
        seed: Random seed.
        tasks: See `RolloutSettings`.
        splits: See `RolloutSettings`.
        randomization: See `RolloutSettings`.
        image_size: See `RolloutSettings`.
        max_seconds: See `RolloutSettings`.
        record: The dataset to record episodes into; None records nothing.
        device: The policy's device: "auto", "cpu" or "cuda".

    Raises:
        UserError: Something is missing or does not fit.
    """

    def __init__(
        self,
        environment: str,
        policy: str,
        out: Path,
        *,
        seed: int = 0,
        tasks: Sequence[str] = (),
        splits: Sequence[str] = ("seen",),
        randomization: Sequence[str] = (),
        image_size: int | None = None,
        max_seconds: float | None = None,
        record: Path | None = None,
        device: str = "auto",
    ) -> None:
        from robo.recording.environments import import_environment
        from robo.recording.replacing import check_place

        for name in splits:
            if name not in SPLITS:
                raise UserError(f'there is no split "{name}"; there are {", ".join(SPLITS)}')
        if max_seconds is not None and not 0 < max_seconds < inf:
            raise UserError(
                f"--max-seconds is {max_seconds:g}; it must be more than 0, and not infinite"
            )
        if record is not None:
            with user_errors(DatasetError):
                check_place(record)
        name = import_environment(environment)
        settings = RolloutSettings(
            environment=environment,
            policy=policy,
            weights=_weights(name, policy),
            seed=seed,
            tasks=tuple(tasks),
            splits=tuple(dict.fromkeys(splits)),
            randomization=tuple(randomization),
            image_size=image_size,
            max_seconds=max_seconds,
            recorded=record is not None,
        )
        from robo.rollouts.starts import checked_tasks

        self.settings = replace(settings, tasks=checked_tasks(settings))
        self.out = out
        self._policy = _described(policy)
        self._record = record
        self._device = device

    def execute(
        self,
        episodes: int,
        workers: int = 1,
        films: int = 0,
        on_begin: Callable[[int, int], None] | None = None,
        on_result: Callable[[Result], None] | None = None,
    ) -> dict[str, Any]:
        """Run the missing episodes and write summary.json, even if interrupted.

        Args:
            episodes: Number of episodes per column.
            workers: Number of processes; 0 runs everything in this one.
            films: How many episodes to film, from the first.
            on_begin: Called with the number of episodes in the run and of those already done.
            on_result: Called with every new result, in no particular order.

        Returns:
            The content of summary.json.

        Raises:
            UserError: The folder holds another run's results, the policy does not fit the
                environment, or the disk is full.
        """
        if episodes < 1 or workers < 0 or films < 0:
            raise UserError("--episodes must be 1 or more, --workers and --video 0 or more")
        planned = planned_episodes(self.settings, episodes)
        folder = RunFolder(self.out, self._identity(), EPISODE)
        try:
            there = folder.results()
            waiting = [episode for episode in planned if episode.key not in there]
            if on_begin is not None:
                on_begin(len(planned), len(planned) - len(waiting))
            checked = self._fits(folder, there.values())
            filmed = frozenset(episode.key for episode in planned[:films])
            try:
                with closing(self._done(waiting, min(workers, len(waiting)), filmed)) as done:
                    for one in done:
                        result = self._result(one)
                        folder.add(result)
                        checked = checked or self._fits(folder, [result])
                        if on_result is not None:
                            on_result(result)
            finally:
                summary = self._summarise(folder, planned, workers)
        finally:
            folder.release()
        return summary

    def _fits(self, folder: RunFolder, results: Iterable[Result]) -> bool:
        """See `check_fits`."""
        return self._record is None or check_fits(self._record, folder.path, results)

    def _done(
        self, waiting: Sequence[PlannedEpisode], workers: int, films: frozenset[str]
    ) -> Generator[Done]:
        from robo.rollouts.runner import EpisodeRunner, hire

        arguments = (self.settings, self.out, films, self._device)
        return done_by_crew(waiting, workers, hire if workers else EpisodeRunner, arguments)

    def _result(self, done: Done) -> Result:
        from robo.rollouts.runner import result_of_death

        result = done.result or result_of_death(self.settings, done.job, done.deaths)
        return {**result, "deaths": done.deaths}

    def _summarise(
        self, folder: RunFolder, planned: Sequence[PlannedEpisode], workers: int
    ) -> dict[str, Any]:
        everything = folder.results()
        results = [everything[e.key] for e in planned if e.key in everything]
        settings = self.settings
        summary = {
            **provenance(settings.as_json(), settings.seed),
            "policy": self._policy,
            "success_rule_version": ", ".join(
                sorted({str(r.get("success_rule_version") or "") for r in results} - {""})
            ),
            "workers": workers,
            **summarise(results, len(planned)),
        }
        write_json(folder.path / SUMMARY, summary)
        if self._record is not None and summary["complete"]:
            put_together(self._record, folder.path, results)
        return summary

    def _identity(self) -> dict[str, Any]:
        """The settings that must match to resume: a checkpoint's weights, not its path."""
        values = self.settings.as_json()
        if self.settings.weights:
            values.pop("policy")
        return values


def _described(policy: str) -> dict[str, Any]:
    """A checkpoint's description.

    Raises:
        UserError: It is damaged.
    """
    if policy in (EXPERT, RANDOM):
        return {"name": policy}
    from policies.checkpoint import describe
    from policies.errors import PolicyError
    from policies.registry import find_checkpoint

    with user_errors(PolicyError):
        description = describe(find_checkpoint(policy))
    return {"name": policy, "kind": description.policy, "metadata": description.metadata}


def _weights(environment: str, policy: str) -> str:
    """The hash of the weights; empty if there are none.

    Raises:
        UserError: There is no such policy, or no expert for the environment.
    """
    if policy == RANDOM:
        return ""
    if policy == EXPERT:
        from robo.rollouts.actors import make_expert_actor

        make_expert_actor(environment)
        return ""
    from policies.errors import PolicyError
    from policies.registry import find_checkpoint
    from robo.rollouts.executor import weights_hash

    with user_errors(PolicyError):
        return weights_hash(find_checkpoint(policy))
