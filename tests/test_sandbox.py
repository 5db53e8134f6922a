"""The sandbox, tried from inside: each test forks a process, restricts it, and does something there."""

import ctypes
import mmap
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import pytest
import torch

from graders.engine.worker import sandbox

PROJECT = Path(sandbox.__file__).parents[3]
MEMORY = 2**30
NEW_USER_NAMESPACE = 0x10000000
CLONE3 = 435  # on every processor
PTRACE_SEIZE = 0x4206

needs_sandbox = pytest.mark.skipif(sandbox.support() is not None, reason=str(sandbox.support()))

Sandboxed = Callable[[Callable[[], Any]], Any]


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def sandboxed(scratch: Path) -> Sandboxed:
    """Calls a function in a restricted process; what it returns or raises comes back."""

    def run(behaviour: Callable[[], Any]) -> Any:
        def restricted() -> Any:
            tempfile.tempdir = str(scratch)
            torch.set_num_threads(1)  # OpenMP threads do not survive a fork
            sandbox.restrict(sandbox.interpreter_paths(), scratch, MEMORY)
            return behaviour()

        return in_child(restricted)

    return run


def in_child(behaviour: Callable[[], Any]) -> Any:
    end, start = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(end)
        os.write(start, pickle.dumps(outcome(behaviour)))
        os._exit(0)
    os.close(start)
    with open(end, "rb") as answer:
        data = answer.read()
    os.waitpid(child, 0)
    assert data, "the process died"
    returned, error = pickle.loads(data)
    if error is not None:
        raise error
    return returned


