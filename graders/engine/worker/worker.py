"""The worker: a forked, restricted process that loads one submission and runs probes on it. It is not trusted."""

import inspect
import io
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cache, partial
from itertools import chain
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

import msgspec
import numpy.random  # noqa: F401  loaded once for all workers: numpy leaves it to the first who asks

from graders.engine.values import arrays  # noqa: F401  before the sandbox closes: the codec imports it when needed
from graders.engine.values.channel import Broken, Channel, Kind
from graders.engine.values.messages import Order, Seen, Task
from graders.engine.worker import sandbox
from graders.engine.worker.changing import Functions, lines_run, patience
from graders.engine.worker.loading import Loader
from graders.engine.worker.naming import Names
from graders.engine.worker.observing import Example, Ready, Solution, drawing, observe_on

_BATCH_SECONDS = 0.01  # observations wait at most this long, and for the next one, to be sent together
_MAX_SAID = 8000  # characters of output that a task may send

ready = Ready()  # filled by the forkserver


@cache
def compiled(probes: str) -> CodeType:
    """The code of a section's probes, made once where it is made before workers are forked."""
    return compile(probes, "<probes>", "exec")


class Printed(io.TextIOBase):
    """Stands in for stdout and stderr: what is printed goes to the parent at once, up to a limit for each task."""

    def __init__(self, channel: Channel):
        self._channel, self.left = channel, _MAX_SAID

    def writable(self) -> bool:
        """It can be written to."""
        return True

    def write(self, text: str, /) -> int:
        """Sends `text`, or what the limit leaves of it."""
        if self.left > 0:
            self._channel.send(Kind.SAID, text[: self.left])
            self.left -= len(text)
        return len(text)


class Limits(NamedTuple):
    """What a submission may use."""

    scratch: Path  # the only folder that it may write to
    memory: int  # bytes on top of what the process has when it begins
    readable: Sequence[Path] | None  # the files and folders that it may read; None where this system has no sandbox
    hidden: Sequence[Path]  # and what in these it may not read


def work(connection: socket.socket, limits: Limits) -> None:
    """Serves one submission until the parent, at the other end of the connection, closes it."""
    _settle(limits.scratch)
    channel = Channel(connection)
    printed = Printed(channel)
    sys.stdout = sys.stderr = printed
    order = msgspec.msgpack.decode(channel.receive()[1], type=Order)
    probes = ModuleType("<probes>")
    sys.modules[probes.__name__] = probes  # dataclasses and named tuples look it up; no file can have its name
    exec(compiled(order.probes), vars(probes))
    if limits.readable is not None:
        sandbox.restrict(limits.readable, limits.scratch, limits.memory, limits.hidden)
    channel.send(Kind.READY, None)
    loader, solution = _load(channel, order)
    functions = Functions(loader.module, loader.files, loader.flags)
    threads = threading.active_count()
    libraries = drawing([order.probes, *(cell.source for cell in order.cells)])
    while True:
        task = msgspec.msgpack.decode(channel.receive()[1], type=Task)
        printed.left = _MAX_SAID
        manner = task.manner
        signal.setitimer(signal.ITIMER_PROF, manner.processor)  # 0 is no limit; where it ends, the process does
        probe = vars(probes)[task.probe]
        if inspect.isgeneratorfunction(probe):
            probe = partial(_carry_out, channel, probe)
        pending: list[Seen] = []
        sent = time.monotonic()
        sent_along = (Example.of(inputs, task.seed) for inputs in task.inputs)
        made_ready = (ready.take(number, task.seed) for number in range(*task.ready))
        if manner.traced:
            probe = partial(lines_run, probe, loader.files)
        with functions.changed(manner.changed) if manner.changed else nullcontext():
            for example in chain(sent_along, made_ready):
                with patience(manner.patience) if manner.patience else nullcontext():
                    pending.append(observe_on(example, probe, solution, loader.files, libraries))
                if time.monotonic() - sent > _BATCH_SECONDS:
                    channel.send(Kind.SEEN, pending)
                    pending, sent = [], time.monotonic()
        channel.send(Kind.SEEN, pending)
        channel.send(Kind.DONE, threading.active_count() > threads)


def _carry_out(channel: Channel, experiment: Callable[..., Any], solution: Solution, **inputs: Any) -> Any:
    """Runs an experiment, sends what it yields as it comes, and returns its evidence."""
    course = experiment(solution, **inputs)
    while True:
        try:
            name, value = next(course)
        except StopIteration as end:
            return end.value
        channel.send(Kind.POINT, (str(name), float(value)))


def _load(channel: Channel, order: Order) -> tuple[Loader, Solution]:
    loader = Loader(
        order.section,
        order.cells,
        lambda cell, line, imports: channel.send(Kind.AT, (cell, line, imports)),
        order.skip,
        order.until,
        order.grafts,
    )
    loader.names = Names(order.aliases, order.needs)
    loaded = loader.load(order.exercises, order.stub, order.lent)
    channel.send(Kind.LOADED, loaded)
    return loader, Solution(loader.module, loaded.lost)


def _settle(scratch: Path) -> None:
    """A process group of its own, no terminal, a folder and an environment that lead nowhere else."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    os.chdir(scratch)
    os.environ.update(HOME=str(scratch), TMPDIR=str(scratch), USER="learner")  # USER, since /etc/passwd is out of reach
    tempfile.tempdir = None  # it is looked up again


def main(connection: socket.socket, limits: Limits) -> None:
    """Runs `work` and ends the process, whatever comes."""
    status = 1
    try:
        work(connection, limits)
    except Broken:
        status = 0  # the parent has closed the connection
    except BaseException:
        traceback.print_exc()  # goes to the parent like all output, and shows up beside the verdict
    finally:
        os._exit(status)
