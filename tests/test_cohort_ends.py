"""A cohort that is cut short: what was finished is kept, nothing is graded twice, and nothing is left behind."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import cohorts
import msgspec
import pytest
from cohorts import SAME, found, results
from command import GRADE, environment
from test_command_ends import SECONDS, descendants, eventually, processes

from graders.cohort import pool
from graders.cohort.entries import Part
from graders.cohort.grading import Job, Outcome, bring
from graders.cohort.pool import MAX_RUNS, Pool
from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.setting.papers import paper

cohort, folder, own = cohorts.cohort, cohorts.folder, cohorts.own  # fixtures

SLOW = "# {}\nimport time\ndef same(x):\n    time.sleep(0.02)\n    return x\n"


@pytest.fixture
def started(own: Course, folder: Path, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts the command in the background, on forty submissions that take their time."""
    for number in range(40):
        (folder / f"{number:02}.py").write_text(SLOW.format(number))
    (tmp_path / "temporary").mkdir(exist_ok=True)
    running = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*GRADE, "cohort", str(folder), "--course", str(own.root), "--examples", "5", "--jobs", "2"],
            env=environment(TMPDIR=str(tmp_path / "temporary")),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def finished_parts(book: Path) -> int:
    """How many results there are, seen in a copy: the gradebook itself is locked."""
    if not book.exists():
        return 0
    with tempfile.TemporaryDirectory() as beside:
        for path in book.parent.glob(f"{book.name}*"):
            shutil.copy(path, beside)
        try:
            return len(results(Path(beside) / book.name))
        except sqlite3.DatabaseError:  # it has no tables yet
            return 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_what_was_finished_is_kept_and_not_graded_again(started, cohort, folder, tmp_path, how):
    book = folder.with_name("answers.gradebook")
    process = started()
    assert eventually(lambda: finished_parts(book) > 4)
    children = descendants(process.pid)
    assert len(children) >= 4  # two processes that grade, and what forks their workers
    process.send_signal(how)
    _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == (-how if how == signal.SIGKILL else 130)
    if how != signal.SIGKILL:
        assert said.splitlines()[-2:] == [
            f"grade.py: what was graded is kept in {book}; --resume goes on",
            "grade.py: stopped",
        ]
    assert eventually(lambda: children.isdisjoint(processes()))
    if how != signal.SIGKILL:
        assert list((tmp_path / "temporary").iterdir()) == []
    else:
        assert [left.name.partition("-")[0] for left in (tmp_path / "temporary").iterdir()] == ["cohort"]
    kept = results(book)
    assert 0 < len(kept) < 40
    submissions = found(cohort("--resume", "--json", "-"))  # it clears away what a process that was killed has left
    assert len(submissions) == 40
    assert {each["score"] for each in submissions.values()} == {1}
    now = results(book)
    assert len(now) == 40
    assert {each: now[each] for each in kept} == kept  # to the byte: with the times of the first run
    assert {runs for _, runs, _ in now.values()} == {1}


def test_a_process_that_is_killed_costs_nothing(started, folder):
    process = started()
    book = folder.with_name("answers.gradebook")
    for threshold in (4, 16):
        assert eventually(lambda most=threshold: finished_parts(book) > most)
        graders = [pid for pid, parent in processes().items() if parent == process.pid]
        os.kill(graders[0], signal.SIGKILL)
    assert process.wait(SECONDS) == 0, process.stderr.read()
    runs = [row[1] for row in results(book).values()]
    assert len(runs) == 40
    assert sum(runs) in (41, 42)  # one that had just been done, and had no job, is replaced all the same


def test_an_endless_answer_costs_its_own_time_only(cohort, folder):
    (folder / "a.py").write_text("def same(x):\n    while True: pass\n")
    (folder / "b.py").write_text("while True: pass\nclass Endless:\n    while True: pass\n")
    for number in range(20):
        (folder / f"right {number}.py").write_text(f"# {number}\n{SAME}")
    submissions = found(cohort("--json", "-"))
    statuses = {name: each["sections"][0]["exercises"][0]["status"] for name, each in submissions.items()}
    assert statuses == {"a": "timed_out", "b": "missing"} | {f"right {number}": "passed" for number in range(20)}


