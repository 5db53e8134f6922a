"""What is not drawn is found out at the sizes that checks use, and what is drawn is not."""

import math
from collections.abc import Callable
from itertools import accumulate, permutations

import numpy as np
import pytest

from graders.engine.authoring import independence
from graders.engine.authoring.bounds import (
    log_chance_of_difference,
    log_chance_of_meeting,
    log_chance_of_shares,
)
from graders.engine.authoring.independence import dependence

ALARM = 5e-7  # a judge's half of one in a million
SIZES = (500, 1000, 1200, 3000, 10_000, 20_000)  # of samples in the sections

Order = Callable[[int], np.ndarray]


def places(n: int) -> np.ndarray:
    return (np.arange(n) + 0.5) / n


def van_der_corput(n: int, base: int = 2) -> np.ndarray:
    numbers, found, scale = np.arange(n), np.zeros(n), 1.0
    while numbers.any():
        scale /= base
        found += scale * (numbers % base)
        numbers = numbers // base
    return found


def stride(step: int) -> Order:
    return lambda n: places(n)[np.arange(n) * (step if math.gcd(step, n) == 1 else step + 2) % n]


def drawn(n: int) -> np.ndarray:
    return np.random.default_rng(5).random(n)


def by_turns(n: int) -> np.ndarray:
    """A high one at random, a low one at random."""
    return (drawn(n) + np.arange(n) % 2) / 2


def sobol(n: int) -> np.ndarray:
    torch = pytest.importorskip("torch")
    return torch.quasirandom.SobolEngine(1, scramble=True, seed=3).draw(n).numpy()[:, 0].astype(float)


