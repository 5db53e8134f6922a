"""The outline of a grader file: what is read from its text is what is loaded, and what cannot be read is refused."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from conftest import HEADER, NewSection

from graders.engine.authoring import shaking
from graders.engine.authoring.material import find
from graders.engine.authoring.outline import CheckOutline, outline
from graders.engine.course import PROJECT, Course
from graders.engine.errors import GraderError

FIXTURES = Course(Path(__file__).parent / "course")
SECTIONS = [(course, name) for course in (Course(), FIXTURES) for name in course.sections]
REFERENCE = "def f(*arguments): return arguments\ndef g(*arguments): return arguments\n"
GRADER = '''
section.lend(Linear="torch.nn.Linear")
WORDS = "Words that have a name."
WRONG = {"Shared.": edit("return", "raise")}

f = section.exercise(
    "f",
    aliases=["old", "older"],
    hints=["Think."],
    mistakes={WORDS: edit("a", "b"), "Two.": [edit("a", "b"), edit("c", "d")], **WRONG},
)
f.call("alone", "Takes nothing.")
f.call("by_name", "Takes  two.", points=2, judge=close(), examples=3, seconds=1.5, x=st.integers(), y=st.integers())
f.call("extra", "Takes a pair.", extra=True, points=0.25, case=st.tuples(st.integers(), st.integers()))


@f.check(changes_inputs=True, x=st.integers())
def probed(solution, x):
    """Has a
    long docstring."""
    return solution.g(x)


g = section.exercise("g")


@g.check()
@given(x=st.integers())
def given_by_hand(solution, x):
    """Hypothesis' own decorator will do."""
    return [solution.g(x) for _ in range(2)]
'''


# %% What is read is what is loaded


@pytest.mark.parametrize(("course", "name"), SECTIONS, ids=[name for _, name in SECTIONS])
def test_the_outline_says_what_the_loaded_section_is(course: Course, name: str) -> None:
    material = find(course, name)
    said, section = material.outline, material.section
    assert (said.name, said.title, said.exercises) == (section.name, section.title, section.exercises)
    assert (said.aliases, said.lent) == (section.aliases, section.lent)
    for read, check in zip(said.checks, section.checks.values(), strict=True):
        assert (read.name, read.exercise, read.title, read.points) == (
            check.name, check.exercise, check.title, check.points)  # fmt: skip
        assert (read.extra, read.examples, read.seconds) == (check.extra, check.examples, check.seconds)
        assert (read.changes_inputs, read.judged) == (check.changes_inputs, check.judge is not None)


def test_an_outline(new_section: NewSection) -> None:
    said = new_section(GRADER, REFERENCE).outline
    assert (said.name, said.title, said.exercises) == ("own", "A section of one test", ("f", "g"))
    assert (said.aliases, said.lent) == ({"old": "f", "older": "f"}, {"Linear": "torch.nn.Linear"})
    plain = {"points": 1.0, "extra": False, "examples": None, "seconds": 5, "changes_inputs": False, "judged": False}
    assert said.checks == (
        CheckOutline(name="alone", exercise="f", title="Takes nothing.", asks_by_name=True, **plain),
        CheckOutline("by_name", "f", "Takes two.", 2.0, False, 3, 1.5, False, judged=True, asks_by_name=True),
        CheckOutline("extra", "f", "Takes a pair.", 0.25, True, None, 5, False, judged=False, asks_by_name=True),
        CheckOutline("probed", "f", "Has a long docstring.", 1.0, False, None, 5, True, False, asks_by_name=False),
        CheckOutline(
            name="given_by_hand",
            exercise="g",
            title="Hypothesis' own decorator will do.",
            asks_by_name=True,
            **plain,
        ),
    )


def test_a_section_as_it_is_loaded(new_section: NewSection) -> None:
    section = new_section(GRADER, REFERENCE).section
    assert section.hints == {"f": ("Think.",)}
    assert [(mistake.text, len(mistake.edits)) for mistake in section.mistakes] == [
        ("Words that have a name.", 1), ("Two.", 2), ("Shared.", 1)]  # fmt: skip
    drawn = {name: check.drawn and list(check.drawn.hypothesis._given_kwargs) for name, check in section.checks.items()}
    assert drawn == {"alone": None, "by_name": ["x", "y"], "extra": ["case"], "probed": ["x"], "given_by_hand": ["x"]}


def test_a_call_and_the_probe_that_stands_for_it_are_the_same(new_section: NewSection) -> None:
    material = new_section(GRADER, REFERENCE)
    probes: dict[str, object] = {}
    exec(shaking.probes(material.grader_source, ["alone", "by_name", "extra"]), probes)
    for name, inputs in {"alone": {}, "by_name": {"y": 2, "x": 1}, "extra": {"case": (1, 2)}}.items():
        found = [probe(material.reference_module, **inputs)  # type: ignore[operator]
                 for probe in (probes[name], material.section.checks[name].probe)]  # fmt: skip
        assert found == [tuple(sorted(inputs.values())) if name != "extra" else (1, 2)] * 2


def test_an_outline_needs_no_hypothesis() -> None:
    code = """
        import sys
        from graders.engine.authoring.material import find
        from graders.engine.course import Course
        material = find(Course(), "tensors")
        material.outline, material.probes, material.untouched
        print([name for name in ("hypothesis", "numpy", "torch") if name in sys.modules])
    """
    done = subprocess.run([sys.executable, "-c", dedent(code)], cwd=PROJECT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


# %% What is refused

PROBE = '''
@f.check({})
def probe(solution):
    """Probes."""
    return solution.f()
