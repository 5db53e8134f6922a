"""Values as bytes: the only form in which inputs and observations cross a process border (see `wire.py`).

Both ends are written for a peer that lies: encoding turns what is not data into a description, and decoding evaluates
nothing and uses memory in proportion to the message. Arrays and tensors are handled in `array_codec.py`, which is
imported when the first one turns up: sections without numpy or torch do not pay for them.
"""

import struct
from collections.abc import Callable

import msgspec

from graders.engine.decoding import Decoder
from graders.engine.encoding import Encoder, describe
from graders.engine.wire import MAX_BYTES, MAX_TREE, CodecError, Missing, Opaque, Oversized, Raised, TorchDtype

__all__ = [
    "MAX_BYTES", "MAX_TREE", "CodecError", "Missing", "Opaque", "Oversized", "Raised", "TorchDtype", "decode", "encode",
]  # fmt: skip

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
    return b"".join((struct.pack("<I", len(tree)), tree, *encoder.blobs))


def decode(data: bytes, *, live: bool = False) -> object:
    """Decode a message of `encode`.

    With `live=True` tensors are real torch tensors, as probes want them. Without it they are `array_codec.TorchArray`,
    so that the side that judges need not import torch. Raises CodecError on anything that `encode` could not have
    written.
    """
    return _decoded(data, live)[0]


def decode_watched(data: bytes) -> tuple[object, Callable[[], bool]]:
    """Decode a message to a live value, and a function that tells whether the value is still what it was.

    The outermost dict does not count. Raises CodecError like `decode`.
    """
    value, decoder = _decoded(data, live=True)
    before = [(array, array.shape, data[offset : offset + array.nbytes]) for array, offset in decoder.arrays]

    def is_unchanged() -> bool:
        if decoder.is_plain:
            return all(array.shape == shape and array.tobytes() == content for array, shape, content in before)
        return encode(value) == data

    return value, is_unchanged


def _decoded(data: bytes, live: bool) -> tuple[object, Decoder]:
    try:
        size = struct.unpack_from("<I", data)[0]
        if size > MAX_TREE or len(data) > 4 + size + MAX_BYTES:
            raise CodecError("the message is too large")
        decoder = Decoder(data, 4 + size, live)
        value = decoder.value(_unpack(memoryview(data)[4 : 4 + size]), 0)
    except CodecError:
        raise
    except Exception as error:
        raise CodecError(f"malformed message: {type(error).__name__}") from error
    if decoder.offset != len(data):
        raise CodecError("the message does not end where its tree says")
    return value, decoder
