"""What a worker claims about the file that it has loaded, as far as that can be true: it may say anything."""

import re
from collections.abc import Sequence

import msgspec

from graders.engine.values.messages import Cell, Loaded, Order, Trouble

_MAX_WORDS = 2000  # characters of a sentence on what was not executed


def sane(loaded: Loaded, order: Order) -> Loaded:
    """What was told, without what cannot be so.

    Of the names that are defined only those remain that were asked for, on lines that the text has: a name that is said
    to be defined on another one is not defined. A trouble on another line lies on the one nearest to it, and the names
    it costs stand in the text. Troubles in cells that are not there are none.
    """
    asked = {*order.exercises, *order.aliases}
    words = {word for cell in order.cells for word in re.findall(r"\w+", cell.source)} if loaded.troubles else set()
    last = max((_lines(cell) for cell in order.cells if not cell.module), default=0)
    return Loaded(
        lines={name: line for name, line in loaded.lines.items() if name in asked and 1 <= line <= last},
        unattempted=loaded.unattempted & asked,
        left_out={name: sentence[:_MAX_WORDS] for name, sentence in loaded.left_out.items() if name in asked},
        troubles=tuple(
            _sane(trouble, order.cells[trouble.cell], words, order.exercises)
            for trouble in loaded.troubles
            if trouble.cell < len(order.cells)
        ),
    )


def _sane(trouble: Trouble, cell: Cell, words: set[str], exercises: Sequence[str]) -> Trouble:
    """A syntax error may well be found after the last line: where the text ends."""
    line = min(max(trouble.line, 1), _lines(cell))
    names = tuple(name for name in trouble.names if name in words)
    needed_by = tuple(name for name in exercises if name in trouble.needed_by)
    return msgspec.structs.replace(trouble, line=line, names=names, needed_by=needed_by)


def _lines(cell: Cell) -> int:
    return cell.source.count("\n") + 1
