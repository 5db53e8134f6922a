"""Two mistakes together, where one does not fit: when they are named, and how that is said."""

from collections.abc import Callable, Collection
from textwrap import dedent

import msgspec
import pytest
from conftest import GradeText, NewSection, checks_of
from sample_grades import UNBROADCAST, exercise, grade, section
from test_cohort_exports import html_of, standing
from test_terminal_report import printed

from graders.engine.authoring.material import Material
from graders.engine.authoring.section import Mistake, edit
from graders.engine.errors import GraderError
from graders.engine.explaining import diagnosis
from graders.engine.explaining.pairs import change, plausible
from graders.engine.explaining.trials import Trials
from graders.engine.results import CheckResult, Grade
from graders.engine.values.messages import Changed
from graders.report.code_quality import code_quality
from graders.report.failures import failures, one_of_a_kind
from graders.report.html import html
from graders.report.junit import junit
from graders.report.markdown import markdown
from graders.report.record import record

KEEPS, TWICE, WHOLE, LAX = "The largest stays.", "It is taken twice.", "Nothing is divided.", "Nothing is refused."
SMALLEST, ROUNDED, TEXT = "The smallest is meant.", "It is rounded.", "It is misspelt."
GRADER = f"""
shift = section.exercise(
    "shift",
    mistakes={{
        {KEEPS!r}: edit("x - x.max()", "x"),
        {WHOLE!r}: edit(" / len(x)", ""),
        {TWICE!r}: edit("x - x.max()", "x - 2 * x.max()"),
        {SMALLEST!r}: edit("x.max()", "x.min()"),
        {LAX!r}: [edit("raise ValueError", "return 0.0"), edit("return y", "return y + 1")],
        {TEXT!r}: edit("Shifts", "Lifts"),
    }},
)
whole = st.lists(st.integers(-9, 9), min_size=2, max_size=4).map(lambda v: np.array(v, float))
shift.call("shifts", "Shifts.", x=whole)

@shift.check()
def shift_refuses(solution):
    \"\"\"Refuses an empty array.\"\"\"
    return solution.shift(np.array([]))
"""
REFERENCE = '''
def shift(x):
    """Shifts."""
    if not len(x):
        raise ValueError
    y = x - x.max()
    return y / len(x)
'''
REFUSES = "def shift(x):\n    if not len(x): raise ValueError\n    return "


CLASS = "class C:\n    def f(self):\n        a(1)\n    def g(self):\n        b(1)\n    x = 1\n"
INNER = "        def f(self):\n            a(1)\n"
EXTRA = """
@shift.check(extra=True, x=whole)
def shift_keeps_the_type(solution, x):
    \"\"\"Keeps single precision.\"\"\"
    return np.float32(1) if str(solution.shift(x.astype(np.float32)).dtype) == "float32" else 0
"""


@pytest.fixture
def material(new_section: NewSection) -> Material:
    return new_section(GRADER, REFERENCE)


# %% Which are named


@pytest.mark.parametrize(
    ("source", "named"),
    [
        (REFUSES + "x", [KEEPS, WHOLE]),
        (REFUSES + "x - x.min()", [WHOLE, SMALLEST]),
        (REFUSES + "x / len(x)", [KEEPS]),  # one is one
        (REFUSES + "x - x.max()", [WHOLE]),
        (REFUSES + "x * 0 + 3", []),  # nobody knows that
        (REFUSES + "x + 1 / len(x)", []),  # one of those two would refuse nothing
        ("def shift(x):\n    return x if len(x) else 0.0", [KEEPS, WHOLE]),  # and in the other check a third one
        (REFUSES.replace("ValueError", "KeyError") + "x", []),  # and in the other check nobody knows which
    ],
)
def test_two_mistakes_are_named_where_one_does_not_fit(
    material: Material, grade_text: GradeText, source: str, named: list[str]
) -> None:
    check = checks_of(grade_text(source, material))["shifts"]
    assert check.status == "failed"
    assert list(check.mistakes) == named
    assert [check.mistake, check.other_mistake] == [*named, None, None][:2]


