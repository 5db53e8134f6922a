"""Processes that grade side by side, one job at a time each. One that dies or hangs costs its job another run."""

import os
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import NamedTuple, cast

import msgspec

from graders.cohort.grading import Job, Outcome, given_up, grade_one, leave, warm
from graders.engine.setting.paper import Paper
from graders.report.words import sound

MAX_RUNS = 3  # of one job, the first included
JOB_SECONDS = 900.0  # for one job; the engine's own limits end it long before
_END_SECONDS = 5.0  # for a process to clean up after itself
_POLL_SECONDS = 1.0


class _Task(NamedTuple):
    job: Job
    runs: int  # this one included


class Pool:
    """Grades jobs in `size` processes, forked from this one: what it has loaded, they have.

    Args:
        size: how many.
        papers: by section, for the verdict on what cannot be graded.
        scratch: a folder for the processes' temporary files.
        grade: what is done with a job.
    """

    def __init__(
        self, size: int, papers: Mapping[str, Paper], scratch: str, grade: Callable[[Job], Outcome] = grade_one
    ):
        self._papers, self._scratch, self._grade = papers, scratch, grade
        self._processes: dict[Connection, ForkProcess] = {}
        self._places: dict[Connection, int] = {}  # of these, from 0 on: each has its own
        self._again: deque[_Task] = deque()
        self._size = size

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.terminate()
        end = time.monotonic() + _END_SECONDS
        for connection, process in self._processes.items():
            process.join(max(0.0, end - time.monotonic()))
            process.kill()
            process.join()
            connection.close()
        self._processes.clear()
        self._places.clear()

    def outcomes(self, jobs: Iterator[Job]) -> Iterator[Outcome]:
        """The outcomes of `jobs`, as they come. A job is taken only when a process is free for it."""
        idle: list[Connection] = []
        busy: dict[Connection, tuple[_Task, float]] = {}
        while True:
            while len(busy) < self._size and (task := self._next(jobs)):
                connection = idle.pop() if idle else self._started()
                with suppress(OSError):  # it has died meanwhile: seen below
                    connection.send_bytes(msgspec.msgpack.encode(task.job))
                busy[connection] = (task, time.monotonic() + JOB_SECONDS)
            if not busy:
                return
            for connection in cast(list[Connection], wait(list(busy), _POLL_SECONDS)):
                task, _ = busy.pop(connection)
                try:
                    outcome = msgspec.msgpack.decode(connection.recv_bytes(), type=Outcome | str)
                except (EOFError, OSError):
                    yield from self._died(connection, task, None)
                    continue
                if isinstance(outcome, str):
                    yield from self._died(connection, task, outcome)
                else:
                    idle.append(connection)
                    yield msgspec.structs.replace(outcome, runs=task.runs)
            for connection in [each for each, (_, end) in busy.items() if time.monotonic() > end]:
                task, _ = busy.pop(connection)
                yield from self._died(connection, task, f"it was not done within {JOB_SECONDS:g} seconds")

    def _next(self, jobs: Iterator[Job]) -> _Task | None:
        if self._again:
            return self._again.popleft()
        job = next(jobs, None)
        return None if job is None else _Task(job, 1)

    def _started(self) -> Connection:
        warm()
        context = get_context("fork")  # what is loaded is there at once
        ours, theirs = context.Pipe()
        place = next(place for place in range(self._size) if place not in self._places.values())
        process = context.Process(target=self._work, args=(theirs, [ours, *self._processes], place), daemon=False)
        process.start()
        theirs.close()
        self._processes[ours], self._places[ours] = process, place
        return ours

    def _died(self, connection: Connection, task: _Task, why: str | None) -> Iterator[Outcome]:
        """Clears away a process; its job is run again, or given up."""
        process = self._processes.pop(connection)
        del self._places[connection]
        connection.close()
        if why:
            process.kill()
        process.join()
        if task.runs < MAX_RUNS:
            self._again.append(_Task(task.job, task.runs + 1))
            return
        why = why or ended(process.exitcode)
        yield given_up(task.job, self._papers[task.job.part.section], why, task.runs)

    def _work(self, connection: Connection, others: list[Connection], place: int) -> None:
        for other in others:
            other.close()
        _keep_to(place, self._size)
        tempfile.tempdir = self._scratch
        parent = parent_process()
        assert parent is not None  # a child of the pool has one
        serve(connection, self._grade, parent.join)


def _keep_to(place: int, size: int) -> None:
    """Keeps this process, and all that it starts, to its share of the cores.

    Otherwise a submission with hundreds of busy threads would leave its neighbours, who have one, next to nothing.
    """
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        with suppress(OSError):  # where that is not permitted, all share
            os.sched_setaffinity(0, cores[place::size] or [cores[place % len(cores)]])


def serve(connection: Connection, grade: Callable[[Job], Outcome], orphaned: Callable[[], object]) -> None:
    """What a process that grades does: one job after the other, until it is told to end or its parent is gone.

    Args:
        connection: where jobs come from, and where outcomes go, or in words why there is none: it ends after that.
        grade: what is done with a job.
        orphaned: returns when the parent is gone.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends its processes
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # workers and folders are cleared away
    threading.Thread(target=_end_after, args=(orphaned,), daemon=True).start()
    with suppress(KeyboardInterrupt, EOFError, BrokenPipeError):
        try:
            while True:
                job = msgspec.msgpack.decode(connection.recv_bytes(), type=Job)
                connection.send_bytes(msgspec.msgpack.encode(grade(job)))
        except Exception as error:  # whatever it is: the next run has a process of its own
            trouble = sound(f"the grader itself failed on it: {type(error).__name__}: {error}")
            connection.send_bytes(msgspec.msgpack.encode(trouble))
        finally:
            leave()


def _end_after(orphaned: Callable[[], object]) -> None:
    orphaned()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_END_SECONDS)
    os._exit(1)


def ended(status: int | None) -> str:
    """In words that a process that grades has ended with this exit status, negative for a signal."""
    how = signal.Signals(-status).name if status is not None and status < 0 else f"exit status {status}"
    return f"the process that graded it ended with {how}"
