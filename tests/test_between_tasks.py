"""Workers before, between and after their tasks: not ready yet, stopped, without a main thread, kept waiting."""

import time
from pathlib import Path

import pytest
from conftest import EXAMPLES, GradeText, checks_of
from desks import Start, ask, order, shown

from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.errors import GraderError
from graders.engine.marking.marking import mark
from graders.engine.setting.papers import paper
from graders.engine.sitting import running
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.running import Patience
from graders.engine.sitting.sitting import Sitting
from graders.engine.sitting.submission import Submission
from graders.engine.values.messages import Cell

WRITES_ON = """
import _thread, time
def write():
    while True:
        with open("growing", "ab", 0) as file:
            file.write(b"x" * 1000)
        time.sleep(0.005)
def f(x):
    if x == 1:
        _thread.start_new_thread(write, ())
        time.sleep(0.1)
    return x + 1
"""
HEADLESS = """
import _thread, ctypes, time
def f(x):
    if x == 1:
        _thread.start_new_thread(time.sleep, (100,))
        time.sleep(0.02)
        ctypes.CDLL(None).syscall(60, 0)  # exit: this thread alone
    return x + 1
"""


def test_a_thread_that_nobody_counts_does_not_run_between_two_tasks(start: Start, temporary: Path) -> None:
    sitting = start(WRITES_ON)
    assert shown(ask(sitting, 1)) == [2]
    (file,) = temporary.glob("*/growing")
    before = file.stat().st_size
    time.sleep(0.3)
    assert file.stat().st_size == before > 0
    assert shown(ask(sitting, 5)) == [6]


def test_a_process_whose_main_thread_has_ended_is_given_up_at_once(start: Start) -> None:
    sitting = start(HEADLESS)
    began = time.monotonic()
    answers = ask(sitting, 1)
    assert answers.stopped == "crashed"
    assert "main thread" in answers.reason
    assert time.monotonic() - began < 10  # of the 20 it has
    assert shown(ask(sitting, 5)) == [6]


def test_what_goes_wrong_before_a_worker_is_ready_is_not_the_learners(forkserver: Forkserver, temporary: Path) -> None:
    import msgspec

    broken = msgspec.structs.replace(order("def f(x): return x"), probes="raise OSError('no such sandbox')")
    with Sitting(forkserver, broken) as sitting, pytest.raises(GraderError, match=r"set up: .*no such sandbox"):
        sitting.load()
    assert list(temporary.iterdir()) == []


def test_time_in_which_the_machine_keeps_a_process_waiting_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    waited, now = [0.0], [100.0]
    monkeypatch.setattr(running, "_waited_for_a_core", lambda pid: waited[0])
    monkeypatch.setattr(running.time, "monotonic", lambda: now[0])
    patience = Patience(1, 3.0)
    now[0], waited[0] = 103.5, 2.0
    assert not patience.is_over()
    assert patience.end == 105.0
    assert patience.excuse() == ""
    now[0], waited[0] = 108.9, 50.0
    assert not patience.is_over()
    now[0] = 109.1
    assert patience.is_over()  # three times the limit, whatever the machine does
    assert patience.excuse() == ", and 3 times as long while the machine was busy"


def test_a_quiet_machine_is_no_excuse() -> None:
    patience = Patience(1, 0.01)
    time.sleep(0.02)
    assert patience.is_over()
    assert patience.excuse() == ""


# %% One try for each check
HEDGES = """
ASKED = []

def hedge(name, first, second):
    def answer(*arguments):
        ASKED.append(name)
        return (second if all(each == name for each in ASKED) else first)(*arguments)
    return answer

def halve(x):
    ASKED.append("halve")
    return x / 2

row_sums = hedge("row_sums", lambda m: m.sum(axis=0), lambda m: m.sum(axis=1))
last = hedge("last", lambda items: items[0], lambda items: items[-1])
countdown = hedge("countdown", lambda n: list(range(n)), lambda n: list(range(n, 0, -1)))
"""


def test_who_is_wrong_at_first_and_right_when_asked_first_has_one_try(grade_text: GradeText) -> None:
    checks = checks_of(grade_text(HEDGES))
    assert {checks[name].status for name in ("halves_numbers",)} == {"passed"}
    hedged = [check for name, check in checks.items() if name != "halves_numbers"]
    assert all(check.status != "passed" for check in hedged)


def test_what_a_failing_check_leaves_behind_touches_nobody(grade_text: GradeText) -> None:
    source = """
    import numpy as np
    broken = []
    def row_sums(matrix):
        broken.append(1)
        raise ValueError
    def last(items):
        return None if broken else items[-1]
    """
    assert checks_of(grade_text(source))["takes_the_last"].status == "passed"


def test_nothing_is_drawn_that_nobody_has_attempted(course: Course, forkserver: Forkserver) -> None:
    material = find(course, "small")
    questions = paper(material, 12345, EXAMPLES)
    drawn: list[str] = []
    for text in (material.untouched, material.untouched + "def halve(x): return x / 2\n"):
        cells = (Cell("small.py", text),)
        mark(material, questions, Submission("small.py", cells), forkserver, drawing=drawn.append)
    assert drawn == ["Halves a number."]


def test_a_statement_that_a_busy_machine_stopped_is_tried_again(
    forkserver: Forkserver, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def load(self: running.Worker, whole: object, seconds: float) -> object:
        tries.append(1)
        if len(tries) == 1:
            raise running.Stopped((0, 1), "took longer than 3 seconds", is_starved=True)
        return really(self, whole, seconds)

    really = running.Worker.load
    monkeypatch.setattr(running.Worker, "load", load)
    with Sitting(forkserver, order("def f(x): return x + 1")) as sitting:
        assert sitting.load().troubles == ()
        assert shown(ask(sitting, 1)) == [2]
    assert len(tries) == 2
