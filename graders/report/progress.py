"""What is being graded at the moment, on terminals only."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from graders.report.streams import encodable
from graders.report.words import muted, one_line

# Drawn by hand: rich.progress would cost a thread, and time to import, in a process that is about to fork.
_BAR = 24  # characters of a bar between its brackets
_SPARE = 4  # columns at the end of the line: for the `^C` of whoever stops it, and so that the terminal begins no other
_START, _ERASE, _UP = ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)


def bar(done: int, total: int) -> str:
    """How much is done: `[######......]`."""
    filled = _BAR * done // max(total, 1)
    return f"[{'#' * filled}{'.' * (_BAR - filled)}]"


class Line:
    """A line of a terminal that is drawn over, and gone at the end. Silent where nobody watches: pipes, files, CI.

    It may be drawn from several threads, and the window may change its size meanwhile.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._drawing = threading.Lock()
        self._drawn = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._draw("")

    def show(self, text: str) -> None:
        """Draw the line anew."""
        room = self._columns() - _SPARE
        shown = encodable(muted(one_line(text)), self._console.encoding)
        self._draw(shown if cell_len(shown) <= room else set_cell_size(shown, max(room, 0)))

    def _draw(self, text: str) -> None:
        if not self._console.is_interactive:
            return
        # At once: of two threads that draw in pieces, one would write behind the other. A terminal that is gone is no
        # reason to stop grading.
        with suppress(OSError), self._drawing, self._console:
            self._console.control(Control(_START, _ERASE, *[_UP, _ERASE] * (self._rows() - 1)))
            if text:
                self._console.print(Text(text, style="dim"), end="", soft_wrap=True, highlight=False)
            self._drawn = text

    def _rows(self) -> int:
        """How many rows the line takes now: a window that was made narrower has wrapped it."""
        return len(chop_cells(self._drawn, self._columns())) or 1

    def _columns(self) -> int:
        """The width of the terminal itself, where the stream is one: variables may say what was true once."""
        with suppress(OSError, ValueError, AttributeError):
            return os.get_terminal_size(self._console.file.fileno()).columns or self._console.width
        return self._console.width


class Progress(Line):
    """A line that says what is being worked on."""

    def begin(self, what: str) -> Callable[[str], None]:
        """Begin a new piece of work, `what`. The function that is returned is told each step of it."""
        done = 0

        def advance(label: str) -> None:
            nonlocal done
            done += 1
            self.show(f"{what}: {done} {label}")

        return advance

    def clear(self) -> None:
        """Make room for what is printed now; the line is drawn again with the next step."""
        self._draw("")

    def measure(self, what: str, steps: int) -> Callable[[str, float], None]:
        """Begin an experiment of so many steps. The function that is returned is told each value it yields."""
        done = 0

        def point(name: str, value: float) -> None:
            nonlocal done
            done = min(done + 1, steps)
            self.show(f"{what} {bar(done, steps)} {done}/{steps} {name} {value:.4g}")

        return point


def progress(console: Console) -> Progress:
    """The progress of grading, a context manager."""
    return Progress(console)
