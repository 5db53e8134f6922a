"""`python grade.py report`: the research notebook, notes and progress, as one page to keep or to publish."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from graders.commands.options import GRADER_FAILED, REACHED, check_files, new_parser
from graders.engine.course import Course
from graders.engine.errors import UsageError
from graders.learning import extract, notes
from graders.learning.history import opened
from graders.learning.research import markdown, page, research
from graders.report.making import made
from graders.report.streams import show


def run(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit status."""
    parser = new_parser(
        "python grade.py report [--html FILE] [--markdown FILE] [--json FILE | --from FILE] [--title TITLE]"
    )
    parser.add_argument("--html", default="report.html", metavar="FILE", help="the page (default: report.html)")
    parser.add_argument("--markdown", metavar="FILE", help="a table of badges and a summary, for a README")
    words = "what the page needs of your progress, to commit beside the notes"
    parser.add_argument("--json", metavar="FILE", help=words)
    parser.add_argument("--from", dest="kept", type=Path, metavar="FILE", help="make the page from such a file")
    parser.add_argument("--title", default="What I have learnt", help="what stands at the top of the page")
    options = parser.parse_args(arguments)
    if options.json and options.kept:
        raise UsageError("--json writes what --from reads: say one of them")
    check_files({"--html": options.html, "--markdown": options.markdown, "--json": options.json})
    course = Course(options.course.resolve())
    if options.kept:
        known = extract.read(options.kept)
    else:
        with opened(course) as history:
            known = extract.extract(course, history)
    told = research(course, known, options.title)
    makers = ((options.html, partial(page, told)), (options.markdown, partial(markdown, told)))
    shown = 0
    for file, make in (*makers, (options.json, partial(extract.as_json, known))):
        if file:
            shown += made(str(file), partial(_write, file, make))
    begun = [] if options.kept else [each.section for each in told.standings]  # where they are written is elsewhere
    for path in notes.write_missing(course, begun):
        show(f"{path.parent.name}/{path.name} is there for your notes: they will stand on the page.")
    return REACHED if shown else GRADER_FAILED


def _write(file: str, make: Callable[[], str]) -> None:
    text = make()
    if file == "-":
        show(text, end="")
        return
    Path(file).write_text(text, "utf-8")
    show(f"wrote {file}")
