"""What a gradebook is written as: no cell is a formula, no text is markup, and JSON is what a single run writes."""

import csv
import html.parser
import io
import json

import msgspec
import pytest
from rich.console import Console
from sample_grades import MIXED, check, exercise, section

from graders.cohort.export import as_csv, as_json
from graders.cohort.page import Summary, page
from graders.cohort.progress import Progress, duration
from graders.cohort.standing import Standing
from graders.engine.results import Counterexample, LoadWarning, SectionResult

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><!--&lt;</style></details>\u202e\x00\x1b[31m"


def standing(name: str, *sections: SectionResult, status: str = "graded", reason: str | None = None) -> Standing:
    records = tuple(msgspec.Raw(msgspec.json.encode(each)) for each in sections)
    score, points = sum(each.score for each in sections), sum(each.points for each in sections)
    return Standing(name, score, points, status, reason, records)  # type: ignore[arg-type]


def rows(*standings: Standing) -> list[list[str]]:
    return list(csv.reader(io.StringIO("".join(as_csv(standings, ["backprop", "-odd"])))))


def html_of(*standings: Standing) -> str:
    return "".join(page(Summary.of(standings), standings))


# %% CSV


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", " =", "\n+", "＝"])
def test_no_cell_is_a_formula(start):
    for row in rows(standing(f"{start}cmd|' /C calc'!A0", status="unreadable", reason=f"{start}1+1")):
        assert not any(cell.lstrip().startswith(tuple("=+-@＝＋－＠")) for cell in row)


def test_csv_holds_a_line_a_submission_whatever_is_in_it():
    evil = 'a","b\n"=c,;'
    assert rows(standing(evil, *MIXED.sections), standing("ada", reason=None)) == [
        ["name", "status", "score", "points", "backprop", "'-odd", "reason"],
        [evil, "graded", "3.5", "10.5", "3.5", "", ""],
        ["ada", "graded", "0", "0", "", "", ""],
    ]


# %% JSON


def test_json_is_the_sections_of_a_single_run():
    found = json.loads("".join(as_json([standing("ada", *MIXED.sections), standing(EVIL)], 3, 50)))
    assert (found["schema"], found["seed"], found["examples"]) == (1, 3, 50)
    ada, evil = found["submissions"]
    assert list(ada) == ["name", "score", "points", "status", "reason", "sections"]
    assert ada["sections"] == json.loads(msgspec.json.encode(MIXED.sections))
    assert evil["name"] == EVIL


def test_no_submissions_are_json_too():
    assert json.loads("".join(as_json([], 0, 1)))["submissions"] == []


# %% The page


class Tags(html.parser.HTMLParser):
    """Collects the tags of a page, and checks that they are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def evil_section() -> SectionResult:
    case = Counterexample(EVIL, EVIL, EVIL, EVIL)
    failing = check("failed", EVIL, name=EVIL, case=case, mistake=EVIL, error=EVIL, output=EVIL)
    return section(EVIL, exercise(EVIL, failing), exercise("e", check("raised", error=EVIL)), title=EVIL, file=EVIL,
                   warnings=(LoadWarning(1, EVIL),))  # fmt: skip


def test_nothing_of_a_stranger_is_markup():
    text = html_of(standing(EVIL, evil_section(), status="partly_graded", reason=EVIL))
    found = Tags(text)
    assert found.tags.isdisjoint({"script", "img"})
    assert found.attributes <= {"lang", "charset", "name", "content", "http-equiv", "class", "style"}
    assert not set(text) & set("\u202e\x00\x1b")
    assert text.count("&lt;script&gt;") > 10


def test_the_page_needs_nothing_else_and_fits_a_phone():
    text = html_of(standing("ada", *MIXED.sections))
    assert "default-src 'none'" in text
    assert "width=device-width" in text
    assert "prefers-color-scheme: dark" in text
    assert not {"src=", "href=", "url(", "@import", "http://", "https://"} & {
        word for word in ("src=", "href=", "url(", "@import", "http://", "https://") if word in text
    }


def test_a_note_about_a_name_is_no_fault():
    assert '<p class="soft">there is also Ada</p>' in html_of(
        standing("ada", *MIXED.sections, reason="there is also Ada")
    )
    faulty = standing("ada", *MIXED.sections, status="partly_graded", reason="a file is missing")
    assert '<p class="wrong">a file is missing</p>' in html_of(faulty)


def test_the_page_counts_what_holds_people_up():
    others = [standing(f"learner {number}", *MIXED.sections) for number in range(4)]
    right = section("backprop", exercise("unbroadcast", check()))
    text = html_of(*others, standing("right", right), standing("lost", status="unreadable", reason="it is a <link>"))
    Tags(text)
    assert "<h1>6 submissions</h1>" in text
    assert "5 graded, 1 unreadable. The median score is 33.33 %." in text
    assert "<td>backprop::unbroadcast</td>" in text
    assert '<td class="n">4 of 5</td><td class="n">4</td><td class="n">0</td>' in text  # unbroadcast
    assert '<td class="n">4 of 4</td><td class="n">0</td><td class="n">4</td>' in text  # Parameter, not begun
    assert 'lost. <span class="soft">backprop::unbroadcast</span></td><td class="n">4</td>' in text
    assert '<p class="wrong">it is a &lt;link&gt;</p>' in text


def test_a_page_about_nobody_or_about_right_answers():
    Tags(html_of())
    text = html_of(standing("ada", section("backprop", exercise("unbroadcast", check()))))
    assert "Nothing: every exercise that was graded is right." in text
    assert "The most common mistakes" not in text


def test_a_learner_with_many_failures_is_not_shown_whole():
    failing = [exercise(f"e{number}", check("raised", error="x\n" * 1000)) for number in range(40)]
    text = html_of(standing("ada", section("s", *failing)))
    assert "28 more checks in the JSON result" in text
    assert "and 10 more" in text
    assert len(text) < 20_000


# %% Progress


def test_a_log_gets_a_line_now_and_then():
    times, out = iter([0.0, 10.0, 40.0, 50.0, 100.0]), io.StringIO()
    with Progress(Console(file=out), 200, lambda: next(times)) as progress:
        for done in (10, 40, 50, 100):
            progress.advance(done)
    assert out.getvalue().splitlines() == [
        "40 of 200 graded, 1.0 a second, 3 min left",
        "100 of 200 graded, 1.0 a second, 2 min left",
    ]


def test_what_was_known_does_not_count_for_the_rate():
    times, out = iter([0.0, 10.0, 40.0]), io.StringIO()
    with Progress(Console(file=out), 310, lambda: next(times)) as progress:
        progress.advance(300, 300)
        progress.advance(304, 300)
    assert out.getvalue().splitlines() == ["304 of 310 graded, 6.0 a minute, 60 s left"]


def test_a_terminal_gets_a_bar_that_goes_away():
    times, out = iter([0.0, 10.0, 20.0]), io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, color_system=None)
    with Progress(console, 4, lambda: next(times)) as progress:
        progress.advance(1)
        progress.advance(2)
    assert "[######..................] 1 of 4 graded, 6.0 a minute, 30 s left" in out.getvalue()
    assert out.getvalue().endswith("\r\x1b[2K")


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "0 s"), (89, "89 s"), (200, "3 min"), (7600, "2 h 7 min")])
def test_durations(seconds, words):
    assert duration(seconds) == words
