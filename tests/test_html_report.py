"""The HTML page: valid, complete, readable by everybody, and nothing in it but what we wrote."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import html5lib
import msgspec
import pytest
from sample_grades import MIXED, UNBROADCAST, check, exercise, grade, section
from test_markdown_report import CHECKPOINT, EARLIER, HOSTILE, with_checkpoint

from graders.engine.results import Counterexample, Grade, LoadWarning
from graders.report.html import _STYLE, html

MAIN = """\
<body>
<header>
<h1>1 of 3 points</h1>
<progress value="1" max="3" aria-label="1 of 3 points">1 of 3 points</progress>
<div class="changes"><p>Since the last time: 1 point more, from 0 to 1.</p><dl><dt>newly passed</dt>\
<dd><a href="#s.log_back"><code>log_back</code></a></dd></dl></div>
</header>
<main>
<section class="next"><h2>Next: fix unbroadcast</h2><dl><dt>open</dt><dd><code>exercises/s.py:10</code></dd>\
<dt>hint</dt><dd><code>python grade.py hint s::unbroadcast</code></dd></dl></section>
<section id="s">
<h2>A section</h2>
<p class="about">1 of 3 points in <code>exercises/s.py</code></p>
<progress value="1" max="3" aria-label="1 of 3 points">1 of 3 points</progress>
<div class="warnings"><p>1 statement could not be loaded:</p><ul><li>line 3: <code>a &lt; b</code></li></ul></div>
<details class="passed" id="s.log_back">
<summary><h3>log_back</h3> <span class="status passed"><span aria-hidden="true">✓</span> passed</span> \
<span class="points">1/1</span></summary>
<p class="about"><code>exercises/s.py:10</code></p>
<article class="check passed">
<h4>Does what it should.</h4><p class="about">\
<span class="status passed"><span aria-hidden="true">✓</span> passed</span> \
<span class="points">1/1</span></p>
</article>
</details>
<details class="failed" id="s.unbroadcast" open>
<summary><h3>unbroadcast</h3> <span class="status failed"><span aria-hidden="true">✗</span> failed</span> \
<span class="points">0/2</span></summary>
<p class="about"><code>exercises/s.py:10</code></p>
<article class="check failed">
<h4>Sums over every axis that broadcasting added or stretched.</h4><p class="about">\
<span class="status failed"><span aria-hidden="true">✗</span> failed</span> <span class="points">0/2</span></p>
<p>The smallest call that shows it:</p>
<pre class="call"><code>unbroadcast(np.array([[1., 2., 3.], [4., 5., 6.]]), np.array([[1., 2., 3.]]))</code></pre>
<dl class="compared"><div><dt>came out</dt><dd><pre><code>array([<mark class="actual">5., 7., 9.</mark>])</code></pre>\
</dd></div><div><dt>expected</dt><dd><pre><code>array([<mark class="expected">[5., 7., 9.]</mark>])</code></pre></dd>\
</div><div><dt>difference</dt><dd>The shape is (3,) and should be (1, 3); the values agree.</dd></div></dl>
<p class="mistake"><strong>This looks like:</strong> Axes that broadcasting prepended are summed, and stretched \
axes of size one are lost.</p>
<p>Your code printed:</p><pre><code>before (2, 3)
after (3,)</code></pre>
</article>
</details>
</section>
</main>
<footer>Seed 0, 100 inputs a check.</footer>
</body>
"""
OURS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "section", "article", "footer", "div"),
    *("h1", "h2", "h3", "h4", "p", "ul", "li", "dl", "dt", "dd", "span", "strong", "mark", "code", "pre"),
    *("progress", "details", "summary", "table", "thead", "tbody", "tr", "th", "td"),
    *("figure", "figcaption", "svg", "g", "text", "polyline"),
}
SMALL = grade(
    section(
        "s", exercise("log_back", check()), exercise("unbroadcast", UNBROADCAST), warnings=(LoadWarning(3, "a < b"),)
    )
)
EVERYTHING = with_checkpoint(
    msgspec.structs.replace(MIXED, sections=(*MIXED.sections, section("t", exercise("f", check()))))
)


def parsed(result: Grade, since: Grade | None = None) -> ET.Element:
    """The page, read by a parser of the HTML standard that stops at the first error."""
    page = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html(result, since))
    for item in page.iter():
        item.tag = str(item.tag).rpartition("}")[2]  # SVG has a name space of its own
    return page


def test_a_whole_page() -> None:
    earlier = grade(section("s", exercise("log_back", check("failed"))))
    text = html(SMALL, earlier)
    assert text[text.index("<body>") : text.index("</html>")] == MAIN
    assert text.startswith('<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n')
    assert "<title>Grade: 1 of 3 points</title>" in text


@pytest.mark.parametrize("result", [grade(), SMALL, EVERYTHING, grade(section("empty"))])
def test_it_is_valid_html(result: Grade) -> None:
    assert parsed(result, EARLIER).tag == "html"


def test_every_exercise_and_check_is_there() -> None:
    page = parsed(EVERYTHING)
    assert [item.get("id") for item in page.iter("details")] == [
        f"{part.name}.{item.name}" for part in EVERYTHING.sections for item in part.exercises
    ]
    titles = ["".join(item.itertext()) for item in page.iter("h4")]
    assert titles == [
        each.title for part in EVERYTHING.sections for item in part.exercises for each in item.checks
    ]  # fmt: skip


def test_exercises_to_repair_are_open() -> None:
    opened = [item.get("id") for item in parsed(MIXED).iter("details") if item.get("open") is not None]
    assert opened == ["backprop.unbroadcast", "backprop.multiply_back0", "backprop.sort"]


def test_every_link_leads_to_a_place_on_the_page() -> None:
    page = parsed(EVERYTHING, EARLIER)
    places = [item.get("id") for item in page.iter() if item.get("id")]
    assert len(places) == len(set(places))
    links = [item.get("href", "") for item in page.iter("a")]
    assert links[:2] == ["#backprop", "#t"]
    assert {link.removeprefix("#") for link in links} <= set(places)


def test_nothing_is_loaded_and_nothing_runs() -> None:
    page = parsed(EVERYTHING, EARLIER)
    tags = {item.tag for item in page.iter()}
    assert tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "base", "form"})
    policy = next(item for item in page.iter("meta") if item.get("http-equiv") == "Content-Security-Policy")
    assert policy.get("content") == "default-src 'none'; style-src 'unsafe-inline'"
    assert not re.search(r"url\(|@import|https?:", html(EVERYTHING, EARLIER))


# %% Accessible


def test_headings_go_one_level_down_at_a_time() -> None:
    levels = [int(item.tag[1]) for item in parsed(EVERYTHING).iter() if re.fullmatch("h[1-6]", item.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


def test_what_colours_say_is_said_in_words_too() -> None:
    page = parsed(EVERYTHING)
    for item in page.iter("span"):
        classes = (item.get("class") or "").split()
        if classes[:1] == ["status"]:
            assert re.search(r"passed|failed|raised|timed out|blocked|missing|attempted|reached|Reached", text_of(item))
    assert [item.get("aria-label") for item in page.iter("svg") if item.get("role") == "img"] == [
        "loss from 2.5 to 0.5 in 3 steps"
    ]
    assert all(item.get("aria-label") for item in page.iter("progress"))


def text_of(item: ET.Element) -> str:
    return "".join(item.itertext())


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_its_ground(scheme: int) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1."""
    block = re.findall(r":root \{(.*?)\}", _STYLE.read_text("utf-8"), re.DOTALL)[scheme]
    colours = dict(re.findall(r"--(\w+): #(\w{6})", block))
    texts = [(ink, ground) for ink in ("ink", "quiet", "link") for ground in ("page", "card", "code")]
    texts += [(ink, ground) for ink in ("passed", "failed", "waiting") for ground in ("page", "card")]
    texts += [("ink", "came"), ("ink", "wanted"), ("ink", "mistake")]
    assert {pair: contrast(*(colours[name] for name in pair)) for pair in texts if too_faint(colours, *pair)} == {}


def too_faint(colours: dict[str, str], ink: str, ground: str) -> bool:
    return contrast(colours[ink], colours[ground]) < 4.5


def contrast(one: str, other: str) -> float:
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# %% Hostile


@pytest.mark.parametrize("text", [*HOSTILE, '" onclick="alert(1)', "' autofocus onfocus='alert(1)", "</title></style>"])
def test_nothing_of_a_learner_is_more_than_text(text: str) -> None:
    case = Counterexample(text, text + "!", text, text)
    broken = check("raised", text, case=case, mistake=text, error=text, output=text)
    many = [exercise("f", broken), exercise("g", check("blocked", error=text)), exercise("h", check("crashed"))]
    result = grade(section("s", *many, title=text, file=text, warnings=(LoadWarning(3, text), LoadWarning(None, text))))
    checkpoint = msgspec.structs.replace(CHECKPOINT, title=text, error=text, output=text, curves={text: (1.0, 2.0)})
    page = parsed(with_checkpoint(result, checkpoint), result)
    assert {item.tag for item in page.iter()} <= OURS
    attributes = {name for item in page.iter() for name in item.attrib}
    assert attributes.isdisjoint({"style", "src", "href"})
    assert not [name for name in attributes if name.startswith("on") or name == "autofocus"]
