"""A grade as the `results.json` of a Gradescope autograder.

Source: "Autograder Specifications, Output Format" in Gradescope's documentation.
"""

import msgspec

from graders.engine.results import CheckResult, ExerciseResult, Grade
from graders.report.markdown import code, explained, prose
from graders.report.next_step import next_step
from graders.report.record import encoded
from graders.report.words import count, number, one_line


def gradescope(grade: Grade) -> str:
    """JSON with a test for each check, which students see at once; what is printed elsewhere stays hidden from them."""
    data = {
        "score": grade.score,
        "output": _summary(grade),
        "output_format": "md",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [
            _test(f"{first}.{second}.{third}", exercise, check)
            for first, section in enumerate(grade.sections, 1)
            for second, exercise in enumerate(section.exercises, 1)
            for third, check in enumerate(exercise.checks, 1)
        ],
    }
    return msgspec.json.format(encoded(data)).decode() + "\n"


def _test(place: str, exercise: ExerciseResult, check: CheckResult) -> dict[str, object]:
    passed = check.status == "passed"
    return {
        "number": place,
        "name": f"{exercise.name}: {one_line(check.title)}" + (" (beyond the text)" if check.extra else ""),
        "name_format": "text",
        "score": 0.0 if check.extra else check.score,  # what is extra is never part of the score
        "max_score": 0.0 if check.extra else check.points,
        "status": "passed" if passed else "failed",
        "output": f"Passed on {count(check.examples, 'drawn input')}." if passed else explained(check, exercise.name),
        "output_format": "md",
        "visibility": "visible",
    }


def _summary(grade: Grade) -> str:
    step = next_step(grade)
    lines = [f"{number(grade.score)} of {number(grade.points)} points.", f"Next: {prose(step.what)}."]
    for section in grade.sections:
        for warning in section.warnings[:3]:
            place = prose(warning.file or section.file)
            if warning.line is None:
                lines.append(f"{place}: {prose(warning.message)}")
            else:
                lines.append(f"{place}, line {warning.line} could not be loaded: {code(warning.message)}")
    return "\n\n".join(lines)
