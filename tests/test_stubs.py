"""Stubs: what is cut out of a reference, what stays, and which exercises of an answer count as untouched."""

import ast
from textwrap import dedent

import pytest

from graders.engine.authoring.material import find
from graders.engine.authoring.stubs import stub
from graders.engine.course import Course
from graders.engine.worker.attempts import unattempted

REFERENCE = '''\
"""A section: its first line.

And more of its text.
"""

# %% Setup
import math  # only the solution needs it

SIZE = 3


# %% Functions
def given_function(x):  # helps
    return x  # stays


# A heading over the exercise.
@math.decorator(1)
@other
def area(
    radius: float,  # in metres
    *,
    name: str = "π # no comment",
) -> float:
    """The area of a circle.

    It spans lines, and has a # that is no comment.
    """

    # the answer
    def inner():
        return 1
    return math.pi * radius**2  # more of it

    # and a last remark


def bare(x):
    # straight away

    # and again
    return x


def one_liner(x): return x  # short


def documented(x): "In one line."; return x


async def waiting(x):
    """Waits."""; return await x


# %% A class
@decorated
class Shape:
    """A shape."""

    sides: int = 4  # of a square
    name = "shape"

    # fmt: off
    def __init__(self): self.x = 1
    def __len__(self): return 4  # given
    # fmt: on

    def __repr__(self) -> str:  # given  # noqa: N802
        # a remark that stays
        return f"Shape({self.sides})"

    def __call__(  # given
        self,
        x,
    ):
        return x

    @property
    def area(self):
        """Its area."""
        return 1

    @area.setter
    def area(self, value):
        self.value = value

    @staticmethod
    def make():
        return Shape()
        # the end of make

    # between two methods
    @classmethod
    async def wait(cls):
        """Waits."""
        return cls()

    class Corner:
        """A corner."""

        def angle(self):
            return 90

    if SIZE > 2:
        def extra(self):
            return 1


class Other:
    def __repr__(self):  # given
        return "Other"


@dataclass
class Point:
    """A point."""

    x: int = 0


area(1.0)
'''

STUB = '''\
"""A section: its first line.

And more of its text.
"""

# %% Setup
import math  # only the solution needs it

SIZE = 3


# %% Functions
def given_function(x):  # helps
    return x  # stays


# A heading over the exercise.
@math.decorator(1)
@other
def area(
    radius: float,  # in metres
    *,
    name: str = "π # no comment",
) -> float:
    """The area of a circle.

    It spans lines, and has a # that is no comment.
    """
    raise NotImplementedError("area")


def bare(x):
    raise NotImplementedError("bare")


def one_liner(x):
    raise NotImplementedError("one_liner")


def documented(x):
    "In one line."
    raise NotImplementedError("documented")


async def waiting(x):
    """Waits."""
    raise NotImplementedError("waiting")


# %% A class
@decorated
class Shape:
    """A shape."""

    sides: int = 4  # of a square
    name = "shape"

    # fmt: off
    def __init__(self):
        raise NotImplementedError("Shape.__init__")
    def __len__(self): return 4
    # fmt: on

    def __repr__(self) -> str:  # noqa: N802
        # a remark that stays
        return f"Shape({self.sides})"

    def __call__(
        self,
        x,
    ):
        return x

    @property
    def area(self):
        """Its area."""
        raise NotImplementedError("Shape.area")

    @area.setter
    def area(self, value):
        raise NotImplementedError("Shape.area")

    @staticmethod
    def make():
        raise NotImplementedError("Shape.make")

    # between two methods
    @classmethod
    async def wait(cls):
        """Waits."""
        raise NotImplementedError("Shape.wait")

    class Corner:
        """A corner."""

        def angle(self):
            raise NotImplementedError("Shape.Corner.angle")

    if SIZE > 2:
        def extra(self):
            raise NotImplementedError("Shape.extra")


class Other:
    def __repr__(self):
        return "Other"


@dataclass
class Point:
    """A point."""

    x: int = 0


area(1.0)
'''

EXERCISES = ("area", "bare", "one_liner", "documented", "waiting", "Shape", "Point", "no_such_name")


def test_a_stub_is_the_reference_without_answers_and_marks():
    assert stub(REFERENCE, EXERCISES) == STUB


def test_a_stub_stays_as_it_is():
    assert stub(STUB, EXERCISES) == STUB


def test_only_the_exercises_asked_for_are_blanked():
    made = stub(REFERENCE, ["bare"])
    assert 'NotImplementedError("bare")' in made
    assert made.count("NotImplementedError") == 1
    assert stub(REFERENCE, []).count("NotImplementedError") == 0


