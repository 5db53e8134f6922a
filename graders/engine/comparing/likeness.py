"""Gives an observation the form of the expected one where the two are as good as each other, before a judge sees it."""

from typing import Any

import numpy as np


def likened(observed: Any, expected: Any) -> Any:
    """The observation in the form that a judge expects; as it is where another form says something else.

    As good as each other are numbers as Python's, as numpy's scalars and as arrays without axes; a whole number and the
    same as a float, where a float is expected; lists, tuples and named tuples of as many items. Tensors and arrays with
    axes stay as they are, and so does what is nested in a way that does not match.

    Args:
        observed, expected: values of `codec.decode(..., live=False)`.
    """
    if _is_number(observed) and _is_number(expected):
        return _number(observed, expected)
    if isinstance(observed, list | tuple) and isinstance(expected, list | tuple):
        return _items(observed, expected)
    if type(observed) is dict and type(expected) is dict:
        return {key: likened(value, expected[key]) if key in expected else value for key, value in observed.items()}
    return observed


def _is_number(value: Any) -> bool:
    kinds = (bool, int, float, complex, np.generic)
    return isinstance(value, kinds) or (type(value) is np.ndarray and not value.ndim)


def _number(observed: Any, expected: Any) -> Any:
    mine, wanted = np.asarray(observed), np.asarray(expected)
    if mine.dtype == wanted.dtype:
        value = mine
    elif wanted.dtype.kind == "f" and mine.dtype.kind in "iuf":
        value = mine.astype(wanted.dtype)
        if mine.dtype.kind != "f" and int(value) != int(mine):  # more digits than a float has
            return observed
    else:
        return observed
    if isinstance(expected, np.ndarray):
        return value
    return value[()] if isinstance(expected, np.generic) else value.item()


def _items(observed: Any, expected: Any) -> Any:
    if len(observed) != len(expected):
        return observed
    fields = getattr(expected, "_fields", None)
    if fields and getattr(observed, "_fields", fields) != fields:
        return observed
    items = [likened(mine, other) for mine, other in zip(observed, expected, strict=True)]
    return type(expected)(*items) if fields else type(expected)(items)
