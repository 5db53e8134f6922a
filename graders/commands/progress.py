"""`python grade.py progress`: where a learner stands, from what was remembered; nothing is graded."""

import time
from collections.abc import Sequence

from graders.commands.options import REACHED, called, new_parser
from graders.engine.course import Course
from graders.learning.history import opened
from graders.learning.standing import returning, standings
from graders.report.streams import stdout


def run(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit status."""
    parser = new_parser("python grade.py progress")
    options = parser.parse_args(arguments)
    course = Course(options.course.resolve())
    now = time.time()
    with opened(course) as history:
        found, back = standings(history, course.sections, now), returning(history.seen())
        keeps, looked_at = history.keeps, list(dict.fromkeys(run.section for run in history.runs()))
    from rich.console import Console

    from graders.learning.standing_screen import print_nothing_begun, print_standings

    console, how = Console(highlight=False), called(options)
    with stdout():
        if found:
            print_standings(found, back, len(course.sections), console, now, how)
        else:
            print_nothing_begun(looked_at, console, how, keeps=keeps)
    return REACHED
