"""`python grade.py solution SECTION::EXERCISE`: how the reference does it, after a question."""

from collections.abc import Sequence

from graders.commands.asking import confirmation
from graders.commands.options import REACHED, new_parser
from graders.engine.course import Course
from graders.learning.history import opened
from graders.learning.solutions import solution
from graders.report.streams import show


def run(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit status."""
    parser = new_parser("python grade.py solution SECTION::EXERCISE [--first-line] [--yes]")
    parser.add_argument("target", metavar="SECTION::EXERCISE")
    parser.add_argument("--first-line", action="store_true", help="only how it begins")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args(arguments)
    course = Course(options.course.resolve())
    with opened(course) as history:
        found = solution(course, options.target, history)
        if not confirmation(is_given=options.yes)(found.question):
            show("It stays where it is.")
            return REACHED
        what = "first line" if options.first_line else "solution"
        section, _, exercise = options.target.partition("::")
        history.shown(section, exercise, what, 1)
        show(found.first_line if options.first_line else f"{found.whole}\n\n{found.place}")
    return REACHED
