"""What a worker claims about a file is taken over only as far as it can be so."""

import pytest

from graders.engine.sitting.claims import sane
from graders.engine.values.messages import Cell, Loaded, Order, Trouble

HALVE = "def halve(x):\n    return x / 2\n"


def order(*texts: str) -> Order:
    """An order to load the cells with these texts, for two exercises, one of which has another name."""
    cells = tuple(Cell(f"cell {number}", text) for number, text in enumerate(texts))
    return Order("small", cells, probes="", aliases={"final": "last"}, exercises=("halve", "last"), stub="", skip={})


def test_what_is_true_stays_as_it_is() -> None:
    trouble = Trouble(0, 2, "NameError: x", ("halve", "x"), follows=True)
    loaded = Loaded({"halve": 1, "final": 2}, frozenset({"last"}), (trouble,), {"halve": "line 9 is not executed"})
    assert sane(loaded, order(HALVE)) == loaded


@pytest.mark.parametrize("line", [0, -1, -(2**63), 4, 10**18, 2**63 - 1])
def test_a_name_on_a_line_that_is_not_there_is_not_defined(line: int) -> None:
    assert sane(Loaded({"halve": line, "last": 3}, frozenset(), ()), order(HALVE)).lines == {"last": 3}


def test_names_that_nobody_asked_for_or_that_the_text_has_not_are_dropped() -> None:
    lie = "\x1b[31m\n::error::owned"
    told = Loaded(
        {lie: 1, "other": 1, "halve": 1},
        frozenset({lie, "halve"}),
        (Trouble(0, 1, "x", (lie, "elsewhere", "halve")),),
        {lie: "x", "halve": "x" * 1_000_000},
    )
    loaded = sane(told, order(HALVE))
    assert loaded.left_out == {"halve": "x" * 2000}
    assert loaded.lines == {"halve": 1}
    assert loaded.unattempted == {"halve"}
    assert loaded.lost == {"halve": "x"}


@pytest.mark.parametrize(
    ("cell", "line", "nearest"),
    [(0, -5, 1), (0, 2**63 - 1, 1), (1, 0, 1), (1, 3, 3), (1, 9, 3), (2, 1, 1), (2, 2, 1)],
)
def test_a_trouble_lies_within_its_cell(cell: int, line: int, nearest: int) -> None:
    told = Loaded({}, frozenset(), (Trouble(cell, line, "x", ()),))
    (trouble,) = sane(told, order("import x", HALVE, "")).troubles
    assert (trouble.cell, trouble.line) == (cell, nearest)


@pytest.mark.parametrize("cell", [1, 99999999, 2**63 - 1])
def test_a_trouble_in_a_cell_that_is_not_there_is_none(cell: int) -> None:
    assert sane(Loaded({}, frozenset(), (Trouble(cell, 1, "x", ("halve",)),)), order(HALVE)).troubles == ()


def test_of_a_file_without_cells_nothing_can_be_told() -> None:
    told = Loaded({"halve": 1}, frozenset(), (Trouble(0, 1, "x", ("halve",)),))
    assert sane(told, order()) == Loaded({}, frozenset(), ())