ORDERS: dict[str, Order] = {
    "sorted": lambda n: np.sort(drawn(n)),
    "in steps": places,
    "falling": lambda n: places(n)[::-1],
    "from the middle": lambda n: places(n)[np.argsort(np.abs(places(n) - 0.5))],
    "from both ends": lambda n: np.where(np.arange(n) % 2, places(n) / 2, 1 - places(n) / 2),
    "by turns": by_turns,
    "by turns of two": lambda n: (drawn(n) + np.arange(n) // 2 % 2) / 2,
    "van der Corput": van_der_corput,
    "van der Corput in threes": lambda n: van_der_corput(n, 3),
    "Sobol": sobol,
    "golden ratio": lambda n: np.arange(n) * (math.sqrt(5) - 1) / 2 % 1,
    "square root of two": lambda n: np.arange(n) * math.sqrt(2) % 1,
    "stride of 7": stride(7),
    "stride of 101": stride(101),
    "stride of 377": stride(377),
    "each twice": lambda n: np.repeat(drawn(n), 2)[:n],
    "a quarter again and again": lambda n: np.tile(drawn(n // 4), 5)[:n],
    "fifty again and again": lambda n: np.tile(np.random.default_rng(0).permutation(places(50)), n // 50 + 1)[:n],
    "there and back": lambda n: np.concatenate([drawn(n // 2), drawn(n // 2)[::-1]]),
    "and its opposites": lambda n: np.concatenate([drawn(n // 2), 1 - drawn(n // 2)]),
    "a chaotic map": lambda n: (2 / math.pi * np.arcsin(np.sqrt(np.clip(list(
        accumulate(range(n - 1), lambda x, _: 4 * x * (1 - x), initial=0.3)), 0, 1)))),
    "sums of neighbours": lambda n: np.convolve(np.random.default_rng(1).normal(size=n + 1), [1, 1], "valid"),
    "sorted sizes": lambda n: np.sort(drawn(n)) * np.random.default_rng(1).choice([-1, 1], n),
}  # fmt: skip


@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize("order", ORDERS)
def test_an_order_that_is_not_drawn_is_found_out(order, rows):
    samples = ORDERS[order](rows)[:, None]
    fair = np.random.default_rng(0).permutation(samples)  # the same values: the order alone is wrong
    if len(np.unique(samples)) < rows:
        fair = np.random.default_rng(0).random((rows, 1))
    assert dependence(samples, fair, ALARM, ["x"]) or (order, rows) == ("sums of neighbours", 500)
    assert dependence(fair, fair, ALARM, ["x"]) is None


@pytest.mark.parametrize("rows", [3000, 10_000, 20_000])
def test_quantiles_in_an_order_that_is_drawn_are_found_out(rows):
    quantiles = np.random.default_rng(0).permutation(places(rows))[:, None]
    words = dependence(quantiles, np.random.default_rng(1).random((rows, 1)), ALARM, ["x"])
    assert words.startswith("the samples lie too evenly: by size, ")


CATEGORIES = {
    "sorted": np.sort,
    "by turns": lambda drawn: np.sort(drawn)[stride(len(drawn) // 2 + 1)(len(drawn)).argsort()],
    "in a stride": lambda drawn: np.sort(drawn)[stride(377)(len(drawn)).argsort()],
    "low discrepancy": lambda drawn: np.sort(drawn)[van_der_corput(len(drawn)).argsort()],
    "again and again": lambda drawn: np.tile(drawn[:20], len(drawn) // 20),
}


@pytest.mark.parametrize("p", [(0.1, 0.2, 0.3, 0.4), (0.5, 0, 0.5), (0.25, 0, 0.75), (0.125, 0.875)])
@pytest.mark.parametrize("order", CATEGORIES)
def test_categories_in_an_order_that_is_not_drawn_are_found_out(order, p):
    fair = np.random.default_rng(0).choice(len(p), 10_000, p=p)
    assert dependence(fair[:, None], fair[:, None], ALARM, ["x"]) is None
    assert dependence(CATEGORIES[order](fair)[:, None], fair[:, None], ALARM, ["x"])


def test_a_single_category_is_fine():
    ones = np.ones((10_000, 2))
    assert dependence(ones, ones, ALARM, ["a", "b"]) is None


COLUMNS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "the same": lambda column: column,
    "one further": lambda column: np.roll(column, 1),
    "one before": lambda column: np.roll(column, -1),
    "twenty further": lambda column: np.roll(column, 20),
    "half further": lambda column: np.roll(column, len(column) // 2),
    "a hundred further": lambda column: np.roll(column, 100),
    "backwards": lambda column: column[::-1],
    "in another order": np.random.default_rng(0).permutation,
    "its opposite": lambda column: 1 - column,
    "its opposite further on": lambda column: np.roll(1 - column, 3),
    "nearly the same": lambda column: (column + np.random.default_rng(0).random(len(column)) / 5) % 1,
}


@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize("change", COLUMNS)
def test_a_column_that_follows_another_is_found_out(change, rows):
    rng = np.random.default_rng(0)
    column = rng.random(rows)
    mine = np.stack([column, COLUMNS[change](column)], axis=1)
    words = dependence(mine, rng.random((rows, 2)), ALARM, ["one", "two"])
    assert words or (change == "nearly the same" and rows <= 1000)


@pytest.mark.parametrize("rows", [3000, 20_000])
def test_a_column_that_is_another_one_moved_on_a_circle_is_found_out(rows):
    rng = np.random.default_rng(0)
    for step in (0.1, 0.5):
        column = rng.random(rows)
        assert dependence(np.stack([column, (column + step) % 1], 1), rng.random((rows, 2)), ALARM, ["a", "b"])


def test_columns_may_depend_on_each_other_as_the_references_do():
    rng = np.random.default_rng(0)

    def rows(count: int) -> np.ndarray:
        x, y = rng.normal(size=(2, count))
        return np.stack([x, y, x + y, x, np.abs(x), -x], axis=1)

    names = list("abcdef")
    for count in (500, 3000):
        assert dependence(rows(count), rows(count), ALARM, names) is None
    independent = rng.normal(size=(3000, 6))
    assert dependence(independent, rows(3000), ALARM, names) is not None


# %% Fair samples

FAIR: dict[str, tuple[tuple[int, ...], Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]]] = {
    "numbers": ((20_000, 2), lambda rng, shape: rng.random(shape, np.float32)),
    "normal numbers": ((10_000, 4), lambda rng, shape: rng.normal(size=shape)),
    "categories": ((10_000, 1), lambda rng, shape: rng.choice(4, shape, p=[0.1, 0.2, 0.3, 0.4])),
    "rare categories": ((10_000, 1), lambda rng, shape: rng.choice(3, shape, p=[0.125, 0.875, 0])),
    "coins": ((1000, 5), lambda rng, shape: rng.random(shape) < 0.01),
    "whole numbers": ((3000, 6), lambda rng, shape: rng.integers(0, 8, shape)),
    "pixels": ((500, 9), lambda rng, shape: rng.random((shape[0], 1)) + rng.random(shape)),
    "infinite numbers": ((500, 2), lambda rng, shape: np.where(rng.random(shape) < 0.3, np.inf, rng.random(shape))),
    "few": ((5, 2), lambda rng, shape: rng.random(shape)),
    "two": ((2, 2), lambda rng, shape: rng.random(shape)),
    "one": ((1, 2), lambda rng, shape: rng.random(shape)),
}


@pytest.mark.parametrize("kind", FAIR)
def test_fair_samples_pass(kind):
    shape, draw = FAIR[kind]
    rng = np.random.default_rng(0)
    names = [f"column {number}" for number in range(shape[1])]
    for _ in range(10):
        assert dependence(draw(rng, shape), draw(rng, shape), ALARM, names) is None
        same = draw(rng, shape)  # with the generators in one state, learners may well draw what the reference drew
        assert dependence(same, same, ALARM, names) is None


@pytest.mark.parametrize("alarm", [0.5, 0.1])
@pytest.mark.parametrize("kind", ["categories of few", "numbers", "two columns"])
def test_false_alarms_are_as_rare_as_stated_and_not_much_rarer(kind, alarm):
    rng = np.random.default_rng(1)
    draw = {
        "categories of few": lambda: rng.integers(0, 3, (200, 1)),
        "numbers": lambda: rng.random((201, 1)),
        "two columns": lambda: np.repeat(rng.random((150, 1)), 2, axis=1) + rng.random((150, 2)),
    }[kind]
    names = ["one", "two"][: draw().shape[1]]
    alarms = sum(dependence(draw(), draw(), alarm, names) is not None for _ in range(150))
    assert alarm / 10 <= alarms / 150 <= alarm


# %% What a learner reads


def said(*columns: np.ndarray, names: tuple[str, ...] = ("weight", "bias")) -> str:
    mine = np.stack(columns, axis=1)
    words = dependence(mine, np.random.default_rng(9).random(mine.shape), ALARM, names[: mine.shape[1]])
    assert words is not None
    return words


def test_what_is_plain_to_see_is_said_plainly():
    x = drawn(2000)
    assert said(np.sort(x)) == "the samples come in rising order"
    assert said(np.sort(x)[::-1]) == "the samples come in falling order"
    assert said(x, np.sort(drawn(2001)[1:])) == "bias: the samples come in rising order"
    assert said(np.tile(x[:20], 100)) == "the samples repeat themselves, every 20"
    assert said(np.tile(x[:300], 7)[:2000]) == (
        "the samples repeat themselves: 300 of 2000 values differ, expected about 2000"
    )
    assert said(x, x) == "bias repeats weight"
    words = said(by_turns(2000))
    assert words == (
        "the samples depend on each other: after one that is at least 0.501, the one 2 further on is at least 0.501 in "
        "100 % of the cases, expected about 50 %"
    )
    words = said(np.convolve(x, [1, 1], "same"))
    assert words.startswith(
        "the samples depend on each other: after one that is at least 0.997, the next one is at least"
    )
    words = said(np.concatenate([x / 2, x / 2 + 0.5])[::2])
    assert words.startswith("the samples change as they go: in the second half of them 100 % are at least 0.5")


def test_categories_that_come_again_and_again():
    p = np.random.default_rng(0).integers(0, 4, 3000)[:, None]
    again = np.tile(p[:30], (100, 1))
    assert dependence(again, p, ALARM, ["x"]) == "the samples repeat themselves, every 30"


def test_a_column_that_follows_another_is_described():
    x, other = drawn(2000), np.random.default_rng(3).random((2000, 2))
    names = ("one call", "the next call")
    coins = other[:, 0] < 0.5
    for columns, words in [
        ((coins, np.roll(coins, 3)), "the next call repeats one call, 3 further on"),
        (
            (x, 1 - x),
            "the next call goes with one call: where a row has more of one call than another, it has more of ",
        ),
        ((coins, np.roll(~coins, 2)), "the next call depends on one call: where one call is at least 1, the one 2 "),
    ]:
        mine = np.stack(columns, axis=1)
        fair = other < 0.5 if mine.dtype == bool else other
        found = dependence(mine, fair, ALARM, names)
        assert found is not None
        assert found.startswith(words) or words == found


# %% The bounds


def test_the_chance_of_meeting_is_that_of_all_arrangements():
    """Counted out: in how many orders of six things do so many of them meet, or fewer or more?"""
    for first in range(7):
        for second in range(7):
            marks = np.array([*permutations([1] * second + [0] * (6 - second))])  # each order of each mark
            meeting = marks[:, :first].sum(axis=1)
            for both in np.unique(meeting):
                smaller = min((meeting >= both).mean(), (meeting <= both).mean())
                bound = math.exp(log_chance_of_meeting(*np.array([[both], [first], [second], [6]]))[0])
                assert min(1, 2 * smaller) <= bound * (1 + 1e-9)
                assert bound <= min(1, 2 * smaller * 1.5)


def test_the_chance_of_two_shares_covers_every_probability():
    """For coins of all kinds, outcomes that are so unlikely by the bound are no likelier by the binomial."""
    n, p = 12, np.linspace(0.02, 0.98, 25)
    coefficients = np.array([math.comb(n, k) for k in range(n + 1)])
    counts = np.arange(n + 1)
    chances = np.array([[log_chance_of_shares(a / n, b / n, n) for a in counts] for b in counts])
    for probability in p:
        single = coefficients * probability**counts * (1 - probability) ** (n - counts)
        both = single[:, None] * single
        for limit in (-0.5, -2.0, -5.0):
            assert both[chances <= limit].sum() <= math.exp(limit)
    assert log_chance_of_shares(1.0, 0.0, n) == pytest.approx(math.log(4) - n * math.log(2))
    assert log_chance_of_shares(0.3, 0.3, n) == 0


def test_the_chance_of_a_difference_is_that_of_mcdiarmid():
    assert log_chance_of_difference(0, 100, 1) == log_chance_of_difference(-50, 100, 1) == 0
    assert log_chance_of_difference(60, 100, 1) == pytest.approx(math.log(2) - 2 * 30**2 / 100)
    assert log_chance_of_difference(60, 100, 2) == pytest.approx(math.log(2) - 2 * 30**2 / 400)


@pytest.mark.parametrize(
    ("statistic", "change"),
    [
        (lambda rows: len(np.unique(rows[:, 0])), 1),
        (lambda rows: len(np.intersect1d(rows[:, 0], rows[:, 1])), 2),
        (lambda rows: independence._even_gaps(np.sort(rows[:, 0])), 5),
        (lambda rows: int(np.equal(*independence._upper_half(rows).T).sum()), 3),
    ],
)
@pytest.mark.parametrize("values", [3, 1000])
def test_no_single_row_moves_a_statistic_by_more_than_its_bound(statistic, change, values):
    rng = np.random.default_rng(0)
    most = 0
    for _ in range(3000):
        rows = rng.integers(0, values, (int(rng.integers(3, 12)), 2)).astype(float)
        other = rows.copy()
        other[rng.integers(len(rows))] = rng.integers(0, values, 2)
        most = max(most, abs(statistic(rows) - statistic(other)))
    assert 0 < most <= change
