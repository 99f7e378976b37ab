"""Expert episodes from a seed, by several processes; their number does not change the result.

Starts are numbered draws. Each process records into a dataset of its own, in a folder beside the
final one; the first draws that succeeded, in order, are then assembled into the final one. An
interrupted run resumes: what is in the processes' datasets is not recorded again.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from uuid import uuid4

from robo.data.assembling import assemble
from robo.data.layout import INFO, read_info
from robo.data.lerobot_reader import Dataset
from robo.data.lerobot_writer import DatasetWriter
from robo.data.recovery import check_appendable
from robo.errors import UserError
from robo.recording.expert_parts import (
    RESULTS,
    ExpertResult,
    check_settings,
    locked,
    read_results,
    write_settings,
)
from robo.recording.expert_settings import ExpertSettings, make_device, make_env
from robo.recording.origin import Origin
from robo.recording.recorder import Recorder, check_same, features_of_env, rate_of
from robo.recording.replacing import check_place, finish_replacing, new_place, replace_set
from robo.recording.session import Session
from robo.workers import begin_worker

TRIES = 10
"""A task is given up after this many times as many starts as episodes."""


@dataclass
class ExpertReport:
    """How a run went.

    Attributes:
        kept: Episodes put into the dataset in this run.
        results: Results of all draws that count, in order: up to each task's last kept one.
        wall_seconds: Duration of this run.
    """

    kept: int = 0
    results: list[ExpertResult] = field(default_factory=list)
    wall_seconds: float = 0.0


def record_experts(
    root: Path,
    tasks: Sequence[str],
    episodes: int,
    settings: ExpertSettings,
    workers: int,
    on_result: Callable[[ExpertResult], None] | None = None,
) -> ExpertReport:
    """Record until the dataset holds `episodes` of each task with these settings' seed.

    Args:
        root: The dataset's folder; new episodes are appended to what is there.
        tasks: Chains or families, see `robo.recording.kitchen`.
        episodes: Episodes per task.
        settings: How to record.
        workers: Number of processes.
        on_result: Called for every finished draw, in any order.

    Raises:
        UserError: A task fails too often, the settings differ from those of the interrupted run,
            what that run left is damaged, or a process died.
        DatasetError: The dataset cannot be appended to, or another process is recording into it.
    """
    began = time.perf_counter()
    for task in tasks:
        settings.task(task).start(0)
    made = make_env(settings)
    made.env.close()
    make_device(settings)
    check_place(root)
    folder = root.with_name(f".{root.name}.parts")
    with locked(folder, root):
        finish_replacing(root)
        if (root / INFO).exists():
            sent = settings.sends_otherwise
            features = features_of_env(made.env, made.names, with_sent_action=sent)
            check_same(root, features, rate_of(made.env))
            check_appendable(read_info(root))
        check_settings(folder, settings)
        plans = _plans(root, folder, tasks, episodes, settings.seed)
        if not all(plan.is_done for plan in plans):
            _run(folder, plans, settings, workers, on_result)
        elif not any(plan.counted() for plan in plans):
            # Leftovers of a run whose episodes are all in the dataset.
            shutil.rmtree(folder, ignore_errors=True)
        results = [result for plan in plans for result in plan.counted()]
        kept = _put_together(root, folder, results)
    return ExpertReport(kept, results, time.perf_counter() - began)


class _Plan:
    """One task's draws: which are done, which come next.

    Draws count in order until enough of them have succeeded; later ones do not count, so the number
    of processes does not change what is kept.
    """

    def __init__(self, task: str, episodes: int, there: Mapping[int, bool]) -> None:
        self.task = task
        self.first = max(there, default=-1) + 1
        self._wanted = max(0, episodes - sum(there.values()))
        self._limit = self.first + TRIES * max(self._wanted, 3)
        self._results: dict[int, ExpertResult] = {}
        self._given: set[int] = set()

    def take(self, result: ExpertResult) -> None:
        self._results[result.number] = result

    def counted(self) -> list[ExpertResult]:
        """Results in order, up to the last one that is needed."""
        found: list[ExpertResult] = []
        kept = 0
        number = self.first
        while kept < self._wanted and number in self._results:
            found.append(self._results[number])
            kept += found[-1].success
            number += 1
        return found

    @property
    def is_done(self) -> bool:
        return sum(result.success for result in self.counted()) >= self._wanted

    def next(self) -> int | None:
        """The next draw to make; None while those under way may be enough."""
        if self.is_done:
            return None
        waiting = self._given - self._results.keys()
        sure = sum(result.success for result in self._results.values())
        number = self.first
        while number in self._results or number in self._given:
            number += 1
        front = len(self.counted()) + self.first
        if sure + len(waiting) >= self._wanted and number > front:
            return None
        if number >= self._limit:
            reasons = {r.failure for r in self._results.values() if r.failure}
            raise UserError(
                f'the expert fails too often at "{self.task}" ({"; ".join(sorted(reasons))}); '
                "choose another task or less --noise"
            )
        self._given.add(number)
        return number


def _plans(root: Path, folder: Path, tasks: Sequence[str], episodes: int, seed: int) -> list[_Plan]:
    """What remains to do, given what the dataset and an interrupted run already hold."""
    there = _numbers_in(root, seed)
    plans = [_Plan(task, episodes, there.get(task, {})) for task in tasks]
    for result in read_results(folder):
        if result.task not in tasks:
            raise UserError(
                f'{folder} holds episodes of "{result.task}" of a run that was cut off; '
                "run that one again, or remove the folder"
            )
        for plan in plans:
            if plan.task == result.task and result.number >= plan.first:
                plan.take(result)
    return plans


def _run(
    folder: Path,
    plans: Sequence[_Plan],
    settings: ExpertSettings,
    workers: int,
    on_result: Callable[[ExpertResult], None] | None,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_settings(folder, settings)
    pool = ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),
        initializer=_begin_worker,
        initargs=(folder, settings),
    )
    running: set[Future[ExpertResult]] = set()
    by_task = {plan.task: plan for plan in plans}
    try:
        with (folder / RESULTS).open("a", encoding="utf-8") as results:
            while True:
                for task, number in _next_draws(plans, workers - len(running)):
                    running.add(pool.submit(_record_draw, task, number))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    result = future.result()
                    results.write(json.dumps(asdict(result), ensure_ascii=False) + "\n")
                    results.flush()
                    by_task[result.task].take(result)
                    if on_result is not None:
                        on_result(result)
    except BrokenProcessPool:
        raise UserError(
            "a process died, perhaps for lack of memory; run the command again to go on, with "
            "fewer --workers if it happens again"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _next_draws(plans: Sequence[_Plan], count: int) -> Iterator[tuple[str, int]]:
    for plan in plans:
        while count > 0 and (number := plan.next()) is not None:
            count -= 1
            yield plan.task, number


class _Worker:
    """Records draws into this process's own dataset."""

    def __init__(self, folder: Path, settings: ExpertSettings) -> None:
        self._settings = settings
        self._root = folder / uuid4().hex
        self._made = make_env(settings)
        self._device = make_device(settings)
        self._recorder: Recorder | None = None

    def record(self, text: str, number: int) -> ExpertResult:
        """Record one draw."""
        wall, cpu = time.perf_counter(), time.process_time()
        settings = self._settings
        task = settings.task(text)
        if self._recorder is None:
            self._recorder = Recorder(
                self._made.env,
                self._root,
                task,
                device=self._device.name,
                arguments=self._made.arguments,
                names=self._made.names,
                with_sent_action=settings.sends_otherwise,
            )
        self._recorder.task = task
        episode = Session(self._recorder, self._device, wanted=1).record(number)
        failure = self._device.failure
        return ExpertResult(
            task=text,
            number=number,
            success=failure is None,
            failure=failure or "",
            frames=0 if episode is None else episode.length,
            wall_seconds=round(time.perf_counter() - wall, 3),
            cpu_seconds=round(time.process_time() - cpu, 3),
            shard="" if episode is None else self._root.name,
            episode=-1 if episode is None else episode.index,
        )


