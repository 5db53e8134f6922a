"""Grades on the workers of a dask cluster that is there already, with the outcomes of processes on this machine.

Dask is the carrier: it knows which workers there are, takes papers and jobs to them, brings outcomes back, says when a
worker is lost, and drops what a client that is gone had asked for. Which job goes to which worker is decided here, one
for each of its threads: only so is it known what a worker was busy with when it was lost. Such a job is run again on
another worker that has nothing else to do meanwhile, so a submission that takes its worker along is found out, and
those that happened to be there at the same time are not blamed.

The papers lie with each worker while this client is connected. A worker's copy ends with it, and with that what was to
be graded there, which is how a loss is heard of.
"""

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from operator import methodcaller
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from graders.cohort.grading import Job, Outcome, given_up
from graders.cohort.node import Desk, Seen, look
from graders.cohort.pool import MAX_RUNS
from graders.engine.errors import GraderError, UsageError
from graders.engine.setting.paper import Paper
from graders.report.words import sound

if TYPE_CHECKING:
    from distributed import Client, Future

WAIT_SECONDS = 60.0  # for a worker, where there is none
_CONNECT_SECONDS = 10.0
_POLL_SECONDS = 1.0  # between two looks at which workers there are
_END_SECONDS = 5.0


def connected(address: str) -> "Client":
    """A connection to the scheduler at `address`; to be closed.

    Raises:
        UsageError: dask is not installed, or there is no scheduler.
    """
    try:
        from distributed import Client
        from distributed.comm import get_address_host_port
    except ImportError as error:
        install = f'{sys.executable} -m pip install -e ".[cluster]"'
        raise UsageError(f"--scheduler needs dask.distributed, here and on all nodes: run  {install}") from error
    try:
        get_address_host_port(address)
        # What it has to say about connections is said here, in fewer words.
        for part in ("client", "batched"):
            logging.getLogger(f"distributed.{part}").setLevel(logging.CRITICAL)
        return Client(address, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError, TypeError) as error:  # the last is of TLS that is not configured
        raise UsageError(f"there is no scheduler of dask at {address}: {error}") from error


class _Task(NamedTuple):
    job: Job
    runs: int = 1  # this one included
    been: frozenset[str] = frozenset()  # workers that it did not come back from

    @property
    def is_suspect(self) -> bool:
        return self.runs > 1


@dataclass(eq=False)
class _Worker:
    """A worker of the cluster: where it is, how many it grades at a time, the papers that lie there, what it does."""

    address: str
    threads: int
    desk: "Future"
    busy: dict[str, tuple["Future", _Task]] = field(default_factory=dict)  # by the name of the future

    @property
    def is_free(self) -> bool:
        """Whether it takes one more; a suspect is alone."""
        return len(self.busy) < self.threads and not any(task.is_suspect for _, task in self.busy.values())


