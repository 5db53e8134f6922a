"""`python grade.py audit`: grades the grader."""

from collections.abc import Sequence

from graders.commands.options import NOT_REACHED, REACHED, new_parser, whole_number
from graders.engine.auditing.audit import audit
from graders.engine.course import Course
from graders.report.streams import show


def run(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit status."""
    parser = new_parser("python grade.py audit [SECTION... | SECTION::EXERCISE...] [--sample N] [--places N]")
    add = parser.add_argument
    add("targets", nargs="*", metavar="SECTION", help="SECTION, SECTION::EXERCISE, or all")
    words = "mutants to try of a section that has not changed since all were tried (default: all of them)"
    add("--sample", type=whole_number(1, 1_000_000), metavar="N", help=words)
    words = "instead: how often the line of a fault is right, on so many alternatives with small changes"
    add("--places", type=whole_number(1, 1_000_000), default=0, metavar="N", help=words)
    options = parser.parse_args(arguments)
    course = Course(options.course.resolve())
    asked = course.wanted(options.targets or ["all"])
    return REACHED if audit(course, asked, show, sample=options.sample, places=options.places) else NOT_REACHED
