"""Names of strangers as text that can be shown, written to a file and told apart."""

import os

_SPELLED = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def shown(name: str | bytes) -> str:
    """A name as printable text; what cannot be printed is spelled as in Python (`\\n`, `\\xff`, `\\u202e`).

    Different names are shown differently: a backslash is spelled as two.
    """
    return "".join(_spelled(character) for character in os.fsdecode(name))


def _spelled(character: str) -> str:
    if character in _SPELLED:
        return _SPELLED[character]
    if character.isprintable():
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how os.fsdecode carries a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
