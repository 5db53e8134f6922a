"""The research notebook: the learner's own notes beside what the diary knows, as a page in a real browser."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import html5lib
import pytest
from command import Finished, command, copy_of_the_course

from graders.engine.course import Course
from graders.engine.results import (
    CheckpointResult,
    CheckResult,
    ExerciseResult,
    Measured,
    SectionResult,
    Status,
)
from graders.learning import history, notes
from graders.learning.history import opened
from graders.learning.rendering import html
from graders.learning.research import markdown, page, points_over_time, research

NASTY = "<script>document.title='taken'</script><b>&"
SLIP = f"Adds {NASTY}"
NOTES = f"""# Mine

A sum: $\\sum_i x_i^2$, and

$$
\\frac{{a}}{{b}}
$$

{NASTY} [bad](javascript:alert(1)) [good](https://example.org) ![plot](plot.png) ![gone](../../secret.png)

| a | b |
| --- | --- |
| 1 | 2 |
"""
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415478da63f8cfc000000301010018dd8db00000000049454e44ae426082"
)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """A course in which something was done."""
    root = copy_of_the_course(tmp_path / "own")
    (root / "notes").mkdir()
    (root / "notes" / "small.md").write_text(NOTES)
    (root / "notes" / "plot.png").write_bytes(PNG)
    (tmp_path / "secret.png").write_bytes(PNG)
    monkeypatch.setenv("GRADE_PROGRESS", str(root / "diary"))
    story: list[tuple[str, float, str, Status, float]] = [
        ("small", 1.7e9, "halve", "failed", 0),
        ("small", 1.7e9 + 600, "halve", "passed", 1),
        ("layers", 1.7e9 + 9e5, "embed", "passed", 6),
        ("small", 1.7e9 + 9.1e5, "inverse", "passed", 2),
    ]
    for section, at, name, status, score in story:
        monkeypatch.setattr(history.time, "time", lambda at=at: at)
        checks = (CheckResult("c", "t", status, 0, 1, 1, 0, mistake=SLIP),) if status == "failed" else ()
        exercise = ExerciseResult(name, status, score, 6, 1, checks)
        result = SectionResult(section, "S", "x.py", score, 11, 1, (), (exercise,))
        with opened(Course(root)) as book:
            book.graded(result, Course(root), 0, 5, is_whole=True)
            if section == "layers":
                measured = (Measured(f"loss {NASTY}", 0.5, None, 1.0, True),)
                outcome = CheckpointResult("c", "t", "reached", measured, {"loss": (2.0, 1.0)}, 1)
                result = SectionResult(section, "S", "x.py", 6, 6, 1, (), (exercise,), outcome)
                book.trained(result, PNG)
    return Course(root)


@pytest.fixture
def text(own: Course) -> str:
    with opened(own) as book:
        return page(research(own, book, f"Notes of {NASTY}"))


# %% What stands there
def test_the_page_is_valid_and_nothing_of_it_is_a_strangers_markup(text: str) -> None:
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    tree = parser.parse(text)
    errors = [error for error in parser.errors if error[1] != "unknown-doctype"]
    assert errors == []
    assert len(list(tree.iter("script"))) == 1
    assert len(list(tree.iter("b"))) == 0
    assert text.count("&lt;script&gt;") >= 4  # title, heading, notes, mistake, criterion


def test_it_tells_what_was_done(text: str) -> None:
    assert "3 exercises solved in 2 sections" in text
    assert "1 mistake overcome" in text
    assert "Checkpoint: reached" in text
    assert "data:image/png;base64," in text
    assert "://" not in text.replace("https://example.org", "").replace("http://www.w3.org", "")


def test_notes_are_set(text: str) -> None:
    assert "<mfrac>" in text
    assert "<h3>Mine</h3>" in text
    assert '<a href="https://example.org">good</a>' in text
    assert "javascript:" not in text.replace("[bad](javascript:alert(1))", "")
    assert "<em>[gone]</em>" in text


def test_a_formula_that_is_none_stays_as_it_was_written(tmp_path: Path) -> None:
    assert "\\frac{" in html("$\\frac{$", tmp_path)


def test_points_over_time(own: Course) -> None:
    with opened(own) as book:
        assert [total for _, total in points_over_time(book.seen())] == [0, 1, 7, 9]


def test_for_a_readme(own: Course) -> None:
    with opened(own) as book:
        text = markdown(research(own, book, "x"))
    assert "| A small section | ![27 %](https://img.shields.io/badge/27%25-yellow) 3 of 11 | 2 of 2 |  |" in text
    assert "3 exercises solved" in text


def test_notes_begin_with_the_sections_questions_and_are_never_written_over(own: Course) -> None:
    assert [path.name for path in notes.write_missing(own, ["small", "layers"])] == ["layers.md"]
    assert (own.root / "notes" / "small.md").read_text() == NOTES
    template = (own.root / "notes" / "layers.md").read_text()
    assert "## Derive" in template
    assert notes.read(own, "layers") is None  # nobody has written anything yet
    assert notes.read(own, "small") == NOTES


# %% The command
def test_the_command_writes_the_page(own: Course) -> None:
    def run(*arguments: str) -> Finished:
        return command("report", *arguments, "--course", own.root, cwd=own.root, GRADE_PROGRESS=str(own.root / "diary"))

    done = run("--markdown", "README.md")
    assert done.returncode == 0
    assert done.stdout == (
        "wrote report.html\nwrote README.md\nnotes/layers.md is there for your notes: they will stand on the page.\n"
    )
    assert "What I have learnt" in (own.root / "report.html").read_text()
    assert run("--html", "site/index.html").stdout == "wrote site/index.html\n"
    assert "cannot be written" in run("--html", "report.html/index.html").stderr


# %% In a browser
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("Chromium and its driver are not installed")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for word in (
        *("headless=new", "no-sandbox", "disable-background-networking", "disable-component-update", "disable-sync"),
        *("disable-quic", "no-first-run"),
    ):
        options.add_argument(f"--{word}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture
def show(browser: Any, text: str, tmp_path: Path) -> Callable[[int], Any]:
    """Shows the page in a window of some width."""
    path = tmp_path / "page.html"
    path.write_text(text, "utf-8")

    def show(width: int) -> Any:
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        browser.get(path.as_uri())
        return browser

    return show


def test_the_page_opens_without_complaints_and_markup_stays_text(show: Callable[[int], Any]) -> None:
    shown = show(1000)
    assert [entry["message"] for entry in shown.get_log("browser")] == []
    assert shown.title == f"Notes of {NASTY}"
    assert NASTY.split("<b>")[0] in shown.find_element("css selector", ".notes").text


def test_the_table_sorts_both_ways(show: Callable[[int], Any]) -> None:
    shown = show(1000)

    def names() -> list[str]:
        return [each.text for each in shown.find_elements("css selector", ".sortable tbody th")]

    points = shown.find_elements("css selector", ".sortable button")[1]
    points.click()
    first = names()
    assert shown.find_elements("css selector", "th[aria-sort=ascending]")
    points.click()
    assert names() == first[::-1]
    assert len(set(first)) == 2


def test_sections_fold(show: Callable[[int], Any]) -> None:
    shown = show(1000)
    notes_of = shown.find_element("css selector", ".notes")
    assert notes_of.is_displayed()
    shown.find_element("css selector", "#small summary").click()
    assert not notes_of.is_displayed()


@pytest.mark.parametrize("width", [375, 1000])
def test_nothing_hangs_out_of_the_window(show: Callable[[int], Any], width: int) -> None:
    shown = show(width)
    assert shown.execute_script("return document.documentElement.scrollWidth") <= width
