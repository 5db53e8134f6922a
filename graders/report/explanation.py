"""The explanation of a check in parts, for reports that have paragraphs, lists and blocks of code."""

from typing import Literal, NamedTuple

from graders.engine.results import CheckResult
from graders.report.blocks import Line, failure_lines

_UNWRAPPED = 10**6  # characters: browsers break lines themselves
_LABELS = ("came out", "expected", "difference")


class Part(NamedTuple):
    """A paragraph: prose (one line), a call, quoted text, or a value that is compared. The label may be empty."""

    kind: Literal["prose", "call", "quote", "compared"]
    label: str
    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """The lines without roles."""
        return "\n".join("".join(span.text for span in line) for line in self.lines)


def explanation(check: CheckResult, exercise: str) -> list[Part]:
    """The paragraphs of `failure_lines`, taken apart."""
    parts: list[Part] = []
    paragraph: list[Line] = []
    for line in [*failure_lines(check, exercise, _UNWRAPPED), ()]:
        if line:
            paragraph.append(line)
        else:
            parts += _parts(paragraph)
            paragraph = []
    return parts


def _parts(paragraph: list[Line]) -> list[Part]:
    if _is_label(paragraph[0]):
        return _compared(paragraph)
    if any(span.role == "quote" for line in paragraph for span in line):
        headed = len(paragraph[0]) == 1
        label = paragraph[0][0].text if headed else ""
        return [Part("quote", label, tuple(line[1:] for line in paragraph[headed:]))]
    if paragraph[0][0].role == "call":
        return [Part("call", "", tuple(paragraph))]
    first = paragraph[0]
    return [Part("prose", first[0].text.strip(), (first[1:],))]


def _is_label(line: Line) -> bool:
    return line[0].role == "label" and line[0].text.strip() in _LABELS


def _compared(paragraph: list[Line]) -> list[Part]:
    """Each value, and the difference, with the lines below its label."""
    parts: list[Part] = []
    for line in paragraph:
        if _is_label(line):
            parts.append(Part("compared", line[0].text.strip(), (line[1:],) if line[1:] else ()))
        else:  # indented, or marked as quoted
            parts[-1] = parts[-1]._replace(lines=(*parts[-1].lines, line[1:]))
    return parts