def test_an_abstract_method_of_the_reference_does_not_make_it_a_stub():
    text = 'class A:\n    def f(self):\n        raise NotImplementedError("A.f")\n\n\ndef g():\n    return 1\n'
    assert stub(text, ["A", "g"]) == text.replace("return 1", 'raise NotImplementedError("g")')


def test_a_form_feed_is_no_line_break():
    text = 'x = "\x0c"\n\x0c\ndef f():\n    y = "\x0c\u2028"\n    return y\n\n\nz = 1\n'
    assert stub(text, ["f"]) == 'x = "\x0c"\n\x0c\ndef f():\n    raise NotImplementedError("f")\n\n\nz = 1\n'


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    return 1",
        "def f():\n\treturn 1\n",
        "def f():\n    return 1\n# the end",
        "class A:\n  def f(self): return 1",
    ],
)
def test_odd_layouts_give_a_stub_that_parses(text):
    made = stub(text, ["f", "A"])
    assert "return" not in made
    assert ast.parse(made)
    assert stub(made, ["f", "A"]) == made


def test_what_is_no_mark_gives_nothing():
    text = 'class A:\n    def f(self, x="# given"):  # given that x is even\n        return x\n'
    assert "return" not in stub(text, ["A"])
    assert "# given that x is even" in stub(text, ["A"])


@pytest.mark.parametrize("section", Course().sections)
def test_the_stubs_of_the_course(section):
    material = find(Course(), section)
    if not (material.grader.exists() and material.reference.exists()):
        pytest.skip("not written yet")
    untouched = ast.parse(material.untouched)
    exercises = material.section.exercises
    assert unattempted(untouched, untouched, exercises) == set(exercises)
    assert unattempted(ast.parse(material.reference_source), untouched, exercises) == set()
    assert stub(material.untouched, exercises) == material.untouched


def left_out(answer: str, names: tuple[str, ...] = EXERCISES) -> set[str]:
    return unattempted(ast.parse(dedent(answer)), ast.parse(STUB), names)


def test_the_stub_is_unattempted_but_for_what_is_given():
    assert left_out(STUB) == {*EXERCISES} - {"Point", "no_such_name"}


def test_the_reference_is_attempted():
    assert left_out(REFERENCE) == set()


@pytest.mark.parametrize(
    "body",
    [
        "pass",
        "...",
        "raise NotImplementedError",
        "raise NotImplementedError()",
        'raise NotImplementedError("to do")',
        '"""Only words."""',
        '"""Words."""\n    # and a comment\n    "YOUR CODE HERE"\n    pass',
    ],
)
def test_a_function_without_content_is_unattempted(body):
    assert left_out(f"def bare(y: int, more=2):\n    {body}\n") == {"bare"}


@pytest.mark.parametrize(
    "body", ["return 1", "return None", "print(x)", "x = 1\n    raise NotImplementedError", "raise E"]
)
def test_a_function_with_content_is_attempted(body):
    assert left_out(f"def bare(x):\n    {body}\n") == set()


@pytest.mark.parametrize(
    ("answer", "unattempted"),
    [
        ("class Shape:\n    def __init__(self): pass\n    def area(self): raise NotImplementedError", True),
        ("class Shape:\n    def make(self): ...\n    def __len__(self):\n        '''Four.'''\n        return 4", True),
        ("class Shape:\n    def make(self): ...\n    def __len__(self): return 5", False),
        ("class Shape:\n    def __len__(self): return 4", False),
        ("class Shape:\n    '''A shape.'''", True),
        ("class Shape(Other):\n    pass", False),
        ("class Shape:\n    area = 3", False),
        ("class Shape:\n    class Corner:\n        def angle(self): pass", True),
        ("class Shape:\n    class Corner:\n        def angle(self): return 90\n    def make(self): pass", False),
    ],
)
def test_a_class_is_unattempted_if_its_own_methods_have_no_content(answer, unattempted):
    assert left_out(answer) == ({"Shape"} if unattempted else set())


def test_a_class_that_is_given_complete_is_never_unattempted():
    kept = "class A:\n    def f(self):\n        raise NotImplementedError('f')\n"
    given = "class A:\n    def f(self):\n        return 1\n"
    assert unattempted(ast.parse(given), ast.parse(given), ["A"]) == set()
    assert unattempted(ast.parse(kept), ast.parse(given), ["A"]) == set()


def test_the_last_definition_counts():
    assert left_out("def bare(x): pass\ndef bare(x): return x") == set()
    assert left_out("def bare(x): return x\ndef bare(x): pass") == {"bare"}


def test_another_name_of_an_exercise_need_not_be_in_the_stub():
    assert left_out("def old_name(x): pass\ndef other(x): return 1", ("old_name", "other")) == {"old_name"}
    assert left_out("class OldName:\n    def f(self): pass", ("OldName",)) == {"OldName"}