def test_two_that_show_in_checks_of_their_own_are_named_there(material: Material, grade_text: GradeText) -> None:
    (lax,) = (each for each in material.section.mistakes if each.text == LAX)
    checks = checks_of(grade_text(material.mistaken_source(lax), material))
    assert [check.mistakes for check in checks.values()] == [(LAX,), (LAX,)]
    (keeps, *_) = material.section.mistakes
    checks = checks_of(grade_text(material.mistaken_source(lax, keeps), material))
    assert [check.mistakes for check in checks.values()] == [(KEEPS, LAX), (LAX,)]


def test_where_two_pairs_fit_none_is_named(new_section: NewSection, grade_text: GradeText) -> None:
    grader = GRADER.replace(f"{TEXT!r}: edit(", f'"Multiplied.": edit(" / len(x)", " * 1"),\n        {TEXT!r}: edit(')
    assert checks_of(grade_text(REFUSES + "x", new_section(grader, REFERENCE)))["shifts"].mistakes == ()


def test_what_goes_beyond_the_text_may_fail_besides(new_section: NewSection, grade_text: GradeText) -> None:
    checks = checks_of(grade_text(REFUSES + "x.astype(float)", new_section(GRADER + EXTRA, REFERENCE)))
    assert [check.status for check in checks.values()] == ["failed", "passed", "failed"]
    assert [check.mistakes for check in checks.values()] == [(KEEPS, WHOLE), (), ()]


def test_where_two_are_named_no_third_is_named_for_what_they_show_as_well(
    new_section: NewSection, grade_text: GradeText
) -> None:
    """In the second check each mistake shows the same, so that the first one would be named for it."""
    grader = GRADER.replace("mistakes={", 'mistakes={\n        "Lifts.": edit("y = x", "y = 5 + x"),')
    grader += """
@shift.check(x=whole)
def shift_is_right(solution, x):
    \"\"\"Is right.\"\"\"
    return bool((solution.shift(x) == (x - x.max()) / len(x)).all())
"""
    checks = checks_of(grade_text(REFUSES + "x", new_section(grader, REFERENCE)))
    assert [check.mistakes for check in checks.values()] == [(KEEPS, WHOLE), (), (KEEPS,)]


@pytest.mark.parametrize("extra", [True, False])
def test_what_goes_beyond_the_text_proves_no_two_mistakes(
    new_section: NewSection, grade_text: GradeText, extra: bool
) -> None:
    grader = f"""
    size = section.exercise("size", mistakes={{
        "The sign stays.": edit("abs(x)", "x"), "Two are added.": edit("y + 1", "y + 2")
    }})
    size.call("positive", "Has a size.", x=st.integers(1, 9))
    size.call("negative", "Has a size below zero.", extra={extra}, x=st.integers(-9, -1))
    """
    material = new_section(grader, "def size(x):\n    y = abs(x)\n    return y if x > 0 else y + 1\n")
    checks = checks_of(grade_text("def size(x):\n    return x if x > 0 else x + 2\n", material))
    assert checks["positive"].status == "passed"
    assert checks["negative"].mistakes == (() if extra else ("The sign stays.", "Two are added."))


def test_one_that_shows_elsewhere_may_do_something_here_with_another_one_only(
    new_section: NewSection, grade_text: GradeText
) -> None:
    grader = """
    square = section.exercise("square", mistakes={
        "The sign stays.": edit("abs(x)", "x"), "It is doubled.": edit("y * y", "y + y")
    })
    square.call("squares", "Squares.", x=st.integers(-9, -3))
    square.call("halfway", "Goes half of the way.", x=st.integers(-9, -3), halfway=st.just(True))
    """
    reference = "def square(x, halfway=False):\n    y = abs(x)\n    return y if halfway else y * y\n"
    wrong = "def square(x, halfway=False):\n    return x if halfway else 2 * x\n"
    checks = checks_of(grade_text(wrong, new_section(grader, reference)))
    assert [check.mistakes for check in checks.values()] == [
        ("The sign stays.", "It is doubled."), ("The sign stays.",)
    ]  # fmt: skip


def test_a_place_is_not_looked_for_where_two_are_named(material: Material, grade_text: GradeText) -> None:
    check = checks_of(grade_text(REFUSES + "x", material, places=True))["shifts"]
    assert (len(check.mistakes), check.place) == (2, None)


