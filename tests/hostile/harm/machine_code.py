"""Runs machine code of its own, which calls the system by the entrance for 32-bit programs.

Honest: first, last.
halve: crashed, the process was killed by
"""

import ctypes
import mmap

# mov eax, 2 (which is fork there); int 0x80; ret
CODE = bytes([0xB8, 2, 0, 0, 0, 0xCD, 0x80, 0xC3])


def halve(x):
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(CODE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_int)(start)() / 1


def first(items):
    return items[0]


def last(items):
    return items[-1]
