"""The process that workers are forked from, as the deciding side sees it: it is started, asked, and ended here."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from graders.engine import threads
from graders.engine.course import PROJECT, Course
from graders.engine.errors import GraderError
from graders.engine.sitting import scratch
from graders.engine.values.messages import Ahead, Task

_END_SECONDS = 5.0  # for it to end by itself
_MEMORY = 2 * 2**30
# All that a worker gets to know of the environment.
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from graders.engine.worker import forkserver; forkserver.main()"
)


class Forkserver:
    """The process that workers are forked from. One serves any number of submissions, from several threads too.

    Args:
        secrets: folders that no worker may read, wherever they lie; None is those of this course.
    """

    def __init__(self, secrets: Sequence[Path] | None = None) -> None:
        scratch.clear_left_behind()
        self._control, theirs = socket.socketpair()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process that writes to it
        path = [str(PROJECT), *(entry for entry in sys.path if entry)]
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment |= threads.ONE | {"PYTHONHASHSEED": "0", "PYTHONIOENCODING": "utf-8"}
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
        secrets = Course().secrets if secrets is None else secrets
        self._secrets = [path.resolve() for path in secrets if path.exists()]
        self.unprotected: str | None = None  # why this system cannot restrict workers, known after `preload`

    def __enter__(self) -> "Forkserver":
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()  # it ends its workers and itself when it sees that
        try:
            self._process.wait(_END_SECONDS)
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
            out_of_reach = [str(path) for path in (*self._secrets, *hidden)]
            answer = self._ask({"fork": str(scratch), "memory": _MEMORY, "hidden": out_of_reach}, [theirs.fileno()])
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
