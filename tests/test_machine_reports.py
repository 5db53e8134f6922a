"""The formats that other programs read: annotations, Gradescope, GitHub Classroom, Code Quality.

The schemas here are written from the vendors' documentation; none of them publishes one.
"""

import json
import subprocess
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator
from sample_grades import MIXED, MULTIPLY, UNBROADCAST, check, exercise, grade, section

from graders.engine.results import CheckResult, Counterexample, Grade, Place
from graders.report.annotations import annotations
from graders.report.classroom import LIMIT, classroom
from graders.report.code_quality import code_quality
from graders.report.gradescope import gradescope
from graders.report.next_step import place_of

HOSTILE = "100%\r\n::error::owned\n::set-env name=A::b,c:d </script> \x1b[31m\ud800\u2028"
SMALL = grade(section("s", exercise("f", check()), exercise("unbroadcast", UNBROADCAST, line=41)))


def broken(text: str) -> Grade:
    case = Counterexample(text, text + "!", text, text)
    failing = check("raised", text, case=case, mistake=text, error=text, output=text)
    return grade(section("s", exercise("f", failing), title=text, file=f"{text}.py"))


def likely(cell: str | None = None) -> CheckResult:
    return msgspec.structs.replace(check("failed"), place=Place(7, 5, "an axis", "x.sum(0)", cell))


# %% The line that is shown


@pytest.mark.parametrize(("cell", "line"), [(None, 7), ("exercises/helpers.py", 3)])
def test_the_likely_line_is_shown_where_it_is_one_of_the_learners_file(cell: str | None, line: int) -> None:
    """A line of a file beside the answer is none of the answer's: there the exercise is shown."""
    one = section("s", exercise("f", likely(cell), line=3))
    assert f",line={line}," in annotations(grade(one))
    assert place_of(one, one.exercises[0]).endswith(f".py:{line}")


# %% Annotations


def test_annotations() -> None:
    assert annotations(MIXED) == (
        "::error file=exercises/backprop.py,line=41,title=unbroadcast%3A failed::Not yet: Sums over every axis that "
        "broadcasting added or stretched.%0A%0AThe smallest call that shows it:%0A%0A"
        "unbroadcast(np.array([[1., 2., 3.], [4., 5., 6.]]), np.array([[1., 2., 3.]]))%0A%0A"
        "came out    array([5., 7., 9.])%0Aexpected    array([[5., 7., 9.]])%0A"
        "difference  The shape is (3,) and should be (1, 3); the values agree.%0A%0A"
        "This looks like: Axes that broadcasting prepended are summed, and stretched axes%0Aof size one are lost.%0A%0A"
        "Your code printed:%0A  | before (2, 3)%0A  | after (3,)\n"
        "::error file=exercises/backprop.py,line=62,title=multiply_back0%3A raised::Not yet: Returns a gradient of the "
        "shape of the first factor.%0A%0AThe smallest call that shows it:%0A%0Ax = np.zeros((1, 3))%0A"
        "y = np.zeros((2, 3))%0Amultiply_back0(y, y, x, y)%0A%0AYour code raised:%0A"
        "  | exercises/backprop.py:62, in multiply_back0%0A  |     return grad.sum(axis=2)%0A"
        "  | AxisError: axis 2 is out of bounds%0A%0Aexpected    array([[0., 0., 0.]])\n"
        "::error file=exercises/backprop.py,line=90,title=sort%3A timed out::Not yet: Finishes on graphs whose paths "
        "meet.%0A%0ANo answer in 5 s.\n"
        "::notice title=Grade%3A 3.5 of 10.5 points::3 checks fail; 3 exercises not written yet, or waiting for "
        "another.\n"
    )


def unescaped(text: str) -> str:
    """As the runner of GitHub Actions reads a value."""
    for escape, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escape, character)
    return text


def test_no_text_ends_its_command() -> None:
    error, notice, rest = annotations(broken(HOSTILE)).split("\n")
    assert error.isprintable()
    assert (notice, rest) == ("::notice title=Grade%3A 0 of 1 points::1 check fails.", "")
    properties, _, message = error.removeprefix("::error ").partition("::")
    named = dict(item.split("=", 1) for item in properties.split(","))
    assert unescaped(named["file"]) == "100% ::error::owned ::set-env name=A::b,c:d </script> \ufffd.py"
    assert unescaped(message).startswith("Not yet: 100% ::error::owned ::set-env name=A::b,c:d </script>")


def test_at_most_ten_and_first_one_of_each_exercise() -> None:
    many = [exercise(f"f{number}", check("failed"), check("failed"), line=number) for number in range(1, 9)]
    *errors, notice = annotations(grade(section("s", *many))).splitlines()
    assert [line.partition("line=")[2].partition(",")[0] for line in errors] == [*"1122345678"]
    assert notice.endswith("::16 checks fail; 6 of them not shown here.")


