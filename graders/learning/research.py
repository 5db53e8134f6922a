"""The research notebook as one page: what a learner has understood, in their words, beside what the diary knows.

The page needs nothing from elsewhere. Its one script sorts the table; its policy forbids every other script, and every
connection. All text is escaped where it is written.
"""

import base64
import hashlib
import time
from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import NamedTuple

from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.learning import notes, rendering
from graders.learning.history import History, Seen, Trained
from graders.learning.standing import Standing, latest_of, overcome, standings
from graders.learning.standing_screen import duration
from graders.report.curves_svg import curves_svg
from graders.report.html import bar, document
from graders.report.words import count, number, one_line

_FOLDER = Path(__file__).parent
_STYLE, _SCRIPT = _FOLDER / "research.css", _FOLDER / "research.js"
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 240, 48, 34


class Research(NamedTuple):
    """What the page tells."""

    title: str
    standings: list[Standing]
    seen: list[Seen]
    trained: dict[str, Trained]  # by section, the newest
    titles: dict[str, str]
    texts: dict[str, str]  # notes by section
    folder: Path  # of the notes
    now: float


def research(course: Course, history: History, title: str) -> Research:
    """Collects it."""
    now = time.time()
    found = standings(history, course.sections, now)
    names = [each.section for each in found]
    written = {name: text for name in course.sections if (text := notes.read(course, name))}
    names += [name for name in written if name not in names]
    trained = {each.section: each for each in history.checkpoints()}
    titles = {name: find(course, name).outline.title for name in names}
    return Research(title, found, history.seen(), trained, titles, written, course.root / notes.FOLDER, now)


def page(told: Research) -> str:
    """The page."""
    script = f"\n{_SCRIPT.read_text('utf-8')}"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = [_head(told), "<main>", _table(told), _over_time(told), _mistakes(told), *_sections(told), "</main>"]
    parts.append(f"<footer>Written on {_date(told.now)} by this course's own record of what was graded.</footer>")
    parts.append(f"<script>{script}</script>")
    return document(
        escape(told.title),
        "\n".join(filter(None, parts)),
        more_style=_STYLE.read_text("utf-8"),
        allowed=f"; img-src data:; script-src 'sha256-{digest}'",
    )


def _sections(told: Research) -> list[str]:
    """A part of the page for each section that was begun, or that has notes."""
    order = [*dict.fromkeys([*(each.section for each in told.standings), *told.texts])]
    return [_section(told, name) for name in order]


def _head(told: Research) -> str:
    score = sum(each.score for each in told.standings)
    points = sum(each.points for each in told.standings)
    solved = sum(each.solved for each in told.standings)
    worked = duration(sum(each.seconds for each in told.standings))
    said = f"{count(solved, 'exercise')} solved in {count(len(told.standings), 'section')}, {worked} of work"
    return (
        f"<header>\n<h1>{escape(told.title)}</h1>\n<p>{said}; {number(score)} of {number(points)} points.</p>\n"
        + (bar(score, points) if points else "")
        + "</header>"
    )


def _table(told: Research) -> str:
    if not told.standings:
        return "<p>No exercise is begun yet.</p>"
    heads = [("Section", "text"), ("Points", "number"), ("Solved", "number"), ("Time", "number"), ("Last", "number")]
    head = "".join(
        f'<th scope="col" aria-sort="none"><button type="button" data-kind="{kind}">{name}</button></th>'
        for name, kind in heads
    )
    rows = "".join(_row(told, each) for each in told.standings)
    return (
        '<section aria-labelledby="sections"><h2 id="sections">Sections</h2>\n<div class="wide">'
        f'<table class="sortable"><thead><tr>{head}<th scope="col">Checkpoint</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _row(told: Research, each: Standing) -> str:
    name = escape(told.titles[each.section])
    share = each.score / each.points if each.points else 0.0
    reached = {None: "", "reached": "reached"}.get(each.checkpoint, "tried")
    cells = [
        (f"{share:.6f}", f"{number(each.score)} of {number(each.points)}"),
        (str(each.solved), f"{each.solved} of {each.exercises}"),
        (f"{each.seconds:.0f}", duration(each.seconds)),
        (f"{each.last:.0f}", _date(each.last)),
    ]
    columns = "".join(f'<td data-value="{value}">{shown}</td>' for value, shown in cells)
    link = f'<th scope="row"><a href="#{escape(each.section)}">{name}</a></th>'
    return f"<tr>{link}{columns}<td>{reached}</td></tr>"


def _over_time(told: Research) -> str:
    """The points of all sections, as they were after each grading."""
    points = points_over_time(told.seen)
    if len(points) < 2:
        return ""
    return f'<section aria-labelledby="time"><h2 id="time">Over time</h2>\n{_steps(points)}</section>'


def points_over_time(seen: Sequence[Seen]) -> list[tuple[float, float]]:
    """The moments at which the score changed, and the score from then on."""
    scores: dict[tuple[str, str], float] = {}
    found: list[tuple[float, float]] = []
    for each in seen:
        scores[each.section, each.exercise] = each.score
        total = sum(scores.values())
        if found and found[-1][0] == each.at:
            found[-1] = (each.at, total)
        elif not found or found[-1][1] != total:
            found.append((each.at, total))
    return found


def _steps(points: Sequence[tuple[float, float]]) -> str:
    (first, _), (last, score) = points[0], points[-1]
    top = max(total for _, total in points) or 1.0
    span = (last - first) or 1.0

    def place(at: float, total: float) -> tuple[float, float]:
        x = _LEFT + (_WIDTH - _LEFT - 12) * (at - first) / span
        return x, _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - 20) * total / top

    drawn, before = [], 0.0
    for at, total in points:
        drawn += [place(at, before), place(at, total)]
        before = total
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
    bottom, middle = _HEIGHT - _BOTTOM, (_HEIGHT - _BOTTOM) // 2
    said = f"points from {_date(first)} to {_date(last)}: {number(score)} at the end"
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{said}">'
        f'<g class="curve curve0"><polyline points="{line}"/></g>'
        f'<line class="axis" x1="{_LEFT}" y1="{bottom}" x2="{_WIDTH - 12}" y2="{bottom}"/>'
        f'<text x="{_LEFT - 6}" y="24" text-anchor="end">{number(top)}</text>'
        f'<text x="{_LEFT - 6}" y="{bottom}" text-anchor="end">0</text>'
        f'<text x="12" y="{middle}" transform="rotate(-90 12 {middle})" text-anchor="middle">points</text>'
        f'<text x="{_LEFT}" y="{_HEIGHT - 10}">{_date(first)}</text>'
        f'<text x="{_WIDTH - 12}" y="{_HEIGHT - 10}" text-anchor="end">{_date(last)}</text>'
        "</svg></figure>"
    )


