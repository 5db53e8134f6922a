"""Values as bytes: the only form in which inputs and observations cross a process border (see `wire.py`).

Both ends are written for a peer that lies: encoding turns what is not data into a description, and decoding evaluates
nothing and uses memory in proportion to the message. Arrays and tensors are handled in `arrays.py`, which is
imported when the first one turns up: sections without numpy or torch do not pay for them.
"""

import struct
from collections.abc import Callable, Collection
from operator import is_
from typing import Any

import msgspec

from graders.engine.values.decoding import Decoder
from graders.engine.values.encoding import Encoder
from graders.engine.values.message import describe
from graders.engine.values.wire import MAX_BYTES, MAX_TREE, CodecError, Missing, Opaque, Oversized, Raised, TorchDtype

__all__ = [
    "MAX_BYTES", "MAX_TREE", "CodecError", "Missing", "Opaque", "Oversized", "Raised", "TorchDtype", "decode", "encode",
]  # fmt: skip

_SIZE = struct.Struct("<I")
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode


def encode(value: object) -> bytes:
    """Encode `value`; the same value gives the same bytes. Never raises: what is not data is described."""
    encoder = Encoder()
    try:
        tree = _pack(encoder.node(value, 0))
    except Exception:  # a last resort, every node guards itself: say, a field of a Raised that only looks like a str
        return encode(Opaque(describe(value)))
    if len(tree) > MAX_TREE:
        return encode(Oversized(f"{describe(value)} of more than {MAX_TREE // 2**20} MiB"))
    return b"".join([_SIZE.pack(len(tree)), tree, *encoder.blobs])


def decode(data: bytes, *, live: bool = False) -> object:
    """Decode a message of `encode`.

    With `live=True` tensors are real torch tensors, as probes want them. Without it they are `arrays.TorchArray`,
    so that the side that judges need not import torch. Raises CodecError on anything that `encode` could not have
    written.
    """
    return _decoded(data, live)[0]


def untraced(observation: bytes) -> bytes:
    """An observation as it is expected of others: of an exception, without the frames that it came through."""
    value = decode(observation)
    return encode(msgspec.structs.replace(value, trace="")) if isinstance(value, Raised) else observation


def decode_watched(data: bytes) -> tuple[object, Callable[[], bool]]:
    """Decode a message to a live value, and a function that tells whether the value is still what it was.

    The outermost dict does not count. Raises CodecError like `decode`.
    """
    value, decoder = _decoded(data, live=True)
    arrays, contents = decoder.arrays, data[len(data) - sum(array.nbytes for array in decoder.arrays) :]
    shapes = [array.shape for array in arrays]
    forms = [(tensor, _form(tensor)) for tensor in decoder.tensors]
    items: list[tuple[Collection[Any], tuple[Any, ...]]] = [(value, tuple(value)) for value in decoder.lists]
    items += [(part(), tuple(part())) for value in decoder.dicts for part in (value.keys, value.values)]  # views, live

    def is_untouched() -> bool:
        """Whether it is still made of the very same things; if not, it may still be equal."""
        return (
            b"".join([array.tobytes() for array in arrays]) == contents
            and [array.shape for array in arrays] == shapes
            and (not forms or all(_form(tensor) == form for tensor, form in forms))
            and (not items or all(len(now) == len(then) and all(map(is_, now, then)) for now, then in items))
        )

    return value, lambda: (not decoder.has_sets and is_untouched()) or encode(value) == data


def _form(tensor: Any) -> tuple[object, ...]:
    """What a tensor is besides its elements."""
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype, tensor.requires_grad


def _decoded(data: bytes, live: bool) -> tuple[object, Decoder]:
    try:
        size = _SIZE.unpack_from(data)[0]
        if size > MAX_TREE or len(data) > 4 + size + MAX_BYTES:
            raise CodecError("the message is too large")
        decoder = Decoder(data, 4 + size, live)
        value = decoder.value(_unpack(memoryview(data)[4 : 4 + size]), 0)
    except (CodecError, ImportError):  # of a library that there is no memory for
        raise
    except Exception as error:
        raise CodecError(f"malformed message: {type(error).__name__}") from error
    if decoder.offset != len(data):
        raise CodecError("the message does not end where its tree says")
    return value, decoder
