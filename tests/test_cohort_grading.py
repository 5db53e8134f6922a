"""One part at a time: what a process needs is there once, and what it grades leaves nothing behind for the next."""

import cohorts
import msgspec
import numpy as np
import pytest
from cohorts import SAME
from desks import PROBES, order, shown

from graders.cohort.entries import Part
from graders.cohort.grading import Job, Outcome, bring, given_up, grade_one, leave
from graders.engine.authoring.material import find
from graders.engine.results import Extras, SectionResult
from graders.engine.setting.papers import paper
from graders.engine.sitting.forkserver import Forkserver
from graders.engine.sitting.sitting import Sitting
from graders.engine.values import codec

own = cohorts.own  # a fixture


@pytest.fixture
def grade(own):
    bring(own.root, {"own": paper(find(own, "own"), 0, 5)})
    yield lambda part: grade_one(Job(part, part.digest))
    leave()


def result_of(outcome: Outcome) -> SectionResult:
    return msgspec.json.decode(outcome.record, type=SectionResult)


def test_a_part_is_graded_and_named_after_its_section(grade):
    outcome = grade(Part("own", ".py", SAME.encode()))
    assert (outcome.status, outcome.reason, outcome.score, outcome.points) == ("graded", None, 1, 1)
    assert result_of(outcome).file == "own.py"
    raising = result_of(grade(Part("own", ".py", b"def same(x):\n    raise KeyError(x)\n")))
    assert raising.exercises[0].checks[0].error.startswith("own.py:2 in same")


def test_what_its_learner_should_know_of_a_part_is_a_warning(grade):
    outcome = grade(Part("own", ".py", SAME.encode(), note="there is more"))
    assert (outcome.status, outcome.score, outcome.reason) == ("graded", 1, None)
    assert [warning.message for warning in result_of(outcome).warnings] == ["there is more"]


@pytest.mark.parametrize(
    ("part", "status", "reason"),
    [
        (Part("own"), "missing", "there is no own.py or own.ipynb"),
        (Part("own", trouble="it is a link"), "unreadable", "it is a link"),
        (Part("own", ".py", b"\xff"), "unreadable", "own.py is not UTF-8 text: byte 0xff in line 1"),
        (Part("own", ".py", b"x = '\0'"), "unreadable", "own.py is not text: byte 0x00 in line 1"),
        (Part("own", ".py", bytes(10 * 2**20 + 1)), "unreadable", "own.py is larger than 10 MiB"),
        (Part("own", ".ipynb", b"[" * 100_000), "unreadable", "own.ipynb"),
        (Part("own", ".ipynb", b"[1]"), "unreadable", "own.ipynb is not a notebook that can be read"),
    ],
)
def test_what_cannot_be_graded_gets_no_points_and_a_reason(grade, part, status, reason):
    outcome = grade(part)
    assert (outcome.status, outcome.score, outcome.points) == (status, 0, 1)
    assert outcome.reason.startswith(reason)
    assert result_of(outcome).warnings[0].message == outcome.reason
    assert result_of(outcome).exercises[0].status == "missing"


def test_what_is_given_up_loses_no_points_that_nobody_can_lose(new_section):
    """Extras stand beside the points, here as in every other result."""
    course = new_section(
        cohorts.GRADER + 'same.call("gives_back_none", "Gives back None.", points=3, extra=True, x=st.none())\n', SAME
    ).course
    outcome = given_up(Job(Part("own"), "digest"), paper(find(course, "own"), 0, 5), "it hung", 3)
    result = result_of(outcome)
    assert (outcome.status, outcome.score, outcome.points, outcome.runs) == ("quarantined", 0, 1, 3)
    assert (result.extras, result.exercises[0].extras) == (Extras(0, 3), Extras(0, 3))
    assert [(check.points, check.extra) for check in result.exercises[0].checks] == [(1, False), (3, True)]


def test_texts_that_utf8_cannot_carry_are_replaced(grade):
    outcome = grade(Part("own", ".py", b"def same(x):\n    raise RuntimeError('\\ud800')\n"))
    assert "\ufffd" in result_of(outcome).exercises[0].checks[0].error


def test_inputs_that_were_made_ready_are_fresh_in_every_run():
    """A run that changes its inputs does so for itself alone: not for the next one, nor for other workers."""
    questions = [codec.encode({"x": value}) for value in ([1], np.zeros(2))]
    source = "def f(x):\n    x[:] = [len(x)] * len(x)\n    return x\n"
    with Forkserver() as server:
        server.preload(["numpy"])
        server.make_ready([[codec.encode({"x": []})], questions], 0, PROBES, "")
        for _ in range(2):
            with Sitting(server, order(source)) as sitting:
                for asked in (questions, questions, questions.copy()):
                    answers = sitting.sit("probe", asked, 0, 20)
                    first, second = shown(answers)
                    assert (first, second.tolist()) == ([1], [2, 2])
                    assert [seen.changed for seen in answers.seen] == [None, "x"]