def _mistakes(told: Research) -> str:
    found = overcome(told.seen)
    if not found:
        return ""
    rows = "".join(
        f"<li><strong>{escape(each.exercise)}</strong>: {escape(one_line(each.mistakes[0]))} "
        f'<span class="about">({_date(each.at)}; right since {_date(passed)})</span></li>'
        for each, passed in found
    )
    return (
        f'<section aria-labelledby="mistakes"><details><summary><h2 id="mistakes">{count(len(found), "mistake")} '
        f'overcome</h2></summary>\n<ul class="plain">{rows}</ul></details></section>'
    )


def _section(told: Research, name: str) -> str:
    standing = next((each for each in told.standings if each.section == name), None)
    about = (
        f'<p class="about">{number(standing.score)} of {number(standing.points)} points, {duration(standing.seconds)} '
        f"of work, last on {_date(standing.last)}.</p>{bar(standing.score, standing.points)}"
        if standing
        else ""
    )
    text = told.texts.get(name)
    written = f'<div class="notes">{rendering.html(text, told.folder)}</div>' if text else ""
    parts = [about, written, _checkpoint(told.trained.get(name)), _learnt(told, name)]
    return (
        f'<section id="{escape(name)}" aria-labelledby="{escape(name)}-title"><details open><summary>'
        f'<h2 id="{escape(name)}-title">{escape(told.titles[name])}</h2></summary>\n'
        + "\n".join(filter(None, parts))
        + "</details></section>"
    )


def _checkpoint(trained: Trained | None) -> str:
    if trained is None:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{escape(one_line(each))}</th><td>{"no number" if value is None else f"{value:.4g}"}</td>'
        f"<td>{'reached' if reached else 'not reached'}</td></tr>"
        for each, value, reached in trained.criteria
    )
    table = f"<table><tbody>{rows}</tbody></table>" if rows else ""
    if trained.picture:
        data = base64.b64encode(trained.picture).decode()
        words = "What the checkpoint shows: its curves, and its picture"
        drawn = f'<figure><img alt="{words}" src="data:image/png;base64,{data}"></figure>'
    else:
        drawn = curves_svg(trained.curves)
    outcome = "reached" if trained.status == "reached" else "not reached yet"
    return f'<div class="checkpoint"><h3>Checkpoint: {outcome} ({_date(trained.at)})</h3>{table}{drawn}</div>'


def _learnt(told: Research, name: str) -> str:
    """What was solved when."""
    own = [each for each in told.seen if each.section == name]
    done = {key[1] for key, each in latest_of(own).items() if each.status == "passed"}
    first: dict[str, float] = {}
    for each in own:
        if each.status == "passed" and each.exercise in done:
            first.setdefault(each.exercise, each.at)
    if not first:
        return ""
    days: dict[str, list[str]] = {}
    for exercise, at in first.items():
        days.setdefault(_date(at), []).append(exercise)
    rows = "".join(
        f"<dt>{day}</dt><dd>{', '.join(f'<code>{escape(each)}</code>' for each in names)}</dd>"
        for day, names in days.items()
    )
    return f"<details><summary>{count(len(first), 'exercise')} solved</summary><dl>{rows}</dl></details>"


def _date(at: float) -> str:
    then = datetime.fromtimestamp(at)
    return f"{then.day} {then:%B %Y}"


def markdown(told: Research) -> str:
    """A table of badges and a summary, for a README."""
    lines = ["| section | points | solved | checkpoint |", "| --- | --- | --- | --- |"]
    for each in told.standings:
        share = round(100 * each.score / each.points) if each.points else 0
        colour = "brightgreen" if share == 100 else "yellow" if share else "lightgrey"
        badge = f"![{share} %](https://img.shields.io/badge/{share}%25-{colour})"
        title = one_line(told.titles[each.section]).replace("|", "\\|")
        reached = "reached" if each.checkpoint == "reached" else ""
        lines.append(f"| {title} | {badge} {number(each.score)} of {number(each.points)} | "
                     f"{each.solved} of {each.exercises} | {reached} |")  # fmt: skip
    worked = duration(sum(each.seconds for each in told.standings))
    solved = count(sum(each.solved for each in told.standings), "exercise")
    return "\n".join([f"{solved} solved, {worked} of work.", "", *lines, ""])
