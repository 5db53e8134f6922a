"""`python grade.py report`: the research notebook, notes and progress, as one page to keep or to publish."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from graders.commands.options import GRADER_FAILED, REACHED, check_files, new_parser
from graders.engine.course import Course
from graders.learning import notes
from graders.learning.history import opened
from graders.learning.research import markdown, page, research
from graders.report.making import made
from graders.report.streams import show


def run(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit status."""
    parser = new_parser("python grade.py report [--html FILE] [--markdown FILE] [--title TITLE]")
    parser.add_argument("--html", default="report.html", metavar="FILE", help="the page (default: report.html)")
    parser.add_argument("--markdown", metavar="FILE", help="a table of badges and a summary, for a README")
    parser.add_argument("--title", default="What I have learnt", help="what stands at the top of the page")
    options = parser.parse_args(arguments)
    with suppress(OSError):  # then the file cannot be written, and that is said
        Path(options.html).parent.mkdir(parents=True, exist_ok=True)
    check_files({"--html": options.html, "--markdown": options.markdown})
    course = Course(options.course.resolve())
    with opened(course) as history:
        told = research(course, history, options.title)
        begun = [each.section for each in told.standings]
    shown = 0
    for file, make in ((options.html, page), (options.markdown, markdown)):
        if file:
            shown += made(str(file), partial(_write, file, make(told)))
    for path in notes.write_missing(course, begun):
        show(f"{path.parent.name}/{path.name} is there for your notes: they will stand on the page.")
    return REACHED if shown else GRADER_FAILED


def _write(file: str, text: str) -> None:
    if file == "-":
        show(text, end="")
        return
    Path(file).write_text(text, "utf-8")
    show(f"wrote {file}")
