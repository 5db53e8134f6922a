"""Five small functions of arrays: a course of ours, and the same inputs and expected values as other graders' tests."""

import base64
import pickle
import sys
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import others

from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.engine.setting.papers import paper
from graders.engine.values import codec

FIVE = '''
"""Five functions of arrays."""

import numpy as np


def halve(x):
    """Half of x."""
    return x / 2


def row_sums(x):
    """The sum of each row."""
    return x.sum(axis=1)


def softmax(x):
    """The softmax of each row."""
    exponentials = np.exp(x - x.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def centred(x):
    """x less the mean of its columns."""
    return x - x.mean(axis=0)


def gram(x):
    """The products of all pairs of rows."""
    return x @ x.T
'''
NAMES = ("halve", "row_sums", "softmax", "centred", "gram")
GRADER = """
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from graders.engine import Section

section = Section("five", title="Five functions")
matrices = arrays(np.float64, (3, 4), elements=st.integers(-9, 9).map(float), fill=st.nothing())
""" + "".join(
    f'''
{name} = section.exercise("{name}")
{name}.call("checks_{name}", "It is right.", x=matrices)
'''
    for name in NAMES
)


def course_of_five(root: Path) -> Path:
    """A course of one section with five exercises."""
    for name, text in (("reference", FIVE), ("graders", GRADER)):
        (root / name).mkdir(parents=True)
        (root / name / "five.py").write_text(text)
    (root / "graders" / "__init__.py").write_text('SECTIONS = ("five",)\n')
    return root


def cases_of_five(course: Path) -> dict[str, list[tuple[object, object]]]:
    """Inputs and expected values of each function, as they stand on our own paper."""
    found = {}
    for item in paper(find(Course(course), "five"), 0, 100).items:
        inputs = [codec.decode(data, live=True)["x"] for data in item.inputs]
        expected = [codec.decode(data, live=True) for data in item.expected]
        found[item.exercise] = list(zip(inputs, expected, strict=True))
    return found


def test_of(cases: list[tuple[object, object]], function: str) -> others.Test:
    """A test in the other graders' manner."""
    data = base64.b64encode(pickle.dumps(cases)).decode()
    body = dedent(f"""\
        import base64, pickle
        import numpy as np
        for x, expected in pickle.loads(base64.b64decode("{data}")):
            np.testing.assert_allclose({function}(x), expected, rtol=1e-6, atol=1e-8)
        """)
    return others.Test(1, body)
