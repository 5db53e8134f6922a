"""The learner's diary: what is remembered, and what becomes of it when processes, disks and people do what they do."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from command import PROJECT, copy_of_the_course

from graders.engine.course import Course
from graders.engine.results import (
    CheckpointResult,
    CheckResult,
    ExerciseResult,
    Extras,
    Measured,
    SectionResult,
    Status,
)
from graders.learning import history
from graders.learning.history import History, opened
from graders.learning.standing import overcome, returning, standings, time_on_task

SLIP = "Adds where it should subtract."
WEEK = 7 * 24 * 3600


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """A course whose diary is kept."""
    root = copy_of_the_course(tmp_path / "own")
    monkeypatch.delenv("GRADE_PROGRESS", raising=False)
    monkeypatch.delenv("CI", raising=False)
    return Course(root)


@pytest.fixture
def file(own: Course) -> Path:
    return own.root / ".progress.sqlite3"


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock says: the last number in the list."""
    times = [1e9]
    monkeypatch.setattr(history.time, "time", lambda: times[-1])
    return times


def section(course: Course, status: Status = "passed", *mistakes: str, score: float = 1.0) -> SectionResult:
    checks = tuple(CheckResult(f"c{n}", "It is.", status, 0, 1, 5, 0.1, mistake=m) for n, m in enumerate(mistakes))
    exercises = (ExerciseResult("halve", status, score, 2.0, 8, checks),)
    path = str(course.root / "answers" / "small.py")
    return SectionResult("small", "A section", path, score, 2.0, 0.5, (), exercises, extras=Extras(0.5, 1.0))


def grade(course: Course, result: SectionResult, *, is_whole: bool = True) -> None:
    with opened(course) as book:
        book.graded(result, course, 0, 100, is_whole=is_whole)
        assert book.trouble is None


# %% What is remembered
def test_a_grading_is_remembered(own: Course, moment: list[float]) -> None:
    grade(own, section(own, "failed", SLIP, SLIP))
    with opened(own) as book:
        assert [tuple(run) for run in book.runs()] == [(1e9, "small", 1.0, 2.0, 0.5, 1.0, True)]
        assert [tuple(seen) for seen in book.seen()] == [(1e9, "small", "halve", "failed", 1.0, 2.0, (SLIP,))]


def test_what_was_graded_is_known_until_something_changes(own: Course) -> None:
    result = section(own)
    path = Path(result.file)

    def known(**changed: int) -> SectionResult | None:
        history._shared_sources.cache_clear()
        with opened(own) as book:
            return book.known(own, "small", path, **{"seed": 0, "examples": 100, **changed})

    assert known() is None
    grade(own, result)
    assert known() == result
    assert known(seed=1) is None
    assert known(examples=99) is None
    text = path.read_text("utf-8")
    path.write_text(text + "\n", "utf-8")
    assert known() is None
    path.write_text(text, "utf-8")
    assert known() == result
    for changed in ("graders/small.py", "reference/small.py"):
        before = (own.root / changed).read_text("utf-8")
        (own.root / changed).write_text(before + "\n# changed\n", "utf-8")
        assert known() is None
        (own.root / changed).write_text(before, "utf-8")
    (own.root / "exercises" / "given").mkdir(parents=True)
    (own.root / "exercises" / "given" / "new.py").write_text("", "utf-8")
    assert known() is None


def test_a_grading_of_some_exercises_says_nothing_of_all(own: Course) -> None:
    result = section(own)
    grade(own, result, is_whole=False)
    with opened(own) as book:
        assert book.known(own, "small", Path(result.file), 0, 100) is None
        assert [run.is_whole for run in book.runs()] == [False]


def test_only_the_newest_result_is_kept_whole(own: Course, file: Path) -> None:
    for _ in range(3):
        grade(own, section(own))
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT count(*), count(result) FROM graded").fetchone() == (3, 1)


def test_a_checkpoint_is_remembered(own: Course, moment: list[float]) -> None:
    measured = (Measured("accuracy", 0.9, 0.5, None, True), Measured("loss", None, None, 1.0, False))
    outcome = CheckpointResult("trains", "It trains.", "not_reached", measured, {"loss": (2.0, None, 1.0)}, 1.0)
    with opened(own) as book:
        book.trained(msgspec.structs.replace(section(own), checkpoint=outcome), b"PNG")
        (found,) = book.checkpoints()
    assert found == (
        *(1e9, "small", "not_reached"),
        *((("accuracy", 0.9, True), ("loss", None, False)), {"loss": [2.0, None, 1.0]}, b"PNG"),
    )