'''
F = 'f = section.exercise("f")\n'
FINE = F + PROBE.format("")


@pytest.mark.parametrize(
    ("grader", "message"),
    [
        (FINE.replace('"f")', '"f", hints=("Think."))'), "own: the hints of 'f' are one text, not a list"),
        (FINE.replace('"""Probes."""', ""), "own: the check 'probe' has no docstring, which is its title"),
        (F + 'f.call("a", "")', "own: the check 'a' has no docstring, which is its title"),
        (F + 'f.call("a")', r"own: line 8: f.call\(…\) is given no title"),
        (F + "f.call()", r"own: line 8: f.call\(…\) is given no name"),
        (F + "NAME = 'a'\nf.call(NAME, 'Title.')", "own: line 9: the name is not written out as str"),
        (F + "f.call('a', f'Title {1}.')", "own: line 8: the title is not written out as str"),
        (FINE + PROBE.format(""), "own: two checks are called 'probe'"),
        (FINE + 'f.call("probe", "Title.")', "own: two checks are called 'probe'"),
        (FINE + 'f.call("f", "Title.")', "own: two things are called 'f'"),
        (FINE + 'f.call("helper", "Title.")\ndef helper(): pass', "own: two things are called 'helper'"),
        (FINE + 'g = section.exercise("f")', "own: two exercises are called 'f'"),
        (FINE + 'g = section.exercise("g")', "own: the exercise 'g' has no checks"),
        (FINE + "g = section.exercise()", r"own: line 13: section.exercise\(…\) is given no name"),
        (F + PROBE.format("points=ONE"), "own: line 9: points of the check 'probe' is not written out as int or float"),
        (F + PROBE.format("seconds='5'"), "own: line 9: seconds of the check 'probe' is not written out as"),
        (F + PROBE.format("examples=2.5"), "own: line 9: examples of the check 'probe' is not written out as int"),
        (F + PROBE.format("extra=1"), "own: line 9: extra of the check 'probe' is not written out as bool"),
        (F + PROBE.format("**inputs"), r"own: the check 'probe' takes \*\*inputs: its inputs have to be written out"),
        (
            FINE.replace('"f")', '"f", mistakes={"A.": edit("a", "b"), "B.": edit("a", "b"), "A.": edit("a", "c")})'),
            "own: two mistakes of 'f' say 'A.'",
        ),
        (
            'A = {"A.": edit("a", "b")}\n' + FINE.replace('"f")', '"f", mistakes={"A.": edit("a", "b"), **A})'),
            "own: two mistakes of 'f' say 'A.'",
        ),
        (
            'A = "A."\n' + FINE.replace('"f")', '"f", mistakes={"A.": edit("a", "b"), A: edit("b", "a")})'),
            "own: two mistakes of 'f' say 'A.'",
        ),
        (
            FINE.replace('"f")', '"f", aliases=names)'),
            "own: line 7: aliases of 'f' is not written out as list or tuple or dict",
        ),
        (FINE + "section.lend(g=where)", "own: line 13: what g is lent from is not written out as str"),
        ("f(", r"line 7 of a file of the course is not Python: '\(' was never closed: f\("),
    ],
)
def test_what_cannot_be_a_section_is_refused(new_section: NewSection, grader: str, message: str) -> None:
    with pytest.raises(GraderError, match=message):
        new_section(grader, REFERENCE).section  # noqa: B018


@pytest.mark.parametrize(
    ("grader", "what"),
    [
        (FINE + 'for name in "ab":\n    f.call(name, "Title.")', "the check 'a'"),
        (FINE + 'if True:\n    section.exercise("g").call("hidden", "Title.")', "the check 'hidden'"),
        (FINE + 'other = f\nother.call("b", "Title.")', "the check 'b'"),
        (FINE + 'section.checks.pop("probe")', "the check 'probe'"),
        (FINE + 'section.aliases["old"] = "f"', "another name of an exercise, or one that is lent,"),
    ],
)
def test_what_the_text_does_not_show_is_refused(new_section: NewSection, grader: str, what: str) -> None:
    with pytest.raises(GraderError, match=f"own: {what} cannot be read from the text: exercises and checks stand at"):
        new_section(grader, REFERENCE).section  # noqa: B018


def test_a_file_without_a_section_is_refused() -> None:
    with pytest.raises(GraderError, match="a grader file has to define `section = Section"):
        outline(HEADER.replace("section =", "topic ="))
