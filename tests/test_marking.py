"""Marking: the status of every check, and that none costs its neighbours."""

from textwrap import dedent

import nbformat
import pytest
from conftest import GradeText, NewSection, checks_of

from graders.engine.authoring.material import Material, find
from graders.engine.course import Course
from graders.engine.explaining import explaining
from graders.engine.results import ExerciseResult, SectionResult


def exercise(result: SectionResult, name: str) -> ExerciseResult:
    return next(exercise for exercise in result.exercises if exercise.name == name)


# %% A status for everything that can happen


@pytest.fixture(scope="module")
def answer(course: Course) -> str:
    return (course.root / "answers" / "small.py").read_text()


def test_the_reference_gets_full_marks(grade_text: GradeText, course: Course) -> None:
    for name in course.sections:
        result = grade_text(find(course, name).reference_source, name)
        assert {check.status for check in checks_of(result).values()} == {"passed"}
        assert (result.score, result.warnings) == (result.points, ())
        assert result.points == sum(check.points for check in find(course, name).section.checks.values())


def test_an_untouched_file_is_not_attempted(grade_text: GradeText, course: Course) -> None:
    for name in course.sections:
        result = grade_text(find(course, name).untouched, name)
        assert {exercise.status for exercise in result.exercises} == {"not_attempted"}
        assert (result.score, result.warnings) == (0, ())


def test_an_empty_file_and_an_empty_notebook_miss_everything(grade_text: GradeText) -> None:
    for result in (grade_text(""), grade_text(nbformat.writes(nbformat.v4.new_notebook()), suffix=".ipynb")):
        assert {check.status for check in checks_of(result).values()} == {"missing"}
        assert result.score == 0
        assert checks_of(result)["halves_numbers"].error.startswith("there is no halve in ")


def test_every_way_to_go_wrong_has_its_status(grade_text: GradeText, answer: str) -> None:
    result = grade_text(answer)
    assert {exercise.name: exercise.status for exercise in result.exercises} == {
        "halve": "passed",
        "row_sums": "failed",
        "inverse": "raised",
        "countdown": "timed_out",
        "first": "crashed",
        "scaled_sums": "blocked",
        "Counter": "not_attempted",
        "register": "passed",
        "last": "missing",
    }
    assert (result.score, result.points) == (2, 11)
    assert [(warning.line, warning.message) for warning in result.warnings] == [
        (1, "ModuleNotFoundError: No module named 'nowhere_to_be_found'")
    ]
    checks = checks_of(result)
    assert checks["sums_rows"].mistake == "The columns are summed, not the rows."
    assert checks["sums_rows"].output.startswith("summing (")
    assert checks["scales_sums"].error == "fix row_sums first"
    assert checks["refuses_zero"].error.endswith("IndexError: list index out of range")
    assert exercise(result, "halve").line == 8


@pytest.mark.parametrize(
    ("source", "name", "status", "error"),
    [
        ("import nowhere\nhalve = nowhere.halve", "halve", "missing", "No module named 'nowhere'"),
        ("def halve(x:\n    return x / 2", "halve", "missing", "SyntaxError: '(' was never closed"),
        ("halve = 3", "halve", "raised", "TypeError: 'int' object is not callable"),
        ("def halve(x): return half(x)", "halve", "raised", "NameError: name 'half' is not defined"),
        ("def halve(x): raise NotImplementedError", "halve", "not_attempted", None),
        (
            "def halve(x):\n    if x: return x / 2\n    raise NotImplementedError",
            "halve",
            "not_attempted",
            "still to be",
        ),
        ("def halve(x): return (y for y in [x])", "halve", "failed", None),
        ("def halve(x): exit()", "halve", "raised", "SystemExit"),
        ("def inverse(x): raise ValueError('no')", "refuses_zero", "raised", "ValueError: no"),
        ("def inverse(x): return 0", "refuses_zero", "failed", None),
        (
            "class Own(ZeroDivisionError): pass\ndef inverse(x):\n    if x: return 1 / x\n    raise Own",
            "inverse",
            "passed",
            None,
        ),
        ("def final(items): return items[-1]", "last", "passed", None),
        ("def final(items): return items[0]", "last", "failed", None),
        ("final = lambda items: items[-1]\nlast = None", "last", "raised", "'NoneType' object is not callable"),
    ],
)
def test_statuses(grade_text: GradeText, source: str, name: str, status: str, error: str | None) -> None:
    result = grade_text(source)
    checks = checks_of(result)
    found = checks[name] if name in checks else exercise(result, name)
    assert found.status == status
    if error:
        assert error in (found.error if name in checks else found.checks[0].error)


