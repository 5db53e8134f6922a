"""How commands ask before they do what cannot be taken back."""

import sys

from graders.engine.errors import UsageError
from graders.report.streams import show


def asked(question: str) -> bool:
    """Whether somebody at the terminal says yes. Raises UsageError where nobody is there."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody is there to answer: add --yes to go ahead")
    show(f"{question} [y/N] ", end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def agreed(question: str) -> bool:
    """Yes, because it was said on the command line."""
    return bool(question)
