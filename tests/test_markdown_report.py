"""The Markdown summary: word for word, safe whatever a learner writes, and never larger than GitHub takes."""

import re
import xml.etree.ElementTree as ET

import html5lib
import msgspec
import pytest
from markdown_it import MarkdownIt
from sample_grades import MIXED, check, exercise, grade, section

from graders.engine.results import CheckpointResult, Counterexample, Grade, LoadWarning, Measured
from graders.report.markdown import LIMIT, markdown

EARLIER = grade(
    section("backprop", exercise("log_back", check("failed"), check()), exercise("sort", check()), exercise("old")),
    section("gone", exercise("f", check())),
)
WHOLE = """\
## Grade: 3.5 of 10.5 points

Since the last time: the same score, 2.

- newly passed: `log_back`
- passed before, and no longer: `sort` (1 check)

### Backpropagation from scratch: 3.5 of 10.5 points

`exercises/backprop.py`

| | exercise | points | checks | |
| --- | --- | ---: | ---: | --- |
| ✓ passed | `log_back` | 2/2 | 2/2 | |
| ✗ failed | `unbroadcast` | 1/3 | 1/2 | |
| ✗ raised | `multiply_back0` | 0/1 | 0/1 | |
| ✗ timed out | `sort` | 0/1 | 0/1 | |
| - blocked | `backprop` | 0.5/1.5 | 1/2 | fix sort first |
| · not attempted | `Parameter` | 0/1 | 0/1 | |
| ? missing | `Linear` | 0/1 | 0/1 | |

1 statement could not be loaded:

- line 12: `No module named 'sklearn'`

### unbroadcast: failed

`exercises/backprop.py:41`

**Not yet:** Sums over every axis that broadcasting added or stretched.

The smallest call that shows it:

```python
unbroadcast(np.array([[1., 2., 3.], [4., 5., 6.]]), np.array([[1., 2., 3.]]))
```

```text
came out    array([5., 7., 9.])
expected    array([[5., 7., 9.]])
difference  The shape is (3,) and should be (1, 3); the values agree.
```

**This looks like:** Axes that broadcasting prepended are summed, and stretched axes of size one are lost.

Your code printed:

```text
before (2, 3)
after (3,)
```

### multiply\\_back0: raised

`exercises/backprop.py:58`

**Not yet:** Returns a gradient of the shape of the first factor.

The smallest call that shows it:

```python
x = np.zeros((1, 3))
y = np.zeros((2, 3))
multiply_back0(y, y, x, y)
```

Your code raised:

```text
exercises/backprop.py:62, in multiply_back0
    return grad.sum(axis=2)
AxisError: axis 2 is out of bounds
```

```text
expected    array([[0., 0., 0.]])
```

### sort: timed out

`exercises/backprop.py:90`

**Not yet:** Finishes on graphs whose paths meet.

No answer in 5 s.

### Next: fix unbroadcast

- open: `exercises/backprop.py:41`
- hint: `python grade.py hint backprop::unbroadcast`
"""
CHECKPOINT = CheckpointResult(
    name="digits",
    title="Your network learns to tell digits apart.",
    status="not_reached",
    criteria=(Measured("accuracy", 0.875, 0.9, None, False), Measured("loss", None, None, 0.5, False)),
    curves={"loss": (2.5, None, 0.5)},
    seconds=12.34,
    error="no answer",
)


def rendered(text: str) -> ET.Element:
    """The document as GitHub's kind of Markdown shows it; the parser is the one that rich brings."""
    shown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)
    return html5lib.parse(shown, namespaceHTMLElements=False)


def with_checkpoint(result: Grade, checkpoint: CheckpointResult = CHECKPOINT) -> Grade:
    first = msgspec.structs.replace(result.sections[0], checkpoint=checkpoint)
    return msgspec.structs.replace(result, sections=(first, *result.sections[1:]))


def test_a_whole_summary() -> None:
    assert markdown(MIXED, EARLIER) == WHOLE


def test_full_marks_end_with_what_to_do_next() -> None:
    text = markdown(grade(section("s", exercise("f", check()), exercise("g", check()))))
    assert text.startswith("## Grade: 2 of 2 points\n\n### A section: 2 of 2 points\n")
    assert text.endswith("### Next: see what else there is to learn\n\n- run: `python grade.py`\n")