def counted(monkeypatch: pytest.MonkeyPatch, method: str) -> list[Collection[Mistake]]:
    """The pairs that are tried by a method of `Trials` from now on."""
    tried: list[Collection[Mistake]] = []
    original = getattr(Trials, method)

    def wrapped(self: Trials, check: str, inputs: list[bytes], *mistakes: Mistake) -> object:
        tried.extend([mistakes] if len(mistakes) > 1 else [])
        return original(self, check, inputs, *mistakes)

    monkeypatch.setattr(Trials, method, wrapped)
    return tried


def test_so_many_pairs_are_tried_and_no_more(
    new_section: NewSection, grade_text: GradeText, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = counted(monkeypatch, "glimpsed")
    numbers = range(20, 35)
    wrong = ", ".join(f'"Not {n}.": edit("{n} * x", "{n + 50} * x")' for n in numbers)
    grader = f'f = section.exercise("f", mistakes={{{wrong}}})\nf.call("fs", "Fs.", x=st.integers(1, 9))\n'
    total = " + ".join(f"{n} * x" for n in numbers)
    material = new_section(grader, f"def f(x):\n    return {total}\n")
    assert checks_of(grade_text("def f(x):\n    return 7", material))["fs"].mistakes == ()
    assert len(tried) == len(set(tried)) == diagnosis.MAX_PAIRS_OF_ONE
    tried.clear()
    monkeypatch.setattr(diagnosis, "MAX_PAIRS", 5)
    grade_text("def f(x):\n    return 8", material)
    assert len(tried) == 5


def test_pairs_whose_mistakes_change_more_than_a_function_are_tried_by_themselves_but_not_many(
    new_section: NewSection, grade_text: GradeText, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = range(20, 26)
    wrong = ", ".join(f'"Not {n}.": edit("x = {n}", "x = {n + 50}")' for n in numbers)
    grader = f'numbers = section.exercise("C", mistakes={{{wrong}}})\n' + dedent("""
    @numbers.check(x=st.integers(1, 9))
    def holds_numbers(solution, x):
        \"\"\"Holds numbers.\"\"\"
        return x, [vars(solution.C)[f"a{n}x"] for n in range(20, 26)]
    """)
    reference = "class C:\n" + "".join(f"    a{n}x = {n}\n" for n in numbers)
    material = new_section(grader, reference)
    tried = counted(monkeypatch, "shown")
    assert checks_of(grade_text(reference.replace("= 20", "= 7"), material))["holds_numbers"].mistakes == ()
    assert len(set(tried)) == diagnosis.MAX_SLOW
    pair = material.section.mistakes[:2]
    named = checks_of(grade_text(material.mistaken_source(*pair), material))["holds_numbers"].mistakes
    assert named == tuple(each.text for each in pair)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("def f(x):\n    return x\n", "def f(x, y=1):\n    return y\n", ("", 5, 2, "def f(x, y=1):\n    return y\n")),
        ("@g\ndef f(x):\n    return x\n", "@g\ndef f(x):\n    x\n", ("", 5, 3, "@g\ndef f(x):\n    x\n")),
        (CLASS, CLASS.replace("b(1)", "b(2)\n        b"), ("C", 8, 2, "    def g(self):\n        b(2)\n        b\n")),
        (CLASS, CLASS.replace("x = 1", "x = 2"), None),
        (CLASS, CLASS.replace("a(1)", "a(2)").replace("b(1)", "b(2)"), None),
        (CLASS, CLASS.replace("b(1)", "b(2)").replace("x = 1", "x = 2"), None),
        (CLASS, CLASS, None),
        ("class C:\n    class D:\n" + INNER, "class C:\n    class D:\n" + INNER.replace("1", "2"), None),
    ],
)
def test_a_change_of_one_function_is_told_from_others(
    old: str, new: str, expected: tuple[str, int, int, str] | None
) -> None:
    assert change("own.py", 5, old, new) == (expected and Changed("own.py", *expected))


