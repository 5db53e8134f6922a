"""A value as a tree. Never calls a method of a value it does not know: a learner's class may do anything."""

import collections
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from graders.engine.values.message import Outgoing, describe, mro_of, name_of, opaque, oversized, text_node
from graders.engine.values.wire import (
    COMPLEX,
    DICT,
    DTYPE,
    ELLIPSIS,
    FROZENSET,
    INT,
    LIST,
    MAX_DEPTH,
    MAX_INT_BITS,
    MAX_MESSAGE,
    MAX_NAME,
    MAX_NAMES,
    MAX_TRACE,
    MISSING,
    NAMED,
    RAISED,
    RANGE,
    SCALAR,
    SET,
    SLICE,
    STR,
    TORCH_DTYPE,
    TUPLE,
    Missing,
    Opaque,
    Oversized,
    Raised,
    TorchDtype,
    named_tuple,
)

_pack = msgspec.msgpack.Encoder().encode


class _UnhashableError(Exception):
    """A dict key or set item that has no data form of its own."""


class Encoder(Outgoing):
    """Turns one value into a tree."""

    def node(self, value: Any, depth: int) -> object:
        kind = type(value)
        if kind in _PLAIN:
            return value
        blobs = len(self.blobs)
        try:
            encoder = _ENCODERS.get(kind)
            return encoder(self, value, depth) if encoder else self.foreign(value, depth)
        except Exception:
            del self.blobs[blobs:]
            return opaque(describe(value))

    def foreign(self, value: Any, depth: int) -> object:
        """A value of a type that is met for the first time: an array, a tensor, a named tuple, or no data at all."""
        classes = mro_of(type(value))
        if tuple in classes:
            return self.named(value, depth)
        if "numpy" in sys.modules:
            from graders.engine.values import arrays

            encoder = arrays.encoder_for(classes)
            if encoder is not None:
                _ENCODERS[type(value)] = encoder
                return encoder(self, value, depth)
        return opaque(describe(value))

    def items(self, tag: int, values: Any, depth: int, kind: str) -> list[object]:
        if depth >= MAX_DEPTH:
            return oversized(f"{kind} nested more than {MAX_DEPTH} levels deep")
        if not self.fits(8 * (1 + len(values))):
            return oversized(f"{kind} of {len(values)} items")
        node, depth = self.node, depth + 1
        return [tag, *[node(value, depth) for value in values]]

    def named(self, value: Any, depth: int) -> object:
        """A named tuple, or any other subclass of tuple as the plain tuple that it is."""
        values = tuple(tuple.__iter__(value))
        fields = next((cls.__dict__["_fields"] for cls in mro_of(type(value)) if "_fields" in cls.__dict__), None)
        if type(fields) is not tuple or len(fields) != len(values) or any(type(field) is not str for field in fields):
            return self.items(TUPLE, values, depth, "tuple")
        name = name_of(type(value))
        try:
            named_tuple(name, fields)
        except ValueError:
            return self.items(TUPLE, values, depth, "tuple")
        self.room -= len(name) + sum(map(len, fields))
        tag, *nodes = self.items(NAMED, values, depth, name)
        return [tag, name, list(fields), *nodes] if tag == NAMED else [tag, *nodes]

    def mapping(self, value: Any, depth: int) -> object:
        try:
            keys = self.hashables(value, depth)
        except _UnhashableError as error:
            return opaque(f"dict with a {error} as key")
        if keys is None:
            return oversized(f"dict of {len(value)} items")
        tag, *values = self.items(DICT, list(dict.values(value)), depth, "dict")
        return [DICT, keys, *values] if tag == DICT else [tag, *values]

    def members(self, value: Any, depth: int) -> object:
        kind = name_of(type(value))
        try:
            nodes = self.hashables(value, depth)
        except _UnhashableError as error:
            return opaque(f"{kind} with a {error} in it")
        if nodes is None:
            return oversized(f"{kind} of {len(value)} items")
        return [SET if kind == "set" else FROZENSET, *sorted(nodes, key=_pack)]

    def hashables(self, values: Any, depth: int) -> list[object] | None:
        """The nodes of dict keys or set items, None if too many. Raises _UnhashableError where one is not data."""
        if depth >= MAX_DEPTH or len(values) > self.keys or not self.fits(8 * (1 + len(values))):
            return None
        self.keys -= len(values)
        return [self.hashable(value, depth + 1) for value in list(values)]

    def hashable(self, value: Any, depth: int) -> object:
        blobs = len(self.blobs)
        node = self.node(value, depth)
        # A tensor hashes by identity, which is not data; and two opaque keys would become one.
        if len(self.blobs) > blobs or not _is_hashable(node):
            del self.blobs[blobs:]
            raise _UnhashableError(describe(value))
        return node


