"""Grades the section for the tests of the engine."""

from typing import NamedTuple

import numpy as np
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


halve = section.exercise("halve")
halve.call("halves_numbers", "Halves a number.", x=integers)

row_sums = section.exercise(
    "row_sums",
    hints=["Which axis goes away?", "What is the shape of the result?"],
    mistakes={"The columns are summed, not the rows.": edit("axis=1", "axis=0")},
)
row_sums.call("sums_rows", "Sums each row.", points=2, matrix=matrices())

inverse = section.exercise("inverse")
inverse.call("inverts", "Inverts a number.", x=st.integers(1, 9))


@inverse.check()
def refuses_zero(solution):
    """Raises ZeroDivisionError for 0."""
    return solution.inverse(0)


countdown = section.exercise("countdown")
countdown.call("counts_down", "Counts down to one.", seconds=1, n=st.integers(0, 9))

first = section.exercise("first")
first.call("takes_the_first", "Gives the first item.", items=st.lists(integers, min_size=1, max_size=5))

scaled_sums = section.exercise("scaled_sums")
scaled_sums.call(
    "scales_sums",
    "Sums each row and scales it.",
    case=st.builds(Scaling, matrices(), st.sampled_from([2.0, 0.5])),
)

Counter = section.exercise("Counter")


@Counter.check(words=st.lists(st.sampled_from(["a", "b"]), max_size=5))
def counts_words(solution, words):
    """Counts how often each word was added."""
    counter = solution.Counter()
    for word in words:
        counter.add(word)
    return counter.counts


register = section.exercise("register")


@register.check(number=integers)
def keeps_operations(solution, number):
    """Keeps an operation under its name."""
    return _registered(solution, number)


def _registered(solution, number):
    solution.register("test", number)
    return solution.OPERATIONS["test"]


last = section.exercise("last", aliases=["final"])
last.call("takes_the_last", "Gives the last item.", items=st.lists(integers, min_size=1, max_size=5))
