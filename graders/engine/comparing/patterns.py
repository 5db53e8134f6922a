"""How two arrays differ, in words: the pattern that says most about what went wrong, else where the values part.

Nothing here decides whether they differ; `comparison.py` does.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

Mask = Callable[[np.ndarray, np.ndarray], np.ndarray]  # where two arrays of one shape agree
Shape = tuple[int, ...]

_MAX_PERMUTED = 4  # axes; five have 120 orders


def shape_words(observed: Shape, expected: Shape) -> str:
    """Two different shapes and, where there is one, the likely story: "shape (3, 2), expected (2, 3): transposed"."""
    story = _shape_story(observed, expected)
    return f"shape {observed}, expected {expected}" + (f": {story}" if story else "")


def _shape_story(observed: Shape, expected: Shape) -> str | None:
    if sorted(observed) == sorted(expected):
        return "transposed" if len(expected) == 2 else "the axes are in another order"
    squeezed = tuple(n for n in observed if n != 1), tuple(n for n in expected if n != 1)
    extra = len(observed) - len(expected)
    if squeezed[0] == squeezed[1] and extra:
        axes = "axis" if abs(extra) == 1 else "axes"
        article = "an " if abs(extra) == 1 else ""
        return f"{article}extra {axes} of size one" if extra > 0 else f"{article}{axes} of size one missing"
    if extra == 1 and (axis := _only_axis(observed, expected)) is not None:
        return f"axis {axis} of size {observed[axis]} is extra"
    if extra == -1 and (axis := _only_axis(expected, observed)) is not None:
        return f"axis {axis} of size {expected[axis]} is missing"
    if math.prod(observed) == math.prod(expected) > 0:
        return "flattened" if len(observed) == 1 else "as many values in another arrangement"
    return None


def _only_axis(longer: Shape, shorter: Shape) -> int | None:
    """The axis without which `longer` is `shorter`, None if there is no such axis or more than one."""
    axes = [axis for axis in range(len(longer)) if longer[:axis] + longer[axis + 1 :] == shorter]
    return axes[0] if len(axes) == 1 else None


def value_words(observed: np.ndarray, expected: np.ndarray, mask: Mask) -> str:
    """How the values of two arrays of one shape and dtype differ, given that they do."""
    words = _special_words(observed, expected)
    if words is None and observed.ndim:
        patterns = _bool_patterns if expected.dtype.kind == "b" else _number_patterns
        words = next(patterns(_plain(observed), _plain(expected), mask), None)
    elif words is None and mask(-_plain(observed), _plain(expected)).all():
        words = f"the sign is flipped: {show(observed[()])} instead of {show(expected[()])}"
    return words or _place_words(observed, expected, mask(observed, expected))


def show(value: Any) -> str:
    """A number as numpy prints it in its own precision, NaN in capitals."""
    return str(value).replace("nan", "NaN")


def _plain(values: np.ndarray) -> np.ndarray:
    """Values one can subtract and negate: integers and truth values as float64."""
    return values.astype(np.float64) if values.dtype.kind in "biu" else values


def _at(index: tuple[int, ...]) -> str:
    return f" at {[int(i) for i in index]}" if index else ""


def _first(mask: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(mask.argmax()), mask.shape))


def _special_words(observed: np.ndarray, expected: np.ndarray) -> str | None:
    """NaN and infinities that came out where they should not, or did not where they should."""
    for test, name in ((np.isnan, "NaN"), (np.isinf, "an infinity")):
        stray, lost = test(observed) & ~test(expected), test(expected) & ~test(observed)
        if stray.any():
            if stray.all() and stray.size > 1:
                return f"every value is {'NaN' if name == 'NaN' else 'infinite'}"
            index = _first(stray)
            many = f" ({_of(stray)} values are {'NaN' if name == 'NaN' else 'infinite'})" if stray.size > 1 else ""
            return f"{show(observed[index])}{_at(index)}, expected {show(expected[index])}{many}"
        if lost.any():
            index = _first(lost)
            return f"{show(observed[index])}{_at(index)}, expected {show(expected[index])}"
    return None


def _of(mask: np.ndarray) -> str:
    return f"{int(mask.sum())} of {mask.size}"


def _bool_patterns(observed: np.ndarray, expected: np.ndarray, mask: Mask) -> Iterator[str]:
    if observed.size > 1:
        if mask(1 - observed, expected).all():
            yield "true and false are swapped"
        if _constant(observed):
            yield f"{bool(observed.flat[0])} everywhere"
        yield from _order_patterns(observed, expected, mask)


def _number_patterns(observed: np.ndarray, expected: np.ndarray, mask: Mask) -> Iterator[str]:
    if mask(-observed, expected).all():
        yield "the sign is flipped"
    if observed.size > 1:
        if not observed.any():
            yield "zeros everywhere"
        if _constant(observed):
            before = show(expected.flat[0]) if _constant(expected) else "different values"
            yield f"every value is {show(observed.flat[0])}, expected {before}"
        yield from _order_patterns(observed, expected, mask)
        yield from _arithmetic_patterns(observed, expected, mask)
        if mask(np.sort(observed, axis=None), np.sort(expected, axis=None)).all():
            yield "the same values in another order"


def _constant(values: np.ndarray) -> bool:
    return bool((values == values.flat[0]).all())


def _order_patterns(observed: np.ndarray, expected: np.ndarray, mask: Mask) -> Iterator[str]:
    """The right values at the wrong places, one rule for all of them."""
    for order in itertools.permutations(range(observed.ndim)) if observed.ndim <= _MAX_PERMUTED else ():
        moved = observed.transpose(order)
        if moved.shape == expected.shape and mask(moved, expected).all():
            yield "transposed" if observed.ndim == 2 else "the axes are in another order"
    for axis, length in enumerate(observed.shape):
        if mask(np.flip(observed, axis), expected).all():
            yield f"reversed along axis {axis}"
        for step, where in ((1, "early"), (-1, "late")):
            if mask(np.roll(observed, step, axis), expected).all():
                yield f"shifted by one along axis {axis}, around the end"
            if length > 2 and _overlap(observed, expected, axis, step, mask):
                yield f"shifted by one along axis {axis}: everything stands one place too {where}"


def _overlap(observed: np.ndarray, expected: np.ndarray, axis: int, step: int, mask: Mask) -> bool:
    """Whether `observed`, moved by `step`, agrees with `expected` but for the entry that falls off the end."""
    inner = (slice(None),) * axis
    head, tail = (*inner, slice(None, -1)), (*inner, slice(1, None))
    mine, other = (observed[head], expected[tail]) if step > 0 else (observed[tail], expected[head])
    return not _constant(other) and bool(mask(mine, other).all())


def _arithmetic_patterns(observed: np.ndarray, expected: np.ndarray, mask: Mask) -> Iterator[str]:
    """One operation on every value."""
    if np.iscomplexobj(expected):
        if mask(observed.conj(), expected).all():
            yield "the sign of the imaginary part is flipped"
        return
    finite = np.isfinite(expected) & np.isfinite(observed)
    if np.count_nonzero(expected[finite]) < 2:
        return
    with np.errstate(all="ignore"):
        largest = np.where(finite, np.abs(expected), -1).argmax()
        factor = observed.flat[largest] / expected.flat[largest]
        if factor and mask(observed, factor * expected).all() and mask(observed / factor, expected).all():
            yield f"every value is {_factor_words(float(factor))} times the expected one"
        offset = np.median((observed - expected)[finite])
        if mask(observed - offset, expected).all():
            yield f"every value is too {'large' if offset > 0 else 'small'} by {abs(offset):.6g}"
        if mask(np.abs(observed), np.abs(expected)).all():
            yield f"the sign of {_of(~mask(observed, expected))} values is flipped"


def _factor_words(factor: float) -> str:
    """A factor as a small fraction where a decimal number would hide it: "1/3", "2", "0.25"."""
    simple = Fraction(factor).limit_denominator(100)
    if math.isclose(simple, factor, rel_tol=1e-6) and 10**4 % simple.denominator:
        return str(simple)
    return f"{factor:.6g}"


def _place_words(observed: np.ndarray, expected: np.ndarray, agree: np.ndarray) -> str:
    """Where the values differ, and by what."""
    wrong = ~agree
    index = _first(wrong)
    pair = f"{show(observed[index])} instead of {show(expected[index])}"
    if not observed.ndim:
        return pair
    if wrong.sum() == 1:
        return f"wrong only{_at(index)}: {pair} (1 of {wrong.size} values)" if wrong.size > 1 else f"{pair}{_at(index)}"
    return f"{_of(wrong)} values differ{_by(observed, expected, wrong)}{_within(wrong)}, the first{_at(index)}: {pair}"


def _by(observed: np.ndarray, expected: np.ndarray, wrong: np.ndarray) -> str:
    """How much they differ, where it is little."""
    if expected.dtype.kind not in "fc":
        return ""
    error = np.abs(observed[wrong] - expected[wrong]).max() / max(np.abs(expected[wrong]).max(), 1e-300)
    return f" a little (by {error:.0e} of their size)" if error < 1e-2 else ""


def _within(wrong: np.ndarray) -> str:
    """The one index of one axis that holds everything that is wrong."""
    for axis, length in enumerate(wrong.shape):
        hit = wrong.any(tuple(other for other in range(wrong.ndim) if other != axis))
        if length > 1 and wrong.ndim > 1 and hit.sum() == 1:
            return f", all of them at index {int(hit.argmax())} of axis {axis}"
    return ""
