"""What is being graded at the moment, on terminals only."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from graders.report.words import one_line

# Drawn by hand: rich.progress would cost a thread, and time to import, in a process that is about to fork.
_BAR = 24  # characters of a bar between its brackets
_CLEAR = Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2))


def bar(done: int, total: int) -> str:
    """How much is done: `[######......]`."""
    filled = _BAR * done // max(total, 1)
    return f"[{'#' * filled}{'.' * (_BAR - filled)}]"


class Line:
    """A line of a terminal that is drawn over, and gone at the end. Silent where nobody watches: pipes, files, CI."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_interactive:
            self._console.control(_CLEAR)

    def show(self, text: str) -> None:
        """Draw the line anew."""
        if not self._console.is_interactive:
            return
        line = Text(one_line(text), style="dim")
        line.truncate(self._console.width - 1)
        self._console.control(_CLEAR)
        self._console.print(line, end="", soft_wrap=True, highlight=False)


class Progress(Line):
    """A line that says what is being worked on."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._what = ""
        self._done = 0

    def begin(self, what: str) -> Callable[[str], None]:
        """Begin a new piece of work, `what`. The function that is returned is told each step of it."""
        self._what, self._done = what, 0
        return self._advance

    def measure(self, what: str, steps: int) -> Callable[[str, float], None]:
        """Begin an experiment of so many steps. The function that is returned is told each value it yields."""
        self._what, self._done = what, 0

        def point(name: str, value: float) -> None:
            self._done = min(self._done + 1, steps)
            self.show(f"{what} {bar(self._done, steps)} {self._done}/{steps} {name} {value:.4g}")

        return point

    def _advance(self, label: str) -> None:
        self._done += 1
        self.show(f"{self._what}: {self._done} {label}")


def progress(console: Console) -> Progress:
    """The progress of grading, a context manager."""
    return Progress(console)
