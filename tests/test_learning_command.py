"""The learner's loop through the real command: hints that go on, solutions, progress, an overview that remembers."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from command import Finished, command, copy_of_the_course

from graders.learning import stepping

Run = Callable[..., Finished]
RIGHT = "import numpy as np\n\n\ndef row_sums(matrix):\n    return np.array([sum(row) for row in matrix])\n"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return copy_of_the_course(tmp_path / "own", begun=True)


@pytest.fixture
def run(own: Path) -> Run:
    """Runs a command for a course of its own, whose diary is kept."""

    def run(*arguments: str, **variables: str) -> Finished:
        diary = {"GRADE_PROGRESS": str(own / "diary")}
        finished = command(*arguments, "--course", own, cwd=own, **{**diary, **variables})
        finished.stdout = finished.stdout.replace(f" --course {own}", "")
        return finished

    return run


# %% hint
def test_hint_gives_the_next_one_each_time(run: Run) -> None:
    first, second, third, fourth, fifth = (run("hint", "small::row_sums").stdout for _ in range(5))
    assert first.startswith("small::row_sums, hint 1 of 2")
    assert second.startswith("small::row_sums, hint 2 of 2")
    assert third.startswith("The fault is likely in line 14 of exercises/small.py:\n\n  return matrix.sum(axis=0)\n")
    assert "It is about an axis." in fourth
    assert fifth == fourth, "the change itself is to be asked for"
    assert "return matrix.sum(axis=-1)" in run("hint", "small::row_sums", "5").stdout
    assert second.endswith("How the reference does it: python grade.py solution small::row_sums\n")
    assert run("hint", "small::row_sums", "1").stdout == first


def test_a_hint_about_the_own_code_says_why_there_is_none(run: Run, own: Path) -> None:
    assert "Counter is not written yet" in run("hint", "small::Counter", "3").stdout
    assert "halve passes every check that counts" in run("hint", "small::halve", "3").stdout
    (own / "exercises" / "small.py").write_text("def row_sums(matrix):\n    return str(matrix) * 2\n")
    assert "more than one place is amiss" in run("hint", "small::row_sums", "3").stdout


# %% solution
def test_a_solution_is_shown_after_a_question(run: Run) -> None:
    unasked = run("solution", "small::row_sums")
    assert unasked.returncode == 2
    assert "Show how the reference solves small::row_sums? 2 of its hints are still unread." in unasked.stderr
    assert unasked.stdout == ""
    shown = run("solution", "small::row_sums", "--yes").stdout
    assert "def row_sums(matrix):" in shown
    assert shown.split()[-1].startswith("reference/small.py:")
    assert '"""' not in shown


def test_a_solution_may_begin_with_its_first_line(run: Run) -> None:
    whole = run("solution", "small::row_sums", "--yes").stdout.split("\n")
    shown = run("solution", "small::row_sums", "--yes", "--first-line").stdout.rstrip("\n").split("\n")
    assert shown == whole[:2]


def test_there_is_no_solution_of_what_is_no_exercise(run: Run) -> None:
    assert "small has no exercise 'row_sum'" in run("solution", "small::row_sum").stderr


# %% The overview
def test_the_overview_answers_from_what_is_remembered(run: Run, own: Path) -> None:
    (own / "exercises" / "layers.py").write_text("")
    first = run()
    assert "4 to fix" in first.stdout
    again = run(PYTHONPATH=str(_no_workers(own)))
    assert again.stdout == first.stdout
    with closing(sqlite3.connect(own / "diary")) as database:
        assert database.execute("SELECT count(*) FROM graded").fetchone() == (2,)  # once each
    (own / "exercises" / "small.py").write_text("def halve(x): return x / 2")
    changed = run()
    assert "to write" in changed.stdout
    assert changed.stdout != first.stdout


def _no_workers(own: Path) -> Path:
    """A folder for Python's path in which the first use of a worker ends the process."""
    folder = own / "path"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import subprocess\n"
        "def refuse(*_, **__): raise SystemExit('a process was started')\n"
        "subprocess.Popen = refuse\n"
    )
    return folder


def test_a_damaged_diary_keeps_nobody_from_being_graded(run: Run, own: Path) -> None:
    (own / "diary").write_text("no database\n" * 100)
    finished = run("small::halve")
    assert "passed" in finished.stdout
    assert finished.returncode == 0
    assert "was put aside as diary.damaged-1" in finished.stderr


# %% What is said of an exercise that is solved
def test_who_solves_an_exercise_is_told_where_to_read_on(run: Run, own: Path) -> None:
    run("small::row_sums")
    (own / "exercises" / "small.py").write_text(RIGHT)
    solved = run("small::row_sums").stdout
    assert "row_sums is solved; the reference's way is in reference/small.py:" in " ".join(solved.split())
    assert "It has no loop where yours does" in " ".join(solved.split())
    assert "is solved" not in run("small::row_sums").stdout


def test_of_many_that_are_solved_at_once_those_that_differ_have_a_sentence(run: Run, own: Path) -> None:
    right = (own / "reference" / "small.py").read_text()
    (own / "exercises" / "small.py").write_text(right + RIGHT.partition("\n\n")[2])
    said = " ".join(run("small").stdout.split())
    assert "row_sums is solved; the reference's way is in reference/small.py:" in said
    assert "8 more exercises are solved; the reference's way is in reference/small.py." in said
    assert said.count("solved;") == 2


