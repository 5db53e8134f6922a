"""Failing calls as scripts: they run below the learner's code and print what the call gives."""

import subprocess
import sys
from pathlib import Path

import pytest
from command import command
from sample_grades import check, exercise, grade, section

from graders.engine.course import Course
from graders.engine.results import Counterexample
from graders.learning import scripts
from graders.report.failures import failures

ANSWER = "OPERATIONS = {}\ndef register(name, operation):\n    OPERATIONS['test'] = 7\n"


@pytest.mark.parametrize("answer_text", [ANSWER, "from .mine import register, OPERATIONS  # na\xefve, in latin-1\n"])
def test_a_call_that_is_shown_in_part_can_be_run(course: Course, tmp_path: Path, answer_text: str) -> None:
    answer = tmp_path / "small.py"
    answer.write_bytes(f"# coding: latin-1\n{answer_text}".encode("latin-1"))
    (tmp_path / "mine.py").write_text(ANSWER)
    finished = command("small::register", "--course", course.root, "--submission", answer, cwd=course.root)
    assert "_registered(solution, 0)" in finished.stdout
    path = course.root / ".failures" / "small" / "keeps_operations.py"
    said = " ".join(finished.stdout.split())
    assert "All of it, to run and to step through: python .failures/small/keeps_operations.py" in said
    run = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True)
    assert run.stdout == "7\n"


def test_of_lines_that_were_left_out_the_first_are_told(course: Course, tmp_path: Path) -> None:
    answer = tmp_path / "small.py"
    for number, words in ((1, 1), (2, 2), (3, 3), (9, 3)):
        answer.write_text("broken()\n" * number + ANSWER)
        case = Counterexample("OPERATIONS", "1", "2", "1 instead of 2", None)
        graded = grade(section("s", exercise("f", check("failed", case=case)), file=str(answer)))
        (failure,) = failures(graded)
        path = scripts.write_one(failure.check, graded.sections[0], tmp_path)
        run = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True)
        assert run.stdout.count("\n") == words + 1
        assert run.stdout.startswith("line 1 of your file was left out: NameError")
        assert (f"and {number - 2} more" in run.stdout) is (number > 2)


def written(file: str, script: str | None, root: Path) -> dict[tuple[str, str], str]:
    case = Counterexample("f(...)", "1", "2", "1 instead of 2", script)
    found = grade(section("s", exercise("f", check("failed", case=case)), file=file))
    return scripts.write(failures(found), root, root)


def test_there_is_none_where_the_report_shows_all_or_values_are_only_described(tmp_path: Path) -> None:
    assert written("s.py", None, tmp_path) == {}
    assert written("s.py", "x = <float64 array of shape (300, 300)>\nf(x)", tmp_path) == {}
    assert written("s.ipynb cell 3", "f(1)", tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_costs_the_script(tmp_path: Path) -> None:
    (tmp_path / ".failures").write_text("in the way")
    assert written("s.py", "x = 1\nf(x)", tmp_path) == {}
