"""Grades made by hand, for the tests of the reports."""

from graders.engine.results import (
    CheckResult,
    Counterexample,
    ExerciseResult,
    Grade,
    LoadWarning,
    SectionResult,
    Status,
)


def check(
    status: Status = "passed",
    title: str = "Does what it should.",
    *,
    name: str = "does_what_it_should",
    points: float = 1.0,
    case: Counterexample | None = None,
    mistake: str | None = None,
    error: str | None = None,
    output: str = "",
) -> CheckResult:
    score = points if status == "passed" else 0.0
    return CheckResult(name, title, status, score, points, 100, 0.25, case, mistake, error, output)


def exercise(name: str, *checks: CheckResult, line: int | None = 10) -> ExerciseResult:
    status = next((check.status for check in checks if check.status != "passed"), "passed")
    score, points = sum(check.score for check in checks), sum(check.points for check in checks)
    return ExerciseResult(name, status, score, points, line, checks)


def section(
    name: str,
    *exercises: ExerciseResult,
    title: str = "A section",
    file: str | None = None,
    warnings: tuple[LoadWarning, ...] = (),
) -> SectionResult:
    score, points = sum(item.score for item in exercises), sum(item.points for item in exercises)
    return SectionResult(name, title, file or f"exercises/{name}.py", score, points, 0.5, warnings, exercises)


def grade(*sections: SectionResult) -> Grade:
    score, points = sum(item.score for item in sections), sum(item.points for item in sections)
    return Grade(1, 0, 100, score, points, sections)


UNBROADCAST = check(
    "failed",
    "Sums over every axis that broadcasting added or stretched.",
    name="sums_over_broadcast_axes",
    points=2.0,
    case=Counterexample(
        call="unbroadcast(np.array([[1., 2., 3.], [4., 5., 6.]]), np.array([[1., 2., 3.]]))",
        expected="array([[5., 7., 9.]])",
        actual="array([5., 7., 9.])",
        difference="The shape is (3,) and should be (1, 3); the values agree.",
    ),
    mistake="Axes that broadcasting prepended are summed, and stretched axes of size one are lost.",
    output="before (2, 3)\nafter (3,)\n",
)
MULTIPLY = check(
    "raised",
    "Returns a gradient of the shape of the first factor.",
    name="has_the_shape_of_x",
    case=Counterexample(
        call="x = np.zeros((1, 3))\ny = np.zeros((2, 3))\nmultiply_back0(y, y, x, y)",
        expected="array([[0., 0., 0.]])",
        actual="AxisError: axis 2 is out of bounds",
        difference="AxisError was raised",
    ),
    error=(
        "exercises/backprop.py:62, in multiply_back0\n    return grad.sum(axis=2)\nAxisError: axis 2 is out of bounds"
    ),
)
MIXED = grade(
    section(
        "backprop",
        exercise("log_back", check(), check(), line=20),
        exercise("unbroadcast", check(), UNBROADCAST, line=41),
        exercise("multiply_back0", MULTIPLY, line=58),
        exercise(
            "sort", check("timed_out", "Finishes on graphs whose paths meet.", error="No answer in 5 s."), line=90
        ),
        exercise("backprop", check(points=0.5), check("blocked", error="fix sort first"), line=120),
        exercise("Parameter", check("not_attempted"), line=150),
        exercise("Linear", check("missing"), line=None),
        title="Backpropagation from scratch",
        warnings=(LoadWarning(12, "No module named 'sklearn'"),),
    )
)
