"""Keys of dicts and items of sets: told apart, and put in an order, without comparing what does not compare.

Of two hashable values that a submission made, `==` may be an array (of a numpy number and a tuple), and `<` may raise
or, with NaN, be no order at all.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from graders.engine.comparing.patterns import show

# What nothing of a submission equals: one stands for NaN, which does not equal itself, one marks dtypes, which equal
# texts.
_NAN, _DTYPE = object(), object()


def canonical(key: Any) -> Any:
    """A key that equals those of equal value, and itself: numpy's numbers become Python's, NaN is one value."""
    if isinstance(key, np.generic):
        key = key.item()
    if isinstance(key, tuple):
        return tuple(map(canonical, key))
    if isinstance(key, frozenset):
        return frozenset(map(canonical, key))
    if isinstance(key, np.dtype):
        return (_DTYPE, key.str)
    return _NAN if isinstance(key, float | complex) and key != key else key


def in_order(values: Iterable[Any]) -> list[Any]:
    """The values in an order that follows from them alone: numbers by size, texts by letters, tuples item by item."""
    return sorted(values, key=_rank)


def as_text(key: Any) -> str:
    """A key as Python writes it, and numpy's numbers as numpy prints them; sets in order, whatever the hashes are."""
    if isinstance(key, np.generic):
        return show(key)
    if isinstance(key, frozenset) and key:
        return f"frozenset({{{', '.join(map(as_text, in_order(key)))}}})"
    if type(key) is tuple and key:
        return f"({', '.join(map(as_text, key))}{',' if len(key) == 1 else ''})"
    return repr(key)


def _rank(value: Any) -> tuple[Any, ...]:
    """What values are sorted by. Its first item says of which kind the second is, so that it always compares."""
    kind = type(value).__name__
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int | float):
        return (0, value != value, 0 if value != value else value, kind)
    if isinstance(value, str):
        return (1, value)
    if isinstance(value, tuple):
        return (2, tuple(map(_rank, value)), kind)
    if isinstance(value, frozenset):
        return (3, tuple(sorted(map(_rank, value))))
    return (4, kind, repr(value))
