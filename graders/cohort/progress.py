"""How far a cohort is: a bar with rate and time left on terminals, a plain line now and then in logs."""

import time
from collections.abc import Callable

from rich.console import Console

from graders.report.progress import Line, bar
from graders.report.screen import Screen

_LINE_SECONDS = 30.0  # between two lines of a log
_DRAW_SECONDS = 0.1


class Progress(Line):
    """Says how many of `total` submissions are done.

    Args:
        console: where to.
        total: how many there are.
        clock: gives seconds.
    """

    def __init__(self, console: Console, total: int, clock: Callable[[], float] = time.monotonic):
        super().__init__(console)
        self._total, self._clock = total, clock
        self._begun = self._said = clock()

    def advance(self, done: int, known: int = 0) -> None:
        """So many are done, of which so many took no time: the gradebook knew them."""
        now = self._clock()
        if now - self._said < (_DRAW_SECONDS if self._console.is_interactive else _LINE_SECONDS):
            return
        self._said = now
        words = f"{done} of {self._total} graded"
        if done > known:
            words += f", {_pace(done - known, self._total - known, now - self._begun)}"
        if self._console.is_interactive:
            self.show(f"{bar(done, self._total)} {words}")
        else:
            Screen(self._console).line((words, ""))

    def say(self, words: str) -> None:
        """Says what should be known, on a line that stays."""
        self.show("")
        Screen(self._console).line((words, ""))


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
