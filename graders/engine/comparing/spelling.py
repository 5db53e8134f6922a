"""Words of strangers, such as the name of a class, within our sentences and descriptions."""

import re

# Where an object lies, as `repr` says it; and a worker's own folder, whose name is drawn anew for each.
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{4,16}\b")
_SCRATCH = re.compile(r"[^\s'\"`()<>,:;]{0,200}/(?:grading|cohort)-[0-9a-f]{16}-[0-9a-f]{8}")


def spelled(words: str) -> str:
    """The words on one line, with what cannot be printed spelled as in Python: `\\n`, `\\x1b`."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in words)


def steady(words: str) -> str:
    """The words without what is another in each run: addresses in memory are left out, and the folder that a worker
    runs in, its home, is called `~`."""
    return _SCRATCH.sub("~", _ADDRESS.sub("", words))
