"""A worker process from its fork to its end: it is sent work, timed, and looked after while it does it."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from graders.engine.errors import GraderError
from graders.engine.results import Status
from graders.engine.sitting import scratch
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.values.channel import Broken, Channel, Kind, Late
from graders.engine.values.messages import Loaded, Order, Seen, Task

_IMPORT_SECONDS = 10.0  # for one import statement of a submission
_STATEMENT_SECONDS = 3.0  # for any other statement of it
_SEND_SECONDS = 5.0  # for a worker to take what it is sent
_READY_SECONDS = 60.0  # for a worker to restrict itself, in which nothing of a learner's runs
_POLL_SECONDS = 0.25  # how often it is looked at what a busy worker takes
_MOST_PATIENCE = 3  # times the limit, for a worker that the machine keeps waiting
_MAX_SCRATCH_BYTES = 64 * 2**20
_MAX_SCRATCH_FILES = 500  # and folders
_MAX_THREADS = 1000  # the limit on processes does not hold for root
_MAX_OBSERVED = 256 * 2**20  # bytes of all observations of a task
_MAX_LOADED = 4 * 2**20  # bytes of what is told of a file that was loaded
_MAX_SAID = 8000
# What reading a frame can come to: the connection is broken, or the body is not what its kind says.
_GARBAGE = (Broken, msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


Point = Callable[[str, float], None]
_Batch = Annotated[list[Seen], msgspec.Meta(max_length=100_000)]


class Answers(msgspec.Struct):
    """What came of running a probe on some inputs: as many observations as there were, what was printed, and why it
    stopped early, if it did."""

    seen: list[Seen]
    said: str = ""
    stopped: Status | None = None  # timed_out or crashed
    reason: str = ""


class Stopped(Exception):
    """Loading ended early at a statement, for a reason.

    Args:
        place: the statement's cell and line.
        reason: why, in words.
        is_late: the time for the whole file was over.
        is_starved: the machine was so busy that another try may well succeed.
    """

    def __init__(self, place: tuple[int, int] | None, reason: str, *, is_late: bool = False, is_starved: bool = False):
        super().__init__(reason)
        self.place, self.reason, self.is_late, self.is_starved = place, reason, is_late, is_starved


class Patience:
    """A limit of wall-clock time for a process, in which the time does not count that it waited for a core.

    Args:
        pid: the process.
        seconds: the limit; what the machine keeps it waiting extends it, up to `_MOST_PATIENCE` times.
    """

    def __init__(self, pid: int, seconds: float):
        self._pid, self._seconds = pid, seconds
        self._waited = _waited_for_a_core(pid)
        self._start = time.monotonic()
        self._grace = 0.0
        self.end = self._start + seconds  # of `time.monotonic`; it moves when it is reached and the machine was busy

    def is_over(self) -> bool:
        """Whether the limit has passed."""
        if time.monotonic() < self.end:
            return False
        waited = _waited_for_a_core(self._pid) - self._waited
        self._grace = min(max(waited, self._grace), (_MOST_PATIENCE - 1) * self._seconds)
        self.end = self._start + self._seconds + self._grace
        return time.monotonic() >= self.end

    def excuse(self) -> str:
        """What a learner should know where the machine had its part in it, and no more time could be given."""
        if self._grace < (_MOST_PATIENCE - 1) * self._seconds:
            return ""
        return f", and {_MOST_PATIENCE} times as long while the machine was busy"


class Worker:
    """A worker process, from its fork to its end."""

    def __init__(self, forkserver: Forkserver, hidden: Sequence[Path]):
        self._forkserver = forkserver
        self._scratch = scratch.new()
        try:
            self._pid, connection = forkserver.fork(self._scratch, hidden)
        except BaseException:
            scratch.remove(self._scratch)
            raise
        self._status: int | None = None  # once it is known that the process has ended
        self._channel = Channel(connection)
        self._looked = time.monotonic()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._pid

    @property
    def processor(self) -> float:
        """Seconds of a core that its first thread has had; 0 where the system does not say."""
        return _scheduled(self._pid)[0]

    def kill(self) -> None:
        """Ends the process, whoever waits for it."""
        self._forkserver.end(self._pid)

    def close(self) -> None:
        """Ends the process and removes its folder."""
        self._channel.close()
        try:
            if self._status is None:
                self._status = self._forkserver.end(self._pid)
        finally:
            scratch.remove(self._scratch)

    def load(self, order: Order, seconds: float) -> Loaded:
        """Has the submission loaded, within so many `seconds`.

        Raises:
            Stopped: the process did not get over a statement of it.
            GraderError: the process came to its end before it looked at the submission, which is not to blame.
        """
        self._get_ready(order)
        place: tuple[int, int] | None = None
        whole = Patience(self._pid, seconds)
        limit, patience = seconds, whole
        try:
            while True:
                kind, body = self._receive(patience, whole)
                if kind == Kind.LOADED:
                    if len(body) > _MAX_LOADED:
                        raise Broken(f"it told more than {_MAX_LOADED // 2**20} MiB about the file")
                    self._tell(signal.SIGSTOP)
                    return msgspec.msgpack.decode(body, type=Loaded)
                if kind == Kind.AT:
                    cell, line, imports = msgspec.msgpack.decode(body, type=tuple[int, int, bool])
                    place, limit = (cell, line), _IMPORT_SECONDS if imports else _STATEMENT_SECONDS
                    patience = Patience(self._pid, limit)
        except Late:
            late = whole if whole.is_over() else patience
            words = f"took longer than {_seconds(limit)}{late.excuse()}"
            raise Stopped(place, words, is_late=whole.is_over(), is_starved=bool(late.excuse())) from None
        except _GARBAGE as error:
            raise Stopped(place, self._death(error)) from None

    def _get_ready(self, order: Order) -> None:
        said = ""
        try:
            self._channel.send(Kind.LOAD, order, _SEND_SECONDS)
            patience = Patience(self._pid, _READY_SECONDS)
            while (frame := self._receive(patience))[0] != Kind.READY:
                said += msgspec.msgpack.decode(frame[1], type=str)
        except (Late, *_GARBAGE) as error:
            why = said.strip().rpartition("\n")[2] or self._death(error)
            raise GraderError(f"a process for learners' code could not be set up: {why}") from None

    def run(self, task: Task, count: int, seconds: float, point: Point | None) -> tuple[Answers, bool]:
        """Runs a task of `count` examples; what came of it, and whether the worker is fit for another."""
        answers = Answers([])
        observed = 0
        try:
            self._tell(signal.SIGCONT)
            self._channel.send(Kind.RUN, task, _SEND_SECONDS)
            patience = Patience(self._pid, seconds)
            while True:
                kind, body = self._receive(patience)
                if kind == Kind.SEEN and len(answers.seen) <= count:
                    observed += len(body)
                    if observed > _MAX_OBSERVED:
                        raise Broken(f"it returned more than {_MAX_OBSERVED // 2**20} MiB")
                    answers.seen += msgspec.msgpack.decode(body, type=_Batch)
                elif kind == Kind.POINT and point:
                    point(*msgspec.msgpack.decode(body, type=tuple[str, float]))
                elif kind == Kind.SAID:
                    answers.said = (answers.said + msgspec.msgpack.decode(body, type=str))[:_MAX_SAID]
                elif kind == Kind.DONE and len(answers.seen) == count:
                    self._tell(signal.SIGSTOP)
                    return answers, not msgspec.msgpack.decode(body, type=bool)
                else:
                    raise Broken("it broke the protocol")
        except Late:
            answers.stopped = "timed_out"
            answers.reason = f"no answer within {_seconds(seconds)}"
        except _GARBAGE as error:
            answers.stopped, answers.reason = "crashed", self._death(error)
        del answers.seen[count - 1 :]  # the task was not finished, so the last example was not
        return answers, False

    def _receive(self, *patience: "Patience") -> tuple[Kind, bytes]:
        """The next frame, while an eye is kept on the scratch folder. Raises Late when a patience is over."""
        while True:
            if time.monotonic() - self._looked >= _POLL_SECONDS:  # whether it talks or not
                self._look()
            with contextlib.suppress(Late):
                return self._channel.receive(min(self._looked + _POLL_SECONDS, *(each.end for each in patience)))
            if any(each.is_over() for each in patience):
                raise Late

    def _tell(self, number: int) -> None:
        """Between two tasks the process is stopped: a thread that somebody left behind does nothing unobserved."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, number)

    def _look(self) -> None:
        """Raises Broken where the worker takes more than it may."""
        self._looked = time.monotonic()
        if scratch.is_crammed(self._scratch, self._pid, _MAX_SCRATCH_BYTES, _MAX_SCRATCH_FILES):
            raise Broken(f"it wrote more than {_MAX_SCRATCH_BYTES // 2**20} MiB of files")
        if _threads(self._pid) > _MAX_THREADS:
            raise Broken(f"it started more than {_MAX_THREADS} threads")
        if _is_headless(self._pid):
            raise Broken("its main thread ended, and another went on")

    def _death(self, error: Exception) -> str:
        """How the process ended, in words; `error` says it where the process itself does not."""
        if self._status is None:
            self._status = self._forkserver.end(self._pid, dying=True)
        if self._status >= 0:
            return f"the process ended with exit status {self._status}"
        if self._status == -signal.SIGKILL:
            return f"the process was given up: {error}"
        return f"the process was killed by {_signal(-self._status)}"


def _seconds(number: float) -> str:
    return f"{number:g} second{'' if number == 1 else 's'}"


def _signal(number: int) -> str:
    """The name of a signal; real-time signals have none."""
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _waited_for_a_core(pid: int) -> float:
    """Seconds that the first thread of a process was ready to run, and others did; 0 where the system does not say."""
    return _scheduled(pid)[1]


def _scheduled(pid: int) -> tuple[float, float]:
    """Seconds that the first thread of a process had a core, and that it waited for one."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        had, waited, *_ = Path(f"/proc/{pid}/schedstat").read_text("ascii").split()
        return int(had) / 1e9, int(waited) / 1e9
    return 0.0, 0.0


def _is_headless(pid: int) -> bool:
    """Whether the first thread of a process has ended: the system then says nothing of its files any more."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(") ")[2][:1] == "Z"
    return False


def _threads(pid: int) -> int:
    """How many threads a process has; 0 where the system does not say."""
    with contextlib.suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/task"))
    return 0
