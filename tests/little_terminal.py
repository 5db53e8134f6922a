"""A little terminal: as much of one as it takes to see what is left on the screen. It wraps lines, and wraps them anew
when its window gets another width, as most terminals do."""

import re

from rich.cells import cell_len

_TOKEN = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])|(.)", re.DOTALL)


class LittleTerminal:
    """A window of `width` columns, with as many rows as are needed."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._rows: list[list[str]] = [[]]  # of cells; the second cell of a wide character is empty
        self._goes_on = [False]  # whether the line goes on in the next row
        self._row = self._column = 0

    @property
    def text(self) -> str:
        """What one sees."""
        return "\n".join("".join(row).rstrip() for row in self._rows).rstrip("\n")

    def write(self, text: str) -> None:
        """What a program writes to it."""
        for found in _TOKEN.finditer(text):
            number, letter, character = found.groups()
            if letter == "A":
                self._row = max(0, self._row - int(number or 1))
            elif letter == "K":
                assert number == "2"
                self._rows[self._row], self._goes_on[self._row] = [], False
            elif letter:
                assert letter == "m", found[0]
            elif character == "\r":
                self._column = 0
            elif character == "\n":
                self._down()
            else:
                self._put(character)

    def resize(self, width: int) -> None:
        """Gives the window another width."""
        old, old_goes_on = self._rows, self._goes_on
        self._rows, self._goes_on, self._width = [[]], [False], width
        for number, row in enumerate(old):
            if number == self._row:
                further, column = divmod(len(self._rows[-1]) + self._column, width)
                cursor = len(self._rows) - 1 + further, column
            for cell in row:
                if len(self._rows[-1]) == width:
                    self._begin_row(goes_on=True)
                self._rows[-1].append(cell)
            if not old_goes_on[number] and number < len(old) - 1:
                self._begin_row()
        self._row, self._column = min(cursor[0], len(self._rows) - 1), cursor[1]

    def _begin_row(self, goes_on: bool = False) -> None:
        self._goes_on[-1] = goes_on
        self._rows.append([])
        self._goes_on.append(False)

    def _put(self, character: str) -> None:
        size = cell_len(character)
        if self._column + size > self._width:
            self._down()
            self._goes_on[self._row - 1] = True
            self._column = 0
        row = self._rows[self._row]
        row += [" "] * (self._column + size - len(row))
        row[self._column : self._column + size] = [character] + [""] * (size - 1)
        self._column += size

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self._rows):
            self._begin_row()
