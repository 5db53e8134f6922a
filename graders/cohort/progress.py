"""How far a cohort is: a bar with rate and time left on terminals, a plain line now and then in logs."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

_BAR = 24  # characters
_LINE_SECONDS = 30.0  # between two lines of a log
_DRAW_SECONDS = 0.1
_CLEAR = Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2))


class Progress:
    """Says how many of `total` submissions are done.

    Args:
        console: where to.
        total: how many there are.
        clock: gives seconds.
    """

    def __init__(self, console: Console, total: int, clock: Callable[[], float] = time.monotonic):
        self._console, self._total, self._clock = console, total, clock
        self._begun = self._said = clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_interactive:
            self._console.control(_CLEAR)

    def advance(self, done: int) -> None:
        """So many are done."""
        now = self._clock()
        if now - self._said < (_DRAW_SECONDS if self._console.is_interactive else _LINE_SECONDS):
            return
        self._said = now
        words = f"{done} of {self._total} graded, {_pace(done, self._total, now - self._begun)}"
        if not self._console.is_interactive:
            self._console.print(words, highlight=False, soft_wrap=True)
            return
        filled = _BAR * done // max(self._total, 1)
        line = Text(f"[{'#' * filled}{'.' * (_BAR - filled)}] {words}", style="dim")
        line.truncate(self._console.width - 1)
        self._console.control(_CLEAR)
        self._console.print(line, end="", soft_wrap=True, highlight=False)


def _pace(done: int, total: int, seconds: float) -> str:
    rate = done / max(seconds, 1e-9)
    shown = f"{rate:.1f} a second" if rate >= 1 else f"{60 * rate:.1f} a minute"
    return f"{shown}, {duration((total - done) / max(rate, 1e-9))} left"


def duration(seconds: float) -> str:
    """A time as people say it: `8 s`, `3 min`, `2 h 5 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
