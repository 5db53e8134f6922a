"""`python grade.py audit`: grades the grader."""

from collections.abc import Sequence
from functools import partial

from graders.commands.options import NOT_REACHED, REACHED, new_parser
from graders.engine.auditing.audit import audit
from graders.engine.course import Course


def run(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit status."""
    parser = new_parser("python grade.py audit [SECTION...]")
    parser.add_argument("sections", nargs="*", metavar="SECTION")
    options = parser.parse_args(arguments)
    course = Course(options.course.resolve())
    holds = audit(course, tuple(course.wanted(options.sections or ["all"])), partial(print, flush=True))
    return REACHED if holds else NOT_REACHED