def test_only_the_exercises_asked_for_are_graded(grade_text: GradeText, answer: str) -> None:
    result = grade_text(answer, only=["halve", "last"])
    assert [exercise.name for exercise in result.exercises] == ["halve", "last"]
    assert (result.score, result.points) == (1, 2)


def test_verdicts_do_not_depend_on_explanations(grade_text: GradeText) -> None:
    source = "def halve(x): return x\ndef inverse(x): return 1 / (x - 3)"
    plain, full = grade_text(source, explain=False), grade_text(source)
    assert [exercise.status for exercise in plain.exercises] == [exercise.status for exercise in full.exercises]
    assert all(check.counterexample is None for check in checks_of(plain).values())


def test_explanations_run_nothing_once_their_budget_is_used_up(
    grade_text: GradeText, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts = grade_text(answer, explain=False)
    monkeypatch.setattr(explaining, "_EXAMPLES", 0)
    late = grade_text(answer)
    assert late.score == verdicts.score
    assert {name: check.status for name, check in checks_of(late).items()} == {
        name: check.status for name, check in checks_of(verdicts).items()
    }
    assert exercise(late, "row_sums").checks[0].counterexample


def test_what_goes_wrong_in_explaining_costs_the_explanation(
    grade_text: GradeText, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explaining, "call", lambda *_: 1 / 0)
    check = exercise(grade_text(answer), "row_sums").checks[0]
    assert (check.status, check.counterexample) == ("failed", None)
    assert check.error.endswith("(the grader could not explain it further: ZeroDivisionError in <lambda>)")


def test_verdicts_are_told_before_explanations(grade_text: GradeText, answer: str) -> None:
    told: list[SectionResult] = []
    final = grade_text(answer, settled=told.append)
    (first,) = told
    assert first.score == final.score
    assert all(check.counterexample is None for check in checks_of(first).values())
    assert any(check.counterexample for check in checks_of(final).values())


def test_the_same_submission_gets_the_same_result(grade_text: GradeText) -> None:
    source = "import random\ndef halve(x): return x / 2 + random.random()\ndef first(items): return max(items)"

    def without_times(result: SectionResult) -> list[object]:
        return [(c.name, c.status, c.counterexample, c.mistake, c.error, c.output) for c in checks_of(result).values()]

    assert without_times(grade_text(source)) == without_times(grade_text(source))


def test_line_numbers_are_those_of_the_cell(grade_text: GradeText) -> None:
    cells = ["!pip install nowhere\nimport nowhere", "%%time\n\ndef halve(x):\n    return [][x]"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    result = grade_text(nbformat.writes(notebook), suffix=".ipynb")
    assert (exercise(result, "halve").status, exercise(result, "halve").line) == ("raised", 3)
    assert "small.ipynb cell 2:4 in halve\n    return [][x]\nIndexError" in checks_of(result)["halves_numbers"].error
    (warning,) = result.warnings
    assert warning.line == 2
    assert warning.message.endswith("small.ipynb cell 1: ModuleNotFoundError: No module named 'nowhere'")


# %% No check costs another


def test_a_check_that_poisons_what_others_use_costs_only_itself(grade_text: GradeText) -> None:
    result = grade_text(
        """
        import builtins, numpy as np
        def halve(x):
            np.sum, builtins.max = None, None
            globals()["first"] = globals()["factor"] = None
            return 3
        factor = 1
        def first(items): return max(items) * 0 + items[0] * factor
        def last(items): return items[-1]
        def countdown(n): return list(range(n, 0, -1))
        """
    )
    statuses = {exercise.name: exercise.status for exercise in result.exercises}
    assert [statuses[name] for name in ("halve", "first", "last", "countdown")] == [
        "failed",
        "passed",
        "passed",
        "passed",
    ]


def test_a_hang_and_a_crash_cost_only_their_checks(grade_text: GradeText) -> None:
    result = grade_text(
        """
        import os
        def halve(x): os.abort()
        def countdown(n):
            while True: pass
        def first(items): return items[0]
        """
    )
    statuses = {exercise.name: exercise.status for exercise in result.exercises}
    assert [statuses[name] for name in ("halve", "countdown", "first")] == ["crashed", "timed_out", "passed"]


# %% Inputs, judges and classes


def check(exercise: str, body: str, given: str, options: str = "") -> str:
    name = given.partition("=")[0]
    return dedent(
        f'''
        def far(observed, expected, inputs):
            return None if np.sum(observed - expected) < inputs["{name}"].mean() + 1e9 else "far off"

        {exercise} = section.exercise("{exercise}")

        @{exercise}.check({given}{options})
        def probe(solution, {name}):
            """Probes."""
            {body}
        '''
    )


VECTOR = "x=st.lists(st.integers(1, 9), min_size=2, max_size=3).map(lambda v: np.array(v, float))"
PLUS_ONE = "def f(x): return x + 1\n"
IN_PLACE = "def f(x):\n    x += 1\n    return x\n"


def test_inputs_must_come_back_unchanged(new_section: NewSection, grade_text: GradeText) -> None:
    material = new_section(check("f", "return solution.f(x)", VECTOR), PLUS_ONE)
    probed = checks_of(grade_text(IN_PLACE, material))["probe"]
    assert probed.status == "failed"
    assert probed.counterexample.difference == "the input x was changed in place; it must stay as it was"
    assert probed.counterexample.actual == probed.counterexample.expected
    wrong_too = checks_of(grade_text("def f(x):\n    x += 1\n    return x + 1\n", material))["probe"]
    assert "changed in place" not in wrong_too.counterexample.difference


def test_inputs_may_change_where_that_is_the_task(new_section: NewSection, grade_text: GradeText) -> None:
    material = new_section(check("f", "solution.f(x); return x", VECTOR, ", changes_inputs=True"), IN_PLACE)
    assert checks_of(grade_text(IN_PLACE, material))["probe"].status == "passed"
    assert checks_of(grade_text(PLUS_ONE, material))["probe"].status == "failed"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("x * 1000", "passed"),
        ("None", "failed"),
        ("'text'", "failed"),
        ("[1.0]", "failed"),
        ("{'a': x}", "failed"),
        ("np.array(['a', 'b'])", "failed"),
        ("np.zeros((3, 0, 7))", "failed"),
        ("np.zeros((2, 5, 7))", "failed"),
        ("print", "failed"),
        ("1 / 0", "raised"),
        ("x * np.nan", "failed"),
    ],
)
def test_a_judge_meets_whatever_a_submission_returns(
    new_section: NewSection, grade_text: GradeText, answer: str, status: str
) -> None:
    material = new_section(check("f", "return solution.f(x)", VECTOR, ", judge=far"), PLUS_ONE)
    assert checks_of(grade_text(f"import numpy as np\ndef f(x): return {answer}", material))["probe"].status == status


