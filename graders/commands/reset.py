"""`python grade.py reset SECTION`: back to the untouched exercise file, or to the stub of one exercise."""

from collections.abc import Sequence

from graders.commands.asking import confirmation
from graders.commands.options import REACHED, new_parser
from graders.engine.course import Course
from graders.learning.fresh_start import reset
from graders.report.streams import show


def run(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit status."""
    parser = new_parser("python grade.py reset SECTION[::EXERCISE] [--yes]")
    parser.add_argument("target", metavar="SECTION", help="SECTION, or SECTION::EXERCISE for that exercise alone")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args(arguments)
    show(reset(Course(options.course.resolve()), options.target, confirmation(is_given=options.yes)))
    return REACHED
