"""Literals: Python that builds the value again, and looks as one would type it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from graders.engine.comparing.comparison import difference
from graders.engine.explaining.literals import MAX_ELEMENTS, WIDTH, literal
from graders.engine.values.arrays import TorchArray
from graders.engine.values.codec import Missing, Opaque, Oversized, Raised, TorchDtype, decode, encode
from tests.values import Pair, values

NAMES = {"np": np, "torch": torch, "Pair": Pair}


@settings(deadline=None, max_examples=300)
@given(values)
def test_a_literal_builds_the_value_again(value):
    value = decode(encode(value))
    again = decode(encode(eval(literal(value), NAMES)))
    assert difference(again, value, rtol=0, atol=0) is None


def test_a_literal_restores_requires_grad():
    value = decode(encode(torch.ones(2, requires_grad=True)))
    assert eval(literal(value), NAMES).requires_grad


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([[1.0, 2.0]]), "np.array([[1.0, 2.0]])"),
        (np.array([1, 2]), "np.array([1, 2])"),
        (np.array([True]), "np.array([True])"),
        (np.array(3.0), "np.array(3.0)"),
        (np.float32([0.1]), "np.array([0.1], dtype=np.float32)"),
        (np.array([1], ">i4"), 'np.array([1], dtype=">i4")'),
        (np.array([np.nan, np.inf, -np.inf]), "np.array([np.nan, np.inf, -np.inf])"),
        (np.array([1j, complex("nan+1j")]), "np.array([1j, complex(np.nan, 1.0)])"),
        (np.zeros((0, 3)), "np.zeros((0, 3))"),
        (np.zeros((2, 0), int), "np.zeros((2, 0), dtype=np.int64)"),
        (np.ones((30, 30)), "np.ones((30, 30))"),
        (torch.ones(500, dtype=torch.int32), "torch.full((500,), 1, dtype=torch.int32)"),
        (np.arange(900.0).reshape(30, 30), "<float64 array of shape (30, 30): 0.0, 1.0, 2.0 ... 899.0>"),
        (torch.arange(900), "<int64 tensor of shape (900,): 0, 1, 2 ... 899>"),
        (torch.tensor([[1.0]]), "torch.tensor([[1.0]])"),
        (torch.tensor([0.1, np.nan]), "torch.tensor([0.1, torch.nan])"),
        (torch.tensor([1.5], dtype=torch.bfloat16), "torch.tensor([1.5], dtype=torch.bfloat16)"),
        (torch.tensor([1.5], dtype=torch.float64), "torch.tensor([1.5], dtype=torch.float64)"),
        (torch.ones(1, requires_grad=True), "torch.tensor([1.0], requires_grad=True)"),
        (torch.zeros(0, 3), "torch.zeros((0, 3))"),
        (np.float64(1.5), "1.5"),
        (np.int64(3), "3"),
        (np.True_, "True"),
        (np.float32(0.1), "np.float32(0.1)"),
        (float("nan"), 'float("nan")'),
        (-np.inf, 'float("-inf")'),
        (complex("inf+1j"), 'complex(float("inf"), 1.0)'),
        (np.dtype("float32"), 'np.dtype("float32")'),
        (TorchDtype("float32"), "torch.float32"),
        (slice(0, 3), "slice(0, 3, None)"),
        (..., "..."),
        ((1,), "(1,)"),
        ((), "()"),
        (Pair([1], {"a": None}), "Pair(large=[1], small={'a': None})"),
        ({3, 1, 2}, "{1, 2, 3}"),
        (set(), "set()"),
        (frozenset({1}), "frozenset({1})"),
        (list(range(1000)), "<list of 1000 items: 0, 1, 2 ... 999>"),
        (set(range(1000)), "<set of 1000 items: 0, 1, 2 ... 999>"),
        (dict.fromkeys(range(1000)), "<dict of 1000 items: 0, 1, 2 ... 999>"),
        (
            ["a" * 99] * 1000,
            f"<list of 1000 items: {', '.join(3 * [repr('a' * 99)[:57] + '...'])} ... {repr('a' * 99)[:57]}...>",
        ),
        ("a" * 5000, f"<str of 5000 characters: '{'a' * 60}' ... '{'a' * 20}'>"),
        (b"a" * 5000, f"<bytes of length 5000: b'{'a' * 60}' ... b'{'a' * 20}'>"),
        (Opaque("generator"), "<generator>"),
        (Oversized("list of 9 items"), "<list of 9 items>"),
        (Missing("f", ""), "<no f>"),
        (Raised("KeyError", (), "x", ""), "<KeyError raised: x>"),
        (Raised("KeyError", (), "", ""), "<KeyError raised>"),
    ],
)
def test_text(value, text):
    assert literal(decode(encode(value))) == text


def test_long_values_are_laid_out():
    value = Pair(np.arange(8.0).reshape(2, 4) / 7, {"key": np.eye(1, 30, dtype=np.float32)[0], "b": (1, "x" * 70)})
    assert (
        literal(value)
        == """\
Pair(
    large=np.array([
        [0.0, 0.14285714285714285, 0.2857142857142857, 0.42857142857142855],
        [0.5714285714285714, 0.7142857142857143, 0.8571428571428571, 1.0],
    ]),
    small={
        'key': np.array([
            1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
            0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
        ], dtype=np.float32),
        'b': (1, 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'),
    },
)"""
    )


@pytest.mark.parametrize("size", [1, 12, 100, MAX_ELEMENTS])
def test_lines_keep_to_the_width(size):
    text = literal([np.arange(size) / 7, np.arange(size)])
    assert max(map(len, text.splitlines())) <= WIDTH
    assert difference(eval(text, NAMES), [np.arange(size) / 7, np.arange(size)]) is None


def test_a_computed_torch_array_is_still_written():
    assert literal(-TorchArray.of(np.ones(1, np.float32), "float32")) == "torch.tensor([-1.0])"
