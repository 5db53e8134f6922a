"""Comparison: equal values agree, other values do not, and every sentence a learner can read."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graders.engine.comparing.comparison import difference
from graders.engine.values.arrays import TorchArray
from graders.engine.values.codec import Missing, Opaque, Oversized, Raised, TorchDtype, decode, encode
from tests.values import Pair, values

GRID = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]])
CUBE = np.arange(24.0).reshape(2, 3, 4) ** 2
SQUARES = np.arange(5.0) ** 2


def put(array, index, value):
    changed = array.copy()
    changed[index] = value
    return changed


def tensor(values, dtype="float32"):
    return TorchArray.of(np.array(values, np.float32 if dtype == "bfloat16" else dtype), dtype)


@settings(deadline=None, max_examples=300)
@given(values)
def test_a_value_agrees_with_itself(value):
    data = encode(value)
    assert difference(decode(data), decode(data)) is None
    assert difference(decode(data), decode(data), rtol=0, atol=0) is None


@settings(deadline=None, max_examples=300)
@given(values, values)
def test_exact_agreement_is_symmetric(left, right):
    left, right = decode(encode(left)), decode(encode(right))
    words = difference(left, right, rtol=0, atol=0)
    assert (words is None) == (difference(right, left, rtol=0, atol=0) is None)


@settings(deadline=None)
@given(hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=4), elements=st.floats(-1e3, 1e3)), st.data())
def test_one_changed_number_is_noticed(array, data):
    index = tuple(data.draw(st.integers(0, n - 1)) for n in array.shape)
    amount = data.draw(st.sampled_from([0.1, -5.0, math.nan, math.inf]))
    words = difference(put(array, index, array[index] + amount), array)
    assert words
    assert difference([1, array], [1, put(array, index, array[index] + amount)]).startswith("item 1: ")


@settings(deadline=None)
@given(hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=4)), st.data())
def test_another_shape_is_noticed(array, data):
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=3, max_side=4))
    assume(shape != array.shape)
    other = np.resize(array, shape)
    assert difference(other, array)


@settings(deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.int64, np.bool_, np.float64]), hnp.array_shapes(min_side=2), elements=st.integers(0, 1)
    )
)
def test_words_are_found_for_arrays_full_of_coincidences(array):
    for other in (
        array.T,
        -array if array.dtype != bool else ~array,
        array[::-1],
        np.zeros_like(array),
        np.roll(array, 1),
    ):
        words = difference(other, array)
        equal = other.shape == array.shape and (other == array).all()
        assert (words is None) == equal


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (np.float64(1), 1.0),
        (np.array(1.0), 1.0),
        (1, np.int64(1)),
        (np.array(3), 3),
        (np.True_, True),
        (np.array(False), False),
        (1j, np.complex128(1j)),
        (2**70, 2**70),
        ((1, 2), Pair(1, 2)),
        (Pair(1, 2), (1, 2)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.array([1.0], ">f8"), np.array([1.0])),
        (np.array([1 + 1e-9, np.nan, -np.inf]), np.array([1, np.nan, -np.inf])),
        (np.float32([1.00001]), np.float32([1])),
        (tensor([1.0, 2.0], "bfloat16"), tensor([1.0078125, 2.0], "bfloat16")),
        (np.array([1e-12, 1e6]), np.array([0.0, 1e6])),
        (np.array([1e-10, 1e6]), np.array([-1e-10, 1e6])),
        (TorchArray.of(np.ones(1), "float64", True), tensor([1.0], "float64")),
        (Raised("KeyError", ("KeyError", "LookupError"), "x", ""), Raised("LookupError", (), "", "")),
        (slice(0, np.int64(3)), slice(0, 3)),
        ({math.nan: 1}, {np.float64(math.nan): 1}),
    ],
)
def test_what_agrees(observed, expected):
    assert difference(observed, expected) is None


@pytest.mark.parametrize(
    ("observed", "expected", "words"),
    [
        # Types
        ([1], (1,), "a list, expected a tuple"),
        (None, GRID, "None, expected an array of shape (2, 3)"),
        (1, 1.0, "an int, expected a float"),
        (True, 1, "a bool, expected an int"),
        (np.float32(1), 1.0, "a float32 number, expected a float"),
        (1.0, 1j, "a float, expected a complex number"),
        (GRID, 1.0, "an array of shape (2, 3), expected a float"),
        (tensor(1.0), 1.0, "a tensor of shape (), expected a float"),
        (tensor([1.0]), np.ones(1, np.float32), "a tensor of shape (1,), expected an array of shape (1,)"),
        ({1}, frozenset({1}), "a set, expected a frozenset"),
        (..., None, "Ellipsis, expected None"),
        (np.dtype("f4"), "f4", "a numpy dtype, expected a str"),
        # Not data
        (Opaque("generator"), [1], "a generator came out, not data"),
        (Opaque("zip"), [1], "a zip object came out, not data"),
        (Opaque("class Linear"), [1], "the class Linear came out, not data"),
        (Opaque("array of dtype |O"), GRID, "an array of dtype |O came out, not data"),
        ([Opaque("function")], [GRID], "item 0: a function came out, not data"),
        (Oversized("float64 array of shape (9,)"), 1, "a float64 array of shape (9,) came out: too large to compare"),
        (Missing("f", ""), 1, "there is no 'f'"),
        (Missing("f", "line 3 failed"), 1, "there is no 'f': line 3 failed"),
        (Raised("KeyError", ("KeyError",), "'x'", ""), 1, "KeyError was raised: 'x'"),
        (Raised("KeyError", ("KeyError",), "", ""), 1, "KeyError was raised"),
        (
            Raised("KeyError", ("KeyError",), "", ""),
            Raised("ValueError", (), "", ""),
            "KeyError was raised, expected ValueError",
        ),
        ([1], Raised("ValueError", (), "", ""), "a list came out, expected ValueError to be raised"),
        (Missing("f", ""), Raised("ValueError", (), "", ""), "there is no 'f', expected ValueError to be raised"),
        # Dtypes
        (GRID.astype("f4"), GRID, "dtype float32, expected float64"),
        (tensor([1.0]), tensor([1.0], "bfloat16"), "dtype float32, expected bfloat16"),
        # Shapes
        (GRID.T, GRID, "shape (3, 2), expected (2, 3): transposed"),
        (CUBE.transpose(2, 0, 1), CUBE, "shape (4, 2, 3), expected (2, 3, 4): the axes are in another order"),
        (GRID[:, None], GRID, "shape (2, 1, 3), expected (2, 3): an extra axis of size one"),
        (GRID[None, None], GRID, "shape (1, 1, 2, 3), expected (2, 3): extra axes of size one"),
        (GRID[0], GRID[:1], "shape (3,), expected (1, 3): an axis of size one missing"),
        (GRID[0], GRID, "shape (3,), expected (2, 3): axis 0 of size 2 is missing"),
        (CUBE, CUBE[:, 0], "shape (2, 3, 4), expected (2, 4): axis 1 of size 3 is extra"),
        (GRID.ravel(), GRID, "shape (6,), expected (2, 3): flattened"),
        (
            GRID.reshape(3, 2),
            GRID.reshape(1, 6),
            "shape (3, 2), expected (1, 6): as many values in another arrangement",
        ),
        (np.ones((2, 3)), np.ones((2, 4)), "shape (2, 3), expected (2, 4)"),
        (np.ones((0, 3)), np.ones((0, 4)), "shape (0, 3), expected (0, 4)"),
        (np.ones((2, 2)), np.ones(2), "shape (2, 2), expected (2,)"),
        # NaN and infinities
        (math.nan, 1.0, "NaN, expected 1.0"),
        (1.0, math.nan, "1.0, expected NaN"),
        (put(GRID, (0, 1), np.nan), GRID, "NaN at [0, 1], expected 2.0 (1 of 6 values are NaN)"),
        (GRID, put(GRID, (0, 1), np.nan), "2.0 at [0, 1], expected NaN"),
        (GRID * np.nan, GRID, "every value is NaN"),
        (put(GRID, (0, 1), -np.inf), GRID, "-inf at [0, 1], expected 2.0 (1 of 6 values are infinite)"),
        (GRID, put(GRID, (0, 1), np.inf), "2.0 at [0, 1], expected inf"),
        (GRID * np.inf, GRID, "every value is infinite"),
        (
            np.array([np.inf, 1.0]),
            np.array([-np.inf, 2.0]),
            "2 of 2 values differ, the first at [0]: inf instead of -inf",
        ),
        # One rule for all values
        (-GRID, GRID, "the sign is flipped"),
        (-1.5, 1.5, "the sign is flipped: -1.5 instead of 1.5"),
        (GRID * 0, GRID, "zeros everywhere"),
        (GRID * 0 + 0.25, GRID, "every value is 0.25, expected different values"),
        (np.full(3, 4.0), np.full(3, 2.0), "every value is 4.0, expected 2.0"),
        (GRID * 2, GRID, "every value is 2 times the expected one"),
        (GRID / 3, GRID, "every value is 1/3 times the expected one"),
        (GRID * -0.25, GRID, "every value is -0.25 times the expected one"),
        (np.array([2, 4, 0]), np.array([1, 2, 0]), "every value is 2 times the expected one"),
        (GRID + 0.5, GRID, "every value is too large by 0.5"),
        (SQUARES.astype(int) - 1, SQUARES.astype(int), "every value is too small by 1"),
        (GRID * [1, -1, 1], GRID, "the sign of 2 of 6 values is flipped"),
        (GRID * (1 - 1j), GRID * (1 + 1j), "the sign of the imaginary part is flipped"),
        (CUBE[:, :2, 0].T, CUBE[:, :2, 0], "transposed"),
        (CUBE[:, :2, :2].transpose(1, 2, 0), CUBE[:, :2, :2], "the axes are in another order"),
        (GRID[::-1], GRID, "reversed along axis 0"),
        (GRID[:, ::-1], GRID, "reversed along axis 1"),
        (np.roll(GRID, 1, 1), GRID, "shifted by one along axis 1, around the end"),
        (np.r_[SQUARES[1:], 99], SQUARES, "shifted by one along axis 0: everything stands one place too early"),
        (np.r_[77, SQUARES[:-1]], SQUARES, "shifted by one along axis 0: everything stands one place too late"),
        (GRID[:, [1, 0, 2]], GRID, "the same values in another order"),
        (np.array([True, False, True]), np.array([False, True, False]), "true and false are swapped"),
        (np.array([True, True]), np.array([False, True]), "True everywhere"),
        # Places
        (put(GRID, (0, 2), 9), GRID, "wrong only at [0, 2]: 9.0 instead of 3.0 (1 of 6 values)"),
        (np.array([3.0]), np.array([2.0]), "3.0 instead of 2.0 at [0]"),
        (3.0, 2.0, "3.0 instead of 2.0"),
        (3, 2, "3 instead of 2"),
        (
            put(GRID, 1, [0, 1, 5]),
            GRID,
            "3 of 6 values differ, all of them at index 1 of axis 0, the first at [1, 0]: 0.0 instead of 4.0",
        ),
        (put(GRID, ([0, 1], [2, 1]), 9), GRID, "2 of 6 values differ, the first at [0, 2]: 9.0 instead of 3.0"),
        (
            GRID + np.array([0, 1e-4, 2e-4]),
            GRID,
            "4 of 6 values differ a little (by 3e-05 of their size), the first at [0, 1]: 2.0001 instead of 2.0",
        ),
        (
            np.array([True, False, False]),
            np.array([True, True, True]),
            "2 of 3 values differ, the first at [1]: False instead of True",
        ),
        (tensor([0.1, 0.7, 3.0]), tensor([0.1, 0.2, 3.0]), "wrong only at [1]: 0.7 instead of 0.2 (1 of 3 values)"),
        # Containers
        ([1, 2], [1, 2, 3], "2 items, expected 3"),
        ([1], [], "1 item, expected 0"),
        ([1, [2, 3]], [1, [2, 4]], "item 1, item 1: 3 instead of 4"),
        ((1, GRID), Pair(1, -GRID), "field 'small': the sign is flipped"),
        (
            decode(encode(Pair(1, 2))),
            type("P", (tuple,), {"_fields": ("a", "b")})((1, 2)),
            "a named tuple of large, small, expected one of a, b",
        ),
        ({"a": [1.0]}, {"a": [2.0]}, "key 'a', item 0: 1.0 instead of 2.0"),
        ({"a": 1}, {"b": 1}, "key 'b' is missing"),
        ({"a": 1, "b": 2}, {"a": 1}, "an extra key 'b'"),
        ({1, 2}, {2, 3}, "3 is missing and 1 is extra"),
        ({1}, set(), "1 is extra"),
        # Everything else
        ("abc", "abd", "'abc' instead of 'abd'"),
        ("a b", "a  b", "'a b' instead of 'a  b': only white space differs"),
        ("Ab", "ab", "'Ab' instead of 'ab': only upper and lower case differ"),
        ("x" * 90 + "a", "x" * 90 + "b", "the first difference is at 90: 'xxxxxxxxxxa' instead of 'xxxxxxxxxxb'"),
        (b"a", b"b", "b'a' instead of b'b'"),
        (slice(0, 2), slice(0, 3), "slice(0, 2, None) instead of slice(0, 3, None)"),
        (range(2), range(3), "range(0, 2) instead of range(0, 3)"),
        (np.dtype("f4"), np.dtype("f8"), "dtype float32, expected float64"),
        (TorchDtype("float32"), TorchDtype("float64"), "dtype float32, expected float64"),
        (np.dtype("f4"), TorchDtype("float32"), "a numpy dtype, expected a torch dtype"),
    ],
)
def test_words(observed, expected, words):
    assert difference(observed, expected) == words


def test_tolerances_follow_the_dtype_unless_given():
    for dtype, near, far in [("f8", 1e-7, 1e-5), ("f4", 5e-5, 1e-3), ("f2", 5e-3, 5e-2)]:
        one = np.ones(3, dtype)
        assert difference((one * (1 + near)).astype(dtype), one) is None
        assert difference((one * (1 + far)).astype(dtype), one)
    assert difference(np.array([1.001]), np.array([1.0]), rtol=1e-2) is None
    assert difference(np.array([0.001]), np.array([0.0]), atol=1e-2) is None
    assert difference(np.array([1 + 1e-15]), np.array([1.0]), rtol=0, atol=0)


def test_ints_are_exact_beyond_float64():
    assert difference(np.array([2**53 + 1]), np.array([2**53]))
    assert difference(2**53 + 1, 2**53) == f"{2**53 + 1} instead of {2**53}"


def test_nothing_is_broadcast():
    assert difference(np.array([1.0]), np.ones(3))
    assert difference(np.array(1.0), np.ones(3))
