"""Whether an observation agrees with the expected one, and if not, how they differ in words."""

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from graders.engine.comparing.keys import as_text, canonical, in_order
from graders.engine.comparing.patterns import shape_words, value_words
from graders.engine.comparing.spelling import spelled
from graders.engine.comparing.tolerances import INEXACT, Tolerance, agreement
from graders.engine.values.arrays import TorchArray
from graders.engine.values.wire import Missing, Opaque, Oversized, Raised, TorchDtype

_PYTHON_NUMBERS = {bool: "bool", int: "int64", float: "float64", complex: "complex128"}
_NUMBER_WORDS = {"bool": "a bool", "int64": "an int", "float64": "a float", "complex128": "a complex number"}
_KIND_WORDS = {
    "builtin_function_or_method": "a built-in function",
    "method": "a method",
    "map": "a map object",
    "filter": "a filter object",
    "zip": "a zip object",
}
_NOT_DATA = (Raised, Missing, Opaque, Oversized)


def difference(observed: Any, expected: Any, *, rtol: float | None = None, atol: float | None = None) -> str | None:
    """How `observed` differs from `expected`, in words for the learner; None if they agree.

    Both are values of `codec.decode(..., live=False)`. Types, dtypes and shapes must be equal, but for numbers, where a
    float, a float64 scalar and a float64 array without axes are the same, and for named tuples, for which a tuple of
    the same values will do. Nothing is broadcast; NaN agrees with NaN and an infinity with itself only. An expected
    exception agrees with one of its type or a subclass. Never raises, whatever a submission returned: what cannot be
    compared does not agree.

    Args:
        rtol: relative tolerance of float and complex values. None: 1e-6 for float64, 1e-4 for float32, 1e-2 for float16
            and bfloat16; 0: exact.
        atol: absolute tolerance. None: 1e-8, 1e-5 and 1e-2.
    """
    try:
        return _difference(observed, expected, Tolerance(rtol, atol))
    except Exception as error:  # a last resort: each kind of value guards itself
        return f"{kind_words(observed)} that cannot be compared with the expected value ({type(error).__name__})"


def _difference(observed: Any, expected: Any, tolerance: Tolerance) -> str | None:
    if isinstance(expected, Raised):
        return _exception_words(observed, expected)
    if isinstance(observed, _NOT_DATA):
        return None if type(observed) is type(expected) and observed == expected else _not_data_words(observed)
    if _is_number(observed) and _is_number(expected):
        return _number_words(observed, expected, tolerance)
    if isinstance(expected, tuple) and isinstance(observed, tuple):
        return _items_words(observed, expected, tolerance)
    if isinstance(observed, np.dtype) and isinstance(expected, np.dtype):  # each dtype has a type of its own
        return None if observed == expected else f"dtype {observed}, expected {expected}"
    if type(observed) is not type(expected) or _is_number(observed) or _is_number(expected):
        return f"{kind_words(observed)}, expected {kind_words(expected)}"
    compare = _COMPARE.get(type(expected))
    if compare is not None:
        return compare(observed, expected, tolerance)
    return None if observed == expected else f"{observed!r} instead of {expected!r}"


def _exception_words(observed: Any, expected: Raised) -> str | None:
    if not isinstance(observed, Raised):
        came = _not_data_words(observed) if isinstance(observed, Missing) else f"{kind_words(observed)} came out"
        return f"{came}, expected {expected.type} to be raised"
    if expected.type in (observed.type, *observed.bases):
        return None
    return f"{observed.type} was raised, expected {expected.type}"


def _not_data_words(observed: Raised | Missing | Opaque | Oversized) -> str:
    match observed:
        case Raised(type=kind, message=message):
            return f"{spelled(kind)} was raised: {message}" if message else f"{spelled(kind)} was raised"
        case Missing(name=name, because=because):
            return f"there is no {name!r}: {because}" if because else f"there is no {name!r}"
        case Opaque():
            return f"{kind_words(observed)} came out, not data"
        case _:
            return f"{kind_words(observed)} came out: too large to compare"


def kind_words(value: Any) -> str:
    """What a value is, with its article: "a float", "an array of shape (2, 3)", "a generator". Never raises."""
    try:
        return _kind_words(value)
    except Exception:  # a last resort, as in `difference`
        return _article(spelled(type(value).__name__))


def _kind_words(value: Any) -> str:
    if value is None or value is ...:
        return repr(value)
    if isinstance(value, Opaque | Oversized):
        words = spelled(value.type if isinstance(value, Opaque) else value.what)
        return _KIND_WORDS.get(words) or (f"the {words}" if words.startswith("class ") else _article(words))
    if isinstance(value, Raised | Missing):
        return _not_data_words(value)
    if isinstance(value, np.ndarray):
        return f"{'a tensor' if isinstance(value, TorchArray) else 'an array'} of shape {value.shape}"
    if _is_number(value):
        name = _number_dtype(value)
        return _NUMBER_WORDS.get(name) or f"{_article(name)} number"
    if isinstance(value, np.dtype | TorchDtype):
        return "a torch dtype" if isinstance(value, TorchDtype) else "a numpy dtype"
    return _article(spelled(type(value).__name__))


def _article(words: str) -> str:
    return f"{'an' if words[:1].lower() in 'aeio' else 'a'} {words}"


def _is_number(value: Any) -> bool:
    return (
        type(value) in _PYTHON_NUMBERS
        or isinstance(value, np.generic)
        or (type(value) is np.ndarray and not value.ndim)
    )


def _number_dtype(value: Any) -> str:
    return _PYTHON_NUMBERS.get(type(value)) or _dtype_name(value.dtype)


