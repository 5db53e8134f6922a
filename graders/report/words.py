"""The words all reports share, and text of strangers made harmless."""

import re

from graders.engine.results import Status

WORDS: dict[Status, str] = {
    "passed": "passed",
    "failed": "failed",
    "raised": "raised",
    "timed_out": "timed out",
    "crashed": "crashed",
    "not_attempted": "not attempted",
    "missing": "missing",
    "blocked": "blocked",
}

# What a learner has to repair; the other unfinished statuses are work that has not begun or waits for these.
TO_FIX: frozenset[Status] = frozenset({"failed", "raised", "timed_out", "crashed"})

LONG_LINE = 400  # characters of a line that the learner's code brought in

# Whole escape sequences: what they would have drawn is gone, not left behind as "[31m". No alternative can run past
# the next escape character, so the search stays linear however hostile the text is.
_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor movements
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x1b\x07\x9c]*(?:\x1b\\|[\x07\x9c])"  # titles, links, device strings
    r"|\x1b[ -/]*[0-~]"  # charsets, resets
)
# Controls, and the marks that reorder what is read (a line may then look like other code than it is).
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_NO_CHARACTER = re.compile(r"[\ud800-\udfff\ufffe\uffff]")


def inert(text: str) -> str:
    """The text as it may stand in a terminal, a log or an XML file: no escape sequence, no control, no surrogate.

    Newlines and tabs stay. A lone carriage return becomes a newline, so that the steps of a progress bar stay apart.
    """
    text = _ESCAPE.sub("", text.replace("\r\n", "\n")).replace("\r", "\n")
    return sound(_CONTROL.sub("", text))


def sound(text: str) -> str:
    """The text with what is no character (half a surrogate pair, U+FFFE, U+FFFF) replaced: UTF-8 can carry the rest."""
    return _NO_CHARACTER.sub("\ufffd", text)


def one_line(text: str) -> str:
    """The inert text with every run of white space as one space."""
    return " ".join(inert(text).split())


def shortened(line: str) -> str:
    """The line, or of a long one both ends: messages often say at the end what is wrong."""
    if len(line) <= LONG_LINE:
        return line
    half = LONG_LINE // 2
    return f"{line[:half]} [{len(line) - 2 * half} characters left out] {line[-half:]}"


def number(value: float) -> str:
    """Points as people write them: `2`, `0.5`, `1.33`."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def count(amount: int, thing: str) -> str:
    """`1 check`, `2 checks`."""
    return f"{amount} {thing}" if amount == 1 else f"{amount} {thing}s"
