"""Whether samples are independent: of those before them, of their place, and of those beside them.

What has the right distribution need not be drawn: quantiles in some order have it too, and so has a second column that
repeats the first. Two things are known of rows that are drawn independently, whatever their distribution is:

- They come in every order with the same probability, ties or no ties. So halves and quarters of one column meet those
  of each column, in rows a fixed distance apart, as in Fisher's exact test. Columns may depend on each other in a row.
- What is computed from the learner's rows has the expectation that it has for the reference's, and neither strays far
  from it. So values repeat themselves, gaps between them differ, and columns go together as much as the reference's.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from graders.engine.authoring.bounds import log_chance_of_difference, log_chance_of_meeting, log_chance_of_shares

_DISTANCES = 32  # between rows that are compared: an order with a period, or almost one, shows at one of them
_MOST_ROWS = 20_000  # that are looked at: enough to see what there is, and soon done


class Tested(NamedTuple):
    """So many tests of a kind, how likely at most the least likely outcome is for fair samples, and what it means."""

    tests: int
    log_chance: float
    words: str
    is_plain: bool = False  # to be seen without any counting


def dependence(mine: np.ndarray, other: np.ndarray, false_alarm: float, names: Sequence[str]) -> str | None:
    """In words how the learner's samples depend on each other; None if nothing speaks against their independence.

    Args:
        mine, other: the learner's samples and the reference's, shape (rows, columns), rows drawn independently.
        false_alarm: the probability, at most, with which fair samples get words.
        names: what the columns are called; one that is alone needs no name.
    """
    mine, other = (np.asarray(samples[:_MOST_ROWS], dtype=np.float64) for samples in (mine, other))
    tested = [*_in_order(mine, names), *_within(mine, other, names), *_beside(mine, other, names)]
    limit = math.log(false_alarm / sum(each.tests for each in tested))  # Bonferroni
    found = [each for each in tested if each.log_chance <= limit]
    return max(found, key=lambda each: each.is_plain).words if found else None  # the first of the plainest


# %% What the learner's rows and the reference's have in common


def _within(mine: np.ndarray, other: np.ndarray, names: Sequence[str]) -> Iterator[Tested]:
    """Each column: its values are as many, and lie as unevenly, as the reference's."""
    rows = len(mine)
    for column, name in enumerate(names):
        start = f"{name}: " if len(names) > 1 else ""
        found, usual = (len(np.unique(samples[:, column])) for samples in (mine, other))
        words = f"the samples repeat themselves: {found} of {rows} values differ, expected about {usual}"
        yield Tested(1, log_chance_of_difference(usual - found, rows, 1), start + words, is_plain=True)
        found, usual = (_even_gaps(np.sort(samples[:, column])) for samples in (mine, other))
        words = (
            f"the samples lie too evenly: by size, {_percent(found / rows)} of the gaps between them are about as wide "
            f"as the next one, expected about {_percent(usual / rows)}"
        )
        yield Tested(1, log_chance_of_difference(found - usual, rows, 5), start + words)


def _even_gaps(ordered: np.ndarray) -> int:
    """How many gaps between values and their next ones are within a factor of two of the gap that follows.

    With a value less, three pairs of gaps become two; with one more, two become three. So it moves by five at most.
    """
    with np.errstate(invalid="ignore"):  # between infinite values
        gaps = ordered[1:] - ordered[:-1]
    small, large = np.minimum(gaps[1:], gaps[:-1]), np.maximum(gaps[1:], gaps[:-1])
    return int(((small > 0) & (large <= 2 * small)).sum())


