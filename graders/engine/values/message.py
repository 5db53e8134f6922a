"""A message while it is written or read: its bytes, and how much room is left in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graders.engine.values.wire import MAX_BYTES, MAX_KEYS, MAX_NAME, MAX_TREE, OPAQUE, OVERSIZED, STR

if TYPE_CHECKING:
    import numpy as np

mro_of = type.__dict__["__mro__"].__get__  # read past whatever a metaclass makes of the attribute
name_of = type.__dict__["__name__"].__get__


class Outgoing:
    """A message that is written.

    `blobs` collects the bytes of its arrays; `space`, `room` and `keys` are the bytes of arrays, the bytes of the tree
    and the dict keys and set items that the message may still take.
    """

    space, room, keys = MAX_BYTES, MAX_TREE, MAX_KEYS

    def __init__(self) -> None:
        self.blobs: list[bytes] = []

    def fits(self, size: int) -> bool:
        """Whether the tree has room for `size` more bytes; if so they are taken."""
        if size > self.room:
            return False
        self.room -= size
        return True


class Incoming:
    """A message that is read; `offset` is where the next array's bytes begin in `data`.

    Args:
        data, offset: the message, and where the bytes of its arrays begin.
        live: build torch tensors, not arrays that stand for them.
    """

    def __init__(self, data: bytes, offset: int, live: bool) -> None:
        self.data = data
        self.offset = offset
        self.live = live
        self.keys = MAX_KEYS
        self.room = MAX_TREE
        self.classes: set[tuple[str, tuple[str, ...]]] = set()
        # What can be changed in the value, all but the outermost dict: nobody is handed that one.
        self.arrays: list[np.ndarray] = []  # in the order of their bytes
        self.tensors: list[Any] = []  # they share memory with arrays
        self.lists: list[list[Any]] = []
        self.dicts: list[dict[Any, Any]] = []
        self.has_sets = False


def describe(value: object) -> str:
    """What `value` is, in a few words, without calling anything of it: "generator", "class Linear"."""
    kind = type(value)
    if kind is type or type in mro_of(kind):
        return f"class {name_of(value)}"[:MAX_NAME]
    return str(name_of(kind))[:MAX_NAME]


def opaque(kind: str) -> list[object]:
    return [OPAQUE, text_node(kind[:MAX_NAME])]


def oversized(what: str) -> list[object]:
    return [OVERSIZED, text_node(what[:MAX_NAME])]


def text_node(value: str) -> object:
    try:
        value.encode()
    except UnicodeEncodeError:  # lone surrogates, which msgpack has no form for
        return [STR, value.encode("utf-8", "surrogatepass")]
    return value
