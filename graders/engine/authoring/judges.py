"""Judges: how an observation is compared with the expected one, where a check asks for something of its own.

A judge is called as `judge(observed, expected, inputs)` in the trusted process, with decoded values, and says in words
what is wrong, or None if nothing is. The functions here make judges.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from graders.engine.authoring.bounds import divergence, reach
from graders.engine.authoring.independence import dependence
from graders.engine.comparing.comparison import difference, form_words
from graders.engine.comparing.judging import Judge
from graders.engine.errors import GraderError

Cdf = Callable[[np.ndarray], np.ndarray]  # samples -> the probability of a value up to each of them

_MIN_TELLING = 0.1  # standard deviations by which a mean must be off to be named


def close(rtol: float | None = None, atol: float | None = None) -> Judge:
    """Equal within tolerances, which follow from the dtype unless given (see `difference`): the judge by default."""

    def judge(observed: Any, expected: Any, inputs: dict[str, Any]) -> str | None:
        return difference(observed, expected, rtol=rtol, atol=atol)

    return judge


def exact() -> Judge:
    """Equal to the last bit of every number."""
    return close(rtol=0, atol=0)


def up_to_sign() -> Judge:
    """Equal within the default tolerances, or equal once every number of the observation is negated.

    It is one sign for the whole value: an eigenvector may come out as its negative. Where several vectors are free
    in their signs one by one, observe one at a time.
    """

    def judge(observed: Any, expected: Any, inputs: dict[str, Any]) -> str | None:
        words = difference(observed, expected)
        if words is None or difference(_negated(observed), expected) is None:
            return None
        return f"{words} (its negative would do as well)"

    return judge


def _negated(value: Any) -> Any:
    """The value with all its numbers negated; what cannot be negated stays as it is."""
    if type(value) is list:
        return [_negated(item) for item in value]
    if isinstance(value, tuple):
        items = [_negated(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if type(value) is dict:
        return {key: _negated(item) for key, item in value.items()}
    if type(value) in (int, float, complex) or (hasattr(value, "dtype") and value.dtype.kind in "ifc"):
        return -value
    return value


def distributed_as(
    *,
    cdf: Callable[[dict[str, Any]], Cdf] | None = None,
    probabilities: Callable[[dict[str, Any]], Any] | None = None,
    columns: Sequence[str] | None = None,
    false_alarm: float = 1e-6,
) -> Judge:
    """Independent samples of the right distribution. A fair sampler fails with a probability of at most `false_alarm`.

    The observation is an array of samples, independent of each other along axis 0; further axes are columns, which may
    depend on each other within a row. One half of the false alarms is for the distributions: each column is judged by
    itself, with its share (Bonferroni). The bounds hold for every distribution and number of samples.

    - By itself, the learner's samples are compared with the reference's: the largest distance of their empirical
      distribution functions from each other. With n samples each it may reach 2 sqrt(ln(8 / false_alarm) / 2n), as each
      is within half of that of the truth but for half of the false alarms (Massart 1990, "The tight constant in the
      Dvoretzky-Kiefer-Wolfowitz inequality", Corollary 1): 0.18 for 1000 samples, 0.056 for 10000.
    - With `cdf`, which takes the inputs and returns the true distribution function, the learner's samples are compared
      with that: sqrt(ln(4 / false_alarm) / 2n), 0.087 for 1000 samples.
    - With `probabilities`, which takes the inputs and returns those of the categories, shape (categories,) or
      (columns, categories), samples are the indices of categories. The share q of a category of probability p is too
      far off if n KL(q, p) > ln(4 categories / false_alarm) (Hoeffding 1963, "Probability inequalities for sums of
      bounded random variables", Theorem 1). It is sharp for rare categories: an impossible one must not come out.

    The other half is for independence, also if only a part of the samples shows that it is wanting; `independence` says
    what is tested, `bounds` by what. Samples in rising order, in steps, by turns high and low, again and again, by size
    as even as quantiles, or as the samples of another column, have the right distribution and are not drawn.

    **Two calls must differ**, which one call cannot show. A probe shows it with a column for each, of the same inputs:
    `np.stack([f(x), f(x)], axis=1)` or `torch.stack([f(x), f(x)], dim=1)`, and `columns=("one call", "the next call")`.
    A learner then reads that the next call repeats one call.

    Args:
        cdf, probabilities: see above.
        columns: what the columns are called; by default they are numbered.
        false_alarm: see above.

    Raises:
        ValueError: both `cdf` and `probabilities` are given.
        GraderError (when judging): the reference observed no array, too few samples for the bound to tell anything, or
            another number of columns than have names.
    """
    if cdf is not None and probabilities is not None:
        raise ValueError("distributed_as takes either cdf or probabilities")

    def judge(observed: Any, expected: Any, inputs: dict[str, Any]) -> str | None:
        if not isinstance(expected, np.ndarray) or not expected.ndim:
            raise GraderError("distributed_as: the probe must return an array of samples")
        words = form_words(observed, expected)
        if words is not None:
            return words
        mine, other = _columns(observed), _columns(expected)
        names = _names(columns, mine.shape[1])
        alarm = false_alarm / 2 / len(names)
        if probabilities is not None:
            wrong = _category_words(mine, np.asarray(probabilities(inputs), dtype=np.float64), alarm)
        else:
            truth = cdf(inputs) if cdf is not None else None
            wrong = (_distance_words(mine[:, i], other[:, i], truth, alarm) for i in range(len(names)))
        return _first(wrong, names) or dependence(mine, other, false_alarm / 2, names)

    return judge


def _columns(samples: np.ndarray) -> np.ndarray:
    values = np.asarray(samples)
    if values.dtype.kind == "c" or not values.size:
        raise GraderError("distributed_as: the samples must be real numbers, and at least one")
    return values.reshape(len(values), -1)


def _names(columns: Sequence[str] | None, count: int) -> Sequence[str]:
    if columns is not None and len(columns) != count:
        raise GraderError(f"distributed_as: there are {count} columns, and {len(columns)} have names")
    return columns or [f"column {number}" for number in range(count)]


def _first(words: Iterable[str | None], names: Sequence[str]) -> str | None:
    """The first column's words that are not None, with its name where there are several."""
    for name, said in zip(names, words, strict=True):
        if said is not None:
            return said if len(names) == 1 else f"{name}: {said}"
    return None


def _distance_words(mine: np.ndarray, other: np.ndarray, truth: Cdf | None, alarm: float) -> str | None:
    """One column against the reference's samples or, where there is one, the true distribution function."""
    if np.isnan(mine).any():
        return f"{_percent(np.isnan(mine).mean())} of the samples are NaN"
    bound = reach(len(mine), alarm) if truth else reach(len(mine), alarm / 2) + reach(len(other), alarm / 2)
    if bound >= 1:
        raise GraderError(f"distributed_as: {len(mine)} samples are too few to tell anything")
    points, share, wanted = _functions(mine, other, truth)
    worst = int(np.abs(share - wanted).argmax())
    if abs(share[worst] - wanted[worst]) <= bound:
        return None
    point, side = points[worst], "at most"
    if truth and worst >= len(points) // 2:
        point, side = np.nextafter(point, np.inf), "below"
    where = f"{_percent(share[worst])} of them are {side} {point:.3g}, expected about {_percent(wanted[worst])}"
    return f"{_moment_words(mine, other)} ({where})"


def _functions(mine: np.ndarray, other: np.ndarray, truth: Cdf | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, and both distribution functions there: wherever their distance may be largest.

    Between two empirical functions that is at a step of either. Against the truth it is at a step of the empirical one
    (the first half of the points) or just below it (the second half).
    """
    if truth is None:
        points = np.union1d(mine, other)
        return points, _empirical(mine, points), _empirical(other, points)
    steps = np.unique(mine).astype(np.float64)
    points = np.concatenate([steps, np.nextafter(steps, -np.inf)])
    return points, _empirical(mine, points), np.asarray(truth(points), dtype=np.float64)


def _empirical(samples: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.sort(samples), points, side="right") / len(samples)


def _moment_words(mine: np.ndarray, other: np.ndarray) -> str:
    """What is most plainly wrong with the samples: their range, mean or spread, else their shape.

    The expected moments are those of the reference's samples, also where it is the true distribution that decides.
    """
    mine, other = mine.astype(np.float64), other.astype(np.float64)
    outside = ((mine < other.min()) | (mine > other.max())).mean()
    mean, spread = other.mean(), other.std()
    if abs(mine.mean() - mean) > _MIN_TELLING * max(spread, 1e-12):
        return f"the samples have mean {mine.mean():.3g}, expected about {mean:.3g}"
    if abs(mine.std() - spread) > _MIN_TELLING * spread:
        return f"the spread (standard deviation) of the samples is {mine.std():.3g}, expected about {spread:.3g}"
    if outside > 0.05:
        return f"{_percent(outside)} of the samples lie outside {other.min():.3g} to {other.max():.3g}"
    return "mean and spread of the samples are right, the shape of their distribution is not"


def _category_words(samples: np.ndarray, probabilities: np.ndarray, alarm: float) -> Iterator[str | None]:
    """Every column's shares of the categories against their probabilities."""
    columns = samples.shape[1]
    table = np.broadcast_to(probabilities, (columns, probabilities.shape[-1]))
    return (_share_words(samples[:, i], table[i], alarm) for i in range(columns))


def _share_words(samples: np.ndarray, probabilities: np.ndarray, alarm: float) -> str | None:
    categories = np.arange(len(probabilities))
    strange = samples[~np.isin(samples, categories)]
    if strange.size:
        return f"{strange[0]} came out, expected a category from 0 to {categories[-1]}"
    shares = (samples[:, None] == categories).mean(axis=0)  # (categories,)
    cost = len(samples) * divergence(shares, probabilities)
    worst = int(cost.argmax())
    if cost[worst] <= math.log(2 * len(probabilities) / alarm):
        return None
    return (
        f"category {worst} came out in {_percent(shares[worst])} of the samples, "
        f"expected about {_percent(probabilities[worst])}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
