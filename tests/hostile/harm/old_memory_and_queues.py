"""Makes what outlives a process in the kernel: shared memory, semaphores, queues and keys.

Honest: first, last.
halve: failed, ['refused by the system']
"""

import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)
# shmget, semget, msgget, mq_open, add_key, keyctl, timer_create
NUMBERS = (29, 64, 68, 240, 248, 250, 222) if os.uname().machine == "x86_64" else (194, 190, 186, 180, 217, 219, 107)
NAME = ctypes.create_string_buffer(b"hostile-was-here")
PRIVATE, SIZE, CREATE = 0, 4096, 0o1600
ARGUMENTS = {
    0: (PRIVATE, SIZE, CREATE),
    1: (PRIVATE, 1, CREATE),
    2: (PRIVATE, CREATE),
    3: (ctypes.addressof(NAME), os.O_CREAT | os.O_RDWR, 0o600, 0),
    4: (ctypes.addressof(ctypes.create_string_buffer(b"user")), ctypes.addressof(NAME), ctypes.addressof(NAME), 4, -3),
    5: (0, -3, 1),  # the session's keyring
    6: (0, 0, ctypes.addressof(ctypes.create_string_buffer(8))),
}


def halve(x):
    results = [LIBC.syscall(ctypes.c_long(NUMBERS[i]), *map(ctypes.c_long, ARGUMENTS[i])) for i in ARGUMENTS]
    return sorted({"refused by the system" if result == -1 else result for result in results}, key=str)


def first(items):
    return items[0]


def last(items):
    return items[-1]
