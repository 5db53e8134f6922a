"""One check that did not pass, explained. The text is written here once, for the terminal, JUnit and pytest alike."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from graders.engine.results import MISSING_STATEMENT, CheckResult, Counterexample, Place
from graders.report.words import WORDS, inert, muted, one_line, shortened, wrapped

Role = Literal["plain", "label", "call", "same", "actual", "expected", "quote", "mistake"]

LABEL_WIDTH = len("difference  ")
LONG_VALUE = 2000  # characters of a value that are shown
BEFORE_DIFFERENCE = 300  # of these, how many may stand before the first difference
MOST_LINES = 20  # of a traceback or of printed output

LOOKS_LIKE, TOGETHER_WITH = "This looks like:", "Together with:"

SENTENCES = {
    "timed_out": "No answer came within the time limit.",
    "crashed": "The process that ran the code died.",
    "not_attempted": "{exercise} is still a stub.",
    "missing": "The submission does not define {exercise}.",
    "blocked": "{exercise} uses another exercise that does not pass yet.",
}


class Span(NamedTuple):
    """A piece of a line, and what it is."""

    text: str
    role: Role = "plain"


Line = tuple[Span, ...]


def failure_text(check: CheckResult, exercise: str, width: int = 100) -> str:
    """The explanation of a check that did not pass as plain ASCII text (but for what the learner's code brings in)."""
    heading = f"{exercise}: {WORDS[check.status]}"
    lines = ["".join(span.text for span in line) for line in failure_lines(check, exercise, width)]
    return muted("\n".join([heading, "", *lines])) + "\n"


def failure_lines(check: CheckResult, exercise: str, width: int, alike: Sequence[CheckResult] = ()) -> list[Line]:
    """The same as lines of spans. Prose is wrapped at `width`; code, values, and quoted text never are.

    Args:
        alike: other checks of the exercise, of which the explanation is one too.
    """
    lines: list[Line] = []
    paragraphs = [*_paragraphs(check, exercise, width)]
    if alike:
        paragraphs.append(_prose("Likely the same: ", " ".join(each.title for each in alike), width))
    for paragraph in paragraphs:
        lines += [(), *paragraph] if lines else paragraph
    return lines


def _paragraphs(check: CheckResult, exercise: str, width: int) -> Iterator[list[Line]]:
    yield _prose("Not yet: ", check.title, width)
    if check.status != "raised" and (reason := _reason(check, exercise)):
        yield _quote(reason) if "\n" in reason else _prose("", shortened(reason), width)
    case = check.counterexample
    if case:
        yield [(Span("The smallest call that shows it:", "label"),)]
        # In the first column, so that it can be pasted as it stands, into a plain Python prompt too.
        yield [(Span(line, "call"),) for line in inert(case.call).split("\n")]
    if check.status == "raised" and check.error:
        yield [(Span("Your code raised:", "label"),), *_quote(check.error)]
    if case and (comparison := _comparison(case, check, width)):
        yield comparison
    for label, mistake in looks_like(check):
        yield _prose(f"{label} ", mistake, width, "mistake")
    if check.place:
        yield from _place(check.place, width)
    if check.output.strip():
        yield [(Span("Your code printed:", "label"),), *_quote(check.output)]


def looks_like(check: CheckResult) -> Iterator[tuple[str, str]]:
    """The mistakes that a check looks like, each with the words before it."""
    yield from zip((LOOKS_LIKE, TOGETHER_WITH), check.mistakes, strict=False)


def _place(place: Place, width: int) -> Iterator[list[Line]]:
    """The line to look at, and whether there are others."""
    yield _prose("", f"{place_in_words(place)}:", width, "mistake")
    yield [(Span(f"{place.line:>4} | ", "label"), Span(shortened(one_line(place.text)), "quote"))]


def place_in_words(place: Place) -> str:
    """Where the fault is likely to be, as a sentence without its stop."""
    where = f"line {place.line}" + (f" of {one_line(place.cell)}" if place.cell else "")
    if place.because:
        return f"The fault is in {where}, or something is missing before it: {one_line(place.because)}"
    others = ""
    if place.others:
        lines = " or ".join(map(str, place.others))
        others = f" (so does another in line {lines})"
    if place.kind == MISSING_STATEMENT:
        return (
            f"At {where} a statement is likely missing: with one more there every check of this exercise passes{others}"
        )
    return f"The fault is likely in {where}: one small change there makes every check of this exercise pass{others}"


def _reason(check: CheckResult, exercise: str) -> str:
    """Why it did not pass, where that is more than a value: in the engine's words if it has some, else in ours."""
    if not check.error:
        return SENTENCES.get(check.status, "").format(exercise=exercise)
    case = check.counterexample
    return "" if case and case.actual == check.error else inert(check.error).strip()


def _prose(label: str, text: str, width: int, role: Role = "plain", hang: int = 0) -> list[Line]:
    first, *rest = wrapped(one_line(text), width, label, " " * hang)
    start = min(len(label), len(first))
    return [(Span(first[:start], "label"), Span(first[start:], role)), *((Span(line, role),) for line in rest)]


def _comparison(case: Counterexample, check: CheckResult, width: int) -> list[Line]:
    """What came out above what was expected, letter under letter if there is room, and the difference in words."""
    actual, expected = _windows(inert(case.actual).strip("\n"), inert(case.expected).strip("\n"))
    difference = "" if case.difference == case.actual else case.difference
    if check.status == "raised" and f"\n{inert(check.error or '').strip()}".endswith(f"\n{actual.strip()}"):
        actual = difference = ""  # the traceback has just said it
    room = width - LABEL_WIDTH
    beside = all("\n" not in value and len(value) <= room for value in (actual, expected))
    lines: list[Line] = []
    if actual:
        lines += _value("came out", _marked(actual, expected, "actual"), beside)
    if expected:
        lines += _value("expected", _marked(expected, actual, "expected"), beside)
    return lines + _difference(difference, width)


def _difference(text: str, width: int) -> list[Line]:
    if "\n" in inert(text).strip():
        return [(Span("difference", "label"),), *_quote(text)]
    return _prose("difference  ", text, width, hang=LABEL_WIDTH) if text.strip() else []


def _value(label: str, lines: list[Line], beside: bool) -> list[Line]:
    if beside:
        return [(Span(label.ljust(LABEL_WIDTH), "label"), *lines[0])]
    return [(Span(label, "label"),), *((Span("    "), *line) for line in lines)]


def _marked(value: str, other: str, role: Role) -> list[Line]:
    """The value in lines, with the stretch that is not in the other one in its own role."""
    start = _shared(value, other)
    end = len(value) - _shared(value[start:][::-1], other[start:][::-1]) if other else start
    lines, position = [], 0
    for text in value.split("\n"):
        left, right = (min(max(cut - position, 0), len(text)) for cut in (start, end))
        pieces = (Span(text[:left], "same"), Span(text[left:right], role), Span(text[right:], "same"))
        lines.append(tuple(span for span in pieces if span.text))
        position += len(text) + 1
    return lines


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def _windows(actual: str, expected: str) -> tuple[str, str]:
    """Both values, or of long ones the part around the first difference: it must never be what is left out."""
    if max(len(actual), len(expected)) <= LONG_VALUE:
        return actual, expected
    start = max(0, _shared(actual, expected) - BEFORE_DIFFERENCE)
    return _window(actual, start), _window(expected, start)


def _window(value: str, start: int) -> str:
    after = len(value) - start - LONG_VALUE
    before = f"[{start} characters left out]\n" if start else ""
    return before + value[start : start + LONG_VALUE] + (f"\n[{after} characters left out]" if after > 0 else "")


def _quote(text: str) -> list[Line]:
    """Text the learner's code brought in, marked on every line so that it cannot pass for ours."""
    lines = inert(text).strip("\n").split("\n")
    if len(lines) > MOST_LINES:
        half = MOST_LINES // 2
        lines = [*lines[:half], f"[{len(lines) - 2 * half} lines left out]", *lines[-half:]]
    return [(Span("  | ", "label"), Span(shortened(line.rstrip()), "quote")) for line in lines]
