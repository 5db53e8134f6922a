"""Proven bounds for finite samples, on which judges of samples rest: none of them holds only in the limit.

Each says how unlikely it is at most that chance brings about what came out. A judge that makes many tests gives each
its share of the false alarms (Bonferroni).
"""

import math
from functools import cache

import numpy as np

_HALVINGS = 60  # of an interval of probabilities, until it is one number


def reach(samples: int, alarm: float) -> float:
    """How far an empirical distribution function strays from the true one, but with probability `alarm`.

    Massart 1990, "The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality", Corollary 1.
    """
    return math.sqrt(math.log(2 / alarm) / (2 * samples))


def divergence(q: np.ndarray | float, p: np.ndarray | float) -> np.ndarray:
    """KL(q, p) of coins that show heads with probability q and p, by element, in nats; infinite where p excludes q.

    A share of q or farther from p in n independent samples has a probability of at most exp(-n KL(q, p)) on that side
    (Hoeffding 1963, "Probability inequalities for sums of bounded random variables", Theorem 1).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        heads = np.where(q > 0, q * np.log(np.divide(q, p)), 0)
        tails = np.where(q < 1, (1 - q) * np.log(np.divide(1 - q, 1 - p)), 0)
    return np.asarray(heads + tails)


def log_chance_of_shares(one: float, other: float, samples: int) -> float:
    """The logarithm of the probability, at most, that two shares of equal expectation come out as these.

    Each is a share of so many independent samples; the two may depend on each other. Whatever the expectation is, one
    of them is at least as far from it as from the point that is as far from both, in the sense of `divergence`.
    """
    low, high = left, right = min(one, other), max(one, other)
    for _ in range(_HALVINGS):
        middle = (left + right) / 2
        if divergence(low, middle) < divergence(high, middle):
            left = middle
        else:
            right = middle
    far = min(float(divergence(low, left)), float(divergence(high, right))) if low < high else 0.0
    return min(math.log(4) - samples * far, 0.0)


def log_chance_of_difference(difference: float, samples: int, change: int) -> float:
    """The logarithm of the probability, at most, that one number is so much larger than another of equal expectation.

    Each follows from so many independent samples and moves by at most `change` where one of them is replaced; the two
    may depend on each other. One of them is then half the difference away from its expectation (McDiarmid 1989, "On the
    method of bounded differences", Lemma 1.2).
    """
    return min(math.log(2) - max(difference, 0.0) ** 2 / (2 * samples * change**2), 0.0)


def log_chance_of_meeting(both: np.ndarray, first: np.ndarray, second: np.ndarray, things: np.ndarray) -> np.ndarray:
    """The logarithm of the probability, at most, that two properties meet so often, or so seldom, by element.

    This is Fisher's exact test (Fisher 1935, "The Design of Experiments", section 21): of `things`, `first` have
    one property and `second` another, and if every arrangement is as likely as any other the number that have `both` is
    hypergeometric. From the outcome on, each probability of that distribution is smaller than the one before by a
    growing factor, so a geometric series bounds its tail from above; the smaller tail counts twice.
    """
    logs = _log_factorials(1 << int(things.max()).bit_length())

    def choose(n: np.ndarray, k: np.ndarray) -> np.ndarray:
        return np.asarray(logs[n] - logs[k] - logs[n - k])

    def tail(both: np.ndarray, second: np.ndarray) -> np.ndarray:
        neither = things - first - second + both
        factor = (first - both) * (second - both) / ((both + 1.0) * (neither + 1.0))
        here = choose(first, both) + choose(things - first, second - both) - choose(things, second)
        return np.where(factor < 1, here - np.log1p(-np.where(factor < 1, factor, 0.0)), 0.0)

    smaller = np.minimum(tail(both, second), tail(first - both, things - second))
    return np.asarray(np.minimum(smaller + math.log(2), 0.0))


@cache
def _log_factorials(numbers: int) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, numbers)))])
