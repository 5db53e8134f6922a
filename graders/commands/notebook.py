"""`python grade.py notebook SECTION`: the exercise file becomes a Jupyter notebook, and with --back a file again."""

from collections.abc import Sequence

from graders.commands.options import REACHED, called, new_parser
from graders.engine.course import Course
from graders.learning.moving import to_file, to_notebook_file
from graders.report.streams import show


def run(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit status."""
    parser = new_parser("python grade.py notebook SECTION [--back]")
    parser.add_argument("section", metavar="SECTION")
    parser.add_argument("--back", action="store_true", help="make a .py file of the notebook again")
    options = parser.parse_args(arguments)
    course = Course(options.course.resolve())
    move = to_file if options.back else to_notebook_file
    show(move(course, options.section, called(options)))
    return REACHED
