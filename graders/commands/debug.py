"""`python grade.py debug SECTION::EXERCISE`: the smallest failing case, stepped through in pdb or in an editor."""

import ast
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graders.commands.options import (
    GRADER_FAILED,
    NOT_REACHED,
    REACHED,
    add_examples,
    add_seed,
    add_submission,
    new_parser,
)
from graders.engine.course import Course
from graders.engine.errors import UsageError
from graders.engine.results import CheckResult, ExerciseResult, SectionResult, Status
from graders.engine.sitting.forkserver import Forkserver
from graders.learning import stepping
from graders.learning.hints import exercise_of
from graders.learning.scripts import write_one
from graders.report.streams import say, show
from graders.report.words import TO_FIX, one_line

_KEYS = "n is the next line, s steps into a call,\np NAME shows a value, c goes on to the end, q quits."
_NOT_SHOWN = "fails, on an input that cannot be shown"
_WHY: dict[Status, str] = {  # why there is nothing to step through
    "passed": "passes",
    "not_attempted": "is not written yet",
    "missing": "is not in the file",
    "blocked": "waits for another exercise",
    "failed": _NOT_SHOWN,
    "raised": _NOT_SHOWN,
    "timed_out": _NOT_SHOWN,
    "crashed": _NOT_SHOWN,
}


def run(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments`; the exit status."""
    parser = new_parser("python grade.py debug SECTION::EXERCISE [--launch]")
    parser.add_argument("target", metavar="SECTION::EXERCISE")
    parser.add_argument("--launch", action="store_true", help="print an entry for VS Code's launch.json instead")
    add_submission(parser)
    add_seed(parser)
    add_examples(parser)
    options = parser.parse_args(arguments)
    course = Course(options.course.resolve())
    wanted = exercise_of(course, options.target)
    path = options.submission or course.root / "exercises"
    with Forkserver(course.secrets) as forkserver:
        from graders.engine.marking.grading import grade

        asked = {wanted.material.name: [wanted.name]}
        result = grade(course, asked, path, forkserver, seed=options.seed, examples=options.examples)
    (section,) = result.sections
    (exercise,) = section.exercises
    check = _failing(exercise)
    if check is None:
        show(f"There is nothing to step through: {wanted.name} {_WHY[exercise.status]}.")
        return REACHED if exercise.status == "passed" else NOT_REACHED
    script = write_one(check, section, course.root)
    if script is None:
        raise UsageError(f"{one_line(check.title)} There is no script of it: a notebook's cells, or too large an input")
    if options.launch:
        show(json.dumps(launch_entry(wanted.target, script), indent=2))
        return REACHED
    show(f"{one_line(check.title)}\npdb stops where {exercise.name} begins. {_KEYS}")
    if check.status == "timed_out":
        show("It does not come to an end: after c, Ctrl-C stops it where it is.")
    show("")
    return _stepped_through(script, section, exercise)


def _failing(exercise: ExerciseResult) -> CheckResult | None:
    """The first check that fails on an input that can be shown."""
    return next((each for each in exercise.checks if each.status in TO_FIX and each.counterexample), None)


def launch_entry(target: str, script: Path) -> dict[str, Any]:
    """What VS Code's launch.json calls a configuration."""
    return {
        "name": f"{target}, the smallest failing case",
        "type": "debugpy",
        "request": "launch",
        "program": str(script),
        "console": "integratedTerminal",
        "justMyCode": True,
    }


def _stepped_through(script: Path, section: SectionResult, exercise: ExerciseResult) -> int:
    file = Path(section.file).absolute()
    words = [sys.executable, stepping.__file__, str(script), str(file), *map(str, _stops(file, exercise))]
    before = signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for what is being stepped through
    try:
        subprocess.run(words, check=False)
    except OSError as error:
        say(f"pdb cannot be run: {error.strerror}")
        return GRADER_FAILED
    finally:
        signal.signal(signal.SIGINT, before)
    return REACHED


def _stops(file: Path, exercise: ExerciseResult) -> list[int]:
    """The lines at which to stop: the first behind the text of the function, or of each function of the class."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.lineno == exercise.line:
            functions = [each for each in ast.walk(node) if isinstance(each, ast.FunctionDef)]
            return [_body(each)[0].lineno for each in (functions[:1] if node in functions else functions)]
    return []


def _body(function: ast.FunctionDef) -> list[ast.stmt]:
    return function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