def test_nothing_graded() -> None:
    assert "Nothing was graded." in markdown(grade())


def test_a_checkpoint() -> None:
    assert """**Checkpoint:** Your network learns to tell digits apart.

Not reached in 12.3 s.

| | measured | value | wanted |
| --- | --- | ---: | --- |
| ✗ | accuracy | 0.875 | at least 0.9 |
| ✗ | loss | not a number | at most 0.5 |

```text
no answer
```
""" in markdown(with_checkpoint(MIXED))


def test_it_is_read_as_it_is_meant() -> None:
    page = rendered(markdown(MIXED, EARLIER))
    assert [len(row) for row in page.iter("tr")] == [5] * 8
    assert ["".join(code.itertext()) for code in page.iter("code")].count("exercises/backprop.py:41") == 2
    assert len(list(page.iter("pre"))) == 6


HOSTILE = [
    "</code></pre><script>alert(1)</script>",
    "```\n# heading\n[link](http://example.org) ![image](http://example.org/x.png)\n```",
    "``````\n<img src=x onerror=alert(1)>\n~~~",
    "`` ` ```` | pipe | <b>bold</b>",
    "a | b \\| c",
    "<!-- comment",
    "[link](http://example.org) ![image](x.png) **bold** ~~gone~~ <http://example.org>",
    "`",
    "\\`",
    "    indented\n\n- list\n\n---\n\n1. one\n\n> quote\n\n| a |\n| - |\n| b |",
    "<details><summary>hidden</summary>",
    "https://example.org www.example.org mail@example.org",
    "&lt;script&gt; &#60;",
    "\x1b[31m\u202e\ud800\x00",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_learner_is_more_than_text(text: str) -> None:
    """The elements are those of harmless text of as many lines: no link, no heading, no HTML, no table gets in."""
    assert elements(text) == elements("\n".join("x" * bool(line) for line in text.replace("\x1b[31m", "").split("\n")))


def elements(text: str) -> set[str]:
    case = Counterexample(text, text + "!", text, text)
    broken = check("raised", text, case=case, mistake=text, error=text, output=text)
    result = grade(
        section(
            "s",
            exercise("f", broken),
            exercise("g", check("crashed", error=text)),
            exercise("h", check("blocked", error=text)),
            title=text,
            file=text,
            warnings=(LoadWarning(3, text), LoadWarning(None, text)),
        )
    )
    checkpoint = msgspec.structs.replace(CHECKPOINT, title=text, error=text)
    page = rendered(markdown(with_checkpoint(result, checkpoint), result))
    return {element.tag for element in page.iter()}


def test_it_is_never_larger_than_github_takes() -> None:
    case = Counterexample("f(" + "9, " * 100_000 + ")", "0", "1", "é" * 100_000)
    many = [exercise(f"f{number}", check("failed", case=case, output="x" * 10_000)) for number in range(40)]
    text = markdown(grade(section("s", *many)))
    assert len(text.encode()) <= LIMIT < 2**20
    assert text.endswith("- hint: `python grade.py hint s::f0`\n")
    (left,) = re.findall(r"\n(\d+) more checks fail, not explained here\.\n", text)
    assert 30 < int(left) < 40


def test_checks_that_fail_alike_are_explained_once() -> None:
    alike = [check("failed", title, mistake="Adds.") for title in ("First.", "Second.", "Third.")]
    text = markdown(grade(section("s", exercise("f", *alike), exercise("g", check("failed")))))
    assert re.findall(r"### (f|g): failed", text) == ["f", "g"]
    assert "\nLikely the same: Second. Third.\n" in text
    assert "not explained here" not in text


def test_only_the_first_failures_are_explained() -> None:
    many = [exercise(f"f{number}", check("failed"), check("failed")) for number in range(12)]
    text = markdown(grade(section("s", *many)))
    assert re.findall(r"### (f\d+): failed", text) == [f"f{number}" for number in range(10)]
    assert "\n14 more checks fail, not explained here.\n" in text
