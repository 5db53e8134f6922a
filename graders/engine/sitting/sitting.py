"""Sits a paper: the trusted side of workers. It starts them, keeps the time, and takes down what they send."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import msgspec

from graders.engine.course import PROJECT
from graders.engine.errors import GraderError
from graders.engine.results import Status
from graders.engine.sitting import scratch
from graders.engine.values.channel import Broken, Channel, Kind, Late
from graders.engine.values.messages import Ahead, Loaded, Order, Seen, Task, Trouble

_IMPORT_SECONDS = 10.0  # for one import statement of a submission
_STATEMENT_SECONDS = 3.0  # for any other statement of it
_FILE_SECONDS = 30.0  # for loading all of it
_SEND_SECONDS = 5.0  # for a worker to take what it is sent
_POLL_SECONDS = 0.25  # how often it is looked at what a busy worker takes
_MEMORY = 2 * 2**30
_MAX_SCRATCH_BYTES = 64 * 2**20
_MAX_SCRATCH_FILES = 500  # and folders
_MAX_THREADS = 1000  # the limit on processes does not hold for root
_MAX_OBSERVED = 256 * 2**20  # bytes of all observations of a task
_MAX_LOADED = 4 * 2**20  # bytes of what is told of a file that was loaded
_MAX_RESTARTS = 10  # statements of one submission that may each cost a worker
_MAX_SAID = 8000
# What reading a frame can come to: the connection is broken, or the body is not what its kind says.
_GARBAGE = (Broken, msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_HOPELESS = "the process ended while the file was loaded, at no statement of it"
# All that a worker gets to know of the environment.
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from graders.engine.worker import forkserver; forkserver.main()"
)


Point = Callable[[str, float], None]
_Batch = Annotated[list[Seen], msgspec.Meta(max_length=100_000)]


class Answers(msgspec.Struct):
    """What came of running a probe on some inputs: as many observations as there were, what was printed, and why it
    stopped early, if it did."""

    seen: list[Seen]
    said: str = ""
    stopped: Status | None = None  # timed_out or crashed
    reason: str = ""


class Forkserver:
    """The process that workers are forked from. One serves any number of submissions, from several threads too."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process that writes to it
        path = [str(PROJECT), *(entry for entry in sys.path if entry)]
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment |= dict.fromkeys(_ONE_THREAD, "1") | {"PYTHONHASHSEED": "0", "PYTHONIOENCODING": "utf-8"}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, str(theirs.fileno()), json.dumps(path)],
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                start_new_session=True,
            )
        self._asking = threading.Lock()
        self._loaded: set[str] = set()
        # By the id of a sequence (held, so that it stays its own) and a seed: the numbers of its inputs, from and to.
        self._ready: dict[tuple[int, int], tuple[Sequence[bytes], tuple[int, int]]] = {}
        self._count = 0
        self.unprotected: str | None = None  # why this system cannot restrict workers, known after `preload`

    def __enter__(self) -> "Forkserver":
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()  # it ends its workers and itself when it sees that
        try:
            self._process.wait(_SEND_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def preload(self, names: Iterable[str]) -> None:
        """Imports modules, those that are installed, once for all workers to come."""
        missing = sorted(set(names) - self._loaded)
        if missing:
            self.unprotected = self._ask({"preload": missing})["unprotected"]
            self._loaded.update(missing)

    def make_ready(self, questions: Sequence[Sequence[bytes]], seed: int, probes: str, stub: str) -> None:
        """Decodes inputs and compiles probes, once for all workers to come: it pays where many submissions sit a paper.

        Args:
            questions: sequences of inputs; whoever passes one of these very sequences to `Sitting.sit` gains by it.
            seed: the one that will be passed with it.
            probes, stub: as they will stand in orders.
        """
        with tempfile.TemporaryFile() as file:
            ahead = Ahead(tuple(chain.from_iterable(questions)), seed, probes, stub)
            size = file.write(msgspec.msgpack.encode(ahead))
            file.seek(0)
            self._ask({"make_ready": size}, [file.fileno()])
        for inputs in questions:
            self._ready[id(inputs), seed] = (inputs, (self._count, self._count + len(inputs)))
            self._count += len(inputs)

    def task(self, probe: str, seed: int, inputs: Sequence[bytes]) -> Task:
        """The task to run a probe on inputs. Those that are ready are not sent again."""
        _, place = self._ready.get((id(inputs), seed), (None, None))
        return Task(probe, seed, ready=place) if place else Task(probe, seed, tuple(inputs))

    def fork(self, scratch: Path, hidden: Sequence[Path] = ()) -> tuple[int, socket.socket]:
        """A new worker that cannot read the folders `hidden`: its process id and the connection to it."""
        ours, theirs = socket.socketpair()
        with theirs:
            answer = self._ask(
                {"fork": str(scratch), "memory": _MEMORY, "hidden": [str(path) for path in hidden]}, [theirs.fileno()]
            )
        return answer["pid"], ours

    def end(self, pid: int, dying: bool = False) -> int:
        """Kills a worker, after a moment's grace if it is `dying` by itself. Its exit status, negative for a signal."""
        return int(self._ask({"end": pid, "dying": dying}).get("status", -signal.SIGKILL))

    def _ask(self, request: dict[str, Any], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        try:
            with self._asking:
                socket.send_fds(self._control, [json.dumps(request).encode()], descriptors)
                answer = self._control.recv(65536)
        except OSError:
            answer = b""
        if not answer:
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
            raise GraderError(f"the process that starts workers has ended: {lines[-1] if lines else 'no reason given'}")
        return dict(json.loads(answer))


class Sitting:
    """One submission at its desk: a worker that has it loaded, replaced by a fresh one when it hangs or dies.

    Args:
        forkserver: where workers come from.
        order: what they load.
        hidden: folders of libraries that they cannot read.
    """

    def __init__(self, forkserver: Forkserver, order: Order, hidden: Sequence[Path] = ()):
        self._forkserver, self._order, self._hidden = forkserver, order, hidden
        self._worker: _Worker | None = None
        self.loaded = Loaded({}, frozenset(), ())
        self._used = False  # something has run in this worker
        self._stopped = False

    def __enter__(self) -> "Sitting":
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    @property
    def is_fresh(self) -> bool:
        """Whether the next task is the first of its worker."""
        return self._worker is None or not self._used

    def leave(self) -> None:
        """Ends the worker. The next task gets a new one."""
        if self._worker:
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
            self._worker = _Worker(self._forkserver, self._hidden)
            end = time.monotonic() + _FILE_SECONDS
            try:
                loaded = self._worker.load(self._order, end)
                if not self._order.stub:
                    loaded = msgspec.structs.replace(loaded, unattempted=self.loaded.unattempted)
                self.loaded, self._used = loaded, False
                self._order = msgspec.structs.replace(self._order, stub="")  # compared once, not by each fresh worker
                return self.loaded
            except _Stopped as stop:
                self._order = _without(self._order, stop, time.monotonic() >= end)
        self.leave()
        self._order = msgspec.structs.replace(self._order, until=(0, 0))  # it is not tried again
        self.loaded = Loaded({}, frozenset(), (Trouble(0, 1, _HOPELESS, ()),))
        return self.loaded

    def sit(
        self, probe: str, inputs: Sequence[bytes], seed: int, seconds: float, point: Point | None = None
    ) -> Answers:
        """Runs `probe` on `inputs`, all within `seconds` of wall-clock time.

        Args:
            point: called with each value that an experiment yields, and the name of its curve.
        """
        if self._stopped:
            return Answers([], stopped="crashed", reason="it was stopped")
        if self._worker is None:
            self.load()
        if self._worker is None:
            return Answers([], stopped="crashed", reason=_HOPELESS)
        self._used = True
        task = self._forkserver.task(probe, seed, inputs)
        answers, reusable = self._worker.run(task, len(inputs), seconds, point)
        if not reusable:
            self.leave()
        return answers


class _Stopped(Exception):
    """Loading ended early at a statement, for a reason."""

    def __init__(self, place: tuple[int, int] | None, reason: str):
        super().__init__(reason)
        self.place, self.reason = place, reason


def _without(order: Order, stop: _Stopped, late: bool) -> Order:
    """The order for the next try, after a worker was lost at a statement."""
    if stop.place is None or order.until == stop.place:
        return msgspec.structs.replace(order, until=(0, 0))
    if late or len(order.skip) >= _MAX_RESTARTS:
        return msgspec.structs.replace(order, until=stop.place)
    return msgspec.structs.replace(order, skip={**order.skip, stop.place: stop.reason})


class _Worker:
    """A worker process, from its fork to its end."""

    def __init__(self, forkserver: Forkserver, hidden: Sequence[Path]):
        self._forkserver = forkserver
        self._scratch = Path(tempfile.mkdtemp(prefix="grading-"))
        try:
            self._pid, connection = forkserver.fork(self._scratch, hidden)
        except BaseException:
            scratch.remove(self._scratch)
            raise
        self._status: int | None = None  # once it is known that the process has ended
        self._channel = Channel(connection)
        self._looked = time.monotonic()

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

    def load(self, order: Order, end: float) -> Loaded:
        """Has the submission loaded before the time `end`. Raises _Stopped with the statement it could not get over."""
        place: tuple[int, int] | None = None
        limit = deadline = end
        try:
            self._channel.send(Kind.LOAD, order, _SEND_SECONDS)
            while True:
                kind, body = self._receive(deadline)
                if kind == Kind.LOADED:
                    if len(body) > _MAX_LOADED:
                        raise Broken(f"it told more than {_MAX_LOADED // 2**20} MiB about the file")
                    return msgspec.msgpack.decode(body, type=Loaded)
                if kind == Kind.AT:
                    cell, line, imports = msgspec.msgpack.decode(body, type=tuple[int, int, bool])
                    place, limit = (cell, line), _IMPORT_SECONDS if imports else _STATEMENT_SECONDS
                    deadline = min(end, time.monotonic() + limit)
        except Late:
            raise _Stopped(place, f"took longer than {_seconds(limit)}") from None
        except _GARBAGE as error:
            raise _Stopped(place, self._death(error)) from None

    def run(self, task: Task, count: int, seconds: float, point: Point | None) -> tuple[Answers, bool]:
        """Runs a task of `count` examples; what came of it, and whether the worker is fit for another."""
        answers = Answers([])
        deadline = time.monotonic() + seconds
        observed = 0
        try:
            self._channel.send(Kind.RUN, task, _SEND_SECONDS)
            while True:
                kind, body = self._receive(deadline)
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
                    return answers, not msgspec.msgpack.decode(body, type=bool)
                else:
                    raise Broken("it broke the protocol")
        except Late:
            answers.stopped, answers.reason = "timed_out", f"no answer within {_seconds(seconds)}"
        except _GARBAGE as error:
            answers.stopped, answers.reason = "crashed", self._death(error)
        del answers.seen[count - 1 :]  # the task was not finished, so the last example was not
        return answers, False

    def _receive(self, deadline: float) -> tuple[Kind, bytes]:
        """The next frame, while an eye is kept on the scratch folder."""
        while True:
            if time.monotonic() - self._looked >= _POLL_SECONDS:  # whether it talks or not
                self._look()
            with contextlib.suppress(Late):
                return self._channel.receive(min(deadline, self._looked + _POLL_SECONDS))
            if time.monotonic() >= deadline:
                raise Late

    def _look(self) -> None:
        """Raises Broken where the worker takes more than it may."""
        self._looked = time.monotonic()
        if scratch.is_crammed(self._scratch, self._pid, _MAX_SCRATCH_BYTES, _MAX_SCRATCH_FILES):
            raise Broken(f"it wrote more than {_MAX_SCRATCH_BYTES // 2**20} MiB of files")
        if _threads(self._pid) > _MAX_THREADS:
            raise Broken(f"it started more than {_MAX_THREADS} threads")

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


def _threads(pid: int) -> int:
    """How many threads a process has; 0 where the system does not say."""
    with contextlib.suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/task"))
    return 0
