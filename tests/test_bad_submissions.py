"""What goes wrong in a submission costs the check or the file it goes wrong in, and the rest is graded."""

from collections.abc import Callable
from textwrap import dedent

import pytest
from command import COURSE, command, record_of, statuses
from conftest import GradeText, checks_of

from graders.commands.cli import main
from graders.engine.results import SectionResult

RIGHT = (COURSE / "reference" / "small.py").read_text("utf-8") + "\n\n"
GradeBad = Callable[[str], SectionResult]


@pytest.fixture
def grade_bad(grade_text: GradeText) -> GradeBad:
    """Grades right answers to which the text of a bad one is added."""
    return lambda source: grade_text(RIGHT + dedent(source))


def lost(result: SectionResult) -> dict[str, str]:
    """The exercises that did not pass, with their statuses."""
    return {exercise.name: exercise.status for exercise in result.exercises if exercise.status != "passed"}


# %% Files


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("small.py", b"\x7fELF\x02\x01\xff\xfe", "is not UTF-8 text: byte 0xff in line 1"),
        ("small.py", b"x = 1\0\n", "is not text: byte 0x00 in line 1"),
        ("small.ipynb", b"def halve(x): return x / 2", "is not a notebook that can be read"),
        ("small.ipynb", b"[1, 2]", "is not a notebook that can be read"),
        ("small.ipynb", b"", "is not a notebook that can be read"),
        ("small.ipynb", b'{"cells": "none", "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "is not a notebook"),
        ("small.txt", b"", "is neither a .py file nor a notebook (.ipynb)"),
    ],
)
def test_a_file_that_is_no_submission_is_refused(course, tmp_path, capsys, name, data, message):
    path = tmp_path / name
    path.write_bytes(data)
    assert main(["small", "--course", str(course.root), "--submission", str(path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"grade.py: {path} {message}")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("missing", ["small.py", "folder"])
def test_a_submission_that_is_not_there_is_refused(course, tmp_path, capsys, missing):
    assert main(["small", "--course", str(course.root), "--submission", str(tmp_path / missing)]) == 2
    assert f"grade.py: there is no file {tmp_path / missing}" in capsys.readouterr().err


def test_a_folder_without_the_section_is_refused(course, tmp_path, capsys):
    assert main(["small", "--course", str(course.root), "--submission", str(tmp_path)]) == 2
    assert f"there is no small.py or small.ipynb in {tmp_path}" in capsys.readouterr().err


def test_an_empty_file_has_no_exercise(grade_text):
    result = grade_text("")
    assert result.score == 0
    assert set(lost(result).values()) == {"missing"}
    assert len(lost(result)) == len(result.exercises)


def test_a_syntax_error_costs_its_exercise(grade_bad):
    source = "def halve(x):\n    return x /\n\n\ndef last(items):\n    return items[-1]\n"
    result = grade_bad(source)
    assert lost(result) == {}, "an earlier definition of the name is still there"
    (warning,) = result.warnings
    assert (warning.line, warning.message) == (len(RIGHT.splitlines()) + 2, "SyntaxError: invalid syntax")


def test_a_syntax_error_is_why_an_exercise_is_missing(grade_text):
    result = grade_text("def halve(x):\n    return x /\n\n\ndef last(items):\n    return items[-1]\n")
    assert "last" not in lost(result)
    assert checks_of(result)["halves_numbers"].status == "missing"
    assert checks_of(result)["halves_numbers"].error == "SyntaxError: invalid syntax"


# %% At load


@pytest.mark.parametrize(
    ("source", "expected", "warning"),
    [
        ("import sys\nvalue = sys.exit()", {}, "SystemExit"),
        ("import os\nvalue = os._exit(0)", {}, "the process ended with exit status 0"),
        (
            "class Endless:\n    while True:\n        try: pass\n        except BaseException: pass",
            {},
            "took longer than 3",
        ),
        ("def again(): return again()\nvalue = again()", {}, "RecursionError"),
        ("value = bytearray(10**11)", {}, "MemoryError"),
        ("value = input()", {}, "EOFError"),
        ("value = 1 / 0", {}, "ZeroDivisionError: division by zero"),
        ("import nowhere_to_be_found", {}, "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("halve = row_sums = undefined", {}, "NameError: name 'undefined' is not defined"),
        ("@undefined\ndef halve(x): return x / 2", {}, "NameError: name 'undefined' is not defined"),
        ("halve = None", {"halve": "raised"}, ""),
        ("value = " + "(" * 300 + ")" * 300, {}, "SyntaxError: too many nested parentheses"),
    ],
)
def test_a_statement_that_fails_costs_no_more_than_its_names(grade_bad, source, expected, warning):
    result = grade_bad(source)
    assert lost(result) == expected
    if warning:
        assert warning in result.warnings[-1].message
        assert result.warnings[-1].line > len(RIGHT.splitlines())


@pytest.mark.parametrize("source", ["nothing = globals().clear()", "value = " + "-" * 100_000 + "1"])
def test_a_file_may_spoil_itself(grade_bad, source):
    result = grade_bad(source)
    assert result.score == 0
    assert set(lost(result).values()) <= {"missing", "blocked"}


# %% In a function


@pytest.mark.parametrize(
    ("source", "status", "words"),
    [
        ("while True: pass", "timed_out", "no answer within 1 second"),
        (
            "while True:\n        try: pass\n        except BaseException: pass",
            "timed_out",
            "no answer within 1 second",
        ),
        ("print('x' * 10**8)", "failed", "expected a list"),
        ("return countdown(n)", "raised", "RecursionError"),
        ("import sys; sys.setrecursionlimit(10**9); return max([n], key=countdown)", "crashed", "SIGSEGV"),
        ("return [n] * 10**12", "raised", "MemoryError"),
        ("import sys; sys.exit(0)", "raised", "SystemExit"),
        ("raise KeyboardInterrupt", "raised", "KeyboardInterrupt"),
        ("exit()", "raised", ""),
        ("import os; os._exit(0)", "crashed", "exit status 0"),
        ("import os; os.abort()", "crashed", "SIGABRT"),
        ("import os; os.kill(os.getpid(), 9)", "crashed", "the process"),
        ("import ctypes; ctypes.string_at(0)", "crashed", "SIGSEGV"),
        ("import os; os.closerange(0, 1000)", "crashed", "the process"),
        ("input()", "raised", "EOFError"),
        ("import sys; sys.stdin.read(); return n", "failed", "expected a list"),
        ("import hypothesis; hypothesis.reject()", "raised", "UnsatisfiedAssumption"),
        ("import hypothesis; hypothesis.assume(False)", "raised", "UnsatisfiedAssumption"),
        ("import pytest; pytest.skip('later')", "raised", "Skipped"),
        ("import subprocess; subprocess.run(['true'])", "raised", ""),
        ("import os; os.fork()", "raised", "PermissionError"),
        ("import socket; socket.create_connection(('localhost', 80))", "raised", ""),
        ("return countdown", "failed", "function"),
        ("yield n", "failed", "generator"),
        ("return (k for k in range(n, 0, -1))", "failed", "generator"),
        ("return range(n, 0, -1)", "failed", "range"),
        ("return iter(int, 1)", "failed", "iterator"),
        ("a = []; a.append(a); return a", "failed", ""),
        ("a = []\n    for _ in range(10**5): a = [a]\n    return a", "failed", ""),
        ("return np.broadcast_to(n, (10**5, 10**5))", "failed", ""),
        ("return np.empty((10**5, 10**5))", "raised", "MemoryError: Unable to allocate 74.5 GiB"),
        ("return [float('nan')] * n", "failed", ""),
        ("return 10 ** 100_000", "failed", ""),
    ],
)
def test_a_function_costs_its_own_checks(grade_bad, source, status, words):
    result = grade_bad(f"def countdown(n):\n    {source}\n")
    assert lost(result) == {"countdown": status}
    check = checks_of(result)["counts_down"]
    assert words in f"{check.counterexample.actual} {check.counterexample.difference} {check.error}"
    assert len(check.output) <= 8000


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("return np.full(len(matrix), np.nan)", "failed"),
        ("return np.array(None)", "failed"),
        ("return np.array(['a'] * len(matrix))", "failed"),
        ("return matrix.sum(axis=1).view(np.recarray)", "passed"),
        ("return np.ma.masked_all(len(matrix))", "failed"),
        ("return list(matrix.sum(axis=1))", "failed"),
        ("matrix[:] = 0; return matrix.sum(axis=1)", "failed"),
        ("import torch; return torch.empty(len(matrix), device='meta')", "failed"),
        ("import torch; return torch.tensor(matrix).sum(dim=1).to_sparse()", "failed"),
        ("import warnings; warnings.warn('careful'); return matrix.sum(axis=1)", "passed"),
        ("import warnings; warnings.simplefilter('error'); return matrix.sum(axis=1) / np.float64(1)", "passed"),
        ("import threading; threading.Thread(target=print).start(); return matrix.sum(axis=1)", "passed"),
        ("import os; os.chdir('/'); os.environ.clear(); return matrix.sum(axis=1)", "passed"),
    ],
)
def test_what_an_array_function_returns_is_looked_at_closely(grade_bad, source, status):
    result = grade_bad(f"_one = 1\n\n\ndef row_sums(matrix):\n    {source}\n")
    assert checks_of(result)["sums_rows"].status == status
    others = {name: state for name, state in lost(result).items() if name not in ("row_sums", "scaled_sums")}
    assert others == {}


@pytest.mark.parametrize(
    ("method", "status"),
    [("__str__", "raised"), ("__repr__", "raised"), ("__eq__", "raised"), ("__getattribute__", "crashed")],
)
def test_an_exception_of_ones_own_may_be_broken(grade_bad, method, status):
    result = grade_bad(f"""
        class Mine(Exception):
            def {method}(self, *_): raise Mine

        def countdown(n):
            raise Mine("no")
        """)
    assert lost(result) == {"countdown": status}


def test_one_submission_of_all_kinds_through_the_command(course, tmp_path):
    (tmp_path / "small.py").write_text(
        RIGHT
        + dedent("""
        import os, sys, signal
        def row_sums(matrix): os.kill(os.getpid(), signal.SIGKILL)
        def inverse(x): sys.exit(0)
        def countdown(n):
            while True: print("x" * 10**6)
        class Counter:
            def __getattribute__(self, name): raise KeyboardInterrupt
        def last(items) return items[-1]
        """),
        "utf-8",
    )
    finished = command("small", "--course", course.root, "--submission", tmp_path, "--json", "-")
    assert finished.stderr == ""
    assert statuses(record_of(finished)) == {
        "halve": "passed",
        "row_sums": "crashed",
        "inverse": "raised",
        "countdown": "timed_out",
        "first": "passed",
        "scaled_sums": "blocked",
        "Counter": "raised",
        "register": "passed",
        "last": "passed",
    }


def test_right_answers_pass_after_all_that(grade_text):
    assert lost(grade_text(RIGHT)) == {}
