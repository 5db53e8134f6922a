"""`python grade.py cohort FOLDER`: what it understands, what it says and what it exits with.

Exit status: 0 all submissions were graded, 1 some could not be, 2 wrong usage, 3 the grader itself failed, 130 stopped
(what was graded is kept, and `--resume` goes on).
"""

import argparse
import os
import sqlite3
import stat
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from rich.console import Console

from graders.cohort import run as grading
from graders.cohort.entries import Entry, scan
from graders.cohort.export import as_csv, as_json
from graders.cohort.gradebook import Gradebook, Made
from graders.cohort.names import shown
from graders.cohort.progress import Progress, duration
from graders.cohort.run import Graders, on_this_machine
from graders.cohort.standing import STATUS_WORDS
from graders.commands.options import add_examples, add_seed, check_files, new_parser, whole_number
from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.errors import GraderError, UsageError
from graders.engine.setting.paper import Paper
from graders.engine.setting.papers import key, paper
from graders.engine.sitting import scratch
from graders.engine.worker import sandbox
from graders.report.files import print_as_utf8
from graders.report.screen import Screen
from graders.report.streams import say, stdout
from graders.report.words import count

_ALL_GRADED, _SOME_NOT = 0, 1
_MOST_NAMES = 10  # that are said in a line
_USAGE = """python grade.py cohort FOLDER [options]

Grades a folder of submissions: for each learner a folder with a file a section, a zip file of such a folder, or, with
one --section, a single .py or .ipynb file. Results are kept in a gradebook as they come; --resume goes on after a stop.
Plagiarism is not looked for: equal files are graded once and stand with each learner."""


