"""`python grade.py debug SECTION::EXERCISE`: the smallest failing case, stepped through in pdb or in an editor."""

import ast
import json
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
from graders.engine.results import CheckResult, ExerciseResult, SectionResult
from graders.engine.sitting.forkserver import Forkserver
from graders.learning.hints import exercise_of
from graders.learning.scripts import write_one
from graders.report.streams import say, show
from graders.report.words import TO_FIX, one_line


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
        show(f"There is nothing to step through: {wanted.name} has {exercise.status.replace('_', ' ')}.")
        return REACHED if exercise.status == "passed" else NOT_REACHED
    script = write_one(check, section, course.root)
    if script is None:
        raise UsageError(f"{one_line(check.title)} There is no script of it: a notebook's cells, or too large an input")
    if options.launch:
        show(json.dumps(launch_entry(wanted.target, script), indent=2))
        return REACHED
    keys = "n is the next line, p shows a value, q quits"
    show(f"{one_line(check.title)}\npdb stops where {exercise.name} begins: {keys}.\n")
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
    first = _first_line_of_body(Path(section.file), exercise)
    stops = ["-c", f"break {Path(section.file).absolute()}:{first}", "-c", "continue"] if first else []
    try:
        subprocess.run([sys.executable, "-m", "pdb", *stops, str(script)], check=False)
    except OSError as error:
        say(f"pdb cannot be run: {error.strerror}")
        return GRADER_FAILED
    return REACHED


def _first_line_of_body(file: Path, exercise: ExerciseResult) -> int | None:
    """The line at which to stop: the first behind the text of the exercise."""
    for node in ast.parse(file.read_bytes()).body:
        if isinstance(node, ast.FunctionDef) and node.lineno == exercise.line:
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            return body[0].lineno
    return exercise.line
