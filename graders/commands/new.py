"""`python grade.py new SECTION`: the files of a section to begin with."""

from collections.abc import Sequence

from graders.commands.options import REACHED, command, new_parser
from graders.engine.authoring.scaffold import begin
from graders.engine.course import Course
from graders.report.streams import show


def run(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit status."""
    parser = new_parser("python grade.py new SECTION [--title TITLE]")
    parser.add_argument("section", metavar="SECTION", help="its name, as its files will have it")
    parser.add_argument("--title", help="the topic, as a learner reads it (default: the name)")
    options = parser.parse_args(arguments)
    title = options.title or options.section.replace("_", " ").capitalize()
    for path in begin(Course(options.course.resolve()), options.section, title):
        show(f"wrote {path}")
    show(f"\nIt passes its audit as it stands:  {command()} audit {options.section}")
    show("Write the first exercise beside the worked one; CONTRIBUTING.md says how.")
    return REACHED