def test_stubs_are_no_errors() -> None:
    result = grade(section("s", exercise("f", check("not_attempted")), exercise("g", check("missing"))))
    assert annotations(result) == (
        "::notice title=Grade%3A 0 of 2 points::No check fails; 2 exercises not written yet, or waiting for another.\n"
    )


def test_a_notebook_has_no_line() -> None:
    raised = check("raised", error="a.ipynb cell 2:7 in f\n    1 / 0\nZeroDivisionError")
    text = annotations(grade(section("s", exercise("f", raised), file="a.ipynb")))
    assert text.startswith("::error file=a.ipynb,title=f%3A raised::")


def test_paths_start_at_the_root_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "week 1").mkdir()
    monkeypatch.chdir(tmp_path / "week 1")
    assert "::error file=week 1/exercises/backprop.py,line=41," in annotations(MIXED)
    elsewhere = section("s", exercise("f", check("failed")), file=str(tmp_path / "other" / "s.py"))
    assert "::error file=other/s.py,line=10," in annotations(grade(elsewhere))


def test_a_trace_that_lies_about_its_line_marks_the_definition(tmp_path: Path) -> None:
    file = tmp_path / "s.py"
    file.write_text("def f():\n    return 1 / 0\n")
    for claimed, shown in ((2, 2), (0, 1), (4, 1), (9_999_999, 1), (10**12, 1)):
        raised = check("raised", error=f"{file}:1 in g\n    g()\n{file}:{claimed} in f\n    1 / 0\nZeroDivisionError")
        text = annotations(grade(section("s", exercise("f", raised, line=1), file=str(file))))
        assert f",line={shown}," in text


@pytest.mark.parametrize("name", ["x" * 5000, "\0", "a\n" * 3000])
def test_a_name_that_no_file_can_have_is_shown_all_the_same(name: str) -> None:
    assert annotations(grade(section("s", exercise("f", check("failed")), file=f"{name}.py"))).startswith("::error ")


# %% Gradescope

GRADESCOPE = {
    "type": "object",
    "required": ["tests"],
    "additionalProperties": False,
    "properties": {
        "score": {"type": "number"},
        "output": {"type": "string"},
        "output_format": {"enum": ["text", "html", "simple_format", "md", "ansi"]},
        "visibility": {"enum": ["hidden", "after_due_date", "after_published", "visible"]},
        "stdout_visibility": {"enum": ["hidden", "after_due_date", "after_published", "visible"]},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "score": {"type": "number"},
                    "max_score": {"type": "number"},
                    "status": {"enum": ["passed", "failed"]},
                    "name": {"type": "string"},
                    "name_format": {"enum": ["text", "html", "simple_format", "md", "ansi"]},
                    "number": {"type": "string"},
                    "output": {"type": "string"},
                    "output_format": {"enum": ["text", "html", "simple_format", "md", "ansi"]},
                    "visibility": {"enum": ["hidden", "after_due_date", "after_published", "visible"]},
                },
            },
        },
    },
}


def test_gradescope() -> None:
    assert json.loads(gradescope(SMALL)) == {
        "score": 1.0,
        "output": "1 of 3 points.\n\nNext: fix unbroadcast.",
        "output_format": "md",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [
            {
                "number": "1.1.1",
                "name": "f: Does what it should.",
                "name_format": "text",
                "score": 1.0,
                "max_score": 1.0,
                "status": "passed",
                "output": "Passed on 100 drawn inputs.",
                "output_format": "md",
                "visibility": "visible",
            },
            {
                "number": "1.2.1",
                "name": "unbroadcast: Sums over every axis that broadcasting added or stretched.",
                "name_format": "text",
                "score": 0.0,
                "max_score": 2.0,
                "status": "failed",
                "output": "**Not yet:** Sums over every axis that broadcasting added or stretched.\n\n"
                "The smallest call that shows it:\n\n"
                "```python\nunbroadcast(np.array([[1., 2., 3.], [4., 5., 6.]]), np.array([[1., 2., 3.]]))\n```\n\n"
                "```text\ncame out    array([5., 7., 9.])\nexpected    array([[5., 7., 9.]])\n"
                "difference  The shape is (3,) and should be (1, 3); the values agree.\n```\n\n"
                "**This looks like:** Axes that broadcasting prepended are summed, and stretched axes of size one are "
                "lost.\n\nYour code printed:\n\n```text\nbefore (2, 3)\nafter (3,)\n```",
                "output_format": "md",
                "visibility": "visible",
            },
        ],
    }


