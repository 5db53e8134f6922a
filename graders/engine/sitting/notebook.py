"""Takes the code out of a notebook's JSON. What is not graded, such as outputs, is passed over and never built.

So a notebook costs little more than its own size, whatever stands in it: it is a stranger's, and is read in the process
that decides.
"""

import re
from collections.abc import Iterator

import msgspec

_MAX_CELLS = 2000
_WITH_WORKSHEETS, _NEWEST = (2, 3), 4  # the formats that are read
_MAX_REPAIRS = 100_000
# Text up to what JSON does not know and Python's module for it writes all the same: half of a surrogate pair, and NaN.
# Nothing in it is tried a second way, so it takes one pass.
_HALF = re.compile(
    rb"((?:[^\\]++|\\[^u]|\\u(?:[^dD]|[dD][0-7])|\\u[dD][89abAB]..\\u[dD][c-fC-F])*+)\\u[dD][89a-fA-F][0-9a-fA-F]{2}",
    re.DOTALL,
)
_NO_NUMBER = re.compile(rb'((?:"(?:[^"\\]++|\\.)*+"|[^"NI]++)*+)(?:NaN|Infinity)', re.DOTALL)


class NotANotebook(Exception):
    """It cannot be read; the message is the rest of a sentence that begins with its name."""


_NOTHING = msgspec.Raw()


class _Cell(msgspec.Struct, gc=False):
    """A cell of any format: until the third, code is called its input."""

    cell_type: str
    source: msgspec.Raw = _NOTHING
    input: msgspec.Raw = _NOTHING


class _Worksheet(msgspec.Struct, gc=False):
    cells: list[_Cell]


class _Notebook(msgspec.Struct):
    nbformat: int
    cells: list[_Cell] | None = None
    worksheets: list[_Worksheet] | None = None


def code_cells(data: bytes) -> list[tuple[int, str]]:
    """The code cells of a notebook: their numbers, counted from 1 over cells of all kinds, and their sources.

    Args:
        data: a notebook's JSON, of format 2, 3 or 4, in UTF-8.

    Raises:
        NotANotebook: with the reason.
    """
    try:
        try:
            return list(_code(data))
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:  # no JSON, or not quite
            return list(_code(_repaired(data)))
    except RecursionError as error:
        raise NotANotebook("is nested too deep for a notebook") from error
    except ValueError as error:  # those of msgspec too
        raise NotANotebook(f"is not a notebook that can be read: {str(error)[:200]}") from error


def _code(data: bytes) -> Iterator[tuple[int, str]]:
    notebook = msgspec.json.decode(data, type=_Notebook)
    if notebook.nbformat in _WITH_WORKSHEETS:
        cells = [cell for worksheet in notebook.worksheets or () for cell in worksheet.cells]
    elif notebook.nbformat == _NEWEST and notebook.cells is not None:
        cells = notebook.cells
    else:
        what = "without cells" if notebook.nbformat == _NEWEST else "which is not read here"
        raise ValueError(f"its format is {notebook.nbformat}, {what}")
    if len(cells) > _MAX_CELLS:
        raise ValueError(f"it has more than {_MAX_CELLS} cells")
    for number, cell in enumerate(cells, 1):
        if cell.cell_type == "code":
            source = cell.input if notebook.nbformat in _WITH_WORKSHEETS else cell.source
            if source is _NOTHING:
                raise ValueError(f"cell {number} has no source")
            try:
                lines = msgspec.json.decode(source, type=str | list[str])
            except msgspec.ValidationError as error:
                raise ValueError(f"the source of cell {number} is no text") from error
            yield number, lines if isinstance(lines, str) else "".join(lines)


def _repaired(data: bytes) -> bytes:
    """The text with a question mark for each half of a surrogate pair, and 0 for what is no number."""
    for pattern, instead in ((_HALF, b"?"), (_NO_NUMBER, b"0")):
        pieces: list[bytes] = []
        place = 0
        while len(pieces) < 2 * _MAX_REPAIRS and (found := pattern.match(data, place)):
            pieces += [found[1], instead]
            place = found.end()
        data = b"".join((*pieces, data[place:]))
    return data
