"""Worker processes that do one job at a time: if one dies, only its job is lost, and retried."""

import multiprocessing
import traceback
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from robo.data.errors import DatasetError
from robo.errors import UserError, user_errors
from robo.workers import begin_worker

MOST_DEATHS = 3
"""A job is given up after this many processes died of it."""

FAREWELL = 60.0
"""Time that a process gets to close its files (s)."""


class Worker(Protocol):
    """What does the jobs."""

    def run(self, job: Any) -> Any:
        """Do one job."""

    def close(self) -> None:
        """Release all resources."""


@dataclass(frozen=True)
class Done:
    """A job that was done or given up.

    Attributes:
        job: The job.
        result: Its result; None if every process that tried died.
        deaths: How many processes died of it.
    """

    job: Any
    result: Any
    deaths: int


def done_by_crew(
    jobs: Sequence[Any], workers: int, hire: Callable[..., Worker], arguments: Sequence[Any]
) -> Generator[Done]:
    """Do jobs in several processes; they are yielded as they finish, in no particular order.

    Args:
        jobs: The jobs; they and their results must be picklable.
        workers: Number of processes; 0 does them in this one.
        hire: Called with `arguments` in each process to make its worker.
        arguments: See `hire`.

    Raises:
        UserError: A worker raised one or a DatasetError, or one process after the other died.
        RuntimeError: A worker failed otherwise; the message is its traceback.
    """
    if workers == 0:
        with user_errors(DatasetError):
            yield from _done_here(jobs, hire(*arguments))
        return
    crew = _Crew(hire, arguments)
    waiting = deque((job, 0) for job in jobs)
    try:
        while waiting or crew.is_busy:
            while waiting and len(crew.members) < workers:
                crew.start(*waiting.popleft())
            for member in crew.ready():
                kind, value = crew.answer_of(member)
                if kind == "ready":
                    continue
                job, deaths = member.job, member.deaths
                if kind == "died":
                    # A process that died before it could begin did not die of the job.
                    deaths += member.has_begun
                    if deaths < MOST_DEATHS:
                        waiting.appendleft((job, deaths))
                    else:
                        yield Done(job, None, deaths)
                    continue
                yield Done(job, value, deaths)
                if waiting:
                    crew.give(member, *waiting.popleft())
                else:
                    crew.dismiss(member)
    finally:
        crew.end()


def _done_here(jobs: Sequence[Any], worker: Worker) -> Generator[Done]:
    try:
        for job in jobs:
            yield Done(job, worker.run(job), 0)
    finally:
        worker.close()


@dataclass
class _Member:
    process: BaseProcess
    connection: "Connection[Any, Any]"
    job: Any = None
    deaths: int = 0
    has_begun: bool = False


class _Crew:
    def __init__(self, hire: Callable[..., Worker], arguments: Sequence[Any]) -> None:
        self.members: list[_Member] = []
        self._leaving: list[_Member] = []
        self._hire = hire
        self._arguments = tuple(arguments)
        self._stillborn = 0

    @property
    def is_busy(self) -> bool:
        return bool(self.members)

    def start(self, job: Any, deaths: int) -> None:
        """Start a process with its first job."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._hire, self._arguments))
        process.start()
        # Close their end here, so that ours reaches its end when the process dies.
        theirs.close()
        member = _Member(process, ours)
        self.members.append(member)
        self.give(member, job, deaths)

    def give(self, member: _Member, job: Any, deaths: int) -> None:
        member.job, member.deaths = job, deaths
        try:
            member.connection.send(job)
        except OSError:
            return  # it died; `answer_of` handles that

    def ready(self) -> list[_Member]:
        """Wait for members that have something to say or have died."""
        heard = wait([member.connection for member in self.members])
        return [member for member in self.members if member.connection in heard]

    def answer_of(self, member: _Member) -> tuple[str, Any]:
        """A member's message: "ready", "done" with a result, or "died"; errors are raised."""
        kind: str
        try:
            kind, value = member.connection.recv()
        except (EOFError, OSError):
            self._bury(member)
            return "died", None
        if kind == "refused":
            raise UserError(value)
        if kind == "failed":
            raise RuntimeError(value)
        if kind == "ready":
            self._stillborn = 0
            member.has_begun = True
        return kind, value

    def _bury(self, member: _Member) -> None:
        self.members.remove(member)
        member.connection.close()
        member.process.join()
        self._stillborn += 1
        if self._stillborn > MOST_DEATHS:
            raise UserError(
                "one process after the other died, perhaps for lack of memory; run the command "
                "again to go on, with fewer --workers"
            )

    def dismiss(self, member: _Member) -> None:
        """Let a member leave when there are no more jobs."""
        self.members.remove(member)
        self._leaving.append(member)
        try:
            member.connection.send(None)
        except OSError:
            return  # it is already gone

    def end(self) -> None:
        """End all processes: dismissed ones may finish, others are terminated."""
        for member in self.members:
            member.process.terminate()
        for member in (*self._leaving, *self.members):
            member.process.join(FAREWELL)
            if member.process.is_alive():
                member.process.kill()
                member.process.join()
            member.connection.close()


def _serve(
    connection: "Connection[Any, Any]", hire: Callable[..., Worker], arguments: tuple[Any, ...]
) -> None:
    begin_worker()
    try:
        worker = hire(*arguments)
        try:
            connection.send(("ready", None))
            while (job := connection.recv()) is not None:
                connection.send(("done", worker.run(job)))
        finally:
            worker.close()
    except (UserError, DatasetError) as error:
        connection.send(("refused", str(error)))
    except EOFError:
        return
    except Exception:
        connection.send(("failed", traceback.format_exc()))
