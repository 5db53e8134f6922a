"""A cohort as one HTML page: how far it is, what holds it up, and each learner's own part.

The page needs nothing but itself: no script, no picture, no font. Everything that a stranger brought in is escaped, and
the page forbids browsers to load or run anything at all.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from statistics import median
from typing import Self

from graders.cohort.standing import STATUS_WORDS, Standing, SubmissionStatus
from graders.engine.results import CheckResult, ExerciseResult, SectionResult, Status
from graders.report.blocks import TOGETHER_WITH, place_in_words
from graders.report.load_warnings import warned
from graders.report.words import TO_FIX, WORDS, count, inert, muted_markup, number, shortened

_MOST_ROWS = 30  # of exercises, and of mistakes
_MOST_CHECKS = 12  # of one learner that are shown whole
_MOST_LINES = 12  # of one value, call or trace
_BINS = ("0 – 9 %", *(f"{low} – {low + 9} %" for low in range(10, 100, 10)), "100 %")
_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5a6675; --page: #fdfdfb; --line: #d9dde2; --bar: #3a6ea5;
  --wrong: #a33327; --box: #f2f3f0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --soft: #9aa5b1; --page: #16191d; --line: #363c44;
  --bar: #6f9fd0; --wrong: #ef8a7d; --box: #1f242a; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); margin: 0 auto; padding: 1rem;
  max-width: 54rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; } h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
p, li { max-width: 44rem; } .soft { color: var(--soft); } .wrong { color: var(--wrong); }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .2rem .5rem .2rem 0;
  vertical-align: top; border-bottom: 1px solid var(--line); } th { font-weight: 600; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.chart { width: 55%; }
.bar { display: block; background: var(--bar); height: .9rem; min-width: 1px; margin-top: .3rem; }
details { border-top: 1px solid var(--line); padding: .3rem 0; } summary { cursor: pointer; }
summary .points { float: right; font-variant-numeric: tabular-nums; }
pre { background: var(--box); padding: .5rem; margin: .2rem 0; white-space: pre-wrap; font-size: .85rem; }
@media (max-width: 34rem) { td.chart { width: 40%; } .wide { display: none; } }
"""


@dataclass
class Summary:
    """What is counted over all submissions."""

    statuses: Counter[SubmissionStatus] = field(default_factory=Counter)
    percents: list[float] = field(default_factory=list)  # of those of which something was graded
    exercises: dict[tuple[str, str], Counter[Status]] = field(default_factory=dict)
    mistakes: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # section, exercise, words: learners

    @classmethod
    def of(cls, standings: Iterable[Standing]) -> Self:
        """The summary of these submissions, looked at one after the other."""
        summary = cls()
        for standing in standings:
            summary._add(standing)
        return summary

    def _add(self, standing: Standing) -> None:
        self.statuses[standing.status] += 1
        if standing.status not in ("graded", "partly_graded"):
            return
        self.percents.append(100 * standing.score / standing.points if standing.points else 0.0)
        for section in standing.results:
            for exercise in section.exercises:
                self.exercises.setdefault((section.name, exercise.name), Counter())[exercise.status] += 1
                named = {mistake for check in exercise.checks for mistake in check.mistakes}
                self.mistakes.update((section.name, exercise.name, mistake) for mistake in named)


def page(summary: Summary, standings: Iterable[Standing]) -> Iterator[str]:
    """The page in pieces, one for each learner, so that it never is in memory as a whole."""
    yield from map(muted_markup, _pieces(summary, standings))


def _pieces(summary: Summary, standings: Iterable[Standing]) -> Iterator[str]:
    yield (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>Cohort</title><style>{_STYLE}</style></head><body>\n"
    )
    yield from _head(summary)
    yield from _distribution(summary)
    yield from _held_up(summary)
    yield from _mistakes(summary)
    yield "<h2>Learners</h2>\n"
    for standing in standings:
        yield from _learner(standing)
    yield "</body></html>\n"


def _head(summary: Summary) -> Iterator[str]:
    total = sum(summary.statuses.values())
    words = ", ".join(
        f"{summary.statuses[status]} {words}" for status, words in STATUS_WORDS.items() if summary.statuses[status]
    )
    yield f"<h1>{count(total, 'submission')}</h1>\n<p>{words}."
    if summary.percents:
        yield f" The median score is {number(median(summary.percents))} %."
    yield ' <span class="soft">Plagiarism was not looked for.</span></p>\n'


