"""The forkserver: a process that has the heavy imports loaded, and forks a worker in milliseconds when it is asked to.

It never sees an expected observation, a reference or a mistake, so that a worker, which begins as its copy, has none of
them in memory. What it may be handed of a paper are the inputs, which workers get to see anyway.
Requests come over one Unix socket, which is also its lifeline: when the parent is gone, it ends its workers and itself.
"""

import gc
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import msgspec

from graders.engine.values.messages import Ahead
from graders.engine.worker import attempts, sandbox, worker

_GRACE_SECONDS = 0.25  # for a process whose connection has closed to be gone, so that its exit status can be told


def serve(control: socket.socket) -> None:
    """Answers requests, one JSON object a message, until the other end is closed."""
    children: set[int] = set()
    readable = None
    if sandbox.support() is None:
        sandbox.prepare()
        readable = sandbox.interpreter_paths()
    try:
        while True:
            data, descriptors, _, _ = socket.recv_fds(control, 65536, 1)
            if not data:
                return
            match json.loads(data):
                case {"preload": names}:
                    answer = _preload(names)
                case {"make_ready": size}:
                    answer = _make_ready(descriptors[0], size)
                case {"fork": scratch, "memory": memory, "hidden": hidden}:
                    limits = worker.Limits(Path(scratch), memory, readable, tuple(map(Path, hidden)))
                    pid = _fork(control, descriptors[0], limits)
                    children.add(pid)
                    answer = {"pid": pid}
                case {"end": pid, "dying": dying} if pid in children:
                    children.discard(pid)
                    answer = {"status": _end(pid, _GRACE_SECONDS if dying else 0)}
                case unknown:
                    answer = {"error": f"not a request: {unknown}"}
            control.send(json.dumps(answer).encode())
    finally:
        for pid in children:
            _end(pid)


def _preload(names: list[str]) -> dict[str, object]:
    failed = {}
    for name in names:
        try:
            import_module(name)
        except ImportError as error:
            failed[name] = str(error)
    if "torch" in names and "torch" not in failed:
        import torch

        torch.set_num_threads(1)
        torch.set_num_interop_threads(1)
    gc.collect()
    gc.freeze()  # what is loaded now stays shared with the workers
    return {"failed": failed, "unprotected": sandbox.support()}


def _make_ready(descriptor: int, size: int) -> dict[str, object]:
    with open(descriptor, "rb") as file:
        ahead = msgspec.msgpack.decode(file.read(size), type=Ahead)
    worker.ready.add(ahead.inputs, ahead.seed)
    worker.compiled(ahead.probes)
    attempts.parsed(ahead.stub)
    gc.collect()
    gc.freeze()
    return {}


def _fork(control: socket.socket, descriptor: int, limits: worker.Limits) -> int:
    pid = os.fork()
    if pid == 0:
        control.close()
        worker.main(socket.socket(fileno=descriptor), limits)
    os.close(descriptor)
    return pid


def _end(pid: int, grace: float = 0) -> int:
    """Kills a worker and all it may have started, after `grace` seconds; its exit status, negative for a signal."""
    deadline = time.monotonic() + grace
    found, status = os.waitpid(pid, os.WNOHANG)
    while not found and time.monotonic() < deadline:
        time.sleep(_GRACE_SECONDS / 50)
        found, status = os.waitpid(pid, os.WNOHANG)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    if not found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)  # before the worker had made a group of its own
        os.waitpid(pid, 0)
        return -signal.SIGKILL
    return os.waitstatus_to_exitcode(status)


def main() -> None:
    """Entry point of the process: argv holds the socket's descriptor."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # whoever ignores it would never hear of a worker's end
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, whose end is heard on the socket
    serve(socket.socket(fileno=int(sys.argv[1])))
