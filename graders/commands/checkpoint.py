"""The command `checkpoint`: grades sections, carries out their closing experiments, and shows what came of them."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console

from graders.commands.options import (
    GRADER_FAILED,
    NOT_REACHED,
    REACHED,
    add_seed,
    add_submission,
    called,
    check_files,
    new_parser,
    whole_number,
)
from graders.engine.authoring.material import Material, find
from graders.engine.course import Course
from graders.engine.errors import UsageError
from graders.engine.marking.experiment import Outcome, carry_out
from graders.engine.marking.marking import mark
from graders.engine.results import EXAMPLES, Grade, LoadWarning, SectionResult, grade_of
from graders.engine.setting.papers import paper
from graders.engine.sitting import submission
from graders.engine.sitting.forkserver import Forkserver
from graders.learning.history import opened
from graders.report import files
from graders.report.checkpoint import print_checkpoint
from graders.report.making import made
from graders.report.next_step import Called
from graders.report.plot import write_plot
from graders.report.progress import Progress, progress
from graders.report.streams import stdout


def run(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit status."""
    parser = new_parser("python grade.py checkpoint SECTION... [options]")
    add = parser.add_argument
    add("sections", nargs="+", metavar="SECTION", help="a section that has a checkpoint, or all")
    add_submission(parser)
    add_seed(parser)
    add("--seconds", type=whole_number(1, 3600), metavar="N", help="wall-clock limit (default: the checkpoint's, 120)")
    files.add_options(parser)
    add("--plot", type=Path, default=Path(), metavar="FOLDER", help="where to write the plots (default: here)")
    options = parser.parse_args(arguments)
    asked_for = files.outputs(options)
    check_files({output.option: output.file for output in asked_for})
    since = files.earlier(options.since)
    if not options.plot.is_dir() or not os.access(options.plot, os.W_OK):
        raise UsageError(f"--plot: {options.plot} is not a folder that can be written to")
    course = Course(options.course.resolve())
    having = course.closing
    asked = having if "all" in options.sections else list(course.wanted(options.sections))
    if none := [name for name in asked if name not in having]:
        raise UsageError(f"{none[0]} has no checkpoint; there are {', '.join(having) or 'none'}")
    with Forkserver(course.secrets) as forkserver:
        result, shown = carry_out_all(
            course,
            asked,
            options.submission or course.root / "exercises",
            forkserver,
            seed=options.seed,
            seconds=options.seconds,
            plots=options.plot,
            console=None if files.to_stdout(asked_for) else Console(highlight=False),
            called=called(options),
        )
    with opened(course) as history:
        for section in result.sections:
            history.trained(section, _kept(options.plot, section.name, history.keeps))
    shown += files.write(result, asked_for, since)
    if not shown:
        return GRADER_FAILED
    reached = [section.checkpoint is not None and section.checkpoint.status == "reached" for section in result.sections]
    return REACHED if all(reached) else NOT_REACHED


def carry_out_all(
    course: Course,
    names: Sequence[str],
    path: Path,
    forkserver: Forkserver,
    *,
    seed: int,
    seconds: float | None,
    plots: Path,
    console: Console | None,
    called: Called | None = None,
) -> tuple[Grade, int]:
    """Carries out the checkpoints of sections; a grade of them all, and how many could be shown.

    Args:
        course, names: the sections.
        path: the submission, a file or a folder with a file for each section.
        forkserver: where workers come from.
        seed: of everything drawn at random.
        seconds: wall-clock limit of an experiment, where it is not the checkpoint's own.
        plots: the folder that the plots are written to.
        console: where to print what came of them; None prints nothing.
        called: how the command was called, for the next step.

    Raises:
        UsageError: a file cannot be read.
    """
    sections, shown = [], 0
    for name in names:
        material = find(course, name)
        with progress(Console(stderr=True)) as line:
            section, outcome = _carried_out(material, path, forkserver, seed, seconds, line)
        sections.append(section)
        picture = _picture(material, outcome)
        file = _written(plots / f"checkpoint-{name}.png", section, picture)
        if console:
            shown += made("the report", partial(_print, section, picture, console, file, called))
    return grade_of(sections, seed, EXAMPLES), shown


def _kept(plots: Path, name: str, keeps: bool) -> bytes | None:
    """The plot that was just written, for the diary."""
    try:
        return (plots / f"checkpoint-{name}.png").read_bytes() if keeps else None
    except OSError:
        return None


def _print(
    section: SectionResult, picture: np.ndarray | None, console: Console, file: str | None, called: Called | None
) -> None:
    with stdout():
        print_checkpoint(section, picture, console, file=file, called=called)


def _carried_out(
    material: Material, path: Path, forkserver: Forkserver, seed: int, seconds: float | None, line: Progress
) -> tuple[SectionResult, Outcome]:
    name = material.name
    answers = submission.read_in(path, name) if path.is_dir() else submission.read(path)
    questions = paper(material, seed, EXAMPLES)
    section = mark(
        material,
        questions,
        answers,
        forkserver,
        explain=False,
        advance=line.begin(f"grading {name}"),
        drawing=line.begin(f"drawing inputs for {name}, this once"),
    )
    outcome = carry_out(
        material,
        questions,
        answers,
        forkserver,
        not_right={each.name for each in section.exercises if each.status != "passed"},
        seconds=seconds,
        point=line.measure(f"checkpoint of {name}", material.checkpoint.steps),
    )
    warnings = (*(LoadWarning(None, note) for note in answers.notes), *section.warnings)
    return msgspec.structs.replace(section, warnings=warnings, checkpoint=outcome.result), outcome


def _picture(material: Material, outcome: Outcome) -> np.ndarray | None:
    """The picture that the experiment ends in. A wrong piece may have made it anything, and then there is none."""
    if material.checkpoint.picture is None or outcome.evidence is None:
        return None
    try:
        picture = np.asarray(material.checkpoint.picture(outcome.evidence), dtype=float)
    except Exception:
        return None
    return np.clip(np.nan_to_num(picture), 0, 1) if picture.ndim == 2 and picture.size else None


def _written(file: Path, section: SectionResult, picture: np.ndarray | None) -> str | None:
    """The name of the file that the plot was written to, if there is something to plot and it could be written."""
    result = section.checkpoint
    if result is None or not (result.curves or picture is not None):
        return None
    for path in (file.with_suffix(".svg"), file):
        is_written = made(f"the plot {path}", partial(write_plot, path, section.title, result.curves, picture))
    return str(file) if is_written else None