_WORKER: list[_Worker] = []


def _begin_worker(folder: Path, settings: ExpertSettings) -> None:
    begin_worker()
    _WORKER[:] = [_Worker(folder, settings)]


def _record_draw(task: str, number: int) -> ExpertResult:
    return _WORKER[0].record(task, number)


def _put_together(root: Path, folder: Path, results: Sequence[ExpertResult]) -> int:
    """Append the kept episodes to the dataset; returns how many."""
    kept = [result for result in results if result.shard]
    if not kept:
        return 0
    shards = {name: Dataset(folder / name) for name in dict.fromkeys(r.shard for r in kept)}
    picks = [(shards[result.shard], [result.episode]) for result in kept]
    new = new_place(root)
    if (root / INFO).exists():
        with DatasetWriter(root) as writer:  # locks the dataset, and recovers an unfinished episode
            before = range(len(writer.episodes))
            everything = [(Dataset(root), before), *picks] if before else picks
            assemble(everything, new)
            replace_set(root, new)
    else:
        root.parent.mkdir(parents=True, exist_ok=True)
        assemble(picks, new)
        replace_set(root, new)
    shutil.rmtree(folder, ignore_errors=True)
    return len(kept)


def _numbers_in(root: Path, seed: int) -> dict[str, dict[int, bool]]:
    """Draws that a dataset already holds and whether they succeeded, by task."""
    found: dict[str, dict[int, bool]] = {}
    if (root / INFO).exists():
        for episode in Dataset(root).episodes:
            draw = Origin.of(episode.info).draw
            if episode.info.device == "expert" and draw.get("seed") == seed:
                numbers = found.setdefault(str(draw.get("task", episode.tasks[0])), {})
                numbers[int(draw["number"])] = bool(episode.info.success)
    return found
