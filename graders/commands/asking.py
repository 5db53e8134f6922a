"""How commands ask before they do what cannot be taken back."""

import sys
from collections.abc import Callable

from graders.engine.errors import UsageError
from graders.report.streams import show


def confirmation(*, is_given: bool) -> Callable[[str], bool]:
    """What answers a question: somebody at the terminal, unless it was said on the command line."""
    return (lambda question: True) if is_given else _asked


def _asked(question: str) -> bool:
    """Whether somebody at the terminal says yes. Raises UsageError where nobody is there."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody is there to answer: add --yes to go ahead")
    show(f"{question} [y/N] ", end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
