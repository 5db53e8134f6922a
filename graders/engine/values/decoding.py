"""A tree as a value. Builds nothing but data, however the tree was made, and looks everything up in fixed tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from graders.engine.values.message import Incoming
from graders.engine.values.wire import (
    ARRAY,
    COMPLEX,
    DICT,
    DTYPE,
    ELLIPSIS,
    FROZENSET,
    INT,
    LIST,
    MAX_CLASHES,
    MAX_CLASSES,
    MAX_DEPTH,
    MAX_INT_BITS,
    MAX_MESSAGE,
    MAX_NAME,
    MAX_NAMES,
    MAX_TRACE,
    MISSING,
    NAMED,
    OPAQUE,
    OVERSIZED,
    RAISED,
    RANGE,
    SCALAR,
    SET,
    SLICE,
    STR,
    TENSOR,
    TORCH_DTYPE,
    TUPLE,
    CodecError,
    Missing,
    Opaque,
    Oversized,
    Raised,
    named_tuple,
)

if TYPE_CHECKING:
    pass


class Decoder(Incoming):
    """Builds the value of one tree."""

    def value(self, node: Any, depth: int) -> Any:
        kind = type(node)
        if kind is list:
            if depth > MAX_DEPTH:
                raise CodecError("nested too deep")
            return _DECODERS[node[0]](self, node, depth)
        if kind in _NATIVE:
            return node
        raise CodecError(f"a {kind.__name__} in the tree")

    def values(self, nodes: list[Any], depth: int) -> list[Any]:
        self.room -= 8 * (1 + len(nodes))  # as the encoder counts: an empty list takes two bytes, and much memory
        if self.room < 0:
            raise CodecError("too many items")
        value, depth = self.value, depth + 1
        return [value(node, depth) for node in nodes]

    def unique(self, nodes: list[Any], depth: int) -> list[Any]:
        """The values of dict keys or set items: hashable, all different, not too many."""
        self.keys -= len(nodes)
        if self.keys < 0:
            raise CodecError("too many keys")
        values = self.values(nodes, depth)
        if len(values) - len(set(map(hash, values))) > MAX_CLASHES:  # a set of them would take for ever
            raise CodecError("too many keys share a hash")
        if len(set(values)) != len(values):
            raise CodecError("the same key twice")
        return values

    def text(self, node: Any, limit: int = MAX_NAME) -> str:
        value = self.value(node, 0)
        if type(value) is not str or len(value) > limit:
            raise CodecError("not a text of the length it should have")
        return value

    def texts(self, nodes: Any) -> tuple[str, ...]:
        if type(nodes) is not list or len(nodes) > MAX_NAMES:
            raise CodecError("not a list of names")
        return tuple(self.text(node) for node in nodes)


_NATIVE: Final = frozenset({type(None), bool, int, float, str, bytes})


def _decode_named(decoder: Decoder, node: list[Any], depth: int) -> object:
    name, fields = decoder.text(node[1]), decoder.texts(node[2])
    decoder.classes.add((name, fields))
    if len(decoder.classes) > MAX_CLASSES:
        raise CodecError("too many kinds of named tuples")
    cls = named_tuple(name, fields)
    return cls(*decoder.values(node[3:], depth))


def _decode_list(decoder: Decoder, node: list[Any], depth: int) -> list[Any]:
    values = decoder.values(node[1:], depth)
    decoder.lists.append(values)
    return values


def _decode_set(decoder: Decoder, node: list[Any], depth: int) -> set[Any]:
    decoder.has_sets = True
    return set(decoder.unique(node[1:], depth))


def _decode_dict(decoder: Decoder, node: list[Any], depth: int) -> object:
    keys = decoder.unique(node[1], depth)
    value = dict(zip(keys, decoder.values(node[2:], depth), strict=True))
    if depth:
        decoder.dicts.append(value)
    return value


def _decode_int(decoder: Decoder, node: list[Any], depth: int) -> int:
    (data,) = node[1:]
    if type(data) is not bytes or len(data) > MAX_INT_BITS // 8 + 1:
        raise CodecError("not an int")
    return int.from_bytes(data, "little", signed=True)


def _decode_complex(decoder: Decoder, node: list[Any], depth: int) -> complex:
    real, imag = node[1:]
    if type(real) is not float or type(imag) is not float:
        raise CodecError("not a complex number")
    return complex(real, imag)


def _decode_str(decoder: Decoder, node: list[Any], depth: int) -> str:
    (data,) = node[1:]
    if type(data) is not bytes:
        raise CodecError("not a text")
    return data.decode("utf-8", "surrogatepass")


def _decode_slice(decoder: Decoder, node: list[Any], depth: int) -> slice:
    start, stop, step = decoder.values(node[1:], depth)
    return slice(start, stop, step)


def _decode_range(decoder: Decoder, node: list[Any], depth: int) -> range:
    start, stop, step = decoder.values(node[1:], depth)
    return range(start, stop, step)


def _decode_ellipsis(decoder: Decoder, node: list[Any], depth: int) -> object:
    if len(node) != 1:
        raise CodecError("not an ellipsis")
    return ...


def _decode_raised(decoder: Decoder, node: list[Any], depth: int) -> Raised:
    kind, bases, message, trace = node[1:]
    return Raised(
        decoder.text(kind), decoder.texts(bases), decoder.text(message, MAX_MESSAGE), decoder.text(trace, MAX_TRACE)
    )


def _decode_missing(decoder: Decoder, node: list[Any], depth: int) -> Missing:
    name, because = node[1:]
    return Missing(decoder.text(name), decoder.text(because, MAX_MESSAGE))


def _decode_opaque(decoder: Decoder, node: list[Any], depth: int) -> Opaque:
    (kind,) = node[1:]
    return Opaque(decoder.text(kind))


def _decode_oversized(decoder: Decoder, node: list[Any], depth: int) -> Oversized:
    (what,) = node[1:]
    return Oversized(decoder.text(what))


def _decode_array(decoder: Decoder, node: list[Any], depth: int) -> object:
    """The first array, tensor, scalar or dtype of the process: `arrays.py` takes over from here."""
    from graders.engine.values import arrays

    _DECODERS.update(arrays.DECODERS)
    return _DECODERS[node[0]](decoder, node, depth)


_DECODERS: dict[int, Callable[[Decoder, list[Any], int], object]] = {
    LIST: _decode_list,
    TUPLE: lambda decoder, node, depth: tuple(decoder.values(node[1:], depth)),
    NAMED: _decode_named,
    DICT: _decode_dict,
    SET: _decode_set,
    FROZENSET: lambda decoder, node, depth: frozenset(decoder.unique(node[1:], depth)),
    INT: _decode_int,
    COMPLEX: _decode_complex,
    STR: _decode_str,
    SLICE: _decode_slice,
    RANGE: _decode_range,
    ELLIPSIS: _decode_ellipsis,
    RAISED: _decode_raised,
    MISSING: _decode_missing,
    OPAQUE: _decode_opaque,
    OVERSIZED: _decode_oversized,
    **dict.fromkeys((DTYPE, TORCH_DTYPE, ARRAY, SCALAR, TENSOR), _decode_array),
}
