"""Single keys of a terminal, without Return. Where there is no terminal there are no keys."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any


class Keys:
    """Reads keys in a thread of its own, and hands each to a function.

    Args:
        pressed: called with each key.
    """

    def __init__(self, pressed: Callable[[str], None]):
        self._pressed = pressed
        self._before: Any = None

    def __enter__(self) -> "Keys":
        if self.are_there:
            self._listen()
            Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    @property
    def are_there(self) -> bool:
        """Whether anybody can press a key."""
        with suppress(ImportError, ValueError, AttributeError):
            import termios  # noqa: F401  not on Windows

            return sys.stdin.isatty() and sys.stdout.isatty()
        return False

    @contextmanager
    def away(self) -> Iterator[None]:
        """While another program has the terminal."""
        self._restore()
        try:
            yield
        finally:
            if self.are_there:
                self._listen()

    def _listen(self) -> None:
        import termios
        import tty

        self._before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin, termios.TCSANOW)

    def _restore(self) -> None:
        if self._before is not None:
            import termios

            termios.tcsetattr(sys.stdin, termios.TCSANOW, self._before)
            self._before = None

    def _read(self) -> None:
        while True:
            try:
                key = os.read(sys.stdin.fileno(), 1)
            except OSError:
                return
            if not key:
                return
            if self._before is not None:  # else it is another program's
                self._pressed(key.decode("ascii", "ignore"))
