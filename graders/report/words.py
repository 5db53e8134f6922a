"""The words all reports share, and text of strangers made harmless."""

import re
from collections.abc import Mapping

from rich.cells import cell_len

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

TO_RUN = "All of it, to run and to step through:"  # before the command that runs a failing call's script
Scripts = Mapping[tuple[str, str], str]  # by section and check: the command that runs all of a failing call
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
# What the machines that run jobs obey in a log: `::command::` where a line begins, whatever white space or characters
# without width stand before it (GitHub), and `##[command]` or `##name[command]` anywhere (Azure, TeamCity, old GitHub).
_OBEYED = re.compile(r"^(?:[^\S\n]|[\u180e\u200b-\u200d\u2060\ufeff])*(?=::)|(?<=#)(?=#\w*\[)", re.MULTILINE)


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


def spelled(text: str) -> str:
    """The text as one line of a sentence: what cannot be printed is spelled as in Python, `\\n`, `\\x1b`, `\\u202e`."""
    return "".join(character if character.isprintable() else _spelled(character) for character in text)


def _spelled(character: str) -> str:
    byte = ord(character) - 0xDC00  # so Python carries the bytes of a path that are no UTF-8
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else character.encode("unicode_escape").decode()


def muted(text: str) -> str:
    """The lines with a backslash in what a machine that runs jobs would obey: `\\::error::`, `#\\#[error]`.

    Everywhere else `::` and `##` stay as they are: in `a[::2]`, after the mark of a quoted line, in a comment.
    """
    return _OBEYED.sub(lambda found: f"{found[0]}\\", text)


def muted_markup(text: str) -> str:
    """The same for XML and HTML, whose readers see no difference: with references to characters."""
    pieces, start = [], 0
    for place in obeyed(text):
        pieces += [text[start:place], f"&#{ord(text[place])};"]
        start = place + 1
    return "".join([*pieces, text[start:]])


def obeyed(text: str) -> list[int]:
    """Where `muted` puts its backslashes."""
    return [found.end() for found in _OBEYED.finditer(text)]


def shortened(line: str) -> str:
    """The line, or of a long one both ends: messages often say at the end what is wrong."""
    if len(line) <= LONG_LINE:
        return line
    half = LONG_LINE // 2
    return f"{line[:half]} [{len(line) - 2 * half} characters left out] {line[-half:]}"


def wrapped(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """One line of prose in lines of at most `width` columns. A path or a name is not broken, however long it is.

    Args:
        first, rest: what the first line begins with, and each of the others.
    """
    rows: list[list[str]] = [[]]
    used = cell_len(first)
    for word in text.split():
        size = cell_len(word) + bool(rows[-1])
        if used + size > width and (rows[-1] or (len(rows) == 1 and first.strip())):
            rows.append([])
            used, size = cell_len(rest), cell_len(word)
        rows[-1].append(word)
        used += size
    return [((rest if at else first) + " ".join(row)).rstrip() for at, row in enumerate(rows)]


def sentence(text: str) -> str:
    """The text as a sentence: with a capital, and an end."""
    said = one_line(text)
    return f"{said[:1].upper()}{said[1:]}."


def number(value: float) -> str:
    """Points as people write them: `2`, `0.5`, `1.33`."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def count(amount: int, thing: str) -> str:
    """`1 check`, `2 checks`."""
    return f"{amount} {thing}" if amount == 1 else f"{amount} {thing}s"
