"""Names of strangers as text that can be shown, written to a file and told apart."""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

_SPELLED = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def shown(name: str | bytes) -> str:
    """A name as printable text; what cannot be printed is spelled as in Python (`\\n`, `\\xff`, `\\u202e`).

    Different names are shown differently: a backslash is spelled as two.
    """
    return "".join(_spelled(character) for character in os.fsdecode(name))


class Told(NamedTuple):
    """A name as it is shown among others, and what should be known about it."""

    shown: str
    note: str | None


def told_apart(names: Iterable[str]) -> dict[str, Told]:
    """How different names are shown so that they look different, with a note where people may take them for one.

    What looks the same can be written in several ways: a letter with a mark is one character, or two. Where there are
    names of which that is all the difference, what is not written as one character is spelled.
    """
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(_composed(name).casefold(), []).append(name)
    told = {}
    for group in alike.values():
        looks = Counter(map(_composed, group))
        written = {name: _coded(name) if looks[_composed(name)] > 1 else shown(name) for name in group}
        for name in group:
            others = ", ".join(written[other] for other in group if other != name)
            told[name] = Told(
                written[name], f"there is also {others}, a name that is nearly the same" if others else None
            )
    return told


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _coded(name: str) -> str:
    """A name as text; where it is not composed, with the codes of all its characters outside of ASCII."""
    if name == _composed(name):
        return shown(name)
    return "".join(shown(character) if character.isascii() else _code(ord(character)) for character in name)


def _spelled(character: str) -> str:
    if character in _SPELLED:
        return _SPELLED[character]
    if character.isprintable():
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how os.fsdecode carries a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return _code(code)


def _code(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