# %% The pool alone


@pytest.fixture
def graded(own: Course, tmp_path: Path) -> Callable[..., list[Outcome]]:
    """Does jobs with a function of the test's, in two processes."""
    papers = {"own": paper(find(own, "own"), 0, 5)}
    bring(own.root, papers)

    def run(grade: Callable[[Job], Outcome], *digests: str) -> list[Outcome]:
        with Pool(2, papers, str(tmp_path), grade) as processes:
            outcomes = list(processes.outcomes(Job(Part("own"), digest) for digest in digests))
        assert sorted(outcome.digest for outcome in outcomes) == sorted(digests)
        return sorted(outcomes, key=lambda outcome: outcome.digest)

    return run


def fine(job: Job) -> Outcome:
    return Outcome("own", job.digest, "graded", None, 1.0, 1.0, b"{}")


def test_a_job_whose_process_dies_is_run_again(graded, tmp_path):
    def grade(job: Job) -> Outcome:
        if job.digest == "b" and not (tmp_path / "died").exists():
            (tmp_path / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return fine(job)

    assert [outcome.runs for outcome in graded(grade, *"abcdef")] == [1, 2, 1, 1, 1, 1]


@pytest.mark.parametrize("death", ["kill", "exit", "raise"])
def test_a_job_that_kills_every_process_is_quarantined(graded, death):
    def grade(job: Job) -> Outcome:
        if job.digest == "b":
            {"kill": lambda: os.kill(os.getpid(), signal.SIGKILL), "exit": lambda: os._exit(7), "raise": lambda: 1 / 0}[
                death
            ]()
        return fine(job)

    first, bad, last = graded(grade, *"abc")
    assert (first.status, last.status) == ("graded", "graded")
    assert (bad.status, bad.runs, bad.score, bad.points) == ("quarantined", MAX_RUNS, 0, 1)
    how = {"kill": "SIGKILL", "exit": "exit status 7"}.get(death)
    because = f"the process that graded it ended with {how}"
    if death == "raise":
        because = "the grader itself failed on it: ZeroDivisionError: division by zero"
    assert bad.reason == f"not graded: {because}, in each of 3 runs"
    assert b"not graded: the " in bad.record


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not say which cores a process has")
@pytest.mark.skipif(len(getattr(os, "sched_getaffinity", lambda _: [0])(0)) < 2, reason="there is one core only")
def test_two_processes_that_grade_have_no_core_in_common(graded):
    """Or one submission with many busy threads would use up its neighbour's time."""
    meeting = get_context("fork").Barrier(2)

    def grade(job: Job) -> Outcome:
        meeting.wait(SECONDS)
        return msgspec.structs.replace(fine(job), reason=json.dumps(sorted(os.sched_getaffinity(0))))

    mine, others = (json.loads(outcome.reason) for outcome in graded(grade, *"ab"))
    assert mine
    assert others
    assert set(mine) | set(others) == os.sched_getaffinity(0)
    assert set(mine).isdisjoint(others)


def test_a_job_that_never_ends_is_quarantined(graded, monkeypatch):
    monkeypatch.setattr(pool, "JOB_SECONDS", 0.2)

    def grade(job: Job) -> Outcome:
        while job.digest == "b":
            signal.pause()
        return fine(job)

    _, bad, _ = graded(grade, *"abc")
    assert (bad.status, bad.reason) == (
        "quarantined",
        "not graded: it was not done within 0.2 seconds, in each of 3 runs",
    )


def test_a_gradebook_is_whole_whenever_it_is_looked_at(cohort, folder):
    (folder / "ada.py").write_text(SAME)
    cohort()
    with closing(sqlite3.connect(folder.with_name("answers.gradebook"))) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
