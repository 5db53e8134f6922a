"""Diagnosis: the mistake that a failure looks like, and the exercises that have to be mended first."""

import pytest
from conftest import EXAMPLES, GradeText, NewSection, checks_of

from graders.engine.authoring.material import Material, find
from graders.engine.course import Course
from graders.engine.errors import GraderError
from graders.engine.explaining import diagnosis
from graders.engine.setting.paper import paper
from graders.engine.values import codec

# %% Mistakes


@pytest.fixture
def material(new_section: NewSection) -> Material:
    grader = '''
    whole = st.lists(st.integers(-9, 9), min_size=2, max_size=4).map(lambda v: np.array(v, float))

    @section.check("mean")
    @given(x=whole)
    def averages(solution, x):
        """Averages."""
        return solution.mean(x)

    @section.check("mean")
    def refuses_nothing(solution):
        """Refuses an empty array."""
        return solution.mean(np.array([]))

    @section.check("normed")
    @given(x=whole)
    def norms(solution, x):
        """Takes the mean away."""
        return solution.normed(x)

    section.mistake("mean", "The sum is not divided.", edit(" / len(x)", ""))
    section.mistake("mean", "One too few is divided by.", edit("len(x)\\n", "(len(x) - 1)\\n"))
    section.mistake("mean", "The first is taken for all.", edit("float(x.sum()) / len(x)", "x[0]"))
    section.mistake("mean", "The empty array is not refused.", edit("if not len(x):", "if False:"))
    section.mistake("normed", "The input is changed.", edit("return x - mean(x)", "x -= mean(x)\\n    return x"))
    section.mistake("normed", "The mean is added.", edit("x - mean", "x + mean"), edit("Takes", "Adds"))
    '''
    reference = '''
    import numpy as np

    def mean(x):
        """The mean."""
        if not len(x):
            raise ValueError("nothing to average")
        return float(x.sum()) / len(x)

    def normed(x):
        """Takes the mean away."""
        return x - mean(x)

    def unused(x):
        return normed(x)
    '''
    return new_section(grader, reference)


MEAN = "def mean(x):\n    if not len(x): raise ValueError\n    return sum(x) / len(x)\n"


@pytest.mark.parametrize(
    ("source", "check", "mistake"),
    [
        (MEAN.replace(" / len(x)", ""), "averages", "The sum is not divided."),
        (MEAN.replace("/ len(x)", "/ (len(x) - 1)"), "averages", "One too few is divided by."),
        ("def mean(x): return x[0]", "averages", "The first is taken for all."),
        (MEAN.replace("/ len(x)", "/ len(x) + 1"), "averages", None),
        (MEAN.replace("sum(x) / len(x)", "0 * x[0]"), "averages", None),
        ("def mean(x): return 7 if not len(x) else sum(x) / len(x)", "refuses_nothing", None),
        (MEAN + "def normed(x): return x + mean(x)", "norms", "The mean is added."),
        (MEAN + "def normed(x):\n    x -= mean(x)\n    return x", "norms", "The input is changed."),
        (MEAN + "def normed(x): return x * 0 + 3", "norms", None),
    ],
)
def test_a_failure_is_named_after_the_mistake_that_shows_the_same(
    material: Material, grade_text: GradeText, source: str, check: str, mistake: str | None
) -> None:
    result = checks_of(grade_text(source, material))[check]
    assert result.status != "passed"
    assert result.mistake == mistake


def test_every_mistake_of_the_fixture_course_is_named(grade_text: GradeText, course: Course) -> None:
    for name in course.sections:
        material = find(course, name)
        for mistake in material.section.mistakes:
            result = grade_text(material.mistaken_source(mistake), name)
            assert mistake.text in {check.mistake for check in checks_of(result).values()}


@pytest.mark.parametrize(
    ("exercise", "old", "reason"),
    [
        ("mean", "absent", "an edit of mean finds 'absent' 0 times, not once"),
        ("mean", "x", "an edit of mean finds 'x' 4 times, not once"),
        ("mean", "x - mean", "an edit of mean finds 'x - mean' 0 times, not once"),  # it stands in another exercise
        ("median", "x", "the reference has no exercise 'median'"),
    ],
)
def test_an_edit_must_fit_exactly_once(material: Material, exercise: str, old: str, reason: str) -> None:
    material.section.mistake(exercise, "Wrong.", material.section.mistakes[0].edits[0]._replace(old=old))
    with pytest.raises(GraderError, match=reason):
        material.mistaken_source(material.section.mistakes[-1])


# %% Prerequisites


def needed(material: Material, check: str, failing: set[str] | None = None) -> frozenset[str]:
    """The prerequisites of a check among the exercises that fail, by default all."""
    failing = set(material.section.exercises) if failing is None else failing
    item = next(item for item in paper(material, 0, EXAMPLES).items if item.name == check)
    probe = material.section.checks[check].probe
    return diagnosis.prerequisites(material, probe, item.exercise, item.inputs[0], 0, failing)


def test_prerequisites_are_the_exercises_that_the_reference_calls(material: Material, course: Course) -> None:
    assert needed(material, "norms") == {"mean"}
    assert needed(material, "norms", failing={"normed"}) == frozenset()
    assert needed(material, "averages") == needed(material, "refuses_nothing") == frozenset()
    small = find(course, "small")
    assert needed(small, "scales_sums") == {"row_sums"}
    assert needed(small, "counts_words") == needed(small, "keeps_operations") == frozenset()


CHAIN_GRADER = "\n".join(
    f'''
@section.check("{name}")
@given(x=st.integers(1, 9))
def {name}_works(solution, x):
    """Works."""
    return solution.{name}(x)
'''
    for name in ("first", "Second", "third")
)
CHAIN = """
class Second:
    def __init__(self, x): self.x = x
    def __eq__(self, other): return first(self.x)
def first(x): return x + 1
def make(x): return Second(x) == 1
def third(x): return [make(y) for y in [x]]
"""
CHAIN_GRADER = CHAIN_GRADER.replace("solution.Second(x)", "(solution.Second(x) == 1)")


@pytest.mark.parametrize(
    ("source", "statuses", "blocked_by"),
    [
        (CHAIN, ["passed", "passed", "passed"], None),
        (CHAIN.replace("x + 1", "x"), ["failed", "blocked", "blocked"], "first"),
        (CHAIN.replace("== 1\n", "!= 1\n"), ["passed", "passed", "failed"], None),
        (CHAIN.replace("return first(self.x)", "return 0"), ["passed", "failed", "blocked"], "Second"),
        (CHAIN.replace("def first(x): return x + 1", ""), ["missing", "blocked", "blocked"], "first"),
        (CHAIN.replace("return x + 1", "raise NotImplementedError"), ["not_attempted", "blocked", "blocked"], "first"),
    ],
)
def test_an_exercise_is_blocked_by_an_earlier_one_it_uses(
    new_section: NewSection, grade_text: GradeText, source: str, statuses: list[str], blocked_by: str | None
) -> None:
    checks = checks_of(grade_text(source, new_section(CHAIN_GRADER, CHAIN)))
    assert [check.status for check in checks.values()] == statuses
    if blocked_by:
        assert checks["third_works"].error == f"fix {blocked_by} first"


def test_tracing_leaves_the_profiler_as_it_was(material: Material) -> None:
    import sys

    def profiler(*_: object) -> None:
        pass

    sys.setprofile(profiler)
    try:
        probe = material.section.checks["refuses_nothing"].probe
        diagnosis.prerequisites(material, probe, "normed", codec.encode({}), 0, {"normed"})
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