def _distribution(summary: Summary) -> Iterator[str]:
    bins = Counter(min(int(percent // 10), 10) for percent in summary.percents)
    most = max(bins.values(), default=1)
    yield "<h2>Scores</h2>\n<table>"
    for place, label in enumerate(_BINS):
        yield f'<tr><td class="n">{label}</td>{_bar(bins[place], most)}<td class="n">{bins[place]}</td></tr>\n'
    yield "</table>\n"


def _bar(amount: int, most: int, kind: str = "chart") -> str:
    bar = f'<span class="bar" style="width:{100 * amount / most:.1f}%"></span>' if amount else ""
    return f'<td class="{kind}">{bar}</td>'


def _held_up(summary: Summary) -> Iterator[str]:
    rows = [(counts.total() - counts["passed"], names, counts) for names, counts in summary.exercises.items()]
    rows = sorted((row for row in rows if row[0]), key=lambda row: -row[0])
    yield "<h2>What holds people up</h2>\n"
    if not rows:
        yield "<p>Nothing: every exercise that was graded is right.</p>\n"
        return
    yield '<table><tr><th>exercise</th><th class="wide"></th><th class="n">not right</th><th class="n">wrong</th>'
    yield '<th class="n">not begun</th></tr>\n'
    for open_, (section, exercise), counts in rows[:_MOST_ROWS]:
        wrong = sum(counts[status] for status in TO_FIX)
        begun = counts["not_attempted"] + counts["missing"]
        name = _text(f"{section}::{exercise}")
        yield f"<tr><td>{name}</td>{_bar(open_, counts.total(), 'chart wide')}"
        yield f'<td class="n">{open_} of {counts.total()}</td>'
        yield f'<td class="n">{wrong}</td><td class="n">{begun}</td></tr>\n'
    yield "</table>\n" + _more(len(rows))


def _mistakes(summary: Summary) -> Iterator[str]:
    if not summary.mistakes:
        return
    yield '<h2>The most common mistakes</h2>\n<table><tr><th>it looks like</th><th class="n">learners</th></tr>\n'
    ranked = sorted(summary.mistakes.items(), key=lambda item: -item[1])
    for (section, exercise, words), learners in ranked[:_MOST_ROWS]:
        where = _text(f"{section}::{exercise}")
        yield f'<tr><td>{_text(words)} <span class="soft">{where}</span></td><td class="n">{learners}</td></tr>\n'
    yield "</table>\n" + _more(len(ranked))


def _more(rows: int) -> str:
    return f'<p class="soft">and {rows - _MOST_ROWS} more</p>\n' if rows > _MOST_ROWS else ""


def _learner(standing: Standing) -> Iterator[str]:
    points = f"{number(standing.score)} of {number(standing.points)}" if standing.sections else "–"
    state = "" if standing.status == "graded" else f' <span class="wrong">{STATUS_WORDS[standing.status]}</span>'
    yield f'<details><summary><bdi>{_text(standing.name)}</bdi>{state} <span class="points">{points}</span></summary>\n'
    if standing.reason:
        kind = "soft" if standing.status == "graded" else "wrong"
        yield f'<p class="{kind}">{_text(standing.reason)}</p>\n'
    room = _MOST_CHECKS
    for section in standing.results:
        pieces, room = _section(section, room)
        yield pieces
    yield "</details>\n"


def _section(section: SectionResult, room: int) -> tuple[str, int]:
    """A learner's part about one section, with the checks that there is `room` for; and the room that is left."""
    pieces = [f"<h3>{_text(section.title)}: {number(section.score)} of {number(section.points)}</h3>\n"]
    notes, _, lost = warned(section, _MOST_CHECKS)
    pieces += [f'<p class="soft">{_text(said)}</p>\n' for said in (*notes, *(each.line for each in lost))]
    by_status: dict[Status, list[str]] = {}
    for exercise in section.exercises:
        by_status.setdefault(exercise.status, []).append(exercise.name)
    for status, names in by_status.items():
        pieces.append(f"<p>{WORDS[status]}: {_text(', '.join(names))}</p>\n")
    failing = [(exercise, check) for exercise in section.exercises for check in exercise.checks if _is_told(check)]
    pieces += [_check(exercise, check) for exercise, check in failing[:room]]
    if len(failing) > room:
        pieces.append(f'<p class="soft">{count(len(failing) - room, "more check")} in the JSON result</p>\n')
    return "".join(pieces), max(0, room - len(failing))


def _is_told(check: CheckResult) -> bool:
    return check.status in TO_FIX


def _check(exercise: ExerciseResult, check: CheckResult) -> str:
    pieces = [f"<p><b>{_text(exercise.name)}</b> {WORDS[check.status]}: {_text(check.title)}"]
    if check.mistakes:
        pieces.append(f" <i>It looks like: {_text(f' {TOGETHER_WITH} '.join(check.mistakes))}</i>")
    if check.place:
        pieces.append(f" {_text(place_in_words(check.place))}: <code>{_text(check.place.text)}</code>")
    pieces.append("</p>\n")
    if case := check.counterexample:
        pieces.append(
            f"<pre>{_block(case.call)}\ncame out: {_block(case.actual)}\nexpected: {_block(case.expected)}</pre>\n"
        )
        pieces.append(f"<p>{_text(shortened(case.difference))}</p>\n")
    elif check.error:
        pieces.append(f"<pre>{_block(check.error)}</pre>\n")
    return "".join(pieces)


def _block(text: str) -> str:
    lines = inert(text).splitlines()
    shown = [shortened(line) for line in lines[:_MOST_LINES]]
    return escape("\n".join([*shown, "…"] if len(lines) > _MOST_LINES else shown))


def _text(text: str) -> str:
    return escape(inert(text))
