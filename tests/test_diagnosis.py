"""Diagnosis: the mistake that a failure looks like, and the exercises that have to be mended first."""

import pytest
from conftest import GradeText, NewSection, checks_of

from graders.engine.authoring.dependence import Dependence
from graders.engine.authoring.material import Material, find
from graders.engine.authoring.section import Mistake, edit
from graders.engine.course import Course
from graders.engine.errors import GraderError

# %% Mistakes


@pytest.fixture
def material(new_section: NewSection) -> Material:
    grader = '''
    whole = st.lists(st.integers(-9, 9), min_size=2, max_size=4).map(lambda v: np.array(v, float))

    mean = section.exercise(
        "mean",
        mistakes={
            "The sum is not divided.": edit(" / len(x)", ""),
            "One too few is divided by.": edit("len(x)\\n", "(len(x) - 1)\\n"),
            "The first is taken for all.": edit("float(x.sum()) / len(x)", "x[0]"),
            "The empty array is not refused.": edit("if not len(x):", "if False:"),
        },
    )
    mean.call("averages", "Averages.", x=whole)

    @mean.check()
    def refuses_nothing(solution):
        """Refuses an empty array."""
        return solution.mean(np.array([]))

    normed = section.exercise(
        "normed",
        mistakes={
            "The input is changed.": edit("return x - mean(x)", "x -= mean(x)\\n    return x"),
            "The mean is added.": [edit("x - mean", "x + mean"), edit("Takes", "Adds")],
        },
    )
    normed.call("norms", "Takes the mean away.", x=whole)
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


@pytest.mark.parametrize(
    ("line", "is_named"),
    [
        ("assert isinstance(x, float), 'no number'", True),
        ("if not isinstance(x, float): raise TypeError", True),
        ("if not isinstance(x, float): raise AssertionError", False),  # no curriculum hands that out
        ("x = x / 1 if isinstance(x, float) else {}[x]", False),
    ],
)
def test_an_assertion_that_was_handed_out_means_what_a_mistake_refuses(
    new_section: NewSection, grade_text: GradeText, line: str, is_named: bool
) -> None:
    grader = '''
    half = section.exercise("half", mistakes={"Refuses whole numbers.": edit("return", """if isinstance(x, int):
            raise TypeError("no float")
        return""")})
    half.call("halves", "Halves.", x=st.floats(0, 9) | st.integers(0, 9))
    '''
    material = new_section(grader, "def half(x):\n    return x / 2\n")
    result = checks_of(grade_text(f"def half(x):\n    {line}\n    return x / 2\n", material))["halves"]
    assert (result.status, result.mistake) == ("raised", "Refuses whole numbers." if is_named else None)


@pytest.mark.parametrize(("limit", "mistake"), [(-10, "Nothing is halved."), (3, None)])
def test_a_mistake_passes_the_examples_that_the_submission_passes(
    new_section: NewSection, grade_text: GradeText, limit: int, mistake: str | None
) -> None:
    grader = """
    half = section.exercise("half", mistakes={"Nothing is halved.": edit("return x / 2", "return x")})
    half.call("halves", "Halves.", x=st.integers(-9, 9))
    """
    material = new_section(grader, "def half(x):\n    return x / 2\n")
    result = checks_of(grade_text(f"def half(x): return x if x > {limit} else x / 2\n", material))["halves"]
    assert (result.status, result.mistake) == ("failed", mistake)


@pytest.mark.parametrize(
    ("body", "is_named"),
    [
        ("return y @ x.T", True),  # as the mistake, with other letters
        ("return np.dot(y, x.T)", True),  # the same in numpy's other words
        ("return np.concatenate([x, y])", False),  # another fault, which ends in a ValueError too
        ("return x.reshape(0, 7) @ y", False),
    ],
)
def test_an_exception_that_many_faults_end_in_has_to_say_the_same(
    new_section: NewSection, grade_text: GradeText, body: str, is_named: bool
) -> None:
    grader = """
    mat = section.exercise("mat", mistakes={"The order is turned.": edit("x @ y", "y @ x.T")})
    mat.call("multiplies", "Multiplies.", x=st.just(np.ones((2, 3))), y=st.just(np.ones((3, 4))))
    """
    material = new_section(grader, "import numpy as np\n\ndef mat(x, y):\n    return x @ y\n")
    result = checks_of(grade_text(f"import numpy as np\ndef mat(x, y):\n    {body}\n", material))["multiplies"]
    assert (result.status, result.mistake) == ("raised", "The order is turned." if is_named else None)


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
    with pytest.raises(GraderError, match=reason):
        material.mistaken_source(Mistake(exercise, "Wrong.", (edit(old, ""),)))


# %% What depends on what, and whose fault it is


def test_what_an_exercise_uses_is_read_from_the_reference(material: Material, course: Course) -> None:
    small = find(course, "small")
    uses = Dependence(small.reference_source, small.section.exercises)
    assert uses.of("scaled_sums") == {"row_sums"}
    assert uses.of_probe(small.probes, "scales_sums") == {"scaled_sums", "row_sums"}
    assert uses.of("Counter") == frozenset()


def test_a_table_stands_between_who_looks_up_and_what_is_registered() -> None:
    text = """
TABLE = {}
def f(x): return x
def g(x): return helper(x)
def helper(x): return TABLE["f"](x)
TABLE["f"] = f
for name in ("g",):
    TABLE.setdefault(name, g)
"""
    assert Dependence(text, ("f", "g")).of("g") == {"f"}


def test_a_graft_brings_the_given_code_that_it_needs_and_no_other_exercise() -> None:
    text = "import math\nSCALE = 2\ndef g(x): return x\ndef given(x): return SCALE * x\n"
    text += "def f(x): return given(g(math.pi))"
    graft = Dependence(text, ("f", "g")).graft("f")
    assert [line.partition("(")[0] for line in graft.split("\n") if line and not line.startswith(" ")] == [
        "import math",
        "SCALE = 2",
        "def given",
        "def f",
    ]


CHAIN_GRADER = "\n".join(
    f'''
{name} = section.exercise("{name}")

@{name}.check(x=st.integers(1, 9))
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
        absent = checks["first_works"].status in ("missing", "not_attempted")
        words = f"waits for {blocked_by}, which is not written yet" if absent else f"fix {blocked_by} first"
        assert checks["third_works"].error == words


def test_who_fails_by_an_own_fault_is_not_blocked(new_section: NewSection, grade_text: GradeText) -> None:
    """Both are wrong: with the right first, third would fail all the same."""
    source = CHAIN.replace("x + 1", "x").replace("return [make(y) for y in [x]]", "return [1 for y in [x]]")
    checks = checks_of(grade_text(source, new_section(CHAIN_GRADER, CHAIN)))
    assert [check.status for check in checks.values()] == ["failed", "blocked", "failed"]


def test_what_a_proof_prints_is_not_shown(new_section: NewSection, grade_text: GradeText) -> None:
    source = CHAIN.replace("x + 1", "x").replace("def third(x):", "def third(x):\n    print('secret')\n   ")
    checks = checks_of(grade_text(source, new_section(CHAIN_GRADER, CHAIN)))
    assert (checks["third_works"].status, checks["third_works"].output) == ("blocked", "")
