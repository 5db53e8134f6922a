"""The format in which values cross process borders: its limits, its tags, and the observations that are not data.

A message is four bytes of length, a msgpack tree of that length, and the raw bytes of the arrays in the order in
which the tree names them. In the tree None, bool, float, str, bytes and 64-bit int stand for themselves, and every
other kind is a list whose first item is its tag.
"""

import collections
import functools
import keyword
from typing import Any, Final

import msgspec

MAX_BYTES: Final = 32 * 2**20  # array bytes in one message
MAX_TREE: Final = 4 * 2**20  # bytes of everything else
MAX_DEPTH: Final = 100
MAX_INT_BITS: Final = 4096
MAX_KEYS: Final = 2**14  # dict keys and set items in one message: hostile ones may all share a hash
MAX_CLASHES: Final = 100  # of these, how many more than hashes
MAX_CLASSES: Final = 50  # kinds of named tuples in one message: each costs a class
MAX_MESSAGE: Final = 2_000  # characters of an exception's message
MAX_TRACE: Final = 8_000  # characters of a traceback
MAX_NAME: Final = 300  # characters of a type's name or of a description
MAX_NAMES: Final = 100  # fields of a named tuple, bases of an exception

# The tags of the tree. Their numbers are part of the format: append, never reorder.
(LIST, TUPLE, NAMED, DICT, SET, FROZENSET, INT, COMPLEX, STR, SLICE, ELLIPSIS, RANGE, DTYPE, TORCH_DTYPE, ARRAY, SCALAR,
 TENSOR, RAISED, MISSING, OPAQUE, OVERSIZED) = range(21)  # fmt: skip


class CodecError(ValueError):
    """The bytes are not a message of this codec."""


class Raised(msgspec.Struct, frozen=True):
    """The probe raised. `bases` names the classes of the exception up to `object`, `trace` the learner's own frames."""

    type: str
    bases: tuple[str, ...]
    message: str
    trace: str


class Missing(msgspec.Struct, frozen=True):
    """The submission has no `name`; `because` says why where that is known, else it is empty."""

    name: str
    because: str


class Opaque(msgspec.Struct, frozen=True):
    """Something that is not data; `type` describes it: "generator", "tensor on device meta"."""

    type: str


class Oversized(msgspec.Struct, frozen=True):
    """Data beyond the limits of a message; `what` describes it: "float64 array of shape (100000, 100000)"."""

    what: str


class TorchDtype(msgspec.Struct, frozen=True):
    """A torch dtype on the side that never imports torch; `name` is "float32" for torch.float32."""

    name: str


@functools.lru_cache(maxsize=512)
def named_tuple(name: str, fields: tuple[str, ...]) -> type[tuple[Any, ...]]:
    """The named tuple class of this name and these fields. Raises ValueError where Python would not take them."""
    if len(fields) > MAX_NAMES or any(len(word) > MAX_NAME for word in (name, *fields)):
        raise ValueError("too many or too long names")
    if not all(word.isascii() and word.isidentifier() and not keyword.iskeyword(word) for word in (name, *fields)):
        raise ValueError("not an identifier")
    return collections.namedtuple(name, fields)
