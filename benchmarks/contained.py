"""Runs a grader on a hostile submission so that the machine survives it, and says what it left behind. Linux only.

A run has limits on memory, processor time, processes, files and their size, no capabilities, a session, a home, a
folder for temporary files and an environment of its own, and a time limit, after which all its processes are killed.
Where the system lets us, it also has namespaces of its own: its processes see no others and end with it, it has no
network but its own loopback, and its /tmp is a folder of its room. `how()` says which of both a run gets.

    room/
        work/        where the grader is run; what the caller has put there
        home/ temporary/ shared/      HOME, TMPDIR, /tmp
        stdout stderr                 what the run said
"""

import ctypes
import fcntl
import functools
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TMP = Path("/tmp")
UNSHARE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--ipc", "--net"]
WRAPPERS = ([*UNSHARE], [*UNSHARE, "--user", "--map-root-user"], [])  # as root, as somebody else, and without
GIB, MIB = 2**30, 2**20
PROCESSES = 2000  # of the user, and not of root, in Linux: only the time limit ends what root forks
GRACE = 2  # seconds in which what the grader has started may end by itself
SUBREAPER, DROP_FROM_BOUNDING_SET, CLEAR_AMBIENT, CAPABILITIES = 36, 24, (47, 4), 41
SET_FLAGS, UP_AND_RUNNING = 0x8914, 0x41  # of a network interface
LIBC = ctypes.CDLL(None)


class Ended(NamedTuple):
    """How a run ended: its exit status, or None if it took too long, and the processes that outlived it."""

    status: int | None
    left: list[str]


def run(command: Sequence[object], room: Path, needed: Sequence[Path], secret: str, seconds: float) -> Ended:
    """Runs a command in `room/work`.

    Args:
        command: what to run; its program's folder comes first on the path.
        room: a folder as shown above; what is missing of it is made.
        needed: folders that the command reads; of those below /tmp it sees no others.
        secret: stands in the environment of the run.
        seconds: the time limit.
    """
    return _kept(_wrapper(), command, room, needed, secret, seconds)


def how() -> str:
    """Whether a run has namespaces of its own, in words."""
    return "limits and namespaces of its own" if _wrapper() else "limits, but no namespaces of its own"


@functools.cache
def _wrapper() -> list[str]:
    """The first way to get namespaces that works here. The last is to have none."""
    return next(filter(_works, WRAPPERS))


def _works(wrapper: list[str]) -> bool:
    with tempfile.TemporaryDirectory() as room:
        try:
            return _kept(wrapper, ["true"], Path(room), [], "", 10).status == 0
        except (OSError, subprocess.CalledProcessError):
            return False


def _kept(
    wrapper: list[str], command: Sequence[object], room: Path, needed: Sequence[Path], secret: str, seconds: float
) -> Ended:
    """Has this file, as a program, run the command and look after it."""
    for name in ("work", "home", "temporary", "shared"):
        (room / name).mkdir(parents=True, exist_ok=True)
    folders = [room, ROOT, Path(sys.prefix), Path(sys.base_prefix), *needed]
    order = {
        "command": list(map(str, command)), "room": str(room), "folders": list(map(str, folders)),
        "seconds": seconds, "secret": secret, "is_apart": bool(wrapper),
    }  # fmt: skip
    keeper = [*wrapper, sys.executable, __file__, json.dumps(order)]
    done = subprocess.run(keeper, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return Ended(**json.loads(done.stdout))


# %% Inside


def keep(order: dict) -> Ended:
    """Runs the command, and kills what is left of it."""
    room = Path(order["room"])
    assert LIBC.prctl(SUBREAPER, 1, 0, 0, 0) == 0  # what outlives its parent becomes a child of this process
    if order["is_apart"]:
        _own_tmp(room / "shared", map(Path, order["folders"]))
        _own_network()
    with (room / "stdout").open("wb") as stdout, (room / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            order["command"],
            cwd=room / "work",
            env=_variables(order, room),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            preexec_fn=lambda: _limit(order["seconds"]),
        )
        try:
            status = process.wait(order["seconds"])
        except subprocess.TimeoutExpired:
            status = None
        left = [] if status is None else _outliving()
        _end_all(process)
    return Ended(status, left)


def _variables(order: dict, room: Path) -> dict[str, str]:
    """The environment: nothing of ours but the path and the language, and a secret as a grader may have it."""
    programs = Path(order["command"][0]).parent
    return {
        "PATH": f"{programs}:{os.environ['PATH']}", "LANG": os.environ.get("LANG", "C.UTF-8"),
        "HOME": str(room / "home"), "TMPDIR": str(room / "temporary"), "PYTHONDONTWRITEBYTECODE": "1",
        "GRADER_SECRET": order["secret"], "GITHUB_TOKEN": order["secret"],
    }  # fmt: skip


def _limit(seconds: float) -> None:
    processor = max(1, int(2 * seconds))  # the time limit comes first; 0 would kill at once on some kernels
    limits = {resource.RLIMIT_AS: 4 * GIB, resource.RLIMIT_FSIZE: 64 * MIB, resource.RLIMIT_CPU: processor,
              resource.RLIMIT_NPROC: PROCESSES, resource.RLIMIT_NOFILE: 1024, resource.RLIMIT_CORE: 0}  # fmt: skip
    for limit, most in limits.items():
        hard = resource.getrlimit(limit)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, most))
    for capability in range(CAPABILITIES):
        LIBC.prctl(DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)
    LIBC.prctl(*CLEAR_AMBIENT, 0, 0, 0)


def _own_tmp(shared: Path, folders: Iterator[Path]) -> None:
    """Puts a folder in the place of /tmp, with those folders in it that are needed."""
    for folder in folders:
        if folder.is_relative_to(TMP):
            place = shared / folder.relative_to(TMP)
            place.mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "--bind", folder, place], check=True)
    subprocess.run(["mount", "--rbind", shared, TMP], check=True)


def _own_network() -> None:
    """Switches on the loopback, by which notebooks talk to their kernels."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        fcntl.ioctl(asked, SET_FLAGS, struct.pack("16sH14x", b"lo", UP_AND_RUNNING))


def _outliving() -> list[str]:
    """The names of the processes that are still there after some time."""
    deadline = time.monotonic() + GRACE
    while (alive := list(_descendants(os.getpid()))) and time.monotonic() < deadline:
        time.sleep(0.02)
    return sorted(_name(pid) for pid in alive)


def _end_all(process: subprocess.Popen) -> None:
    """Kills the session, and then whoever has left it, until there is nobody."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    while alive := list(_descendants(os.getpid())):
        for pid in alive:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _descendants(pid: int) -> Iterator[int]:
    """Those processes below a process that have not ended; children of this one that have are seen off."""
    for child in _children(pid):
        if pid == os.getpid() and os.waitpid(child, os.WNOHANG) != (0, 0):
            continue
        yield child
        yield from _descendants(child)


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for task in Path(f"/proc/{pid}/task").iterdir()
                for child in (task / "children").read_text().split()]  # fmt: skip
    except OSError:  # it has just ended
        return []


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "a process"


if __name__ == "__main__":
    print(json.dumps(keep(json.loads(sys.argv[1]))._asdict()))
