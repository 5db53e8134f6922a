"""Processes side by side that do one kind of work, and that end at once when this process is told to, or is killed."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from typing import Any, TypeVar

T = TypeVar("T")


@contextmanager
def side_by_side(work: Callable[[Any], T], most: int | None = None) -> Iterator[Callable[[Iterable[Any]], Iterator[T]]]:
    """A function that maps `work` over things: where processes can be forked, on all cores; else here, one by one.

    Leaving it by an exception (Ctrl-C is one) does not wait for what is being worked on.

    Args:
        work: what a process does, with all that this process has loaded; what it takes and gives has to be pickled.
        most: no more processes than that, None if there are as many things as cores.
    """
    if sys.platform != "linux":
        yield lambda things: map(work, things)
        return
    cores = os.cpu_count() or 1
    others = set(active_children())
    context = get_context("fork")  # what is loaded is there at once, and need not be pickled
    with ProcessPoolExecutor(min(cores, most or cores), context, _inherit, (work,)) as pool:
        try:
            yield lambda things: pool.map(_do_inherited, things)
        except BaseException:
            for process in set(active_children()) - others:
                process.terminate()
            pool.shutdown(cancel_futures=True)
            raise


def _inherit(work: Callable[[Any], Any]) -> None:
    global _inherited
    _inherited = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends its children
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None  # a child of the pool has one
    parent.join()
    os._exit(1)  # it was killed, and can no longer end its children


def _do_inherited(thing: Any) -> Any:
    return _inherited(thing)


_inherited: Callable[[Any], Any]
