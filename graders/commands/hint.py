"""`python grade.py hint SECTION::EXERCISE`: the next thing to think about."""

import sys
from collections.abc import Sequence

from graders.commands.options import REACHED, called, new_parser, whole_number
from graders.engine.course import Course
from graders.learning.hints import hint
from graders.learning.history import opened
from graders.report.streams import show, stdout


def run(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit status."""
    parser = new_parser("python grade.py hint SECTION::EXERCISE [NUMBER]")
    parser.add_argument("target", metavar="SECTION::EXERCISE")
    parser.add_argument("number", nargs="?", type=whole_number(1, 12), metavar="NUMBER")
    options = parser.parse_args(arguments)
    course = Course(options.course.resolve())
    with opened(course) as history:
        found = hint(course, options.target, options.number, called(options), history)
    if sys.stdout is None or not sys.stdout.isatty():
        show("\n\n".join(filter(None, (found.told, found.onward))))
        return REACHED
    from rich.console import Console

    from graders.report.screen import Screen

    with stdout():
        screen = Screen(Console(highlight=False))
        screen.text(found.told)
        if found.onward:
            screen.line()
            screen.line((found.onward, ""))  # commands are never broken
    return REACHED
