"""A grade as one HTML page: every exercise and every check, without scripts and without anything from elsewhere.

All text is escaped where it is written; the page's own policy forbids scripts, pictures and connections besides.
"""

from collections.abc import Iterable
from functools import partial
from html import escape
from itertools import groupby
from pathlib import Path
from types import MappingProxyType

from graders.engine.results import CheckpointResult, CheckResult, ExerciseResult, Grade, SectionResult, Status
from graders.report.beyond import beyond
from graders.report.blocks import LOOKS_LIKE, TOGETHER_WITH, Line
from graders.report.changes import Changes, changes
from graders.report.checkpoint_words import bounds, figure, outcome
from graders.report.curves_svg import curves_svg
from graders.report.explanation import Part, explanation
from graders.report.load_warnings import warned
from graders.report.next_step import blocked_because, next_step, place_of
from graders.report.screen import SYMBOLS
from graders.report.words import (
    TO_FIX,
    TO_RUN,
    WORDS,
    Scripts,
    count,
    inert,
    muted_markup,
    number,
    one_line,
    sentence,
    shortened,
)

_STYLE = Path(__file__).with_name("page.css")
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'{allowed}">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
_OUTPUT_LINES = 20
_NONE: Scripts = MappingProxyType({})


def html(grade: Grade, since: Grade | None = None, scripts: Scripts = _NONE) -> str:
    """The grade as a page.

    Args:
        grade: what was graded.
        since: an earlier grade of the same answers, to say what has changed.
        scripts: by section and check, the command that runs all of a call that is shown in part.
    """
    title = f"{number(grade.score)} of {number(grade.points)} points"
    found = changes(since, grade) if since else None
    body = [
        "<header>",
        f"<h1>{title}</h1>",
        bar(grade.score, grade.points),
        _contents(grade.sections),
        _changes(found) if found else "",
        "</header>",
        "<main>",
        _next(grade),
        *(_section(section, scripts) for section in grade.sections),
        "</main>",
        f"<footer>Seed {grade.seed}, {count(grade.examples, 'input')} a check.</footer>",
    ]
    return document(f"Grade: {title}", muted_markup("\n".join(filter(None, body))))


def document(title: str, body: str, *, more_style: str = "", allowed: str = "") -> str:
    """A page in the style of ours.

    Args:
        title, body: its title, and what stands in it, both escaped.
        more_style: besides the style of all pages.
        allowed: what its policy allows besides styles, such as `; img-src data:`.
    """
    return _PAGE.format(title=title, body=body, style=_STYLE.read_text("utf-8") + more_style, allowed=allowed)


def fragment(section: SectionResult) -> str:
    """A section's result as a part of somebody else's page, below a cell of a notebook. Its style stays inside."""
    style = _STYLE.read_text("utf-8").replace(":root {", "& {").replace("\nbody {", "\n& {")
    body = "\n".join([bar(section.score, section.points), *map(partial(_exercise, section, _NONE), section.exercises)])
    points = f"{number(section.score)} of {number(section.points)} points"
    return (
        f'<div class="from-scratch"><style>.from-scratch {{ {style} & {{ padding: .5rem; }} }}</style>\n'
        f'<p class="about">{_text(section.title)}: {points}</p>\n'
        + "\n".join(filter(None, [_warnings(section), muted_markup(body)]))
        + "</div>"
    )


def _text(text: str) -> str:
    return escape(one_line(text))


def _code(text: str) -> str:
    return f"<code>{escape(shortened(one_line(text)))}</code>"


def bar(score: float, points: float) -> str:
    """The bar of a score."""
    said = f"{number(score)} of {number(points)} points"
    return f'<progress value="{number(score)}" max="{number(points or 1)}" aria-label="{said}">{said}</progress>'


def _contents(sections: tuple[SectionResult, ...]) -> str:
    if len(sections) < 2:
        return ""
    rows = (
        f'<li><a href="#{_text(section.name)}">{_text(section.title)}</a>'
        f"<span>{number(section.score)} of {number(section.points)}</span></li>"
        for section in sections
    )
    return f'<nav aria-label="Sections"><ul>{"".join(rows)}</ul></nav>'


def _changes(found: Changes) -> str:
    rows = []
    if found.newly_passed:
        links = (_link(section, exercise) for section, exercise in found.newly_passed)
        rows.append(f"<dt>newly passed</dt><dd>{', '.join(links)}</dd>")
    if found.broken:
        links = (f"{_link(*name)} ({checks})" for name, checks in found.broken)
        rows.append(f"<dt>passed before, and no longer</dt><dd>{', '.join(links)}</dd>")
    listed = f"<dl>{''.join(rows)}</dl>" if rows else ""
    return f'<div class="changes"><p>Since the last time: {found.sentence}.</p>{listed}</div>'


def _link(section: str, exercise: str) -> str:
    return f'<a href="#{_text(section)}.{_text(exercise)}">{_code(exercise)}</a>'


def _next(grade: Grade) -> str:
    step = next_step(grade)
    said = "".join(f"<dt>{label}</dt><dd>{_code(text)}</dd>" for label, text in step.rows)
    return f'<section class="next"><h2>Next: {_text(step.what)}</h2><dl>{said}</dl></section>'


def _section(section: SectionResult, scripts: Scripts) -> str:
    pieces = [
        f'<section id="{_text(section.name)}">',
        f"<h2>{_text(section.title)}</h2>",
        f'<p class="about">{number(section.score)} of {number(section.points)} points in {_code(section.file)}</p>',
        bar(section.score, section.points),
        f"<p>{_text(words)}.</p>" if (words := beyond(section)) else "",
        _warnings(section),
        *(_exercise(section, scripts, exercise) for exercise in section.exercises),
        _checkpoint(section.checkpoint) if section.checkpoint else "",
        "</section>",
    ]
    return "\n".join(filter(None, pieces))


