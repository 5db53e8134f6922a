"""Frames: whatever bytes come from a worker, reading them gives frames, or says that it is broken or late."""

import contextlib
import itertools
import os
import socket
import struct
import threading
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.engine.sitting.running import _GARBAGE
from graders.engine.values import channel as channels
from graders.engine.values.channel import Broken, Channel, Kind, Late
from graders.engine.values.codec import CodecError, decode, encode
from graders.engine.values.messages import Loaded, Order, Seen, Task
from tests.values import values

HEAD = struct.Struct("<IB")
# What the bodies of frames are decoded as.
TYPES: list[Any] = [Loaded, Order, Task, list[Seen], tuple[int, int, bool], tuple[str, float], str, bool]
SECONDS = 10  # to give up on what should come at once

pack = msgspec.msgpack.encode
kinds = st.sampled_from(Kind)
trees = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)
messages = st.one_of(
    trees.map(pack),
    st.builds(lambda seen: pack([Seen(encode(value), None) for value in seen]), st.lists(values, max_size=3)),
    st.builds(
        lambda lines, names: pack({"lines": lines, "unattempted": names, "troubles": []}),
        st.dictionaries(st.text(max_size=5), st.integers(0, 9), max_size=3),
        st.lists(st.text(max_size=5), max_size=3),
    ),
    st.tuples(st.integers(-9, 9), st.integers(), st.booleans()).filter(lambda at: abs(at[1]) < 2**63).map(pack),
)


def frame(kind: int, body: bytes) -> bytes:
    return HEAD.pack(len(body), kind) + body


@contextlib.contextmanager
def connected() -> Iterator[tuple[Channel, socket.socket]]:
    """The grader's end as a channel, and the worker's as a bare socket."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours), theirs


def received(data: bytes, *cuts: int) -> list[tuple[Kind, bytes]]:
    """The frames that are read from `data`, sent in the pieces between `cuts`, after which the connection is closed.

    Reading has to end with Broken, not with any other exception.
    """
    frames: list[tuple[Kind, bytes]] = []
    with connected() as (channel, theirs):
        ends = [0, *sorted(cuts), len(data)]
        pieces = [data[start:end] for start, end in itertools.pairwise(ends)]

        def send() -> None:
            with contextlib.suppress(OSError), theirs:
                for piece in pieces:
                    theirs.sendall(piece)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            while True:
                frames.append(channel.receive(time.monotonic() + SECONDS))
        except Broken:
            return frames
        finally:
            channel.close()
            sender.join()


def mutated(data: bytes, draw: Any) -> bytes:
    """Some bits of `data` turned over, a piece of it left out, or its end."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(0, 4))):
        changed[draw(st.integers(0, len(changed) - 1))] ^= 1 << draw(st.integers(0, 7))
    start = draw(st.integers(0, len(changed)))
    del changed[start : draw(st.sampled_from([start, start + 1, start + 7, len(changed)]))]
    return bytes(changed)


# %% Reading frames


@settings(deadline=None)
@given(st.lists(st.tuples(kinds, messages), max_size=5), st.data())
def test_frames_come_as_they_were_sent(frames, data):
    sent = b"".join(frame(kind, body) for kind, body in frames)
    cuts = data.draw(st.lists(st.integers(0, len(sent)), max_size=6))
    assert received(sent, *cuts) == frames


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_frames_or_broken(data):
    for kind, body in received(data):
        assert frame(kind, body) in data


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(kinds, messages), min_size=1, max_size=3), st.data())
def test_damaged_frames_are_frames_or_broken(frames, data):
    whole = b"".join(frame(kind, body) for kind, body in frames)
    damaged = mutated(whole, data.draw)
    assert b"".join(frame(kind, body) for kind, body in received(damaged)) == damaged[: len(damaged) - rest(damaged)]


def rest(data: bytes) -> int:
    """How many bytes at the end of `data` are no frame, found without the channel's help."""
    while len(data) >= HEAD.size:
        size, kind = HEAD.unpack_from(data)
        if size > channels._MAX_BODY or kind not in list(Kind) or len(data) < HEAD.size + size:
            break
        data = data[HEAD.size + size :]
    return len(data)


@pytest.mark.parametrize("size", [channels._MAX_BODY + 1, 2**31, 2**32 - 1])
def test_no_room_is_made_for_a_frame_that_is_too_large(size):
    tracemalloc.start()
    assert received(HEAD.pack(size, Kind.SEEN) + b"x" * 1000) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**20


def test_no_room_is_made_before_the_bytes_come():
    tracemalloc.start()
    assert received(HEAD.pack(channels._MAX_BODY, Kind.SEEN) + b"x" * 1000) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**20


@pytest.mark.parametrize("data", [b"", b"\x01", HEAD.pack(10, Kind.SEEN), frame(Kind.SEEN, b"half")[:-1]])
def test_half_a_frame_is_late(data):
    with connected() as (channel, theirs):
        theirs.sendall(data)
        with pytest.raises(Late):
            channel.receive(time.monotonic() + 0.05)
        with pytest.raises(Late):
            channel.receive(time.monotonic() - 1)


