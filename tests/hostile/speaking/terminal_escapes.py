"""Sends escape sequences to whoever reads the report: colours, titles, the clipboard, a cleared screen, a moved cursor.

Honest: first, last.
halve: raised, escaped
inverse: raised, escaped
"""

SEQUENCES = "\x1b[2J\x1b]0;title\x07\x1b]52;c;cm0gLXJm\x07\x9b31m\x1b[1A\x1b[2K\b\b\x7f\r\x0c\x1bc\x90q\x9c\x1b[5m"
Escaped = type(f"{SEQUENCES}escaped", (Exception,), {})


def halve(x):
    print(SEQUENCES)
    raise Escaped(SEQUENCES)


def inverse(x):
    raise ValueError(f"escaped{SEQUENCES}")


def first(items):
    return items[0]


def last(items):
    return items[-1]