def test_the_most_plausible_pairs_come_first_and_idle_ones_not_at_all() -> None:
    same, idle, half, other, late = (Mistake("f", name, ()) for name in ("same", "idle", "half", "other", "late"))
    shifts = {
        same: ["same", "same"],  # alone it shows all of it, and fails what is right
        idle: ["none", "none"],
        other: ["other", "other"],
        half: ["same", "none"],
        late: ["none", "other"],
    }
    assert list(plausible([shifts])) == [(other, half), (half, late), (other, late)]  # type: ignore[list-item]
    assert list(plausible([shifts], [idle])) == [  # type: ignore[list-item]
        (other, half), (half, late), (idle, other), (other, late)
    ]  # fmt: skip
    more = {each: ["none" if each in (half, other) else "other"] for each in shifts}
    assert list(plausible([shifts, more])) == [  # type: ignore[list-item]
        (same, idle), (same, other), (same, half), (same, late), (half, late), (idle, other), (other, late),
    ]  # fmt: skip
    assert list(plausible([shifts, {}])) == []  # on the other check they took too long  # type: ignore[list-item]


# %% Which stand apart


@pytest.mark.parametrize(
    ("one", "other", "text"),
    [
        (("y = x", "y = 2 * x"), ("x.max()", "x.min()"), "y = 2 * x - x.min()"),
        (("Shifts", "Lifts"), ("x - x.max()", "x"), "y = x\n"),
        (("x - x.max()", "x"), ("x.max()", "x.min()"), None),  # one leaves nothing for the other
        (("x - x.max()", "x + x.max()"), ("x.max()", "x.min()"), None),  # both say what is taken away
        (("x - ", "2 * x - "), ("x - ", "3 * x - "), None),
        (("if not ", "if  not "), ("len(x):", "any(x):"), "if  not any(x):"),  # the one ends where the other begins
    ],
)
def test_edits_are_made_together_where_they_do_not_overlap(
    material: Material, one: tuple[str, str], other: tuple[str, str], text: str | None
) -> None:
    mistakes = [Mistake("shift", "Wrong.", (edit(*change),)) for change in (one, other)]
    for first, second in (mistakes, mistakes[::-1]):
        assert material.are_apart(first, second) == (text is not None)
        if text is None:
            with pytest.raises(GraderError, match="two edits change the same"):
                material.mistaken_source(first, second)
        else:
            assert text in material.mistaken_source(first, second)


# %% How it is said

TWO: CheckResult = msgspec.structs.replace(UNBROADCAST, mistake="It is *this*.", other_mistake="It is <that>.")
GRADE = grade(section("backprop", exercise("unbroadcast", TWO)))


def test_a_check_that_shows_one_of_them_hides_no_other() -> None:
    one = msgspec.structs.replace(TWO, other_mistake=None, points=5.0)
    found = one_of_a_kind(failures(grade(section("backprop", exercise("unbroadcast", one, TWO, TWO)))))
    assert [(failure.check, failure.alike) for failure in found] == [(one, ()), (TWO, (TWO,))]


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (printed, "This looks like: It is *this*.\n\nTogether with: It is <that>.\n"),
        (markdown, "**This looks like:** It is \\*this\\*.\n\n**Together with:** It is \\<that\\>."),
        (
            html,
            '<p class="mistake"><strong>This looks like:</strong> It is *this*.</p>\n'
            '<p class="mistake"><strong>Together with:</strong> It is &lt;that&gt;.</p>',
        ),
        (junit, "This looks like: It is *this*.\n\nTogether with: It is &lt;that&gt;."),
        (code_quality, "This looks like: It is *this*. Together with: It is <that>."),
        (lambda result: record(result), '"mistake": "It is *this*.",'),
        (lambda result: record(result), '"other_mistake": "It is <that>."'),
        (
            lambda result: html_of(standing("ada", *result.sections)),
            "<i>It looks like: It is *this*. Together with: It is &lt;that&gt;.</i>",
        ),
        (lambda result: html_of(standing("ada", *result.sections)), "<td>It is &lt;that&gt;. "),
    ],
)
def test_every_report_says_both(write: Callable[[Grade], str], said: str) -> None:
    assert said in write(GRADE)
