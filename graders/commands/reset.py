"""`python grade.py reset SECTION`: back to the untouched exercise file."""

import sys
from collections.abc import Sequence

from graders.commands.options import REACHED, new_parser
from graders.engine.course import Course
from graders.engine.errors import UsageError
from graders.learning.fresh_start import reset
from graders.report.streams import show


def run(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit status."""
    parser = new_parser("python grade.py reset SECTION [--yes]")
    parser.add_argument("section", metavar="SECTION")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args(arguments)
    confirm = _asked if not options.yes else lambda question: True
    show(reset(Course(options.course.resolve()), options.section, confirm))
    return REACHED


def _asked(question: str) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody is there to answer: add --yes to go ahead")
    show(f"{question} [y/N] ", end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
