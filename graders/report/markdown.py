"""A grade as Markdown: the summary of a CI job, a comment, or a file to keep.

What learners' code brought in stands in code blocks and code spans only, whose fences are longer than any in the text;
our own sentences are escaped. So nothing in it can become a link, a picture, a heading or HTML.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from types import MappingProxyType

from graders.engine.results import CheckpointResult, CheckResult, ExerciseResult, Grade, SectionResult
from graders.report.beyond import beyond
from graders.report.changes import Changes, changes
from graders.report.checkpoint_words import bounds, figure, outcome
from graders.report.explanation import Part, explanation
from graders.report.failures import Failure, failures, first_of_each, one_of_a_kind
from graders.report.load_warnings import Lost, warned
from graders.report.next_step import blocked_because, next_step, place_of
from graders.report.screen import SYMBOLS
from graders.report.words import TO_RUN, WORDS, Scripts, count, inert, muted, number, one_line, sentence, shortened

LIMIT = 1_000_000  # bytes; GitHub drops a job summary of more than 1 MiB
MOST_EXPLAINED = 10  # the first failures; the HTML report has them all
MOST_WARNINGS = 3
_NONE: Scripts = MappingProxyType({})
MOST_NAMES = 12  # of exercises in a sentence

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>~|$@#&!^])|(:)(?=//|\w+:)|(?<=\bwww)(\.)|^([-+=:]|\d+(?=[.)]))")


def markdown(grade: Grade, since: Grade | None = None, scripts: Scripts = _NONE) -> str:
    """The grade as GitHub's Markdown, at most `LIMIT` bytes in UTF-8.

    Args:
        grade: what was graded.
        since: an earlier grade of the same answers, to say what has changed.
        scripts: by section and check, the command that runs all of a call that is shown in part.
    """
    head = [f"## Grade: {number(grade.score)} of {number(grade.points)} points"]
    if since and (found := changes(since, grade)):
        head.append(_changes(found))
    for section in grade.sections:
        head += _section(section)
    if not grade.sections:
        head.append("Nothing was graded.")
    step = next_step(grade)
    tail = [
        f"### Next: {prose(step.what)}",
        "\n".join(f"- {label}: {code(text)}" for label, text in step.rows),
    ]
    room = LIMIT - _bytes([*head, *tail]) - 1000  # for what is said about those left out
    return "\n\n".join([*head, *_explained(grade, room, scripts), *tail]) + "\n"


def prose(text: str) -> str:
    """One line of a sentence, with everything escaped that Markdown would read as more than letters."""
    return _SPECIAL.sub(lambda match: "\\" + match[0] if not match[0].isdigit() else match[0] + "\\", one_line(text))


def code(text: str) -> str:
    """One line as a code span, in tables too: nothing in it is interpreted."""
    text = muted(shortened(one_line(text))).replace("|", "\\|") or " "
    fence = "`" * (_longest_run(text) + 1)
    return f"{fence} {text} {fence}" if text[0] == "`" or text[-1] == "`" else f"{fence}{text}{fence}"


def block(text: str, language: str = "text") -> str:
    """Lines as a block of code."""
    text = muted(inert(text)).strip("\n")
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def explained(check: CheckResult, exercise: str) -> str:
    """Why a check did not pass, in paragraphs."""
    pieces: list[str] = []
    for are_compared, group in groupby(explanation(check, exercise), lambda part: part.kind == "compared"):
        together = list(group)
        pieces += [block("\n".join(map(_compared, together)))] if are_compared else map(_part, together)
    return "\n\n".join(pieces)


def _part(part: Part) -> str:
    if part.kind == "call":
        return block(part.text, "python")
    if part.kind == "quote":
        return f"{part.label}\n\n{block(part.text)}" if part.label else block(part.text)
    label = f"**{part.label}**" if part.text else part.label
    return f"{label} {prose(part.text)}".strip() if part.label else prose(part.text)


def _compared(part: Part) -> str:
    lines = part.text.split("\n")
    if len(lines) == 1:
        return f"{part.label:<12}{lines[0]}"
    return "\n".join([part.label, *(f"    {line}" for line in lines)])


def _section(section: SectionResult) -> list[str]:
    pieces = [f"### {prose(section.title)}: {number(section.score)} of {number(section.points)} points"]
    pieces.append(code(section.file))
    if section.exercises:
        rows = ["| | exercise | points | checks | |", "| --- | --- | ---: | ---: | --- |"]
        pieces.append("\n".join([*rows, *map(_row, section.exercises)]))
    if words := beyond(section):
        pieces.append(f"{prose(words)}.")
    notes, heading, lost = warned(section, MOST_WARNINGS)
    pieces += map(prose, notes)
    if heading:
        pieces.append("\n".join([f"{heading}:\n", *map(_lost, lost)]))
    return [*pieces, *(_checkpoint(section.checkpoint) if section.checkpoint else [])]


def _lost(lost: Lost) -> str:
    message = code(lost.message) if lost.message else ""
    return f"- {' '.join(filter(None, (prose(lost.place), message, prose(lost.costs))))}"


def _row(exercise: ExerciseResult) -> str:
    core = [check for check in exercise.checks if not check.extra]
    passed = sum(check.status == "passed" for check in core)
    note = blocked_because(exercise) if exercise.status == "blocked" else ""
    cells = (
        f"{SYMBOLS[exercise.status]} {WORDS[exercise.status]}",
        code(exercise.name),
        f"{number(exercise.score)}/{number(exercise.points)}",
        f"{passed}/{len(core)}",
        prose(note),
    )
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _checkpoint(result: CheckpointResult) -> list[str]:
    pieces = [f"**Checkpoint:** {prose(result.title)}", f"{outcome(result)}."]
    if result.criteria:
        rows = ["| | measured | value | wanted |", "| --- | --- | ---: | --- |"]
        for measured in result.criteria:
            symbol = SYMBOLS["passed" if measured.reached else "failed"]
            rows.append(f"| {symbol} | {prose(measured.name)} | {figure(measured.value)} | {bounds(measured)} |")
        pieces.append("\n".join(rows))
    if result.error:
        pieces.append(block("\n".join(map(shortened, inert(result.error).split("\n")[-20:]))))
    return pieces


def _changes(found: Changes) -> str:
    lines = [f"Since the last time: {found.sentence}."]
    if found.newly_passed:
        lines.append(f"- newly passed: {_names([code(name) for _, name in found.newly_passed])}")
    if found.broken:
        broken = [f"{code(name)} ({checks})" for (_, name), checks in found.broken]
        lines.append(f"- passed before, and no longer: {_names(broken)}")
    return "\n".join([lines[0], "", *lines[1:]]).rstrip()


def _names(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _explained(grade: Grade, room: int, scripts: Scripts) -> Iterator[str]:
    """The first failures in the order of study, as many as there is room for, and how many are left out."""
    kinds = one_of_a_kind(failures(grade))
    left = sum(1 + len(each.alike) for each in kinds)
    shown = 0
    for failure in sorted(first_of_each(kinds)[:MOST_EXPLAINED], key=kinds.index):
        text = _failure(failure, scripts)
        room -= _bytes([text])
        if room < 0:
            break
        shown += 1
        left -= 1 + len(failure.alike)
        yield text
    if left:
        what = count(left, "more check" if shown else "check")
        yield f"{what} {'fails' if left == 1 else 'fail'}, not explained here."


def _failure(failure: Failure, scripts: Scripts) -> str:
    section, exercise, check, alike = failure
    place = code(place_of(section, exercise))
    pieces = [f"### {prose(exercise.name)}: {WORDS[check.status]}", place, explained(check, exercise.name)]
    if alike:
        pieces.append(f"Likely the same: {prose(' '.join(each.title for each in alike))}")
    if script := scripts.get((section.name, check.name)):
        pieces.append(f"{TO_RUN} {code(script)}")
    if exercise.note:
        pieces.append(prose(sentence(exercise.note)))
    return "\n\n".join(pieces)


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _bytes(pieces: list[str]) -> int:
    return sum(len(piece.encode()) + 2 for piece in pieces)