def _warnings(section: SectionResult) -> str:
    notes, heading, lost = warned(section)
    said = [f"<p>{escape(note)}</p>" for note in notes]
    if heading:
        rows = (
            f"<li>{escape(each.place)}{_code(each.message) if each.message else ''}{escape(each.costs)}</li>"
            for each in lost
        )
        said.append(f"<p>{heading}:</p><ul>{''.join(rows)}</ul>")
    return f'<div class="warnings">{"".join(said)}</div>' if said else ""


def _exercise(section: SectionResult, scripts: Scripts, exercise: ExerciseResult) -> str:
    """An exercise is open where there is something to repair, and else one line that can be opened."""
    place = _code(place_of(section, exercise))
    opened = " open" if any(check.status in TO_FIX for check in exercise.checks) else ""
    note = f" <span>{_text(blocked_because(exercise))}</span>" if exercise.status == "blocked" else ""
    name = f"{_text(section.name)}.{_text(exercise.name)}"
    return (
        f'<details class="{exercise.status}" id="{name}"{opened}>\n'
        f"<summary><h3>{_text(exercise.name)}</h3> {_status(exercise)}{note}"
        f' <span class="points">{number(exercise.score)}/{number(exercise.points)}</span></summary>\n'
        f'<p class="about">{place}</p>\n'
        + (f"<p>{_text(sentence(exercise.note))}</p>\n" if exercise.note else "")
        + "\n".join(_check(check, exercise.name, scripts.get((section.name, check.name))) for check in exercise.checks)
        + "\n</details>"
    )


def _status(result: ExerciseResult | CheckResult) -> str:
    symbol = f'<span aria-hidden="true">{SYMBOLS[result.status]}</span>'
    return f'<span class="status {result.status}">{symbol} {WORDS[result.status]}</span>'


def _check(check: CheckResult, exercise: str, script: str | None) -> str:
    points = f'<span class="points">{number(check.score)}/{number(check.points)}</span>'
    heading = (
        f'<article class="check {check.status}">\n<h4>{_text(check.title)}</h4>'
        f'<p class="about">{_status(check)} {points}{" beyond the text" if check.extra else ""}</p>'
    )
    if check.status == "passed":
        return f"{heading}\n</article>"
    parts = [part for part in explanation(check, exercise) if part.label != "Not yet:"]  # the heading has said it
    pieces: list[str] = []
    for are_compared, group in groupby(parts, lambda part: part.kind == "compared"):
        together = list(group)
        pieces += [_compared(together)] if are_compared else map(_part, together)
    if script:
        pieces.append(f"<p>{TO_RUN} {_code(script)}</p>")
    return "\n".join([heading, *pieces, "</article>"])


def _part(part: Part) -> str:
    if part.kind == "call":
        return f'<pre class="call"><code>{escape(part.text)}</code></pre>'
    if part.kind == "quote":
        label = f"<p>{escape(part.label)}</p>" if part.label else ""
        return f"{label}<pre><code>{escape(part.text)}</code></pre>"
    if part.label in (LOOKS_LIKE, TOGETHER_WITH):
        return f'<p class="mistake"><strong>{part.label}</strong> {escape(part.text)}</p>'
    return f"<p>{escape(f'{part.label} {part.text}'.strip())}</p>"


def _compared(parts: Iterable[Part]) -> str:
    rows = (f"<div><dt>{part.label}</dt><dd>{_value(part)}</dd></div>" for part in parts)
    return f'<dl class="compared">{"".join(rows)}</dl>'


def _value(part: Part) -> str:
    if part.label == "difference" and len(part.lines) == 1:
        return escape(part.text)
    lines = "\n".join(map(_line, part.lines))
    return f"<pre><code>{lines}</code></pre>"


def _line(line: Line) -> str:
    """The stretch in which two values differ is marked."""
    return "".join(
        f'<mark class="{span.role}">{escape(span.text)}</mark>'
        if span.role in ("actual", "expected")
        else escape(span.text)
        for span in line
    )


def _checkpoint(result: CheckpointResult) -> str:
    status: Status = "passed" if result.status == "reached" else "failed"
    symbol = f'<span aria-hidden="true">{SYMBOLS[status]}</span>'
    pieces = [
        '<section class="checkpoint">',
        f"<h3>Checkpoint</h3><p>{_text(result.title)}</p>",
        f'<p><span class="status {status}">{symbol} {outcome(result)}</span></p>',
        _criteria(result),
        curves_svg(result.curves),
        _quoted("What happened:", result.error or ""),
        _quoted("Your code printed:", result.output),
        "</section>",
    ]
    return "\n".join(filter(None, pieces))


def _criteria(result: CheckpointResult) -> str:
    rows = (
        f'<tr><th scope="row">{_text(measured.name)}</th>'
        f"<td>{figure(measured.value)}</td><td>{bounds(measured)}</td>"
        f"<td>{_reached(measured.reached)}</td></tr>"
        for measured in result.criteria
    )
    head = '<tr><th scope="col">measured</th><th scope="col">value</th><th scope="col">wanted</th><td></td></tr>'
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>" if result.criteria else ""


def _reached(reached: bool) -> str:
    return f'<span class="status {"passed" if reached else "failed"}">{"reached" if reached else "not reached"}</span>'


def _quoted(label: str, text: str) -> str:
    lines = inert(text).strip("\n").split("\n")[-_OUTPUT_LINES:]
    said = "\n".join(map(shortened, lines))
    return f"<p>{label}</p><pre><code>{escape(said)}</code></pre>" if said else ""
