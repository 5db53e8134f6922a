"""What runs on a worker of a cluster: a look at what is installed, and a desk with the papers at which jobs are graded.

It is imported by dask's process, and by the processes that grade. Bytes are exchanged with the client, not objects of
ours, but for the desk itself.
"""

import hashlib
import os
import platform
import subprocess
import sys
import warnings
import weakref
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import msgspec

from graders.cohort.grading import Outcome, bring, grade_one
from graders.cohort.pool import JOB_SECONDS, ended, serve
from graders.engine.course import PROJECT
from graders.engine.setting.paper import Sealed, opened
from graders.engine.worker import sandbox

_END_SECONDS = 5.0  # for a process whose connection has closed to be gone
# A result may change with the release of these, or does not come to be where they differ.
_LIBRARIES = ("dask", "distributed", "einops", "gymnasium", "hypothesis", "jaxtyping", "msgspec", "numpy",
              "torch")  # fmt: skip
_SOURCES = ("graders", "reference", "exercises/given")  # what is read to grade, in a course's folder


class Seen(NamedTuple):
    """What results depend on besides the papers, by name, as it is on one machine; and why it has no sandbox."""

    installed: dict[str, str]
    no_sandbox: str | None


def look(root: str) -> Seen:
    """Looks at this machine, where the course is in the folder `root`."""
    installed = {"Python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for name in _LIBRARIES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            installed[name] = "missing"
    installed["the grader's code"] = _digest(PROJECT)
    installed[f"the course in {root}"] = _digest(Path(root))
    return Seen(installed, sandbox.support())


def _digest(folder: Path) -> str:
    digest = hashlib.blake2b(digest_size=8)
    paths = sorted(path for name in _SOURCES for path in (folder / name).rglob("*.py"))
    try:
        for path in paths:
            digest.update(hashlib.blake2b(bytes(path.relative_to(folder))).digest())
            digest.update(hashlib.blake2b(path.read_bytes()).digest())
    except OSError as error:
        return f"unreadable ({error.strerror})"
    return digest.hexdigest() if paths else "missing"


class Desk:
    """What a worker holds for a run: the papers, and processes that grade, as many as its threads ask for at a time.

    Threads of dask's process do not grade: a process of its own has signals, a main thread and modules that are loaded
    anew, can be killed when it hangs, and dies alone. Where this object is dropped, its processes end.
    """

    def __init__(self, root: str, papers: bytes):
        self._root, self._papers = root, papers
        self._idle: list[_Process] = []
        weakref.finalize(self, _end_all, self._idle)

    def __reduce__(self) -> tuple[type["Desk"], tuple[str, bytes]]:
        return Desk, (self._root, self._papers)  # its processes stay where they are

    def grade(self, job: bytes) -> bytes:
        """Grades a `Job`; an `Outcome`, or a text that says why there is none. All as bytes of msgpack."""
        try:
            process = self._idle.pop()
        except IndexError:
            process = _Process(self._root, self._papers)
        answer = process.answer(job)
        if not process.has_ended:
            self._idle.append(process)
        return answer


class _Process:
    """A process that grades, seen from dask's."""

    def __init__(self, root: str, papers: bytes):
        from distributed import get_worker

        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno()), root],
                cwd=PROJECT,
                env=os.environ | {"TMPDIR": get_worker().local_directory},  # dask sweeps there, whatever dies
                pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE,  # closed when dask's process ends, however it does
            )
        with suppress(OSError):  # it has died already, which its answer will say
            self._connection.send_bytes(papers)

    @property
    def has_ended(self) -> bool:
        """Whether it takes no more jobs."""
        return self._process.returncode is not None

    def answer(self, job: bytes) -> bytes:
        """Its answer, or what became of it. It has ended if that is no `Outcome`."""
        why = f"it was not done within {JOB_SECONDS:g} seconds"
        try:
            self._connection.send_bytes(job)
            if self._connection.poll(JOB_SECONDS):
                answer = self._connection.recv_bytes()
                if isinstance(msgspec.msgpack.decode(answer, type=Outcome | str), str):
                    self.end()
                return answer
            self.end()
        except (EOFError, OSError):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)
            self.end()
            why = ended(self._process.returncode)
        return msgspec.msgpack.encode(why)

    def end(self) -> None:
        """Kills it. One that has nothing to do has nothing to clear away."""
        self._process.kill()
        self._process.communicate()
        self._connection.close()


def _end_all(processes: list[_Process]) -> None:
    while processes:
        processes.pop().end()


def main() -> None:
    """Entry point of a process that grades; argv holds a connection's descriptor and the course's folder."""
    warnings.simplefilter("ignore")
    connection = Connection(int(sys.argv[1]))
    sealed = msgspec.msgpack.decode(connection.recv_bytes(), type=dict[str, Sealed])
    bring(Path(sys.argv[2]), {name: opened(each) for name, each in sealed.items()})
    serve(connection, grade_one, sys.stdin.buffer.read)


if __name__ == "__main__":
    main()