def outcome(behaviour: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return behaviour(), None
    except BaseException as error:
        return None, error


def call_c(function: str, *arguments: object) -> None:
    """Calls what Python itself does not offer, or would alter."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc[function](*arguments) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


# What learners need goes on working


@needs_sandbox
def test_numpy_works(sandboxed: Sandboxed) -> None:
    def solve() -> float:
        matrix = np.random.default_rng(0).normal(size=(60, 60))
        np.linalg.svd(matrix)
        return float(np.abs(matrix @ np.linalg.solve(matrix, np.ones(60)) - 1).max())

    assert sandboxed(solve) < 1e-6


@needs_sandbox
def test_torch_works(sandboxed: Sandboxed) -> None:
    def gradient() -> list[int]:
        torch.manual_seed(0)
        images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1), requires_grad=True)
        convolved = torch.nn.Conv2d(3, 4, 3)(images).flatten(1)
        torch.linalg.svd(convolved).S.sum().backward()
        assert images.grad is not None
        return list(images.grad.shape)

    assert sandboxed(gradient) == [2, 3, 16, 16]


@needs_sandbox
def test_an_optimizer_trains(sandboxed: Sandboxed) -> None:
    def train() -> float:
        weight = torch.ones(3, requires_grad=True)
        optimizer = torch.optim.Adam([weight], lr=0.1)  # torch imports its compiler here
        for _ in range(50):
            optimizer.zero_grad()
            weight.square().sum().backward()
            optimizer.step()
        return weight.square().sum().item()

    assert sandboxed(train) < 0.1


@needs_sandbox
def test_random_numbers_are_the_same_as_outside(sandboxed: Sandboxed) -> None:
    def draw() -> list[float]:
        torch.manual_seed(3)
        return [*torch.rand(2).tolist(), *np.random.default_rng(3).random(2).tolist(), float(len(os.urandom(4)))]

    assert sandboxed(draw) == draw()


@needs_sandbox
def test_libraries_are_imported_after_the_restriction(scratch: Path) -> None:
    """In a new interpreter, so that torch is not loaded yet; with two threads, which is what OpenMP starts at once."""
    program = (
        "import sys; from pathlib import Path; from graders.engine.worker import sandbox;"
        "sandbox.restrict(sandbox.interpreter_paths(), Path(sys.argv[1]), 8 * 2**30);"
        "assert not {'numpy', 'torch', 'sqlite3', 'networkx'} & set(sys.modules);"
        "import sqlite3, networkx, torch; torch.set_num_threads(2);"
        "a = torch.rand(400, 400); print((a @ a).shape, torch.cuda.is_available())"
    )
    run = subprocess.run([sys.executable, "-c", program, scratch], cwd=PROJECT, capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("torch.Size([400, 400]) False\n", "")


@needs_sandbox
def test_threads_work(sandboxed: Sandboxed) -> None:
    def square_in_threads() -> list[int]:
        squares: Queue[int] = Queue()
        threads = [threading.Thread(target=lambda n=n: squares.put(n * n)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        return sorted(squares.get(timeout=60) for _ in threads)

    assert sandboxed(square_in_threads) == [0, 1, 4, 9]


@needs_sandbox
def test_temporary_files_work(sandboxed: Sandboxed) -> None:
    def write_and_read() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "a")
            file.write_bytes(b"first")
            file.write_bytes(b"text")
            file.rename(file.with_name("b"))
            return Path(folder, "b").read_bytes()

    assert sandboxed(write_and_read) == b"text"


@needs_sandbox
def test_a_signal_to_itself_arrives(sandboxed: Sandboxed) -> None:
    def interrupt() -> list[int]:
        arrived: list[int] = []
        signal.signal(signal.SIGUSR1, lambda number, frame: arrived.append(number))
        os.kill(os.getpid(), signal.SIGUSR1)
        signal.raise_signal(signal.SIGUSR1)
        return arrived

    assert sandboxed(interrupt) == [signal.SIGUSR1] * 2


# Files


@needs_sandbox
@pytest.mark.parametrize("path", ["/etc/passwd", "/proc/self/environ", __file__, sandbox.__file__])
def test_other_files_are_not_readable(sandboxed: Sandboxed, path: str) -> None:
    assert Path(path).read_bytes()
    with pytest.raises(PermissionError):
        sandboxed(Path(path).read_bytes)


@needs_sandbox
@pytest.mark.parametrize("folder", ["/", "/proc", "/tmp", str(PROJECT), str(PROJECT / "reference")])
def test_other_folders_are_not_readable(sandboxed: Sandboxed, folder: str) -> None:
    with pytest.raises(PermissionError):
        sandboxed(lambda: os.listdir(folder))


@needs_sandbox
def test_a_link_does_not_lead_out(sandboxed: Sandboxed, scratch: Path) -> None:
    (scratch / "link").symlink_to("/etc/passwd")
    with pytest.raises(PermissionError):
        sandboxed((scratch / "link").read_text)


@needs_sandbox
def test_a_readable_folder_is_readable_and_no_more(scratch: Path, tmp_path: Path) -> None:
    (given := tmp_path / "given").mkdir()
    (given / "toy.py").write_text("weight = 1")

    def read_then_write() -> list[object]:
        sandbox.restrict([given], scratch, MEMORY)
        return [(given / "toy.py").read_text(), outcome(lambda: (given / "toy.py").write_text("weight = 2"))[1]]

    text, refusal = in_child(read_then_write)
    assert text == "weight = 1"
    assert isinstance(refusal, PermissionError)


@needs_sandbox
@pytest.mark.parametrize("name", ["new", "existing"])
def test_nothing_is_written_outside_scratch(sandboxed: Sandboxed, tmp_path: Path, name: str) -> None:
    (tmp_path / "existing").write_text("kept")
    with pytest.raises(PermissionError):
        sandboxed(lambda: (tmp_path / name).write_text("changed"))
    assert (tmp_path / "existing").read_text() == "kept"


@needs_sandbox
@pytest.mark.parametrize(
    "change",
    [
        lambda path: os.chmod(path, 0o777),
        lambda path: os.chown(path, os.getuid(), os.getgid()),
        lambda path: os.utime(path, (0, 0)),
        lambda path: os.truncate(path, 0),
        lambda path: os.setxattr(path, "user.note", b"1"),
        lambda path: os.unlink(path),
        lambda path: os.rename(path, f"{path}.old"),
        lambda path: os.symlink(path, f"{path}.link"),
        lambda path: os.open(path, os.O_RDONLY | os.O_TRUNC),
    ],
    ids=["chmod", "chown", "utime", "truncate", "setxattr", "unlink", "rename", "symlink", "open and truncate"],
)
def test_a_file_of_its_own_user_is_not_changed(
    sandboxed: Sandboxed, tmp_path: Path, change: Callable[[Path], Any]
) -> None:
    (file := tmp_path / "file").write_text("kept")
    before = file.stat()
    with pytest.raises(PermissionError):
        sandboxed(lambda: change(file))
    assert file.stat() == before


@needs_sandbox
def test_reading_does_not_empty_a_file(sandboxed: Sandboxed, scratch: Path) -> None:
    """Where the path may be written Landlock has no objection, so that this is the system call filter alone."""
    (scratch / "file").write_text("kept")
    with pytest.raises(PermissionError):
        sandboxed(lambda: os.open(scratch / "file", os.O_RDONLY | os.O_TRUNC))


@needs_sandbox
def test_a_large_file_is_not_written(sandboxed: Sandboxed, scratch: Path) -> None:
    with pytest.raises(OSError, match="File too large"):
        sandboxed(lambda: (scratch / "large").write_bytes(bytes(sandbox.FILE_SIZE + 1)))
    sandboxed(lambda: (scratch / "small").write_bytes(bytes(sandbox.FILE_SIZE)))


@needs_sandbox
def test_few_files_are_open_at_once(sandboxed: Sandboxed) -> None:
    with pytest.raises(OSError, match="Too many open files"):
        sandboxed(lambda: [os.open(os.devnull, os.O_RDONLY) for _ in range(sandbox.OPEN_FILES + 1)])


# Other processes and the network


@needs_sandbox
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW])
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK])
def test_no_socket_is_made(sandboxed: Sandboxed, family: int, kind: int) -> None:
    with pytest.raises(PermissionError):
        sandboxed(lambda: socket.socket(family, kind).fileno())


@needs_sandbox
def test_no_pair_of_sockets_is_made(sandboxed: Sandboxed) -> None:
    with pytest.raises(PermissionError):
        sandboxed(lambda: len(socket.socketpair()))


@needs_sandbox
def test_a_socket_it_already_has_sends_to_its_other_end_only(scratch: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind(str(scratch / "elsewhere"))

        def send() -> None:
            sandbox.restrict([], scratch, MEMORY)
            theirs.send(b"answer")
            theirs.sendto(b"message", str(scratch / "elsewhere"))

        with pytest.raises(PermissionError):
            in_child(send)
        assert ours.recv(100) == b"answer"


@needs_sandbox
@pytest.mark.parametrize(
    "start",
    [
        lambda: os.fork() or os._exit(0),
        lambda: subprocess.run([sys.executable, "--version"]),
        lambda: os.posix_spawn(sys.executable, [sys.executable, "--version"], {}),
        lambda: os.execv(sys.executable, [sys.executable, "--version"]),
    ],
    ids=["fork", "subprocess", "posix_spawn", "exec"],
)
def test_no_program_and_no_process_is_started(sandboxed: Sandboxed, start: Callable[[], Any]) -> None:
    with pytest.raises(PermissionError):
        sandboxed(start)


@needs_sandbox
def test_clone3_is_not_there(sandboxed: Sandboxed) -> None:
    """Its flags are in memory, where a filter cannot see whether they ask for a thread or for a process."""
    with pytest.raises(OSError, match="Function not implemented"):
        sandboxed(lambda: call_c("syscall", ctypes.c_long(CLONE3), None, ctypes.c_size_t(0)))


@needs_sandbox
@pytest.mark.parametrize("process", [os.getpid, lambda: 0, lambda: -1, lambda: 1], ids=["parent", "group", "all", "1"])
def test_no_signal_reaches_another_process(sandboxed: Sandboxed, process: Callable[[], int]) -> None:
    target = process()
    with pytest.raises(PermissionError):
        sandboxed(lambda: os.kill(target, 0))


@needs_sandbox
def test_a_pipe_does_not_signal_another_process(sandboxed: Sandboxed) -> None:
    """F_SETOWN with F_SETSIG has the kernel send any signal to any process of the user when the pipe has data."""
    import fcntl

    parent = os.getpid()
    with pytest.raises(OSError, match="Function not implemented"):
        sandboxed(lambda: fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, parent))


@needs_sandbox
def test_nothing_is_typed_into_the_terminal(scratch: Path) -> None:
    import fcntl
    import pty
    import termios

    controller, terminal = pty.openpty()

    def type_in() -> None:
        sandbox.restrict([], scratch, MEMORY)
        assert os.isatty(terminal)
        fcntl.ioctl(terminal, termios.TIOCSTI, b"x")

    with pytest.raises(OSError, match="Function not implemented"):
        in_child(type_in)
    os.close(controller)
    os.close(terminal)


@needs_sandbox
def test_no_process_is_traced(sandboxed: Sandboxed) -> None:
    parent = os.getpid()
    with pytest.raises(PermissionError):
        sandboxed(lambda: call_c("ptrace", PTRACE_SEIZE, parent, None, None))


@needs_sandbox
@pytest.mark.parametrize(
    "change",
    [
        lambda parent: resource.prlimit(parent, resource.RLIMIT_CPU),
        lambda parent: os.sched_setaffinity(parent, {0}),
        lambda parent: os.setpriority(os.PRIO_PROCESS, parent, 19),
        lambda parent: os.pidfd_open(parent),
    ],
    ids=["limits", "processors", "priority", "pidfd"],
)
def test_other_processes_are_left_alone(sandboxed: Sandboxed, change: Callable[[int], Any]) -> None:
    parent = os.getpid()
    with pytest.raises(PermissionError):
        sandboxed(lambda: change(parent))


# Memory and privileges


@needs_sandbox
def test_memory_within_the_budget_is_given(sandboxed: Sandboxed) -> None:
    assert sandboxed(lambda: int(np.ones(MEMORY // 2, dtype=np.uint8)[-1])) == 1


@needs_sandbox
@pytest.mark.parametrize("take", [bytearray, np.ones], ids=["Python", "numpy"])
def test_memory_over_the_budget_is_a_memory_error(sandboxed: Sandboxed, take: Callable[[int], Any]) -> None:
    with pytest.raises(MemoryError):
        sandboxed(lambda: len(take(2 * MEMORY)))  # at the very limit, memory that the process had given back counts


@needs_sandbox
def test_memory_cannot_be_had_through_the_back_door(sandboxed: Sandboxed) -> None:
    with pytest.raises(OSError, match="Cannot allocate memory"):
        sandboxed(lambda: mmap.mmap(-1, 2 * MEMORY).close())
    with pytest.raises(PermissionError):
        sandboxed(lambda: os.memfd_create("memory"))


@needs_sandbox
def test_no_privilege_is_left(scratch: Path) -> None:
    def privileges() -> dict[str, str]:
        with open("/proc/thread-self/status") as status:  # opened before, read after
            sandbox.restrict([], scratch, MEMORY)
            return {name: value.strip() for name, _, value in (line.partition(":") for line in status)}

    found = in_child(privileges)
    assert {int(found[kind], 16) for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")


@needs_sandbox
@pytest.mark.parametrize(
    "undo",
    [
        lambda: resource.setrlimit(resource.RLIMIT_AS, (-1, -1)),
        lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096)),
        lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
        lambda: os.setuid(os.getuid()),
        lambda: os.setsid(),
        lambda: os.chroot("."),
        lambda: call_c("unshare", NEW_USER_NAMESPACE),
    ],
    ids=["memory limit", "files limit", "core limit", "setuid", "setsid", "chroot", "unshare"],
)
def test_nothing_is_taken_back(sandboxed: Sandboxed, undo: Callable[[], Any]) -> None:
    with pytest.raises((ValueError, PermissionError)):
        sandboxed(undo)


@needs_sandbox
def test_it_dies_with_its_parent(scratch: Path) -> None:
    end, start = os.pipe()
    forkserver = os.fork()
    if forkserver == 0:
        try:
            if os.fork() == 0:
                sandbox.restrict([], scratch, MEMORY)
                os.write(start, b"ready")
                time.sleep(60)
                os.write(start, b"left behind")
            time.sleep(60)
        finally:
            os._exit(0)
    os.close(start)
    assert os.read(end, 100) == b"ready"
    os.kill(forkserver, signal.SIGKILL)
    os.waitpid(forkserver, 0)
    assert os.read(end, 100) == b""  # the end of the pipe: nobody holds it any more
    os.close(end)


@needs_sandbox
def test_a_crash_leaves_no_core(sandboxed: Sandboxed) -> None:
    """A limit of 0 does not stop a system that pipes core dumps into a program; 1 does."""
    assert sandboxed(lambda: resource.getrlimit(resource.RLIMIT_CORE)) == (1, 1)


@needs_sandbox
def test_it_is_the_first_to_go_when_the_machine_runs_out_of_memory(scratch: Path) -> None:
    def score() -> str:
        with open("/proc/self/oom_score_adj") as score:  # opened before, read after
            sandbox.restrict([], scratch, MEMORY)
            return score.read()

    assert in_child(score) == "1000\n"


# Where it stands


@needs_sandbox
def test_a_second_thread_is_an_error(scratch: Path) -> None:
    def restrict_with_a_thread() -> None:
        release = threading.Event()
        threading.Thread(target=release.wait, daemon=True).start()
        try:
            sandbox.restrict([], scratch, MEMORY)
        finally:
            release.set()

    with pytest.raises(RuntimeError, match="single thread"):
        in_child(restrict_with_a_thread)


def test_the_project_is_not_among_the_interpreter_paths() -> None:
    paths = sandbox.interpreter_paths()
    assert not any(path == PROJECT or path in PROJECT.parents for path in paths)
    assert any(Path(np.__file__).is_relative_to(path) for path in paths)
    assert any(Path(os.__file__).resolve().is_relative_to(path) for path in paths)


def test_a_project_that_is_its_own_virtual_environment_stays_closed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (packages := tmp_path / "lib" / "python" / "site-packages").mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(packages), *sys.path])
    paths = sandbox.interpreter_paths()
    assert [path for path in paths if path.is_relative_to(tmp_path)] == [tmp_path / "lib"]
    assert not set(tmp_path.parents) & set(paths)


def test_links_to_the_interpreter_are_followed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "3.11.9" / "lib").mkdir(parents=True)
    (tmp_path / "3.11").symlink_to("3.11.9")
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "3.11"))
    assert tmp_path / "3.11.9" / "lib" in sandbox.interpreter_paths()


def test_another_system_gets_limits_and_says_so(scratch: Path) -> None:
    def limit() -> tuple[str | None, int, bool]:
        sys.platform = "darwin"
        sandbox.support.cache_clear()
        sandbox.prepare()
        sandbox.restrict([], scratch, MEMORY)
        return sandbox.support(), resource.getrlimit(resource.RLIMIT_NOFILE)[1], Path(__file__).exists()

    assert in_child(limit) == ("Landlock and seccomp exist on Linux only", sandbox.OPEN_FILES, True)


@pytest.mark.parametrize(
    ("package", "answer"),
    [
        ("landlockpy", "the Python package landlockpy is not installed"),
        ("pyseccomp", "the Python package pyseccomp is not installed"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, package: str, answer: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert sandbox.support.__wrapped__() == answer


@needs_sandbox
def test_a_kernel_without_landlock_or_filters_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import landlockpy

    monkeypatch.setattr(sandbox, "_has_seccomp", lambda: False)
    assert sandbox.support.__wrapped__() == "this system has no seccomp filters"
    monkeypatch.setattr(landlockpy, "supported", lambda: False)
    assert sandbox.support.__wrapped__() == "this system has no Landlock"
