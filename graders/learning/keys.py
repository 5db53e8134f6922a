"""Single keys of a terminal, without Return. Where there is no terminal there are no keys."""

import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any, NamedTuple


class _Reading(NamedTuple):
    """A thread that reads keys, and what it takes to end it and to leave the terminal as it was."""

    thread: Thread
    pipe: tuple[int, int]  # from, to: whatever is written there ends the thread
    before: list[Any]  # the terminal's settings


class Keys:
    """Reads keys in a thread of its own, and hands each to a function.

    Args:
        pressed: called with each key.
    """

    def __init__(self, pressed: Callable[[str], None]):
        self._pressed = pressed
        self._reading: _Reading | None = None

    def __enter__(self) -> "Keys":
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def are_there(self) -> bool:
        """Whether anybody can press a key."""
        with suppress(ImportError, ValueError, AttributeError):
            import termios  # noqa: F401  not on Windows

            return sys.stdin.isatty() and sys.stdout.isatty()
        return False

    @contextmanager
    def away(self) -> Iterator[None]:
        """While another program has the terminal: nobody else reads its keys."""
        self._end()
        try:
            yield
        finally:
            self._begin()

    def insist(self) -> None:
        """Sets the terminal anew: a shell that has had it meanwhile (Ctrl-Z, fg) has set it for itself."""
        if self._reading:
            import termios
            import tty

            tty.setcbreak(sys.stdin, termios.TCSANOW)

    def _begin(self) -> None:
        if not self.are_there:
            return
        import termios
        import tty

        before, pipe = termios.tcgetattr(sys.stdin), os.pipe()
        tty.setcbreak(sys.stdin, termios.TCSANOW)
        self._reading = _Reading(Thread(target=self._read, args=pipe[:1], daemon=True), pipe, before)
        self._reading.thread.start()

    def _end(self) -> None:
        if self._reading is None:
            return
        import termios

        thread, pipe, before = self._reading
        self._reading = None
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
        os.write(pipe[1], b".")
        thread.join()
        for end in pipe:
            os.close(end)

    def _read(self, end: int) -> None:
        own = sys.stdin.fileno()
        with suppress(OSError):  # the terminal is gone
            while end not in select.select([own, end], [], [])[0]:
                if not (key := os.read(own, 1)):
                    return
                self._pressed(key.decode("ascii", "ignore"))
