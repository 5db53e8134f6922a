"""Writes a gradebook as CSV and JSON, one submission at a time."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

import msgspec

from graders.cohort.standing import Standing
from graders.report.record import inert_json
from graders.report.words import muted, number, one_line, sound

SCHEMA = 1
# A spreadsheet takes a cell that begins with one of these, or with their wide forms, for a formula.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


def as_json(standings: Iterable[Standing], seed: int, examples: int) -> Iterator[str]:
    """The submissions as pieces of one JSON document, a line each."""
    yield f'{{"schema": {SCHEMA}, "seed": {seed}, "examples": {examples}, "submissions": ['
    for position, standing in enumerate(standings):
        yield ("," if position else "") + "\n" + inert_json(msgspec.json.encode(standing).decode())
    yield "\n]}\n"


def as_csv(standings: Iterable[Standing], sections: Sequence[str]) -> Iterator[str]:
    """The submissions as CSV: a line each, with the score of each of the `sections`."""
    yield _line(["name", "status", "score", "points", *sections, "reason"])
    for standing in standings:
        scores = {section.name: number(section.score) for section in map(_head, standing.sections)}
        yield _line(
            [standing.name, standing.status, number(standing.score), number(standing.points)]
            + [scores.get(section, "") for section in sections]
            + [one_line(standing.reason or "")]
        )


class _Head(msgspec.Struct):
    """As much of a `SectionResult` as a line of a table needs."""

    name: str
    score: float


def _head(section: msgspec.Raw) -> _Head:
    return msgspec.json.decode(section, type=_Head)


def _line(cells: Sequence[str]) -> str:
    text = StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(map(_inert, cells))
    return text.getvalue()


def _inert(cell: str) -> str:
    """The text of a cell that no spreadsheet calculates with: an apostrophe before it says that it is text."""
    text = muted(sound(cell))
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or text.startswith(_FORMULA) else text