def test_a_frame_that_trickles_does_not_move_the_deadline():
    with connected() as (channel, theirs):
        stop = threading.Event()

        def trickle() -> None:
            with contextlib.suppress(OSError):
                theirs.sendall(HEAD.pack(channels._MAX_BODY, Kind.SEEN))
                while not stop.wait(0.001):
                    theirs.sendall(b"x")

        sender = threading.Thread(target=trickle)
        sender.start()
        with pytest.raises(Late):
            channel.receive(time.monotonic() + 0.1)
        stop.set()
        sender.join()


@pytest.mark.skipif(not hasattr(socket, "MSG_OOB"), reason="no such messages here")
def test_a_byte_out_of_band_does_not_stop_the_reader():
    """The socket is readable then, and reading from it waits for ever: the system skips the byte."""
    outcome: list[BaseException] = []

    def receive(channel: Channel) -> None:
        try:
            channel.receive(time.monotonic() + 0.1)
        except (Late, Broken) as error:
            outcome.append(error)

    with connected() as (channel, theirs):
        try:
            theirs.send(b"x", socket.MSG_OOB)
        except OSError:
            pytest.skip("this system has no such messages between processes")
        reader = threading.Thread(target=receive, args=(channel,), daemon=True)
        reader.start()
        reader.join(SECONDS)
        is_waiting = reader.is_alive()
        theirs.close()  # which ends its waiting
        reader.join(SECONDS)
    assert not is_waiting
    assert outcome


def test_frames_that_nobody_takes_are_broken():
    with connected() as (channel, _), pytest.raises(Broken):
        channel.send(Kind.RUN, b"x" * channels._MAX_BODY, 0.05)


def test_frames_to_a_closed_end_are_broken():
    with connected() as (channel, theirs):
        theirs.close()
        with pytest.raises(Broken):
            channel.send(Kind.RUN, b"x", 1)


# %% What is in them


@settings(deadline=None, max_examples=300)
@given(messages, st.sampled_from(TYPES), st.data())
def test_a_damaged_body_is_a_value_or_garbage(body, kind, data):
    with contextlib.suppress(*_GARBAGE):
        msgspec.msgpack.decode(mutated(body, data.draw), type=kind)


@settings(deadline=None)
@given(st.binary(max_size=100), st.sampled_from(TYPES))
def test_an_arbitrary_body_is_a_value_or_garbage(body, kind):
    with contextlib.suppress(*_GARBAGE):
        msgspec.msgpack.decode(body, type=kind)


@pytest.mark.parametrize("kind", TYPES, ids=str)
@pytest.mark.parametrize(
    "head",
    [
        b"\xdd\xff\xff\xff\xff",  # a list of four billion items
        b"\xdf\xff\xff\xff\xff",  # a dict
        b"\xdb\xff\xff\xff\xff",  # a text
        b"\xc6\xff\xff\xff\xff",  # bytes
        b"\xc9\xff\xff\xff\xff\x01",  # an extension
        b"\x91\x92\xc6\xff\xff\xff\xff",
        b"\x91" * 100_000,
        b"\x81\xa1a" * 100_000,
        b"\x81\xa8troubles\xdd\xff\xff\xff\xff",
        b"\x81\xa5lines\xdf\xff\xff\xff\xff",
    ],
    ids=lambda head: head[:12].hex(),
)
def test_a_body_that_promises_much_takes_little(head, kind):
    tracemalloc.start()
    with pytest.raises(_GARBAGE):
        msgspec.msgpack.decode(head, type=kind)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * len(head) + 2**20


# %% Messages of the codec: what `test_codec.py` leaves out


@settings(deadline=None)
@given(values, st.booleans())
def test_a_truncated_message_is_refused(value, live):
    data = encode(value)
    for end in {0, 1, 3, 4, 5, len(data) // 2, len(data) - 1} & set(range(len(data))):
        with pytest.raises(CodecError):
            decode(data[:end], live=live)


@settings(deadline=None, max_examples=200)
@given(values, st.data())
def test_a_message_with_bits_turned_over_is_refused_or_decoded(value, data):
    live = data.draw(st.booleans())
    with contextlib.suppress(CodecError):
        encode(decode(mutated(encode(value), data.draw), live=live))


@settings(deadline=None)
@given(trees, st.binary(max_size=40), st.booleans())
def test_any_tree_is_refused_or_decoded(tree, blobs, live):
    packed = pack(tree)
    with contextlib.suppress(CodecError):
        decode(struct.pack("<I", len(packed)) + packed + blobs, live=live)


@pytest.mark.parametrize("size", [0, 1, 2**16, 2**22])
def test_noise_is_refused(size):
    noise = os.urandom(size)
    for data in (noise, struct.pack("<I", size) + noise):
        with contextlib.suppress(CodecError):
            decode(data)