@pytest.mark.parametrize("result", [MIXED, grade(), broken(HOSTILE)])
def test_gradescope_has_the_documented_fields(result: Grade) -> None:
    data = json.loads(gradescope(result))
    Draft202012Validator(GRADESCOPE).validate(data)
    assert sum(test["score"] for test in data["tests"]) == data["score"] == result.score


def test_gradescope_says_what_could_not_be_loaded() -> None:
    assert "exercises/backprop.py, line 12 could not be loaded: `No module named 'sklearn'`" in gradescope(MIXED)


# %% GitHub Classroom

CLASSROOM = {
    "type": "object",
    "required": ["version", "status", "max_score", "tests"],
    "additionalProperties": False,
    "properties": {
        "version": {"const": 1},
        "status": {"enum": ["pass", "fail", "error"]},
        "max_score": {"type": "number"},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "status", "score", "message", "test_code", "filename", "line_no"],
                "properties": {
                    "name": {"type": "string"},
                    "status": {"enum": ["pass", "fail", "error"]},
                    "score": {"type": "number"},
                    "message": {"type": "string"},
                    "test_code": {"type": "string"},
                    "filename": {"type": "string"},
                    "line_no": {"type": "integer"},
                    "execution_time": {"type": "string"},
                },
            },
        },
    },
}


def test_classroom() -> None:
    raised = exercise("multiply_back0", MULTIPLY, line=58)
    data = json.loads(classroom(grade(section("backprop", exercise("f", check()), raised))))
    assert data == {
        "version": 1,
        "status": "fail",
        "max_score": 2.0,
        "tests": [
            {
                "name": "backprop::f",
                "status": "pass",
                "score": 1.0,
                "max_score": 1.0,
                "message": "",
                "test_code": "python grade.py backprop::f",
                "filename": "exercises/backprop.py",
                "line_no": 10,
                "execution_time": "0.250s",
            },
            {
                "name": "backprop::multiply_back0",
                "status": "fail",
                "score": 0.0,
                "max_score": 1.0,
                "message": "multiply_back0: raised\n\nNot yet: Returns a gradient of the shape of the first factor.\n\n"
                "The smallest call that shows it:\n\nx = np.zeros((1, 3))\ny = np.zeros((2, 3))\n"
                "multiply_back0(y, y, x, y)\n\nYour code raised:\n"
                "  | exercises/backprop.py:62, in multiply_back0\n  |     return grad.sum(axis=2)\n"
                "  | AxisError: axis 2 is out of bounds\n\nexpected    array([[0., 0., 0.]])",
                "test_code": "python grade.py backprop::multiply_back0",
                "filename": "exercises/backprop.py",
                "line_no": 62,
                "execution_time": "0.250s",
            },
        ],
    }


@pytest.mark.parametrize("result", [MIXED, grade(), broken(HOSTILE)])
def test_classroom_has_the_fields_that_the_reporter_reads(result: Grade) -> None:
    data = json.loads(classroom(result))
    Draft202012Validator(CLASSROOM).validate(data)
    assert sum(test["score"] for test in data["tests"]) == result.score


def test_classroom_fits_an_environment_variable() -> None:
    case = Counterexample("f(" + "é, " * 10_000 + ")", "0", "1", "")
    many = [exercise(f"f{number}", check("failed", case=case)) for number in range(200)]
    text = classroom(grade(section("s", *many)))
    assert len(text.encode()) <= LIMIT
    messages = [test["message"] for test in json.loads(text)["tests"]]
    assert messages[0].endswith("characters left out]")
    assert messages[-1] == ""


# %% GitLab Code Quality

CODE_QUALITY = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "location", "severity"],
        "additionalProperties": False,
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^(?!\\./|/)"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}


def test_code_quality() -> None:
    assert json.loads(code_quality(SMALL)) == [
        {
            "description": "unbroadcast: Sums over every axis that broadcasting added or stretched. (The shape is (3,) "
            "and should be (1, 3); the values agree.) This looks like: Axes that broadcasting prepended are summed, "
            "and stretched axes of size one are lost.",
            "check_name": "s::unbroadcast::sums_over_broadcast_axes",
            "fingerprint": "c75eb68e880287f31f2e8080f58f0d0e9e1442acb6e6b8f7ef2b63bf22082081",
            "severity": "major",
            "location": {"path": "exercises/s.py", "lines": {"begin": 41}},
        }
    ]


@pytest.mark.parametrize("result", [MIXED, grade(), broken(HOSTILE)])
def test_code_quality_has_the_documented_fields(result: Grade) -> None:
    issues = json.loads(code_quality(result))
    Draft202012Validator(CODE_QUALITY).validate(issues)
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)