CLASSES = """
class Model:
    def __init__(self): self.parts = []
    def add(self, part): self.parts.append(part); return self
    def total(self): return sum(self.parts)
"""
COUNTED = """
Model = section.exercise("Model")

@Model.check(x=st.integers())
def probe(solution, x):
    "Probes."
    return solution.Model().add(x).parts

@Model.check(x=st.integers())
def total(solution, x):
    "Probes."
    return solution.Model().add(x).total()
"""


@pytest.fixture
def model(new_section: NewSection) -> Material:
    return new_section(COUNTED, CLASSES)


@pytest.mark.parametrize(
    ("total", "statuses"),
    [
        ("return sum(self.parts)", ["passed", "passed"]),
        ("raise NotImplementedError('Model.total')", ["passed", "not_attempted"]),
        ("return 7", ["passed", "failed"]),
    ],
)
def test_a_class_that_is_written_in_part_gets_its_part(
    grade_text: GradeText, model: Material, total: str, statuses: list[str]
) -> None:
    checks = checks_of(grade_text(CLASSES.replace("return sum(self.parts)", total), model))
    assert [checks["probe"].status, checks["total"].status] == statuses


def test_a_class_without_a_method_raises(grade_text: GradeText, model: Material) -> None:
    checks = checks_of(grade_text("class Model:\n    parts = 3", model))
    assert [(check.status, check.error) for check in checks.values()] == [
        ("raised", "AttributeError: 'Model' object has no attribute 'add'")
    ] * 2
