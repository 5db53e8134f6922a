"""How often the place of a fault is right: alternatives with one small change each, or with two, are graded."""

import ast
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from graders.engine.auditing import record
from graders.engine.auditing.bench import Bench, Job, submission
from graders.engine.authoring.material import Material
from graders.engine.mutating.mutants import Mutant, mutants
from graders.engine.results import MISSING_STATEMENT, ExerciseResult
from graders.engine.setting.paper import Paper

_SHARE_OF_TWO = 4  # of so many with one fault, one gets a second


class _Faulty(NamedTuple):
    """An alternative with faults: the text, the exercise, and the lines that would be right.

    What a statement that was left out gave a value is in `wanted`, as it is written: where a line that uses it is told,
    because nothing gives it a value, that is right too. So is any line of the function, `block`, for a statement that
    is put back: its place among others is free if all checks pass.
    """

    source: str
    exercise: str
    lines: frozenset[int]
    block: frozenset[int] = frozenset()
    wanted: frozenset[str] = frozenset()


def measured(
    material: Material, papers: Sequence[Paper], exercises: Sequence[str], most: int, say: Callable[[str], None]
) -> None:
    """Says how often a fault is located rightly, named as a known mistake, located wrongly, and not at all.

    Args:
        material, papers: the section.
        exercises: those that are changed.
        most: how many changed solutions are graded, of which the checks may accept some.
        say: takes a line.
    """
    every = [mutant for file in record.alternatives(material) for mutant in mutants(file.read_text("utf-8"), exercises)]
    chosen = record.sample(every, most, lambda mutant: f"{mutant.exercise}\n{mutant.diff}\n{len(mutant.source)}")
    single = [_faulty(each) for each in chosen]
    double = [found for each in chosen[::_SHARE_OF_TWO] if (found := _second(each))]
    with Bench(material, papers) as bench:
        for what, faulty in (("one fault", single), ("two faults", double)):
            jobs = [Job(submission(material, each.source), only=[each.exercise], places=True) for each in faulty]
            results = [result.exercises[0] for result in bench.graded(jobs)]
            say(f"  {what}: {_summary(faulty, results)}")


def _summary(faulty: Sequence[_Faulty], results: Sequence[ExerciseResult]) -> str:
    found = Counter(
        verdict for each, result in zip(faulty, results, strict=True) if (verdict := _verdict(each, result))
    )
    refused = found.total()
    verdicts = ("located", "named", "among others", "located wrongly", "neither")
    words = [f"{found[verdict]} {verdict}" for verdict in verdicts if found[verdict] or verdict != "among others"]
    good = (found["located"] + found["named"]) / max(refused, 1)
    wrong = found["located wrongly"] / max(refused, 1)
    return f"{refused} refused, {', '.join(words)} ({good:.0%} right, {wrong:.0%} wrong)"


def _verdict(faulty: _Faulty, result: ExerciseResult) -> str | None:
    core = [check for check in result.checks if not check.extra and check.status != "passed"]
    if not core:
        return None
    if any(check.mistake for check in core):
        return "named"
    place = next((check.place for check in core if check.place), None)
    if place is None:
        return "neither"
    if place.line in (faulty.block if place.kind == MISSING_STATEMENT else ()) or place.line in faulty.lines:
        return "located"
    if place.because and any(text in place.because for text in faulty.wanted):
        return "located"
    return "among others" if faulty.lines.intersection(place.others) else "located wrongly"


def _faulty(mutant: Mutant) -> _Faulty:
    if mutant.operator != "statement":
        return _Faulty(mutant.source, mutant.exercise, _around(mutant))
    functions = [
        range(node.lineno, (node.end_lineno or node.lineno) + 1)
        for node in ast.walk(ast.parse(mutant.source))
        if isinstance(node, ast.FunctionDef) and node.lineno <= mutant.line <= (node.end_lineno or node.lineno) + 1
    ]
    left_out = "\n".join(line[1:] for line in mutant.diff.splitlines() if line[:1] == "-" and line[:3] != "---")
    try:
        nodes = list(ast.walk(ast.parse(textwrap.dedent(left_out))))
    except SyntaxError:
        nodes = []
    stored = [node for node in nodes if isinstance(getattr(node, "ctx", None), ast.Store)]
    wanted = frozenset(f"`{ast.unparse(node)}`" for node in stored if isinstance(node, ast.Name | ast.Attribute))
    block = frozenset(min(functions, key=len, default=()))
    return _Faulty(mutant.source, mutant.exercise, _around(mutant), block, wanted)


def _around(mutant: Mutant) -> frozenset[int]:
    """The lines of the statement that was changed; where one was left out, those beside the gap."""
    if mutant.operator == "statement":
        return frozenset((mutant.line - 1, mutant.line, mutant.line + 1))
    spans = [
        range(node.lineno, (node.end_lineno or node.lineno) + 1)
        for node in ast.walk(ast.parse(mutant.source))
        if isinstance(node, ast.stmt) and node.lineno <= mutant.line <= (node.end_lineno or node.lineno)
    ]
    smallest = min(spans, key=len, default=range(mutant.line, mutant.line + 1))
    return frozenset(smallest) if len(smallest) < 8 else frozenset((mutant.line,))  # more is a block with a head


def _second(first: Mutant) -> _Faulty | None:
    """The same with a fault in another line."""
    others = [each for each in mutants(first.source, [first.exercise]) if abs(each.line - first.line) > 1]
    chosen = record.sample(others, 1, lambda mutant: mutant.diff)
    if not chosen:
        return None
    lines = _around(first) | _around(chosen[0])
    shifted = {line + step for line in lines for step in (-1, 0, 1)}  # the second may have taken a line away
    return _Faulty(chosen[0].source, first.exercise, frozenset(shifted))
