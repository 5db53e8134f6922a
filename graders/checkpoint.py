"""The command `checkpoint`: grades sections, carries out their closing experiments, and shows what came of them."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console

from graders.engine import submission
from graders.engine.course import Course, Material
from graders.engine.experiment import Outcome, carry_out
from graders.engine.grading import grade
from graders.engine.paper import paper
from graders.engine.results import Grade, SectionResult
from graders.engine.sitting import Forkserver
from graders.report.checkpoint import print_checkpoint
from graders.report.plot import write_png
from graders.report.progress import Progress, progress

EXAMPLES = 100


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
    grades = []
    for name in names:
        material = course.find(name)
        with progress(Console(stderr=True)) as line:
            found, outcome = _carried_out(material, path, forkserver, seed, seconds, line)
        section = msgspec.structs.replace(found.sections[0], checkpoint=outcome.result)
        grades.append(msgspec.structs.replace(found, sections=(section,)))
        picture = _picture(material, outcome)
        file = _written(plots / f"checkpoint-{name}.png", section, picture)
        if console:
            print_checkpoint(section, picture, console, file=file, options=options)
    return msgspec.structs.replace(
        grades[0],
        score=sum(each.score for each in grades),
        points=sum(each.points for each in grades),
        sections=tuple(section for each in grades for section in each.sections),
    )


def _carried_out(
    material: Material, path: Path, forkserver: Forkserver, seed: int, seconds: float | None, line: Progress
) -> tuple[Grade, Outcome]:
    found = grade(
        material.course, {material.name: None}, path, forkserver,
        seed=seed, examples=EXAMPLES, explain=False, begin=line.begin,
    )  # fmt: skip
    answers = submission.read(submission.find(path, material.name) if path.is_dir() else path)
    outcome = carry_out(
        material,
        paper(material, seed, EXAMPLES),
        answers,
        forkserver,
        not_right={each.name for each in found.sections[0].exercises if each.status != "passed"},
        seconds=seconds,
        point=line.measure(f"checkpoint of {material.name}", material.checkpoint.steps),
    )
    return found, outcome


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
