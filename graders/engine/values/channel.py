"""Frames over a socket between the trusted process and a worker: a length, a kind and a body.

The trusted end expects nothing of the other: lengths are limited, waiting has a deadline, and what does not have the
form of a frame is an error of the connection, never more.
"""

import select
import socket
import struct
import threading
import time
from enum import IntEnum
from typing import Any

import msgspec

_HEAD = struct.Struct("<IB")
_MAX_BODY = 40 * 2**20
_CHUNK = 2**18
_encode = msgspec.msgpack.Encoder().encode


class Kind(IntEnum):
    """What a frame is."""

    LOAD = 1  # to the worker: an `Order`
    RUN = 2  # to the worker: a `Task`
    AT = 3  # from the worker: the statement that is about to be executed
    LOADED = 4  # from the worker: a `Loaded`
    SEEN = 5  # from the worker: a list of `Seen`, of the next examples
    SAID = 6  # from the worker: text that the learner's code printed
    DONE = 7  # from the worker: the task is finished; whether it left threads behind
    READY = 9  # from the worker: it is restricted, and will look at the submission now
    POINT = 8  # from the worker: what an experiment yielded, the name of a curve and its next value


class Broken(Exception):
    """The other end is gone, or does not speak in frames."""


class Late(Exception):
    """Nothing came before the deadline."""


class Channel:
    """One end of a connection. `send` may be called from any thread."""

    def __init__(self, connection: socket.socket):
        self._socket = connection
        self._buffer = bytearray()
        self._lock = threading.Lock()

    def send(self, kind: Kind, value: Any, seconds: float | None = None) -> None:
        """Sends one frame. Raises Broken, also when the other end does not take it within `seconds`."""
        body = _encode(value)
        try:
            with self._lock:
                if seconds is None:
                    self._socket.sendall(_HEAD.pack(len(body), kind) + body)
                else:
                    self._socket.settimeout(seconds)
                    self._socket.sendall(_HEAD.pack(len(body), kind) + body)
                    self._socket.settimeout(None)
        except OSError as error:
            raise Broken(str(error)) from error

    def receive(self, deadline: float | None = None) -> tuple[Kind, bytes]:
        """The next frame. `deadline` is of `time.monotonic`. Raises Late when it passes, Broken when none can come."""
        while True:
            frame = self._frame()
            if frame is not None:
                return frame
            self._fill(deadline)

    def close(self) -> None:
        """Closes this end."""
        self._socket.close()

    def _frame(self) -> tuple[Kind, bytes] | None:
        if len(self._buffer) < _HEAD.size:
            return None
        size, kind = _HEAD.unpack_from(self._buffer)
        if size > _MAX_BODY or kind not in Kind._value2member_map_:
            raise Broken("what came is not a frame")
        end = _HEAD.size + size
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[_HEAD.size : end])
        del self._buffer[:end]
        return Kind(kind), body

    def _fill(self, deadline: float | None) -> None:
        left = None if deadline is None else deadline - time.monotonic()
        if (left is not None and left <= 0) or not select.select([self._socket], [], [], left)[0]:
            raise Late
        try:
            # Not to wait: a byte out of band makes a socket readable on which nothing is to be read.
            data = self._socket.recv(_CHUNK, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError as error:
            raise Broken(str(error)) from error
        if not data:
            raise Broken("the connection was closed")
        self._buffer += data
