"""A grade as JSON: the machine-readable result that other tools build on."""

import math
import re

import msgspec

from graders.engine.results import Grade
from graders.report.words import sound

# What JSON may hold as it is, and a terminal would obey or show in another order, or a machine that runs jobs would
# obey in its log.
_UNSEEN = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|(?<=#)#(?=\w*\[)")


def record(grade: Grade) -> str:
    """The grade as indented JSON, keys in the order of `graders.engine.results`, ending with a newline.

    Raises:
        ValueError: a number is not finite. JSON has no word for it, and a score that is not a number is our fault.
    """
    return msgspec.json.format(encoded(grade), indent=2).decode() + "\n"


def encoded(result: object) -> bytes:
    """A result, or what is made of one, as compact JSON, with nothing in it that a terminal or a machine that runs jobs
    would obey, or that UTF-8 cannot carry.

    Raises:
        ValueError: a number is not finite.
    """
    return inert_json(msgspec.json.encode(_checked(msgspec.to_builtins(result))).decode()).encode()


def inert_json(text: str) -> str:
    """The same JSON, with what would be obeyed written as escapes, in which its readers see no difference."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _checked(value: object) -> object:
    """The value with characters that UTF-8 cannot carry replaced."""
    if isinstance(value, dict):
        return {key: _checked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_checked(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a grade holds a number that is not finite: {value}")
    return sound(value) if isinstance(value, str) else value