def _beside(mine: np.ndarray, other: np.ndarray, names: Sequence[str]) -> Iterator[Tested]:
    """Each pair of columns: they have as many values in common, and go together as closely, as the reference's."""
    rows = len(mine)
    upper = _upper_half(mine), _upper_half(other)
    for i, j in combinations(range(len(names)), 2):
        one, next_one = names[i], names[j]
        same = f"{next_one} repeats {one}" if np.array_equal(mine[:, i], mine[:, j]) else ""
        found, usual = (len(np.intersect1d(samples[:, i], samples[:, j])) for samples in (mine, other))
        words = f"{found} of {rows} values in {next_one} are those in {one}, expected about {usual}"
        yield Tested(1, log_chance_of_difference(found - usual, rows, 2), same or words, bool(same))
        for sign, way in ((1, "more"), (-1, "less")):
            share, wanted = (_together(samples[:, i], sign * samples[:, j]) for samples in (mine, other))
            words = (
                f"{next_one} goes with {one}: where a row has more of {one} than another, it has {way} of {next_one} "
                f"in {_percent(share)} of the cases, expected about {_percent(wanted)}"
            )
            yield Tested(1, log_chance_of_shares(share, wanted, rows // 2), same or words, bool(same))
        found, usual = (int((halves[:, i] == halves[:, j]).sum()) for halves in upper)
        words = (
            f"{one} and {next_one} are in their upper halves, or in their lower ones, at the same time in "
            f"{_percent(found / rows)} of the rows, expected about {_percent(usual / rows)}"
        )
        yield Tested(2, log_chance_of_difference(abs(found - usual), rows, 2), same or words, bool(same))


def _upper_half(samples: np.ndarray) -> np.ndarray:
    """Which samples are in the upper half of their column. Ties are broken by lot, always by the same.

    Another value in a row moves that row, and one that gives way to it. So of two columns, three rows at most become
    equal or other; and no more than two, since each half keeps its size, and with it whether it is an even number.
    """
    lots = np.random.default_rng(0).random(samples.shape)
    order = np.lexsort((lots, samples), axis=0)  # (rows, columns)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(len(samples))[:, None], axis=0)
    return ranks >= len(samples) // 2


def _together(one: np.ndarray, other: np.ndarray) -> float:
    """The share of pairs of rows, each row in one pair, of which one row has more of both."""
    half = len(one) // 2
    if not half:
        return 0.0
    first, second = slice(half), slice(half, 2 * half)
    up, down = (one[first] < one[second]), (one[first] > one[second])
    return float(((up & (other[first] < other[second])) | (down & (other[first] > other[second]))).mean())


# %% In which order the learner's rows come


class _Pairs(NamedTuple):
    """Rows, and as many others that they are compared with; no row is there twice."""

    first: np.ndarray
    second: np.ndarray
    distance: int  # 0 where it is not the same for all
    how: str  # where the second of two rows is, seen from the first


def _in_order(mine: np.ndarray, names: Sequence[str]) -> Iterator[Tested]:
    """Each column against each, itself too, in rows some distance apart, and against the place of the row."""
    marks, words = _marks(mine)
    place, _ = _marks(np.arange(len(mine))[:, None])
    log_chances, shares, usual = (each[0] for each in _meetings([(place, marks)]))
    i, j = _plainest(log_chances)
    where = ("second half", "middle half", "second and last quarter")[i]
    found = f"in the {where} of them {_percent(shares[i, j])} are {words[j]}, expected about {_percent(usual[j])}"
    start = f"{names[j // 3]}: " if len(names) > 1 else ""
    plain, told = _regular(mine[:, j // 3], 1), f"the samples change as they go: {found}"
    yield Tested(log_chances.size, float(log_chances.min()), start + (plain or told), bool(plain))
    every = list(_pairs(len(mine)))
    if not every:
        return
    met = _meetings([(marks[:, pairs.first], marks[:, pairs.second]) for pairs in every])
    for pairs, log_chances, shares, usual in zip(every, *met, strict=True):
        i, j = _plainest(log_chances)
        found = f"{words[j]} in {_percent(shares[i, j])} of the cases, expected about {_percent(usual[j])}"
        plain, told = _pair_words(mine, names, pairs, (i // 3, j // 3), (words[i], found))
        yield Tested(log_chances.size, float(log_chances.min()), plain or told, bool(plain))


def _pairs(rows: int) -> Iterator[_Pairs]:
    every = np.arange(rows)
    for distance in sorted({*range(1, min(_DISTANCES, rows // 2) + 1), rows // 2} - {0}):
        how = "the next one" if distance == 1 else f"the one {distance} further on"
        for turn in (0, 1):
            first = every[: rows - distance][every[: rows - distance] // distance % 2 == turn]
            if first.size:
                yield _Pairs(first, first + distance, distance, how)
    if rows > 1:
        yield _Pairs(every[: rows // 2], every[::-1][: rows // 2], 0, "the one as far from the end")


def _marks(samples: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Three properties of each sample, by the quarter of its column that it is in, and their words; columns in turn.

    They follow from the values of a column and not from their order, so that every order of them has the same chance.
    Quarters are as equal as ties allow. Each property is that of two of them.

    Returns: truth values, shape (3 columns, rows); texts, 3 columns.
    """
    marks: list[np.ndarray] = []
    words: list[str] = []
    for column in samples.T:
        ordered = np.sort(column)
        steps = np.flatnonzero(ordered[1:] > ordered[:-1]) + 1  # where a cut has equal values on one side only
        places = [steps[np.abs(steps - len(column) * part / 4).argmin()] if steps.size else 0 for part in (1, 2, 3)]
        low, middle, high = (column >= cut for cut in ordered[places])
        marks += [middle, low ^ high, low ^ middle ^ high]
        first, second, third = (f"{cut:.3g}" for cut in ordered[places])
        words += [f"at least {second}", f"between {first} and {third}"]
        words += [f"between {first} and {second} or at least {third}"]
    return np.stack(marks), words


def _meetings(marked: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the marks of rows tell about the marks of as many others, by pair, by the one mark, and by the other mark.

    Returns: logarithms of chances; the share of those with the one mark that have the other; the share of all that do.
    """
    count = np.bitwise_count
    packed = [(np.packbits(one, axis=1), np.packbits(other, axis=1)) for one, other in marked]
    both = np.stack([count(one[:, None] & other).sum(axis=2, dtype=np.int64) for one, other in packed])
    one = np.stack([count(one).sum(axis=1, dtype=np.int64) for one, _ in packed])[:, :, None]
    other = np.stack([count(other).sum(axis=1, dtype=np.int64) for _, other in packed])[:, None]
    rows = np.array([marks.shape[1] for marks, _ in marked])[:, None, None]
    log_chances = log_chance_of_meeting(*np.broadcast_arrays(both, one, other, rows))
    return log_chances, both / np.maximum(one, 1), (other / rows)[:, 0]


def _plainest(log_chances: np.ndarray) -> tuple[int, int]:
    """The numbers of the two marks to tell of: upper halves, if they are telling, else those that tell most."""
    marks = log_chances.shape[1]
    plain, best = divmod(3 * int(log_chances[::3, ::3].argmin()), marks), divmod(int(log_chances.argmin()), marks)
    plain = 3 * plain[0], plain[1]
    return plain if log_chances[plain] <= log_chances[best] / 2 else best


def _pair_words(
    mine: np.ndarray, names: Sequence[str], pairs: _Pairs, columns: tuple[int, int], words: tuple[str, str]
) -> tuple[str, str]:
    """How a row's second column follows from its first, in pairs of rows: what is plain to see, and what is counted."""
    (i, j), (given, found), distance = columns, words, pairs.distance
    one, other = names[i], names[j]
    if i == j:
        start = f"{one}: " if len(names) > 1 else ""
        plain = _regular(mine[:, i], distance)
        told = f"the samples depend on each other: after one that is {given}, {pairs.how} is {found}"
        return plain and start + plain, start + told
    is_same = distance and np.array_equal(mine[:-distance, i], mine[distance:, j])
    plain = f"{other} repeats {one}, {distance} further on" if is_same else ""
    return plain, f"{other} depends on {one}: where {one} is {given}, {pairs.how} of {other} is {found}"


def _regular(samples: np.ndarray, distance: int) -> str:
    """In words what is plain to see in the order of the samples, or at this distance between them; or nothing."""
    if (samples[1:] >= samples[:-1]).all():
        return "the samples come in rising order"
    if (samples[1:] <= samples[:-1]).all():
        return "the samples come in falling order"
    if distance and np.array_equal(samples[distance:], samples[:-distance]):
        return f"the samples repeat themselves, every {distance}"
    return ""


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
