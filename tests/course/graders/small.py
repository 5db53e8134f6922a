"""Grades the section for the tests of the engine."""

from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from graders.engine import Section, edit

section = Section("small", title="A small section")

integers = st.integers(-50, 50)


class Scaling(NamedTuple):
    matrix: np.ndarray
    factor: float


@st.composite
def matrices(draw):
    rows, columns = draw(st.sampled_from([(2, 3), (3, 2), (1, 4), (2, 2)]))
    return draw(arrays(np.float64, (rows, columns), elements=st.integers(-9, 9).map(float), fill=st.nothing()))


@section.check("halve")
@given(x=integers)
def halves_numbers(solution, x):
    """Halves a number."""
    return solution.halve(x)


@section.check("row_sums", points=2)
@given(matrix=matrices())
def sums_rows(solution, matrix):
    """Sums each row."""
    return solution.row_sums(matrix)


section.mistake("row_sums", "The columns are summed, not the rows.", edit("axis=1", "axis=0"))
section.hint("row_sums", "Which axis goes away?", "What is the shape of the result?")


@section.check("inverse")
@given(x=st.integers(1, 9))
def inverts(solution, x):
    """Inverts a number."""
    return solution.inverse(x)


@section.check("inverse")
def refuses_zero(solution):
    """Raises ZeroDivisionError for 0."""
    return solution.inverse(0)


@section.check("countdown", seconds=1)
@given(n=st.integers(0, 9))
def counts_down(solution, n):
    """Counts down to one."""
    return solution.countdown(n)


@section.check("first")
@given(items=st.lists(integers, min_size=1, max_size=5))
def takes_the_first(solution, items):
    """Gives the first item."""
    return solution.first(items)


@section.check("scaled_sums")
@given(scaling=st.builds(Scaling, matrices(), st.sampled_from([2.0, 0.5])))
def scales_sums(solution, scaling):
    """Sums each row and scales it."""
    return solution.scaled_sums(scaling.matrix, scaling.factor)


@section.check("Counter")
@given(words=st.lists(st.sampled_from(["a", "b"]), max_size=5))
def counts_words(solution, words):
    """Counts how often each word was added."""
    counter = solution.Counter()
    for word in words:
        counter.add(word)
    return counter.counts


@section.check("register")
@given(number=integers)
def keeps_operations(solution, number):
    """Keeps an operation under its name."""
    return _registered(solution, number)


def _registered(solution, number):
    solution.register("test", number)
    return solution.OPERATIONS["test"]


@section.check("last")
@given(items=st.lists(integers, min_size=1, max_size=5))
def takes_the_last(solution, items):
    """Gives the last item."""
    return solution.last(items)


section.alias("last", "final")
