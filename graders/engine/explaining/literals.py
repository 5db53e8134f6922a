"""Values as Python source, as people would type them: for the call that shows a failure, and what came out of it."""

import itertools
import math
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Union

import numpy as np

from graders.engine.comparing.keys import in_order
from graders.engine.comparing.spelling import spelled
from graders.engine.values.arrays import TorchArray
from graders.engine.values.wire import Missing, Opaque, Oversized, Raised, TorchDtype

WIDTH = 100
MAX_ELEMENTS = 120
MAX_CHARACTERS = 4000
MAX_PARTS = 1000  # of a value, in all the containers in it
MAX_AXES = 6  # of an array, above which its brackets count as parts
MAX_TEXT = 50_000  # characters of a value as a whole

_MANY_ALIKE = 3  # equal elements that are written as one
_COMMAND = re.compile(r"(?<=#)#(?=\w*\[)")  # as in `##[error]`, which machines that run jobs obey wherever it stands
_EMPTY = {"np": {"float64"}, "torch": {"float32"}}
_INFERRED = {
    "np": {"bool", "int64", "float64", "complex128"},
    "torch": {"bool", "int64", "float32", "complex64"},
}


class _Group(NamedTuple):
    """Brackets and what stands between them, each part with the text before it ("" or "name=" or "key: ")."""

    opening: str
    parts: list[tuple[str, "_Layout"]]
    closing: str


_Layout = Union[str, _Group]  # noqa: UP007 - the forward reference does not take `|`


def literal(value: Any) -> str:
    """Python source that builds `value`, a value of `codec.decode(..., live=False)`. Never raises.

    Its names are `np`, `torch` and those of named tuples, and its lines break at about 100 columns. What is too long to
    read, or not data, is described in angle brackets: `<float64 array of shape (30, 30): 0.1, 0.2, 0.3 ... 0.9>`. Numpy
    scalars that are equal to Python's are written as Python's.
    """
    try:
        text = None if _is_long(value) else _lines(_layout(value), 0, 0, 0)
    except Exception as error:  # a last resort: each kind of value guards itself
        return f"<{spelled(type(value).__name__)} that cannot be written down: {type(error).__name__}>"
    if text is not None and len(text) <= MAX_TEXT:
        return text
    items = f" of {len(value)} items" if hasattr(value, "__len__") else ""
    return f"<{spelled(type(value).__name__)}{items}, with too much in it to be written down>"


def _is_long(value: Any) -> bool:
    """Whether a value holds, in the containers in it, more than anybody would read."""
    waiting, count = [value], 0
    while waiting and count <= MAX_PARTS:
        item = waiting.pop()
        count += 1
        if isinstance(item, slice):
            waiting += (item.start, item.stop, item.step)
        elif isinstance(item, np.ndarray) and item.ndim > MAX_AXES:  # each axis puts brackets around each number
            count += item.ndim * min(item.size, MAX_ELEMENTS)
        elif isinstance(item, list | tuple | set | frozenset | dict):
            waiting += list(itertools.chain(*item.items()) if isinstance(item, dict) else item)[: 2 * MAX_ELEMENTS]
    return count > MAX_PARTS


def _lines(layout: _Layout, indent: int, before: int, after: int) -> str:
    """The text of a layout whose lines are indented by `indent`, with `before` and `after` columns taken on its own."""
    flat = _flat(layout)
    if isinstance(layout, str) or indent + before + len(flat) + after <= WIDTH or not layout.parts:
        return flat
    indent += 4
    if all(isinstance(part, str) and not prefix for prefix, part in layout.parts):
        rows = _filled([str(part) for _, part in layout.parts], WIDTH - indent)
    else:
        rows = [f"{prefix}{_lines(part, indent, len(prefix), 1)}," for prefix, part in layout.parts]
    margin = "\n" + " " * indent
    return f"{layout.opening}{margin}{margin.join(rows)}\n{' ' * (indent - 4)}{layout.closing}"


def _flat(layout: _Layout) -> str:
    if isinstance(layout, str):
        return layout
    comma = "," if layout.opening == "(" and len(layout.parts) == 1 else ""
    return f"{layout.opening}{', '.join(prefix + _flat(part) for prefix, part in layout.parts)}{comma}{layout.closing}"


def _filled(words: list[str], width: int) -> list[str]:
    """Words with commas after them, as many on a line as fit."""
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + len(word) + 2 > width:
            lines.append("")
        lines[-1] += f" {word}," if lines[-1] else f"{word},"
    return lines


def _layout(value: Any) -> _Layout:
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, np.generic):
        return _scalar(value)
    if isinstance(value, np.dtype):
        return f'np.dtype("{value.name if value.isnative else value.str}")'
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        parts = [(f"{name}=", _layout(item)) for name, item in zip(value._fields, value, strict=True)]
        return _Group(f"{type(value).__name__}(", parts, ")")
    write = _WRITERS.get(type(value))
    return write(value) if write else repr(value)


def _items(opening: str, closing: str) -> Callable[[Any], _Layout]:
    def write(values: Any) -> _Layout:
        if len(values) > MAX_ELEMENTS:
            return _elided(
                f"{type(values).__name__} of {len(values)} items", [_flat(_layout(v)) for v in _ends(values)]
            )
        return _Group(opening, [("", _layout(value)) for value in values], closing)

    return write


def _dict(value: dict[Any, Any]) -> _Layout:
    if len(value) > MAX_ELEMENTS:
        return _elided(f"dict of {len(value)} items", [_flat(_layout(key)) for key in _ends(value)])
    return _Group("{", [(f"{_flat(_layout(key))}: ", _layout(item)) for key, item in value.items()], "}")


