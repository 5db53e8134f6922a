"""What is found: the place of a fault."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A line that a fault is likely in.

    Attributes:
        label: the name of the cell, or of the file.
        line, column: where it is there, from 1.
        kind: what it is about.
        text: that line, without the spaces before it.
        because: what an exception proves of it; empty where a change shows it.
        becomes: what the lines that change are then, without the spaces before the first: all core checks pass.
        others: the lines in which another change does so too.
    """

    label: str
    line: int
    column: int
    kind: str
    text: str
    because: str = ""
    becomes: str = ""
    others: tuple[int, ...] = ()