def _is_hashable(node: object) -> bool:
    if type(node) is not list:
        return True
    tag: Any = node[0]
    if tag in (TUPLE, NAMED, FROZENSET):
        return all(_is_hashable(item) for item in node[3 if tag == NAMED else 1 :])
    return tag in (INT, COMPLEX, STR, ELLIPSIS, RANGE, DTYPE, TORCH_DTYPE, SCALAR)


def _encode_int(encoder: Encoder, value: int, depth: int) -> object:
    if -(2**63) <= value < 2**64:
        return value
    if value.bit_length() > MAX_INT_BITS:
        return oversized(f"int of {value.bit_length()} bits")
    return [INT, value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)]


def _encode_str(encoder: Encoder, value: str, depth: int) -> object:
    if not encoder.fits(len(value)):
        return oversized(f"str of {len(value)} characters")
    return value if value.isascii() else text_node(value)


def _encode_bytes(encoder: Encoder, value: bytes, depth: int) -> object:
    return value if encoder.fits(len(value)) else oversized(f"bytes of length {len(value)}")


def _encode_raised(encoder: Encoder, value: Raised, depth: int) -> object:
    bases = [text_node(base[:MAX_NAME]) for base in value.bases[:MAX_NAMES]]
    message, trace = text_node(value.message[:MAX_MESSAGE]), text_node(value.trace[:MAX_TRACE])
    return [RAISED, text_node(value.type[:MAX_NAME]), bases, message, trace]


def _encode_missing(encoder: Encoder, value: Missing, depth: int) -> object:
    return [MISSING, text_node(value.name[:MAX_NAME]), text_node(value.because[:MAX_MESSAGE])]


_PLAIN = frozenset({type(None), bool, float})  # they are nodes as they are
_ENCODERS: dict[type, Callable[[Encoder, Any, int], object]] = {
    int: _encode_int,
    str: _encode_str,
    bytes: _encode_bytes,
    complex: lambda encoder, value, depth: [COMPLEX, value.real, value.imag],
    list: lambda encoder, value, depth: encoder.items(LIST, value, depth, "list"),
    tuple: lambda encoder, value, depth: encoder.items(TUPLE, value, depth, "tuple"),
    slice: lambda encoder, value, depth: encoder.items(SLICE, (value.start, value.stop, value.step), depth, "slice"),
    range: lambda encoder, value, depth: encoder.items(RANGE, (value.start, value.stop, value.step), depth, "range"),
    type(...): lambda encoder, value, depth: [ELLIPSIS],
    dict: Encoder.mapping,
    collections.OrderedDict: Encoder.mapping,
    collections.defaultdict: Encoder.mapping,
    collections.Counter: Encoder.mapping,
    set: Encoder.members,
    frozenset: Encoder.members,
    Raised: _encode_raised,
    Missing: _encode_missing,
    Opaque: lambda encoder, value, depth: opaque(value.type),
    Oversized: lambda encoder, value, depth: oversized(value.what),
    TorchDtype: lambda encoder, value, depth: [TORCH_DTYPE, value.name],
}