def _set(value: set[Any] | frozenset[Any]) -> _Layout:
    opening, closing = ("{", "}") if type(value) is set else ("frozenset({", "})")
    if not value:
        return f"{type(value).__name__}()"
    layout = _items(opening, closing)(in_order(value))
    return layout.replace("<list", f"<{type(value).__name__}", 1) if isinstance(layout, str) else layout


def _ends(values: Iterable[Any]) -> list[Any]:
    values = list(values)
    return [*values[:3], values[-1]]


def _elided(what: str, ends: list[str]) -> str:
    *first, last = (end if len(end) <= 60 else f"{end[:57]}..." for end in ends)
    return f"<{what}: {', '.join(first)} ... {last}>"


def _text(value: str | bytes) -> str:
    if len(value) <= MAX_CHARACTERS:
        return _COMMAND.sub(r"\\x23", repr(value))
    what = f"str of {len(value)} characters" if isinstance(value, str) else f"bytes of length {len(value)}"
    return f"<{what}: {value[:60]!r} ... {value[-20:]!r}>"


def _int(value: int) -> str:
    try:
        return repr(value)
    except ValueError:  # Python writes no more than some thousands of decimal digits
        return hex(value)


def _float(value: float) -> str:
    return repr(value) if math.isfinite(value) else f'float("{value!r}")'


def _complex(value: complex) -> str:
    if math.isfinite(value.real) and math.isfinite(value.imag):
        return repr(value)
    return f"complex({_float(value.real)}, {_float(value.imag)})"


def _scalar(value: np.generic) -> _Layout:
    if value.dtype.name in _INFERRED["np"]:
        return _layout(value.item())
    return f"np.{value.dtype.name}({_element(value, 'np')})"


def _element(value: Any, library: str) -> str:
    """One number within an array, with as many digits as its own precision needs."""

    def part(number: Any) -> str:
        if math.isfinite(number):
            return str(number)
        return f"{'-' if number < 0 else ''}{library}.{'nan' if math.isnan(number) else 'inf'}"

    if value.dtype.kind == "c":
        finite = math.isfinite(value.real) and math.isfinite(value.imag)
        return str(value) if finite else f"complex({part(value.real)}, {part(value.imag)})"
    return part(value) if value.dtype.kind == "f" else str(value.item())


def _array(value: np.ndarray) -> _Layout:
    values = np.asarray(value)
    if isinstance(value, TorchArray):
        library, kind, dtype = "torch", "tensor", value.torch_dtype
    else:
        library, kind, dtype = "np", "array", values.dtype.name
    options = _options(library, dtype, values)
    if isinstance(value, TorchArray) and value.requires_grad:
        options += ", requires_grad=True"
    if not values.size:
        return f"{library}.zeros({values.shape}{options})"
    if values.size >= _MANY_ALIKE and _is_constant(values):
        return _constant(values, library, options)
    if values.size <= MAX_ELEMENTS:
        return _call(f"{library}.{kind}", _nested(values, library), options)
    ends = [_element(values[np.unravel_index(i, values.shape)], library) for i in (0, 1, 2, values.size - 1)]
    return _elided(f"{dtype} {kind} of shape {values.shape}", ends)


def _is_constant(values: np.ndarray) -> bool:
    """Whether all elements are the very same, down to the sign of a zero."""
    return bool(values.tobytes() == values.flat[0].tobytes() * values.size)


def _constant(values: np.ndarray, library: str, options: str) -> str:
    """An array of equal elements as a person would write it: `np.zeros((2, 3))`."""
    shape = repr(values.shape[0]) if values.ndim == 1 and library == "np" else repr(values.shape)
    element = _element(values.flat[0], library)
    if element in ("0.0", "1.0"):
        return f"{library}.{'zeros' if element == '0.0' else 'ones'}({shape}{options})"
    return f"{library}.full({shape}, {element}{options})"


def _options(library: str, dtype: str, values: np.ndarray) -> str:
    """The dtype, unless it is the one that follows from the numbers (of which an empty array has none)."""
    if not values.dtype.isnative:
        return f', dtype="{values.dtype.str}"'
    inferred = _INFERRED[library] if values.size else _EMPTY[library]
    return "" if dtype in inferred else f", dtype={library}.{dtype}"


def _nested(values: np.ndarray, library: str) -> _Layout:
    if not values.ndim:
        return _element(values[()], library)
    return _Group("[", [("", _nested(np.asarray(row), library)) for row in values], "]")


def _call(function: str, argument: _Layout, options: str) -> _Layout:
    """The call with its brackets around those of its argument: `np.array([` ... `], dtype=np.float32)`."""
    if isinstance(argument, str):
        return f"{function}({argument}{options})"
    return _Group(f"{function}({argument.opening}", argument.parts, f"{argument.closing}{options})")


def _described(words: str) -> str:
    return f"<{spelled(words)}>"


def _slice(value: slice) -> _Layout:
    return _Group("slice(", [("", _layout(part)) for part in (value.start, value.stop, value.step)], ")")


_WRITERS: dict[type, Callable[[Any], _Layout]] = {
    int: _int,
    float: _float,
    complex: _complex,
    str: _text,
    bytes: _text,
    list: _items("[", "]"),
    tuple: _items("(", ")"),
    dict: _dict,
    set: _set,
    frozenset: _set,
    slice: _slice,
    type(...): lambda value: "...",
    TorchDtype: lambda value: f"torch.{value.name}",
    Raised: lambda value: _described(
        f"{value.type} raised: {value.message}" if value.message else f"{value.type} raised"
    ),
    Missing: lambda value: _described(f"no {value.name}"),
    Opaque: lambda value: _described(value.type),
    Oversized: lambda value: _described(value.what),
}
