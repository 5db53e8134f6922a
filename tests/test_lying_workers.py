"""Workers that lie: whatever they send, it is a crash of theirs, never of the grader, and loading comes to an end."""

import pytest
from desks import Start, ask, assert_goes_on, shown

from graders.engine.values import codec

FORGE = """
import os, stat, struct, sys
import msgspec
def channel():
    for descriptor in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode): return descriptor
        except OSError: pass
def say(kind, body, size=None):
    data = struct.pack("<IB", len(body) if size is None else size, kind) + body
    while data: data = data[os.write(channel(), data):]
deep = b"\\x91" * 100_000 + b"\\xc0"
seen = msgspec.msgpack.encode([[b"\\x01\\x00\\x00\\x00\\x02", None]])
def f(x):
    if isinstance(x, str): exec(x)
    return x + 1
"""


@pytest.mark.parametrize(
    "lie",
    [
        "os.write(channel(), b'garbage' * 1000)",
        "say(99, b'')",
        "say(5, b'', size=2**32 - 1)",
        "say(5, b'\\xff')",
        "say(5, deep)",
        "say(5, b'\\xc0')",
        "say(5, msgspec.msgpack.encode([[b'', 3]]))",
        "say(6, b'\\xa2\\xff\\xff')",
        "say(7, b'\\xc2')",
        "say(7, b'')",
        "say(3, msgspec.msgpack.encode((0, 1, True)))",
        "say(4, b'\\x80')",
        "say(5, seen); say(5, seen); say(5, seen)",
        "say(5, seen); os._exit(0)",
        "say(5, msgspec.msgpack.encode(msgspec.msgpack.decode(seen) * 1000)); os._exit(0)",
    ],
)
def test_a_lie_is_a_crash(start: Start, lie: str) -> None:
    sitting = start(FORGE)
    answers = ask(sitting, lie)
    assert answers.stopped == "crashed"
    assert answers.seen == []
    assert_goes_on(sitting)


@pytest.mark.parametrize(
    "lie",
    [
        "say(4, b'')",
        "say(4, deep)",
        "say(4, b'\\x81\\xa5other' + deep)",
        "say(4, b'\\x81\\xa1\\xff\\xc0')",
        "trouble = dict(cell=-9, line=1, message='', names=[])\n"
        "say(4, msgspec.msgpack.encode(dict(lines={}, unattempted=[], troubles=[trouble])))",
        "say(3, b'\\xc0')",
        "os.write(channel(), b'garbage')",
        "say(3, msgspec.msgpack.encode((0, 1, True))); os._exit(0)",
        "say(3, msgspec.msgpack.encode((-1, 1, True))); os._exit(0)",
        "import random\n"
        "say(3, msgspec.msgpack.encode((0, random.SystemRandom().randrange(10**9), False))); os._exit(0)",
    ],
)
def test_a_lie_while_loading_ends(start: Start, lie: str) -> None:
    sitting = start(f"{FORGE}\nx = exec({lie!r})\n")
    sitting.load()
    answers = ask(sitting, 1)
    assert answers.stopped == "crashed" or shown(answers)[0] == 2 or isinstance(shown(answers)[0], codec.Missing)
