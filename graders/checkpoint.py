"""The command `checkpoint`: grades sections, carries out their closing experiments, and shows what came of them."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console

from graders.cli import EXAMPLES
from graders.engine import submission
from graders.engine.course import Course, Material
from graders.engine.experiment import Outcome, carry_out
from graders.engine.grading import SCHEMA
from graders.engine.marking import mark
from graders.engine.paper import paper
from graders.engine.results import Grade, SectionResult
from graders.engine.sitting import Forkserver
from graders.report.checkpoint import print_checkpoint
from graders.report.plot import write_png
from graders.report.progress import Progress, progress


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
    options: str = "",
) -> Grade:
    """Carries out the checkpoints of sections; a grade of them all.

    Args:
        course, names: the sections.
        path: the submission, a file or a folder with a file for each section.
        forkserver: where workers come from.
        seed: of everything drawn at random.
        seconds: wall-clock limit of an experiment, where it is not the checkpoint's own.
        plots: the folder that the plots are written to.
        console: where to print what came of them; None prints nothing.
        options: what the command was called with, to be said again in the next step.

    Raises:
        UsageError: a file cannot be read.
    """
    sections = []
    for name in names:
        material = course.find(name)
        with progress(Console(stderr=True)) as line:
            section, outcome = _carried_out(material, path, forkserver, seed, seconds, line)
        sections.append(section)
        picture = _picture(material, outcome)
        file = _written(plots / f"checkpoint-{name}.png", section, picture)
        if console:
            print_checkpoint(section, picture, console, file=file, options=options)
    return Grade(
        schema=SCHEMA,
        seed=seed,
        examples=EXAMPLES,
        score=sum(section.score for section in sections),
        points=sum(section.points for section in sections),
        sections=tuple(sections),
    )


def _carried_out(
    material: Material, path: Path, forkserver: Forkserver, seed: int, seconds: float | None, line: Progress
) -> tuple[SectionResult, Outcome]:
    name = material.name
    answers = submission.read(submission.find(path, name) if path.is_dir() else path)
    questions = paper(material, seed, EXAMPLES, line.begin(f"drawing inputs for {name}, this once"))
    advance = line.begin(f"grading {name}")
    section = mark(material, questions, answers, forkserver, explain=False, advance=advance)
    outcome = carry_out(
        material,
        questions,
        answers,
        forkserver,
        not_right={each.name for each in section.exercises if each.status != "passed"},
        seconds=seconds,
        point=line.measure(f"checkpoint of {name}", material.checkpoint.steps),
    )
    return msgspec.structs.replace(section, checkpoint=outcome.result), outcome


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
    try:
        write_png(file, section.title, result.curves, picture)
    except OSError:
        return None
    return str(file)
