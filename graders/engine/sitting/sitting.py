"""Sits a paper: one submission at its desk, whatever becomes of the workers that it costs."""

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from graders.engine.sitting.claims import sane
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.running import Answers, Point, Stopped, Worker
from graders.engine.values.messages import Loaded, Manner, Order, Trouble

_FILE_SECONDS = 30.0  # for loading all of a submission
_USUAL = Manner()
_MAX_RESTARTS = 10  # statements of one submission that may each cost a worker
_HOPELESS = "the process ended while the file was loaded, at no statement of it"


class Sitting:
    """One submission at its desk: a worker that has it loaded, replaced by a fresh one when it hangs or dies.

    Args:
        forkserver: where workers come from.
        order: what they load.
        hidden: folders of libraries that they cannot read.
    """

    def __init__(self, forkserver: Forkserver, order: Order, hidden: Sequence[Path] = ()):
        self._forkserver, self._order, self._hidden = forkserver, order, hidden
        self._worker: Worker | None = None
        self.loaded = Loaded({}, frozenset(), ())
        self._first: tuple[str, tuple[bytes, ...], int] | None = None  # a task that went well
        self._retried = False
        self._tasks = 0  # that this worker has done before
        self._stopped = False
        self._processor = 0.0  # of workers that have ended

    def __enter__(self) -> "Sitting":
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    @property
    def processor(self) -> float:
        """Seconds of a core that its workers have had, as far as the system says it."""
        return self._processor + (self._worker.processor if self._worker else 0.0)

    def leave(self) -> None:
        """Ends the worker. The next task gets a new one."""
        if self._worker:
            self._processor += self._worker.processor
            self._worker.close()
            self._worker = None

    def stop(self) -> None:
        """Ends what is going on, from another thread; nothing is sat any more."""
        self._stopped = True
        if self._worker:
            self._worker.kill()

    def load(self) -> Loaded:
        """Loads the submission into a new worker, without the statements that hang or kill the process."""
        enough = time.monotonic() + 2 * _FILE_SECONDS
        for _ in range(_MAX_RESTARTS + 3):  # a worker may lie about the statement it was lost at, but not for ever
            if self._order.until == (0, 0) or time.monotonic() > enough:
                break
            self.leave()
            self._worker = Worker(self._forkserver, self._hidden)
            try:
                loaded = sane(self._worker.load(self._order, _FILE_SECONDS), self._order)
                if not self._order.stub:
                    loaded = msgspec.structs.replace(loaded, unattempted=self.loaded.unattempted)
                self.loaded, self._tasks = loaded, 0
                self._order = msgspec.structs.replace(self._order, stub="")  # compared once, not by each fresh worker
                return self.loaded
            except Stopped as stop:
                if stop.is_starved and not self._retried:
                    self._retried = True  # a slow machine is no reason to lose an exercise
                else:
                    self._order = _without(self._order, stop)
        self.leave()
        self._order = msgspec.structs.replace(self._order, until=(0, 0))  # it is not tried again
        self.loaded = Loaded({}, frozenset(), (Trouble(0, 1, _HOPELESS, ()),))
        return self.loaded

    @property
    def may_be_tainted(self) -> bool:
        """Whether other tasks have run in this worker before the last one, and one of them went well."""
        return self._tasks > 1 and self._first is not None

    def passed(self, probe: str, example: bytes, seed: int) -> None:
        """Says of a task that it went well. The first such one is done again, on one example, before anything else is
        asked of a fresh worker: a submission is not to know by what it is asked first that it has failed before."""
        self._first = self._first or (probe, (example,), seed)

    def sit(
        self,
        probe: str,
        inputs: Sequence[bytes],
        seed: int,
        seconds: float,
        point: Point | None = None,
        manner: Manner = _USUAL,
    ) -> Answers:
        """Runs `probe` on `inputs`, all within `seconds` of wall-clock time.

        Args:
            point: called with each value that an experiment yields, and the name of its curve.
            manner: how it is done.
        """
        if self._stopped:
            return Answers([], stopped="crashed", reason="it was stopped")
        if self._worker is None:
            self.load()
            self._warm_up(seconds)
        self._tasks += 1
        return self._run(probe, inputs, seed, seconds, point, manner)

    def _warm_up(self, seconds: float) -> None:
        if self._worker and self._first:
            answers = self._run(*self._first, seconds)
            if answers.stopped:
                self.load()

    def _run(
        self,
        probe: str,
        inputs: Sequence[bytes],
        seed: int,
        seconds: float,
        point: Point | None = None,
        manner: Manner = _USUAL,
    ) -> Answers:
        if self._worker is None:
            return Answers([], stopped="crashed", reason=_HOPELESS)
        task = msgspec.structs.replace(self._forkserver.task(probe, seed, inputs), manner=manner)
        answers, reusable = self._worker.run(task, len(inputs), seconds, point)
        if not reusable:
            self.leave()
        return answers


def _without(order: Order, stop: Stopped) -> Order:
    """The order for the next try, after a worker was lost at a statement."""
    if stop.place is None or order.until == stop.place:
        return msgspec.structs.replace(order, until=(0, 0))
    if stop.is_late or len(order.skip) >= _MAX_RESTARTS:
        return msgspec.structs.replace(order, until=stop.place)
    return msgspec.structs.replace(order, skip={**order.skip, stop.place: stop.reason})