# %% progress
def test_progress_begins_with_nothing(run: Run, own: Path) -> None:
    assert "Nothing was graded here yet" in run("progress").stdout
    (own / "exercises" / "small.py").write_text("x = 1\n")
    run("small")
    assert "small was graded, but no exercise is begun yet" in run("progress").stdout
    assert "Nothing is remembered here" in run("progress", GRADE_PROGRESS="off").stdout


def test_progress_says_where_one_stands(run: Run) -> None:
    run("small")
    shown = run("progress").stdout
    assert "1 section of 2 begun" in shown
    assert "5 min on task" in shown
    assert "today" in shown


def test_a_mistake_that_comes_back_is_said(run: Run, own: Path) -> None:
    wrong = (own / "exercises" / "small.py").read_text()
    for text in (wrong, RIGHT, wrong):
        (own / "exercises" / "small.py").write_text(text)
        run("small::row_sums")
    shown = " ".join(run("progress").stdout.split())
    assert "Coming back" in shown
    assert "row_sums: " in shown
    assert "(2 times, now)" in shown


# %% reset of one exercise
def test_one_exercise_can_begin_again(run: Run, own: Path) -> None:
    before = (own / "exercises" / "small.py").read_text()
    done = run("reset", "small::halve", "--yes")
    assert "halve is untouched again; your answers are in exercises/small.1.bak" in done.stdout
    after = (own / "exercises" / "small.py").read_text()
    assert 'raise NotImplementedError("halve")' in after
    assert after.count("\ndef ") == before.count("\ndef ")
    assert (own / "exercises" / "small.1.bak").read_text() == before
    assert "halve is untouched already." in run("reset", "small::halve", "--yes").stdout


def test_an_exercise_that_is_not_in_the_file_gets_its_stub(run: Run, own: Path) -> None:
    (own / "exercises" / "small.py").write_text("x = 1\n")
    run("reset", "small::halve", "--yes")
    text = (own / "exercises" / "small.py").read_text()
    assert text.startswith("x = 1\n\n\ndef halve(x)")


def test_a_file_that_is_no_python_is_left_as_it_is(run: Run, own: Path) -> None:
    (own / "exercises" / "small.py").write_text("def (\n")
    refused = run("reset", "small::halve", "--yes")
    assert refused.returncode == 2
    assert "cannot be read as Python" in refused.stderr
    assert (own / "exercises" / "small.py").read_text() == "def (\n"


def test_answers_in_a_notebook_are_not_hidden_by_an_untouched_file(run: Run, own: Path) -> None:
    run("notebook", "small")
    for target in ("small", "small::halve"):
        refused = run("reset", target, "--yes")
        assert refused.returncode == 2
        assert "your answers are in exercises/small.ipynb" in refused.stderr
    assert not (own / "exercises" / "small.py").exists()


# %% debug
def test_the_smallest_failing_case_is_stepped_through(run: Run) -> None:
    done = run("debug", "small::row_sums", "--examples", "5")  # nobody is there: pdb ends with its input
    assert "Sums each row." in done.stdout
    assert "-> print('summing', matrix.shape)" in done.stdout.replace('"', "'")
    assert "exercises/small.py" in done.stdout


def test_a_class_is_stepped_through_in_its_functions(run: Run, own: Path) -> None:
    (own / "exercises" / "small.py").write_text(
        "class Counter:\n    def __init__(self):\n        self.count = 5\n    def step(self):\n        return 7\n"
    )
    done = run("debug", "small::Counter", "--examples", "5")
    assert "small.py(3)__init__()" in done.stdout


def test_debugging_ends_with_the_case_and_shows_where_it_raised(own: Path, tmp_path: Path) -> None:
    answer, script = tmp_path / "answer.py", tmp_path / "case.py"
    answer.write_text("def inverse(x):\n    one = 1\n    return one / x\n")
    script.write_text("from answer import inverse\nprint(inverse(2))\nprint(inverse(0))\n")

    def typed(keys: str) -> str:
        words = [sys.executable, stepping.__file__, str(script), str(answer), "2"]
        done = subprocess.run(words, input=keys, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout + done.stderr

    said = typed("p x\nc\nc\np one\nq\n")
    assert "(Pdb) 2\n(Pdb) 0.5\n" in said
    assert said.index("ZeroDivisionError") < said.index("This is where it was raised")
    assert "(Pdb) 1\n(Pdb) " in said.partition("This is where it was raised")[2]
    assert "bdb.py" not in said  # no frame of the debugger's
    script.write_text("from answer import inverse\nprint(inverse(2))\n")
    assert typed("c\n").endswith("(Pdb) 0.5\n")


def test_an_editor_can_step_through_it(run: Run, own: Path) -> None:
    entry = json.loads(run("debug", "small::row_sums", "--examples", "5", "--launch").stdout)
    assert entry["program"].startswith(str(own / ".failures" / "small"))
    shown = subprocess.run([sys.executable, entry["program"]], capture_output=True, text=True, check=False)
    assert shown.returncode == 0
    left_out, summing, *_ = shown.stdout.split("\n")
    assert left_out.startswith("line 1 of your file was left out: ModuleNotFoundError")
    assert summing.startswith("summing")


def test_what_passes_need_not_be_debugged(run: Run) -> None:
    done = run("debug", "small::halve", "--examples", "5")
    assert done.stdout == "There is nothing to step through: halve passes.\n"
    unwritten = run("debug", "small::Counter", "--examples", "5")
    assert (unwritten.returncode, unwritten.stdout) == (
        1,
        "There is nothing to step through: Counter is not written yet.\n",
    )
    assert "which exercise of small?" in run("debug", "small").stderr
