"""What the author of a section gets wrong is refused when its paper is set, in words that name the check."""

import os
from pathlib import Path
from textwrap import dedent

import pytest
from conftest import NewSection, newly_set

from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.errors import GraderError
from graders.engine.values import codec

REFERENCE = "def f(x):\n    return x\n"
EXERCISE = 'f = section.exercise("f")\n'


def check(body: str, given: str = "x=st.integers(0, 9)", options: str = "") -> str:
    parameter = given.partition("=")[0]
    return EXERCISE + dedent(
        f'''
        @f.check({given}{options})
        def probe(solution, {parameter}):
            """Probes."""
            {body}
        '''
    )


@pytest.mark.parametrize(
    ("grader", "message"),
    [
        (check("return solution.f(iter([x]))"), "own: the check 'probe' observes a list_iterator, which is not data"),
        (check("return {'a': [solution.f(print)]}"), "observes a builtin_function_or_method, which is not data"),
        (check("return solution.g(x)"), "own: the check 'probe' observes the missing name 'g', which is not data"),
        (check("return 1", "x=st.builds(object)"), "the check 'probe' draws a object, which is not data"),
        (check("x.append(1)", "x=st.lists(st.integers())"), "in the check 'probe' the reference changes its input 'x'"),
        (check("return solution.f(1 / 0)"), "the check 'probe' fails outside the reference: ZeroDivisionError"),
        (check("return np.zeros(10**8)"), "observes a float64 array of shape"),
        (check("return x") + "section = None", "does not define a Section named 'own'"),
        (check("return x") + "1 / 0", "own.py could not be loaded: ZeroDivisionError: division by zero"),
        (check("return x", "x=st.nothing()"), "own: the check 'probe' cannot draw inputs: Unsatisfiable"),
        (
            check("return x", "x=st.integers().filter(lambda n: False)"),
            "own: the check 'probe' cannot draw inputs: Unsatisfiable",
        ),
        (check("return x", "x=st.integers(3, 2)"), "own: the check 'probe' cannot draw inputs: InvalidArgument"),
    ],
)
def test_a_wrong_section_is_refused(new_section: NewSection, grader: str, message: str) -> None:
    with pytest.raises(GraderError, match=message):
        newly_set(new_section(grader, REFERENCE), 0, 5)


def test_a_check_may_change_its_inputs_where_that_is_the_task(new_section: NewSection) -> None:
    grader = check("x.append(solution.f(1)); return x", "x=st.lists(st.integers())", ", changes_inputs=True")
    (item,) = newly_set(new_section(grader, REFERENCE), 0, 5).items
    before, after = codec.decode(item.inputs[-1]), codec.decode(item.expected[-1])
    assert after == [*before["x"], 1]


def test_an_exception_of_the_reference_is_an_observation(new_section: NewSection) -> None:
    (item,) = newly_set(new_section(check("return solution.f(x)"), "def f(x): return 1 / 0"), 0, 5).items
    observed = codec.decode(item.expected[0])
    assert (observed.type, observed.message, observed.trace) == ("ZeroDivisionError", "division by zero", "")


def test_a_broken_reference_and_a_missing_one_are_refused(new_section: NewSection) -> None:
    material = new_section(check("return 1"), "import nowhere\n" + REFERENCE)
    with pytest.raises(GraderError, match=r"own.py could not be loaded: ModuleNotFoundError"):
        newly_set(material, 0, 5)
    material.reference.unlink()
    with pytest.raises(GraderError, match=r"own.py cannot be read: No such file or directory"):
        newly_set(find(Course(material.course.root), "own"), 0, 5)


def test_a_section_that_cannot_be_set_leaves_no_processes(new_section: NewSection) -> None:
    with pytest.raises(GraderError):
        newly_set(new_section(check("return print"), REFERENCE), 0, 5)
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    names = [Path(f"/proc/{child}/cmdline").read_text() for child in children]
    assert [name for name in names if "forkserver" not in name] == []


def test_an_exercise_cannot_be_lent(new_section: NewSection) -> None:
    grader = """
        section.lend(f="math.sqrt")
        f = section.exercise("f")
        f.call("answers", "Answers.", x=st.just(4.0))
    """
    with pytest.raises(GraderError, match="own lends f, which learners are to write"):
        newly_set(new_section(grader, REFERENCE), 0, 3)


def test_an_exercise_that_the_reference_has_not_is_refused(new_section: NewSection) -> None:
    with pytest.raises(GraderError, match="own: the reference has no exercise 'f'"):
        newly_set(new_section(check("return 1"), "def other(x):\n    return x\n"), 0, 3)