# %% What becomes of it
def test_where_ci_runs_nothing_is_kept(own: Course, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    grade(own, section(own))
    assert not file.exists()


@pytest.mark.parametrize("damage", ["head", "middle", "text", "empty tables"])
def test_a_damaged_file_is_put_aside_and_said(own: Course, file: Path, damage: str) -> None:
    for _ in range(30):
        grade(own, section(own, "failed", *(SLIP * 20,) * 5))
    data = file.read_bytes()
    if damage == "head":
        file.write_bytes(b"\0" * 100 + data[100:])
    elif damage == "middle":
        file.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    elif damage == "text":
        file.write_text("no database\n" * 1000)
    else:
        with closing(sqlite3.connect(file)) as database, database:
            database.execute("DROP TABLE graded")
    with opened(own) as book:
        book.graded(section(own), own, 0, 100, is_whole=True)
        kept, trouble = len(book.runs()), book.trouble
    assert trouble is not None
    if damage == "empty tables":
        assert "no such table" in trouble
    else:
        assert "was put aside as .progress.sqlite3.damaged-1" in trouble
        assert kept == 1
        assert file.with_name(f"{file.name}.damaged-1").exists()
        with opened(own) as book:
            assert book.trouble is None


def test_a_database_of_something_else_is_left_alone(own: Course, file: Path) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE cakes (name)")
    before = file.read_bytes()
    with opened(own) as book:
        book.graded(section(own), own, 0, 100, is_whole=True)
        assert "is a database of something else" in (book.trouble or "")
    assert file.read_bytes() == before


def test_a_file_of_a_later_version_is_left_alone(own: Course, file: Path) -> None:
    grade(own, section(own))
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version = 99")
    with opened(own) as book:
        assert "was written by a later version of the grader" in (book.trouble or "")
        assert not book.keeps


def test_rows_that_say_something_else_are_said_and_cost_nothing(own: Course, file: Path) -> None:
    grade(own, section(own))
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE exercise SET mistakes = '[1, 2'")
    with opened(own) as book:
        assert book.seen() == []
        assert "cannot be kept" in (book.trouble or "")


def test_characters_that_no_file_can_hold_cost_nobody_the_grade(own: Course) -> None:
    result = section(own, "failed", "half \ud800")
    with opened(own) as book:
        book.graded(result, own, 0, 100, is_whole=True)
        found = book.known(own, "small", Path(result.file), 0, 100)
        assert book.trouble is None
        assert found is not None
        assert found.exercises[0].checks[0].mistake == "half \ufffd"
        book.graded(msgspec.structs.replace(result, file="strange \udcff.py"), own, 0, 100, is_whole=True)
        assert "cannot be kept" in (book.trouble or "")
        assert len(book.runs()) == 1


def test_a_folder_that_cannot_be_written_costs_the_diary_only(own: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADE_PROGRESS", str(own.root / "nowhere" / "file"))
    with opened(own) as book:
        book.graded(section(own), own, 0, 100, is_whole=True)
        assert "unable to open" in (book.trouble or "")


def test_two_that_write_at_once_lose_nothing(own: Course) -> None:
    def write() -> None:
        for _ in range(20):
            grade(own, section(own))

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with opened(own) as book:
        assert len(book.runs()) == 40


def test_a_process_that_is_killed_loses_the_run_in_hand_only(own: Course) -> None:
    text = f"""
import sys; sys.path[:0] = [{str(PROJECT)!r}, {str(PROJECT / "tests")!r}]
from pathlib import Path
from test_history import section
from graders.engine.course import Course
from graders.learning.history import opened
course = Course(Path({str(own.root)!r}))
with opened(course) as book:
    for number in range(100_000):
        book.graded(section(course), course, 0, 100, is_whole=True)
        print(number, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 20:
                os.kill(process.pid, signal.SIGKILL)
                break
        written = max([20, *map(int, process.stdout.read().split())]) + 1
    with opened(own) as book:
        assert book.trouble is None
        assert written <= len(book.runs()) <= written + 1


def test_without_a_file_nothing_is_remembered() -> None:
    nobody = History(None)
    nobody.shown("small", "halve", "hint", 1)
    assert nobody.all_shown() == nobody.runs() == []
    assert not nobody.keeps


# %% Where one stands
def test_time_on_task_leaves_breaks_out() -> None:
    assert time_on_task([]) == 0
    assert time_on_task([0.0]) == 300
    assert time_on_task([0.0, 60.0, 120.0]) == 300 + 120
    assert time_on_task([0.0, 60.0, 60.0 + 20 * 60 + 1]) == 300 + 60 + 300


def test_where_one_stands(own: Course, moment: list[float]) -> None:
    grade(own, section(own, "failed", score=0.5))
    moment.append(1e9 + WEEK + 60)
    grade(own, section(own, "passed", score=2.0), is_whole=False)
    with opened(own) as book:
        (found,) = standings(book, ["large", "small"], 1e9 + WEEK + 120)
    assert found == ("small", 2.0, 2.0, 1, 1, 1.5, 600.0, 1e9 + WEEK + 60, None)


def test_what_was_only_looked_at_was_not_begun(own: Course) -> None:
    grade(own, section(own, "not_attempted", score=0.0))
    with opened(own) as book:
        assert standings(book, ["small"], 2e9) == []


def test_of_two_mistakes_together_both_are_remembered(own: Course) -> None:
    result = section(own, "failed", SLIP)
    (exercise,) = result.exercises
    two = msgspec.structs.replace(exercise.checks[0], other_mistake="Another.")
    grade(own, msgspec.structs.replace(result, exercises=(msgspec.structs.replace(exercise, checks=(two,)),)))
    with opened(own) as book:
        (seen,) = book.seen()
        assert seen.mistakes == (SLIP, "Another.")
        assert book.known(own, "small", Path(result.file), 0, 100).exercises[0].checks[0] == two  # type: ignore[union-attr]


def test_the_same_mistake_coming_back(own: Course, moment: list[float]) -> None:
    story: list[tuple[Status, tuple[str, ...]]] = [
        ("failed", (SLIP,)),
        ("failed", (SLIP,)),  # still the same time
        ("failed", ("Another.",)),
        ("failed", (SLIP,)),
        ("passed", ()),
    ]
    for at, (status, mistakes) in enumerate(story):
        moment.append(1e9 + at)
        grade(own, section(own, status, *mistakes))
    with opened(own) as book:
        seen = book.seen()
    assert returning(seen[:3]) == []
    assert returning(seen[:4]) == [("small", "halve", SLIP, 2, 1e9 + 3, True)]
    assert returning(seen) == [("small", "halve", SLIP, 2, 1e9 + 3, False)]
    assert overcome(seen[:4]) == []
    assert [(each.mistakes[0], each.at, passed) for each, passed in overcome(seen)] == [
        (SLIP, 1e9, 1e9 + 4),
        ("Another.", 1e9 + 2, 1e9 + 4),
    ]