class Cluster:
    """Grades jobs on the workers of a cluster, those that are there and those that join.

    Args:
        address: of the scheduler.
        root: the course's folder, which is to be found under this path on all nodes.
        papers: by section.
        say: is told what a person should know meanwhile.
        unprotected: grade on workers without a sandbox, too.
    """

    def __init__(
        self, address: str, root: Path, papers: Mapping[str, Paper], say: Callable[[str], None], *, unprotected: bool
    ):
        self._address, self._root, self._papers = address, root, papers
        self._say, self._unprotected = say, unprotected
        sealed = {name: paper.sealed() for name, paper in papers.items()}
        self._desk, self._expected = Desk(str(root), msgspec.msgpack.encode(sealed)), look(str(root)).installed
        self._workers: dict[str, _Worker] = {}
        self._refused: set[str] = set()
        self._again: deque[_Task] = deque()
        self._came: SimpleQueue[Future] = SimpleQueue()
        self._where: dict[str, _Worker] = {}  # by the name of the future
        self._looked = 0.0
        self._begun = False

    def __enter__(self) -> "Cluster":
        self._client = connected(self._address)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close(_END_SECONDS)

    def outcomes(self, jobs: Iterator[Job]) -> Iterator[Outcome]:
        """The outcomes of `jobs`, as they come. A job is taken only when a worker is free for it.

        Raises:
            UsageError: what is installed on a worker differs from what is here.
            GraderError: the scheduler is gone, or all workers are for longer than is waited for them.
        """
        first = next(jobs, None)
        if first is None:  # nothing to grade: no worker is waited for
            return
        jobs = chain([first], jobs)
        try:
            while True:
                self._look_around()
                self._hand_out(jobs)
                if not self._where:
                    return
                with suppress(Empty):
                    yield from self._taken(self._came.get(timeout=_POLL_SECONDS))
        except (GraderError, UsageError):
            raise
        except Exception:  # of any kind, where dask has lost the scheduler: then this says so
            self._there()
            raise

    def _look_around(self) -> None:
        """Takes in which workers have joined and which have left, once in a while, and waits while there are none."""
        if self._workers and time.monotonic() < self._looked + _POLL_SECONDS:
            return
        end, told = time.monotonic() + WAIT_SECONDS, False
        while not self._update():
            if not told:
                told = True
                self._say(f"there is no worker at {self._address}: waiting {WAIT_SECONDS:g} seconds for one")
            if time.monotonic() > end:
                raise GraderError(f"there was no worker at {self._address} for {WAIT_SECONDS:g} seconds")
            time.sleep(_POLL_SECONDS)
        self._begun, self._looked = True, time.monotonic()

    def _update(self) -> bool:
        """Whether there is a worker now."""
        there = self._there()
        self._refused &= there.keys()
        for address in self._workers.keys() - there.keys():
            self._drop(self._workers[address])
        self._welcome({address: there[address] for address in there.keys() - self._workers.keys() - self._refused})
        return bool(self._workers)

    def _drop(self, worker: _Worker) -> None:
        """Takes a worker for lost. What it was busy with comes back as cancelled, if dask has not said so itself."""
        if self._workers.get(worker.address) is worker:
            del self._workers[worker.address]
        for future, _ in worker.busy.values():
            future.cancel()

    def _there(self) -> dict[str, int]:
        """The threads of the workers that the scheduler knows, by address."""
        try:
            return dict(self._client.nthreads())
        except Exception as error:  # of several kinds, by what is lost first
            raise GraderError(f"the scheduler at {self._address} is gone") from error

    def _welcome(self, joined: dict[str, int]) -> None:
        """Looks workers over, and hands them the papers. Those that differ are not used, or end a run that begins."""
        if not joined:
            return
        found = self._client.run(look, str(self._root), workers=list(joined), on_error="return")
        troubles = []
        for address, seen in found.items():
            if isinstance(seen, OSError):
                continue  # it has left already
            if trouble := self._difference(seen):
                self._refused.add(address)
                troubles.append(f"the worker {address} cannot take part: {trouble}")
                continue
            with suppress(OSError, KeyError):  # it has left meanwhile
                desk = self._client.scatter(self._desk, workers=[address], hash=False)
                self._workers[address] = _Worker(address, joined[address], desk)
        if troubles and not self._begun:
            raise UsageError("; ".join(troubles))
        for trouble in troubles:
            self._say(trouble)

    def _difference(self, seen: Seen | Exception) -> str:
        """What is other on a worker than it should be, in words."""
        if isinstance(seen, Exception):
            start = "it is to be started in the grader's folder, by `python -m dask worker`"
            return sound(f"{seen}; {start}")
        differences = [
            f"{what} is {found} there and {self._expected.get(what)} here"
            for what, found in seen.installed.items()
            if found != self._expected.get(what)
        ]
        if seen.no_sandbox and not self._unprotected:
            differences.append(f"no sandbox protects it from what it grades: {seen.no_sandbox}")
        return ", ".join(differences)

    def _hand_out(self, jobs: Iterator[Job]) -> None:
        """Gives workers that are free something to do. While a suspect waits for its worker, nothing new begins."""
        while self._again:
            worker = self._alone_with(self._again[0])
            if worker is None:
                return
            self._give(self._again.popleft(), worker)
        while (free := [each for each in self._workers.values() if each.is_free]) and (job := next(jobs, None)):
            self._give(_Task(job), min(free, key=lambda worker: len(worker.busy)))

    def _alone_with(self, suspect: _Task) -> _Worker | None:
        """A worker with nothing to do, and not one that the suspect did not come back from if there are others."""
        others = [worker for worker in self._workers.values() if worker.address not in suspect.been]
        return next((worker for worker in others or self._workers.values() if not worker.busy), None)

    def _give(self, task: _Task, worker: _Worker) -> None:
        # A method caller of operator's: the scheduler takes tasks apart, and need not know our modules.
        grade = methodcaller("grade", msgspec.msgpack.encode(task.job))
        future = self._client.submit(grade, worker.desk, workers=[worker.address], pure=False)
        worker.busy[future.key] = (future, task)
        self._where[future.key] = worker
        future.add_done_callback(self._came.put)

    def _taken(self, future: "Future") -> Iterator[Outcome]:
        """Takes down what came of a task; if that is no outcome, it is run again, or given up."""
        worker = self._where.pop(future.key)
        _, task = worker.busy.pop(future.key)
        try:
            came = msgspec.msgpack.decode(future.result(), type=Outcome | str)
        except CancelledError:
            self._there()  # if it is the scheduler that is lost, this says so, and nobody is to blame
            self._drop(worker)  # at once, before it is given more
            came = "the worker that graded it was lost"
        except Exception as error:
            came = sound(f"the grader itself failed on it: {type(error).__name__}: {error}")
        if isinstance(came, Outcome):
            yield msgspec.structs.replace(came, runs=task.runs)
        elif task.runs < MAX_RUNS:
            self._again.append(_Task(task.job, task.runs + 1, task.been | {worker.address}))
        else:
            yield given_up(task.job, self._papers[task.job.part.section], came, task.runs)
