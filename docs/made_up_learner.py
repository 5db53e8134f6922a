"""A learner for the README's pictures: what she wrote and believed, graded for real, on days that are made up."""

import ast
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from graders.commands.checkpoint import carry_out_all
from graders.engine.authoring.material import Material, find
from graders.engine.course import Course
from graders.engine.marking.grading import grade
from graders.engine.results import SectionResult
from graders.engine.sitting.forkserver import Forkserver
from graders.learning.history import History

DAY = 24 * 3600.0
BEGAN = time.mktime((2026, 3, 2, 19, 0, 0, 0, 0, -1))


class Sitting(NamedTuple):
    """What a file held when it was graded."""

    day: float  # since the beginning
    section: str
    solved: int  # exercises, in study order; the others are stubs
    believed: tuple[str, ...] = ()  # how the texts of mistakes begin that some of them act out


SITTINGS = (
    Sitting(0.0, "tensors", 4, ("Subtracts the other way",)),
    Sitting(0.02, "tensors", 6, ("Gives the columns length",)),
    Sitting(0.04, "tensors", 9),
    Sitting(1.0, "tensors", 15, ("Divides whole numbers", "All samples share")),
    Sitting(1.03, "tensors", 19, ("All samples share",)),
    Sitting(1.05, "tensors", 25),
    Sitting(4.0, "ray_tracing", 3, ("Looks at the whole line beyond",)),
    Sitting(4.03, "ray_tracing", 5),
    Sitting(6.0, "ray_tracing", 9),
    Sitting(9.0, "networks", 5, ("Averages the accuracies",)),
    Sitting(9.02, "networks", 9),
    Sitting(12.0, "networks", 12, ("Turns the kernel round",)),
)
CHECKPOINT = Sitting(1.06, "tensors", 25)
NOTES = {
    "tensors": """\
# Softmax does not overflow

In my own words: adding a constant to every logit changes nothing, because

$$
\\frac{e^{x_i + c}}{\\sum_j e^{x_j + c}}
= \\frac{e^c\\, e^{x_i}}{e^c \\sum_j e^{x_j}} = \\frac{e^{x_i}}{\\sum_j e^{x_j}}
$$

So take $c = -\\max_j x_j$: the largest exponent is $0$, and nothing can overflow.

**What surprised me.** `logsoftmax` is not `log(softmax)`: where a probability underflows to $0$ its logarithm is
$-\\infty$, although $x_i - c$ was an ordinary number all along.

**Predicted before the checkpoint ran:** 90 % on unseen digits.
""",
}


def written(material: Material, sitting: Sitting) -> str:
    """The text of a file: the reference's first exercises, some of them with a mistake, and stubs."""
    exercises = material.outline.exercises
    mistakes = [
        next(each for each in material.section.mistakes if each.exercise in exercises and each.text.startswith(words))
        for words in sitting.believed
    ]
    text, stubs = material.mistaken_source(*mistakes), _pieces(material.untouched)
    for name, piece in _pieces(text).items():
        if name in exercises[sitting.solved :]:
            text = text.replace(piece, stubs[name])
    return text


def _pieces(text: str) -> dict[str, str]:
    """The definitions of a file, by name."""
    nodes = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return {node.name: ast.get_source_segment(text, node) or "" for node in nodes}


def remember_all(course: Course, history: History) -> None:
    """Grades what she wrote, and enters it into her diary with its day."""
    with Forkserver(course.secrets) as forkserver, tempfile.TemporaryDirectory() as folder:
        for sitting in SITTINGS:
            path = Path(folder) / f"{sitting.section}.py"
            path.write_text(written(find(course, sitting.section), sitting), "utf-8")
            (section,) = grade(course, {sitting.section: None}, path, forkserver, seed=0, examples=100).sections
            with _on(sitting.day):
                history.graded(section, course, 0, 100, is_whole=True)
        section, picture = _trained(course, forkserver, Path(folder))
        with _on(CHECKPOINT.day):
            history.trained(section, picture)


def _trained(course: Course, forkserver: Forkserver, folder: Path) -> tuple[SectionResult, bytes]:
    name = CHECKPOINT.section
    path = folder / f"{name}.py"
    path.write_text(written(find(course, name), CHECKPOINT), "utf-8")
    trained, _ = carry_out_all(course, [name], path, forkserver, seed=0, seconds=None, plots=folder, console=None)
    return trained.sections[0], (folder / f"checkpoint-{name}.png").read_bytes()


@contextmanager
def _on(day: float) -> Iterator[None]:
    with mock.patch("graders.learning.history.time.time", return_value=BEGAN + day * DAY):
        yield


def exercises(course: Course, folder: Path) -> None:
    """Writes her files as they are in the end, and the untouched ones of the sections she has not begun."""
    last = {sitting.section: sitting for sitting in SITTINGS}
    for name in course.sections:
        material = find(course, name)
        text = written(material, last[name]) if name in last else material.untouched
        (folder / f"{name}.py").write_text(text, "utf-8")
