"""Reviews: what is due when follows from the diary, and a fresh stub lies beside the learner's own file."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from command import Finished, command, copy_of_the_course

from graders.engine.course import Course
from graders.engine.results import CheckResult, ExerciseResult, SectionResult, Status
from graders.learning import history
from graders.learning.history import opened
from graders.learning.review import due_now, schedule

DAY = 24 * 3600.0
Run = Callable[..., Finished]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    root = copy_of_the_course(tmp_path / "own", begun=True)
    monkeypatch.setenv("GRADE_PROGRESS", str(root / "diary"))
    return Course(root)


@pytest.fixture
def solve(own: Course, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Notes that an exercise was graded at some moment."""

    def solve(name: str, at: float, *mistakes: str, status: Status = "passed") -> None:
        monkeypatch.setattr(history.time, "time", lambda: at)
        checks = tuple(CheckResult(m, m, "failed", 0, 1, 1, 0, mistake=m) for m in mistakes)
        exercise = ExerciseResult(name, status, 1, 1, 1, checks)
        with opened(own) as book:
            book.graded(SectionResult("small", "S", "x.py", 1, 1, 0, (), (exercise,)), own, 0, 5, is_whole=False)

    return solve


def test_what_went_badly_comes_back_sooner(
    own: Course, solve: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    solve("halve", 1e9)
    solve("inverse", 1e9, "A slip.", status="failed")
    solve("inverse", 1e9 + 1)
    with opened(own) as book:
        monkeypatch.setattr(history.time, "time", lambda: 1e9 - 1)
        book.shown("small", "row_sums", "solution", 1)
    solve("row_sums", 1e9 + 2)
    with opened(own) as book:
        days = {due.exercise: round((due.at - 1e9) / DAY) for due in schedule(book)}
        assert [due.exercise for due in due_now(book, 1e9 + 30 * DAY)] == ["row_sums", "inverse", "halve"]
        assert due_now(book, 1e9 + DAY / 2) == []
    assert days["row_sums"] <= days["inverse"] < days["halve"]


def test_each_review_that_goes_well_lengthens_the_wait(
    own: Course, solve: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    solve("halve", 1e9)
    waits = []
    for _ in range(3):
        with opened(own) as book:
            (due,) = schedule(book)
            waits.append(due.at)
            monkeypatch.setattr(history.time, "time", lambda at=due.at: at)
            book.reviewed("small", "halve", 3)
    gaps = [after - before for before, after in zip([1e9, *waits], waits, strict=False)]
    assert gaps == sorted(gaps)
    assert gaps[-1] > 5 * gaps[0]


def test_what_is_not_solved_does_not_come_back(own: Course, solve: Callable[..., None]) -> None:
    solve("halve", 1e9, status="failed")
    with opened(own) as book:
        assert schedule(book) == []


# %% The command
@pytest.fixture
def run(own: Course) -> Run:
    def run(*arguments: str) -> Finished:
        finished = command(*arguments, "--course", own.root, cwd=own.root, GRADE_PROGRESS=str(own.root / "diary"))
        finished.stdout = finished.stdout.replace(f" --course {own.root}", "")
        return finished

    return run


def later(own: Course, days: float) -> None:
    """As if everything in the diary had happened so many days earlier."""
    with closing(sqlite3.connect(own.root / "diary")) as database, database:
        for table in ("graded", "shown", "review", "checkpoint"):
            database.execute(f"UPDATE {table} SET at = at - ?", (days * DAY,))


def test_an_exercise_comes_back_and_is_written_again(run: Run, own: Course) -> None:
    assert "what you have solved will come back here" in run("review").stdout
    run("small::halve")
    assert "small::halve comes back in " in " ".join(run("review").stdout.split())
    later(own, 5)
    before = (own.root / "exercises" / "small.py").read_bytes()
    shown = run("review").stdout
    assert "Due: small::halve. A fresh stub lies in reviews/small/halve.py" in shown
    path = own.root / "reviews" / "small" / "halve.py"
    assert 'raise NotImplementedError("halve")' in path.read_text()
    assert "def row_sums(matrix):" in path.read_text()  # the rest is the learner's own
    untouched = run("review")
    assert untouched.returncode == 1
    assert "not attempted" in untouched.stdout
    path.write_text(path.read_text().replace('raise NotImplementedError("halve")', "return x / 2"))
    done = run("review")
    assert done.returncode == 0
    assert "halve came back at once. It is due again in " in done.stdout
    assert not path.parent.exists()
    assert (own.root / "exercises" / "small.py").read_bytes() == before
    assert "Nothing is due." in run("review").stdout


def test_what_needed_several_tries_counts_as_troubled(run: Run, own: Course) -> None:
    run("small::halve")
    later(own, 5)
    run("review")
    path = own.root / "reviews" / "small" / "halve.py"
    path.write_text(path.read_text().replace('raise NotImplementedError("halve")', "return x * 2"))
    wrong = run("review")
    assert "halve: failed" in wrong.stdout
    assert "If it will not come:  python grade.py review --give-up" in wrong.stdout
    assert "── Next: write halve again" in wrong.stdout
    assert "\n  review  python grade.py review\n" in wrong.stdout  # not what grades the learner's own file
    path.write_text(path.read_text().replace("x * 2", "x / 2"))
    assert "halve came back, with some help." in run("review").stdout


def test_what_will_not_come_is_left_and_comes_back_soon(run: Run, own: Course) -> None:
    run("small::halve")
    later(own, 5)
    run("review")
    assert "halve did not come back yet. It is due again tomorrow" in run("review", "--give-up").stdout
    assert "no review has been begun" in run("review", "--give-up").stderr
    assert "small::halve  tomorrow" in run("review", "--list").stdout


def test_without_a_diary_nothing_comes_back(own: Course) -> None:
    refused = command("review", "--course", own.root)
    assert refused.returncode == 2
    assert "nothing is remembered here" in refused.stderr


def test_what_is_learnt_today_is_not_due_today(run: Run) -> None:
    run("small::halve")
    assert "halve  now" not in run("review", "--list").stdout


def test_who_comes_back_is_told_what_is_due(run: Run, own: Course) -> None:
    (own.root / "exercises" / "layers.py").write_text("")
    run("small::halve")
    assert "sections done" in (first := run().stdout)
    assert "due to be written again" not in first
    later(own, 5)
    shown = run().stdout
    assert " solved exercises are due to be written again, from memory.\n  python grade.py review\n" in shown


@pytest.mark.parametrize("content", ["notebook", "no text"])
def test_a_review_begins_from_what_a_learner_has(run: Run, own: Course, content: str) -> None:
    run("small::halve")
    later(own, 5)
    path = own.root / "exercises" / "small.py"
    if content == "notebook":
        run("notebook", "small")
    else:
        path.write_bytes(b"# \xff\n" + path.read_bytes())
    assert "Due: small::halve" in run("review").stdout
    stub = (own.root / "reviews" / "small" / "halve.py").read_text()
    assert 'raise NotImplementedError("halve")' in stub
    assert ("return matrix.sum(axis=0)" in stub) is (content == "notebook")
