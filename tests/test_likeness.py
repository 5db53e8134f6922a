"""Judges see an observation in the form of the expected one, where the two forms are as good as each other."""

import math
from typing import Any

import numpy as np
import pytest

from graders.engine.authoring.judges import close, exact
from graders.engine.comparing.judging import Rule
from graders.engine.comparing.likeness import likened
from graders.engine.comparing.spelling import steady
from graders.engine.values import codec
from graders.engine.values.arrays import TorchArray
from graders.engine.values.messages import Seen
from tests.values import Pair

TENSOR = TorchArray.of(np.array(1.0), "float64")


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (np.float64(1.05), 1.0),
        (np.array(1.05), 1.0),
        (1.05, np.array(1.0)),
        (np.float64(1.05), np.array(1.0)),
        (np.float32(1.05), 1.0),
        (1, 1.0),
        (np.int64(1), np.float64(1.0)),
        ([1.05, 2], (1.0, 2.0)),
        ((1.05, 2.0), [1.0, 2.0]),
        ([1.05, [np.float64(2.1)]], Pair(1.0, (2.0,))),
        ({"a": [1.05]}, {"a": (1.0,)}),
    ],
)
def test_a_judges_tolerance_holds_whatever_form_the_value_has(observed: Any, expected: Any) -> None:
    seen = Seen(codec.encode(observed))
    arguments = codec.encode({}), codec.encode(expected), seen
    assert Rule(close(rtol=0.1), False).failure(*arguments) is None
    if (observed, expected) not in [(1, 1.0)] and not isinstance(observed, np.int64):
        assert Rule(exact(), False).failure(*arguments) is not None


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (True, 1.0),
        (True, 1),
        (1.0, 1),
        (1.0, 1j),
        (2**60 + 1, float(2**60)),
        (np.ones(1), 1.0),
        (TENSOR, 1.0),
        (1.0, TENSOR),
        ([1.0], (1.0, 2.0)),
        ("12", ["1", "2"]),
        ([1.0], np.ones(1)),
        (None, 1.0),
        ({"b": 1}, {"a": 1}),
    ],
)
def test_what_says_something_else_stays_as_it_is(observed: Any, expected: Any) -> None:
    assert likened(observed, expected) is observed or likened(observed, expected) == observed
    rule = Rule(close(rtol=0.1), False)
    assert rule.failure(codec.encode({}), codec.encode(expected), Seen(codec.encode(observed))) is not None


def test_what_is_no_number_keeps_its_sign() -> None:
    assert math.isnan(likened(np.float64("nan"), 1.0))
    assert likened(np.array(-0.0), 1.0).hex() == "-0x0.0p+0"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("<__main__.Net object at 0x7f31d8a0b2e0> is no tensor", "<__main__.Net object> is no tensor"),
        ("<function f at 0x7F31D8A0B2E0>", "<function f>"),
        ("the byte at 0x10, 0xff", "the byte at 0x10, 0xff"),
        ("'/tmp/grading-0123456789abcdef-01234567/w.pt'", "'~/w.pt'"),
        ("in /var/tmp/x/grading-0123456789abcdef-01234567: no", "in ~: no"),
        ("/tmp/mine.py", "/tmp/mine.py"),
    ],
)
def test_words_are_the_same_in_each_run(words: str, found: str) -> None:
    assert steady(words) == found