def run(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit status."""
    options = _options(arguments)
    files = {"--csv": options.csv, "--json": options.json, "--html": options.html}
    folder: Path = options.folder
    if not os.path.isdir(folder):
        raise UsageError(f"{shown(str(folder))} is not a folder")
    path = options.gradebook or folder.resolve().with_name(folder.resolve().name + ".gradebook")
    beside = {f"the gradebook's {end}": f"{path}-{end}" for end in ("wal", "shm", "journal")}
    check_files(files | {"--gradebook": str(path)} | beside)
    _check_graders(options)
    course = Course(options.course.resolve())
    sections = tuple(course.wanted(options.section or ["all"]))
    made = Made(options.seed, options.examples, {
        name: key(find(course, name), options.seed, options.examples) for name in sections
    })  # fmt: skip
    ours = [*filter(None, files.values()), str(path), *beside.values()]
    entries = scan(str(folder), {os.path.realpath(name) for name in ours})
    if not entries:
        raise UsageError(f"there are no submissions in {shown(str(folder))}")
    started, said = time.monotonic(), Console(stderr=True, highlight=False)
    scratch.clear_left_behind()
    with Gradebook(path, made, resume=options.resume) as gradebook:
        try:
            _grade(options, course, sections, entries, gradebook, said)
            _write_all(gradebook, options, sections)
            counted = Counter(standing.status for standing in gradebook.standings())
        except sqlite3.Error as error:
            say("what was graded before is kept; --resume goes on")
            raise GraderError(f"{shown(str(path))} cannot be used any more: {error}") from error
        except (KeyboardInterrupt, GraderError):
            say(f"what was graded is kept in {shown(str(path))}; --resume goes on")
            raise
        damaged = gradebook.damaged
    if damaged:
        words = "was damaged and graded again" if damaged == 1 else "were damaged and graded again"
        Screen(said).line((f"{count(damaged, 'result')} in {shown(str(path))} {words}", ""))
    words = ", ".join(f"{counted[status]} {STATUS_WORDS[status]}" for status in STATUS_WORDS if counted[status])
    took = duration(time.monotonic() - started)
    line = f"{count(len(entries), 'submission')}: {words}; in {took}, kept in {shown(str(path))}"
    with stdout():
        Screen(said if "-" in files.values() else Console(highlight=False)).line((line, ""))
    return _ALL_GRADED if counted["graded"] == len(entries) else _SOME_NOT


def _grade(
    options: argparse.Namespace,
    course: Course,
    sections: Sequence[str],
    entries: Sequence[Entry],
    gradebook: Gradebook,
    said: Console,
) -> None:
    """Grades what has no result yet."""
    if options.again:
        gradebook.forget_given_up()
    if alike := [entry.name for entry in entries if entry.note]:
        more = f" and {len(alike) - _MOST_NAMES} more" if len(alike) > _MOST_NAMES else ""
        words = (
            f"some names are nearly the same, and count as different learners: {', '.join(alike[:_MOST_NAMES])}{more}"
        )
        Screen(said).line((words, ""))
    papers = {name: _set(course, name, options, said) for name in sections}
    with Progress(said, len(entries)) as progress:
        graders = _graders(options, course, papers, progress.say)
        grading.run(graders, sections, str(options.folder), entries, gradebook, progress.advance, options.places)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = new_parser(_USAGE)
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="one entry a learner")
    add("--section", action="append", metavar="NAME", help="grade this one; may be said again (default: all)")
    add_seed(parser)
    add_examples(parser)
    add("--jobs", type=whole_number(1, 1024), metavar="N", help="processes (default: one a core)")
    add("--scheduler", metavar="ADDRESS", help="grade on the workers of this dask cluster, e.g. tcp://host:8786")
    add("--resume", action="store_true", help="go on with a gradebook that is there")
    add("--again", action="store_true", help="with --resume: grade again what was given up, say for want of memory")
    add("--gradebook", type=Path, metavar="FILE", help="where results are kept (default: FOLDER.gradebook)")
    add("--csv", metavar="FILE", help="write a table of scores ('-' is stdout)")
    add("--json", metavar="FILE", help="write all results as JSON ('-' is stdout)")
    add("--html", metavar="FILE", help="write a page about the cohort ('-' is stdout)")
    add("--places", action="store_true", help="look for the lines of faults that no known mistake explains")
    add("--unprotected", action="store_true", help="grade where there is no sandbox")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.section or () if "::" in name]:
        parser.error(f"--section: {unknown[0]} is an exercise; whole sections are graded")
    if options.again and not options.resume:
        parser.error("--again goes with --resume")
    if options.scheduler and options.jobs:
        parser.error("--jobs is for this machine; with --scheduler the number of threads of each worker counts")
    return options


def _check_graders(options: argparse.Namespace) -> None:
    """Looks early whether there is something to grade with, and safely. Workers of a cluster are looked at later."""
    if options.scheduler:
        from graders.cohort.cluster import connected

        connected(options.scheduler).close()
        return
    if not hasattr(os, "fork"):
        raise UsageError("cohorts are graded in forked processes, which this system does not have")
    if (missing := sandbox.support()) and not options.unprotected:
        raise UsageError(
            f"no sandbox protects this machine from what it grades: {missing}. For answers that you have read, or on a "
            "machine with nothing to lose, add --unprotected"
        )


def _graders(
    options: argparse.Namespace, course: Course, papers: Mapping[str, Paper], say: Callable[[str], None]
) -> AbstractContextManager[Graders]:
    if options.scheduler:
        from graders.cohort.cluster import Cluster

        return Cluster(options.scheduler, course.root, papers, say, unprotected=options.unprotected)
    return on_this_machine(course, papers, options.jobs or _cores())


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _set(course: Course, name: str, options: argparse.Namespace, said: Console) -> Paper:
    """The paper of a section; says so when it has to be set anew, which takes seconds."""
    told: list[str] = []

    def tell(title: str) -> None:
        if not told:
            said.print(f"drawing inputs for {name}, this once")
        told.append(title)

    questions = paper(find(course, name), options.seed, options.examples)
    questions.sealed(tell)
    return questions


def _write_all(gradebook: Gradebook, options: argparse.Namespace, sections: Sequence[str]) -> None:
    if options.csv:
        _write(options.csv, as_csv(gradebook.standings(), sections), "\ufeff")  # by this mark spreadsheets know UTF-8
    if options.json:
        _write(options.json, as_json(gradebook.standings(), options.seed, options.examples))
    if options.html:
        from graders.cohort.page import Summary, page

        summary = Summary.of(gradebook.standings())
        _write(options.html, page(summary, gradebook.standings()))


def _write(name: str, pieces: Iterable[str], mark: str = "") -> None:
    """Writes a file at once: whoever reads it finds the old one or the whole new one."""
    if name == "-":
        with stdout():
            print_as_utf8(pieces)
        return
    path = Path(name).absolute()
    try:
        if path.exists() and not path.is_file():  # a device or a pipe: there is nothing to replace
            with path.open("w", encoding="utf-8", newline="") as file:
                file.writelines(pieces)
            return
        path = path.resolve()  # a link stays, and leads to the new file
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600  # marks are nobody else's business
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".grade-")
        try:
            with open(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(mark)
                file.writelines(pieces)
            os.chmod(temporary, mode)
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise UsageError(f"{name} cannot be written: {error.strerror}") from error
