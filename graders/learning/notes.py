"""The learner's own notes, `notes/SECTION.md`: written once from a template, theirs from then on."""

from contextlib import suppress
from pathlib import Path

from graders.engine.authoring.material import Material, find
from graders.engine.course import Course
from graders.engine.files import read_regular

FOLDER = "notes"
_MAX_BYTES = 2**20
_ASKED = 3  # exercises that are asked about
_TEMPLATE = """\
# {title}

## What it is about

In my own words, for somebody who has not done it:


## Derive

{derive}

## Predict

{predict}

## Explain

- What surprised me, and why it should not have:
- Where I was wrong first, and what I believed then:


## Open

- What I would try next, and what would refute me:

"""


def write_missing(course: Course, sections: list[str]) -> list[Path]:
    """Writes the notes of sections that have none yet; those that were written. What cannot be written is left out."""
    written = []
    for name in sections:
        path = course.root / FOLDER / f"{name}.md"
        with suppress(OSError):
            path.parent.mkdir(exist_ok=True)
            with path.open("x", encoding="utf-8") as file:  # never over what is there
                file.write(template(find(course, name)))
            written.append(path)
    return written


def template(material: Material) -> str:
    """Notes with the open questions of a section."""
    said = material.outline
    points: dict[str, float] = {}
    for check in said.checks:
        points[check.exercise] = points.get(check.exercise, 0.0) + check.points * (not check.extra)
    worth_most = sorted(said.exercises, key=lambda name: -points[name])[:_ASKED]
    in_order = [name for name in said.exercises if name in worth_most]
    derive = "\n".join(f"- `{name}` on paper, from what it is for to the formula:" for name in in_order)
    if material.checkpoint_file.exists():
        title = " ".join(material.checkpoint.title.split())
        predict = (
            f"Before the checkpoint ran. It says: “{title}”\n\n"
            "- What I expect to see, in numbers:\n- What would show that I am wrong:\n- What I saw:"
        )
    else:
        predict = "- Which input would break my code, and what would come out:\n- What came out:"
    return _TEMPLATE.format(title=said.title, derive=derive, predict=predict)


def read(course: Course, section: str) -> str | None:
    """The notes of a section; None where there are none, or the template as it was."""
    try:
        data = read_regular(course.root / FOLDER / f"{section}.md", _MAX_BYTES)
    except OSError:
        return None
    text = (data or b"").decode("utf-8", "replace")
    return text if text.strip() and text != template(find(course, section)) else None
