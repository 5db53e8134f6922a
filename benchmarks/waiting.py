"""A day of pushes and the cores that grade them: when pushes come, how long each waits, how many cores are enough.

Arrivals are a Poisson process whose rate changes through the day, drawn by thinning. Each push takes a time that was
measured, on one core, first come first served. Only `random()` of a seeded generator is used: the same numbers come
out wherever it runs.
"""

import heapq
import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

HOURS: Final = 24.0
_BUSIEST, _SWING = (
    20.0,
    0.8,
)  # the local hour with the most pushes; how much more, and twelve hours later less, than usual
# Where learners are, in three time zones: hours ahead of UTC, and their share.
ZONES: Final = ((8.0, 0.4), (1.0, 0.35), (-6.0, 0.25))
_RUSH, _RUSH_HOURS = 5.0, 2.0  # before a deadline: so many times the usual comes on top, and fades so fast going back

Rate = Callable[[np.ndarray], np.ndarray]


def ordinary(hour: np.ndarray) -> np.ndarray:
    """The rate of pushes at an hour of the day (UTC), as a multiple of the day's mean."""
    waves = [share * np.cos((hour + ahead - _BUSIEST) * (2 * np.pi / HOURS)) for ahead, share in ZONES]
    return 1 + _SWING * np.sum(waves, axis=0)


def deadline(hour: np.ndarray) -> np.ndarray:
    """The rate on a day at whose end all hand in, as a multiple of an ordinary day's mean."""
    return ordinary(hour) * (1 + _RUSH * np.exp((hour - HOURS) / _RUSH_HOURS))


def arrivals(rate: Rate, mean: float, generator: np.random.Generator) -> np.ndarray:
    """The times at which pushes come on one day.

    Args:
        rate: at an hour, as a multiple of `mean`.
        mean: pushes in a second.
        generator: where chance comes from.

    Returns:
        Seconds since midnight, in order.
    """
    most = 1.01 * float(rate(np.linspace(0, HOURS, 24 * 60)).max())  # between two minutes it may be a little more
    seconds = 3600 * HOURS
    times = np.cumsum(-np.log1p(-generator.random(_enough(most * mean * seconds)))) / (most * mean)
    times = times[times < seconds]
    return times[generator.random(len(times)) * most < rate(times / 3600)]


def _enough(expected: float) -> int:
    """A number that a Poisson variable with this mean does not reach."""
    return math.ceil(expected + 10 * math.sqrt(expected) + 10)


def waits(times: Sequence[float], services: Sequence[float], cores: int) -> np.ndarray:
    """How long each push waits until a core begins with it, if each is handed on as it comes.

    Args:
        times: when they come, in order.
        services: how long each takes.
        cores: how many there are.
    """
    free = [0.0] * cores
    begun = []
    for time, service in zip(times, services, strict=True):
        begin = max(time, free[0])
        heapq.heapreplace(free, begin + service)
        begun.append(begin)
    return np.asarray(begun) - np.asarray(times)


def waits_in_runs(times: Sequence[float], services: Sequence[float], cores: int, start: float) -> np.ndarray:
    """The same where pushes are collected: a run over all that have come, and when it has ended, the next one.

    Args:
        start: how long a run takes before its first push begins.
    """
    begun: list[float] = []
    now = 0.0
    while len(begun) < len(times):
        first = len(begun)
        now = max(now, times[first])
        free = [now + start] * cores
        while len(begun) < len(times) and times[len(begun)] <= now:
            begun.append(free[0])
            heapq.heapreplace(free, free[0] + services[len(begun) - 1])
        now = max(free)
    return np.asarray(begun) - np.asarray(times)


def cores_for(times: Sequence[float], services: Sequence[float], share: float, seconds: float) -> int:
    """The fewest cores with which this share of the pushes waits at most so many seconds."""

    def is_enough(cores: int) -> bool:
        return bool(np.quantile(waits(times, services, cores), share) <= seconds)

    low = 0
    high = max(1, math.ceil(sum(services) / (times[-1] - times[0] + 1)))  # as many as are busy on average
    while not is_enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
