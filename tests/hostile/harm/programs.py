"""Starts programs by all means that Python has.

Honest: first, last.
halve: failed, ['PermissionError']
inverse: failed, 32512
"""

import asyncio
import ctypes
import os
import subprocess
import sys

TOUCH = ["/bin/touch", "/tmp/hostile-was-here"]
WAYS = [
    lambda: subprocess.run(TOUCH),
    lambda: subprocess.Popen(["sh", "-c", "touch /tmp/hostile-was-here"], start_new_session=True),
    lambda: os.posix_spawn(TOUCH[0], TOUCH, {}),
    lambda: os.execv(TOUCH[0], TOUCH),
    lambda: os.execve(sys.executable, [sys.executable, "-c", "print()"], {}),
    lambda: os.popen("touch /tmp/hostile-was-here"),
    lambda: os.spawnv(os.P_NOWAIT, TOUCH[0], TOUCH),
    lambda: asyncio.run(asyncio.create_subprocess_exec(*TOUCH)),
]


def outcome(action):
    try:
        return f"worked: {action()!r}"
    except BaseException as error:
        return type(error).__name__


def halve(x):
    return sorted({outcome(way) for way in WAYS})


def inverse(x):
    return os.system(" ".join(TOUCH)) or ctypes.CDLL(None).system(b"touch /tmp/hostile-was-here")


def first(items):
    return items[0]


def last(items):
    return items[-1]
