"""The reference's way: shown after a question, and compared with a learner's own when an exercise is solved."""

import ast
import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from graders.engine.authoring.material import Material, find
from graders.engine.course import Course
from graders.engine.results import ExerciseResult, SectionResult
from graders.learning.hints import exercise_of, hints_shown
from graders.learning.history import History
from graders.report.words import count

_LOOPS = (ast.For, ast.While, ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)
_STABLE = re.compile(r"\b(?:log_softmax|logsumexp|logsigmoid|log1p|expm1|softplus|logaddexp|amax|max|clamp|clip)\b")
_MOST_TOLD = 5  # exercises solved at once
_MUCH_LONGER = 2  # times as many statements


class Solution(NamedTuple):
    """What `solution` answers: what is to be asked first, and the texts that it may show."""

    question: str
    first_line: str
    whole: str
    place: str


def solution(course: Course, target: str, history: History) -> Solution:
    """The reference's way to solve an exercise, without the text that the learner has read already.

    Raises:
        UsageError: there is no such section or exercise.
    """
    exercise = exercise_of(course, target)
    node = _definition(exercise.material.reference_source, exercise.name)
    hints, seen = exercise.material.section.hints.get(exercise.name, ()), hints_shown(history, exercise)
    unread = f" {len(hints) - seen} of its hints are still unread." if seen < len(hints) else ""
    return Solution(
        question=f"Show how the reference solves {target}?{unread} Whoever finds it alone keeps it longer.",
        first_line=_first_line(node),
        whole=ast.unparse(_bare(node)),
        place=place(exercise.material, exercise.name),
    )


def place(material: Material, exercise: str) -> str:
    """Where the reference solves an exercise: `reference/backprop.py:43`."""
    node = _definition(material.reference_source, exercise)
    return f"{material.reference.parent.name}/{material.reference.name}:{node.lineno}"


def solved_now(course: Course, section: SectionResult, before: Collection[str]) -> list[str]:
    """What is said of exercises that pass now and did not before: where the reference's way can be read, and how it
    differs. Of many at once, as in answers from elsewhere, those whose way differs have a sentence, up to a few.

    Args:
        section: as it was graded.
        before: the exercises that passed already.
    """
    new = [each for each in section.exercises if each.status == "passed" and each.name not in before]
    if not new:
        return []
    material, own = find(course, section.name), _read(section.file)
    differing = {each.name: difference(own, material.reference_source, each) for each in new}
    told = list(differing)
    if len(new) > _MOST_TOLD:
        told = [name for name, words in differing.items() if words][:_MOST_TOLD]
    said = [_sentence(place(material, name), name, differing[name]) for name in told]
    if left := len(new) - len(told):
        where = f"{material.reference.parent.name}/{material.reference.name}"
        verb = "is" if left == 1 else "are"
        said.append(f"{count(left, 'more exercise' if told else 'exercise')} {verb} solved; "
                    f"the reference's way is in {where}.")  # fmt: skip
    return said


def _sentence(where: str, exercise: str, differs: str | None) -> str:
    return f"{exercise} is solved; the reference's way is in {where}{f'. {differs}' if differs else ''}."


def difference(own: str, reference: str, exercise: ExerciseResult) -> str | None:
    """One sentence, without its full stop, on how a right answer differs from the reference's; None for nothing worth
    one: what it does not yet hold for, loops, length.
    """
    try:
        mine = _bare(_definition(own, exercise.name))
        theirs = _bare(_definition(reference, exercise.name))
    except (SyntaxError, ValueError, LookupError, RecursionError):
        return None
    if open_extras := [check.title for check in exercise.checks if check.extra and check.status != "passed"]:
        stable = _STABLE.search(ast.unparse(theirs)) and not _STABLE.search(ast.unparse(mine))
        words = "by a more stable formula" if stable else "where yours does not yet"
        return f"It also does this, {words}: {open_extras[0].rstrip('.')}"
    loops = _count(mine, _LOOPS) - _count(theirs, _LOOPS)
    if loops > 0 and not _count(theirs, _LOOPS):
        return "It has no loop where yours does: whole arrays are computed at once"
    if loops < 0 and not _count(mine, _LOOPS):
        return "It loops where yours computes all at once"
    if _count(mine, ast.stmt) > _MUCH_LONGER * _count(theirs, ast.stmt):
        return f"It takes {_count(theirs, ast.stmt)} statements, yours {_count(mine, ast.stmt)}"
    return None


def _count(tree: ast.AST, kind: type[ast.AST] | tuple[type[ast.AST], ...]) -> int:
    return sum(isinstance(node, kind) for node in ast.walk(tree)) - isinstance(tree, kind)


Definition = ast.FunctionDef | ast.ClassDef


def _definition(source: str, name: str) -> Definition:
    """The last definition of a name. Raises LookupError if there is none."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, Definition) and node.name == name]
    if not found:
        raise LookupError(name)
    return found[-1]


def _bare(node: Definition) -> Definition:
    """A definition without its texts."""
    node = ast.parse(ast.unparse(node)).body[0]  # type: ignore[assignment]
    for inner in ast.walk(node):
        if isinstance(inner, Definition) and ast.get_docstring(inner) is not None:
            inner.body = inner.body[1:] or [ast.Pass()]
    return node


def _first_line(node: Definition) -> str:
    """The head of a function and the first line of its body; of a class those of its first method."""
    function: Definition = _bare(node)
    if isinstance(function, ast.ClassDef):
        function = next((inner for inner in function.body if isinstance(inner, ast.FunctionDef)), function)
    start = ast.unparse(function.body[0]).split("\n")[0]
    function.body = [ast.Pass()]
    return f"{ast.unparse(function).removesuffix('pass')}{start}"


def _read(file: str) -> str:
    try:
        return Path(file).read_text("utf-8")
    except (OSError, ValueError):
        return ""