def _number_words(observed: Any, expected: Any, tolerance: Tolerance) -> str | None:
    dtype = _number_dtype(expected)
    if _number_dtype(observed) != dtype:
        return f"{kind_words(observed)}, expected {kind_words(expected)}"
    if dtype in INEXACT:
        return _values_words(np.asarray(observed), np.asarray(expected), dtype, tolerance)
    return None if int(observed) == int(expected) else f"{observed} instead of {expected}"


def form_words(observed: Any, expected: np.ndarray) -> str | None:
    """How `observed` differs from an expected array in type, dtype or shape; None if only the values may differ."""
    if type(observed) is not type(expected):
        failed = isinstance(observed, _NOT_DATA)
        return _not_data_words(observed) if failed else f"{kind_words(observed)}, expected {kind_words(expected)}"
    kinds = _array_dtype(observed), _array_dtype(expected)
    if kinds[0] != kinds[1]:
        return f"dtype {kinds[0]}, expected {kinds[1]}"
    return None if observed.shape == expected.shape else shape_words(observed.shape, expected.shape)


def _array_dtype(value: np.ndarray) -> str:
    return value.torch_dtype if isinstance(value, TorchArray) else _dtype_name(value.dtype)


@functools.cache
def _dtype_name(dtype: np.dtype) -> str:  # numpy takes 5 us to make it up
    return dtype.name


def _array_words(observed: np.ndarray, expected: np.ndarray, tolerance: Tolerance) -> str | None:
    words = form_words(observed, expected)
    if words is not None:
        return words
    return _values_words(np.asarray(observed), np.asarray(expected), _array_dtype(expected), tolerance)


def _values_words(observed: np.ndarray, expected: np.ndarray, dtype: str, tolerance: Tolerance) -> str | None:
    """The order of type, dtype and shape has been seen to; `dtype` may be a torch name."""
    if observed.tobytes() == expected.tobytes():
        return None

    def mask(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return agreement(left, right, dtype, tolerance)

    with np.errstate(all="ignore"):
        return None if mask(observed, expected).all() else value_words(observed, expected, mask)


def _items_words(observed: Any, expected: Any, tolerance: Tolerance) -> str | None:
    """Two lists or two tuples; of two named tuples the fields must be the same."""
    fields = getattr(expected, "_fields", None)
    if fields and getattr(observed, "_fields", fields) != fields:
        return f"a named tuple of {', '.join(observed._fields)}, expected one of {', '.join(fields)}"
    if len(observed) != len(expected):
        return f"{_count(len(observed))}, expected {len(expected)}"
    names = [f"field {field!r}" for field in fields] if fields else [f"item {i}" for i in range(len(expected))]
    return _first_words(zip(names, observed, expected, strict=True), tolerance)


def _first_words(parts: Iterator[tuple[str, Any, Any]], tolerance: Tolerance) -> str | None:
    for name, mine, other in parts:
        words = _difference(mine, other, tolerance)
        if words is not None:
            inner = words.startswith(("item ", "key ", "field "))
            return f"{name}, {words}" if inner else f"{name}: {words}"
    return None


def _count(number: int) -> str:
    return "1 item" if number == 1 else f"{number} items"


def _dict_words(observed: dict[Any, Any], expected: dict[Any, Any], tolerance: Tolerance) -> str | None:
    mine = {canonical(key): value for key, value in observed.items()}
    for key in expected:
        if canonical(key) not in mine:
            return f"key {as_text(key)} is missing"
    wanted = {canonical(key) for key in expected}
    for key in observed:
        if canonical(key) not in wanted:
            return f"an extra key {as_text(key)}"
    pairs = ((f"key {as_text(key)}", mine[canonical(key)], value) for key, value in expected.items())
    return _first_words(pairs, tolerance)


def _set_words(observed: set[Any], expected: set[Any], tolerance: Tolerance) -> str | None:
    mine, wanted = set(map(canonical, observed)), set(map(canonical, expected))
    missing = in_order(item for item in expected if canonical(item) not in mine)
    extra = in_order(item for item in observed if canonical(item) not in wanted)
    words = [f"{as_text(missing[0])} is missing"] if missing else []
    words += [f"{as_text(extra[0])} is extra"] if extra else []
    return " and ".join(words) or None


def _text_words(observed: Any, expected: Any, tolerance: Tolerance) -> str | None:
    if observed == expected:
        return None
    if len(observed) + len(expected) < 80:
        words = f"{observed!r} instead of {expected!r}"
    else:
        at = next((i for i, (a, b) in enumerate(zip(observed, expected, strict=False)) if a != b), None)
        at = min(len(observed), len(expected)) if at is None else at
        near = slice(max(at - 10, 0), at + 20)
        words = f"the first difference is at {at}: {observed[near]!r} instead of {expected[near]!r}"
    if observed.split() == expected.split():
        return f"{words}: only white space differs"
    return f"{words}: only upper and lower case differ" if observed.lower() == expected.lower() else words


def _slice_words(observed: slice, expected: slice, tolerance: Tolerance) -> str | None:
    parts = ((name, getattr(observed, name), getattr(expected, name)) for name in ("start", "stop", "step"))
    same = all(_difference(mine, other, tolerance) is None for _, mine, other in parts)
    return None if same else f"{observed!r} instead of {expected!r}"


def _dtype_words(observed: TorchDtype, expected: TorchDtype, tolerance: Tolerance) -> str | None:
    return None if observed == expected else f"dtype {observed.name}, expected {expected.name}"


_COMPARE = {
    np.ndarray: _array_words,
    TorchArray: _array_words,
    list: _items_words,
    dict: _dict_words,
    set: _set_words,
    frozenset: _set_words,
    str: _text_words,
    bytes: _text_words,
    slice: _slice_words,
    TorchDtype: _dtype_words,
}
