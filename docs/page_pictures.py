"""Makes the README's pictures of pages, photographed in Chromium: `python docs/page_pictures.py [notebook] [report]`.

`notebook` is a check below two cells as Jupyter shows it: the cells are those of `grade.py notebook`, the one with a
mistake that people make, and what stands below is what `check` gives. `report` is the page of `grade.py report` of a
learner who is made up, and whose answers are graded for real.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

import made_up_learner
from PIL import Image
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from graders.engine.authoring.material import find
from graders.engine.course import Course
from graders.learning import notes, rendering
from graders.learning.history import opened
from graders.learning.jupyter import checker
from graders.learning.notebooks import to_notebook
from graders.learning.research import page, research

SECTION, EXERCISE = "backprop", "unbroadcast"
_NOTEBOOK_SIZE, _REPORT_SIZE = (860, 864), (900, 1302)  # they end where a part of the page does
SCALE, COLOURS = 2, 128  # pixels a CSS pixel; a palette makes a quarter of the bytes
_NOTEBOOK = """\
<!doctype html><html><head><meta charset="utf-8"><style>{style}
body {{ margin: 0; padding: 22px 26px; background: #fff; color: #1f2328; font: 15px/1.5 system-ui, sans-serif; }}
h5 {{ margin: 0 0 .4em; font-size: 20px; }}
p {{ margin: .5em 0; }}
.row {{ display: grid; grid-template-columns: 64px 1fr; gap: 10px; margin: 10px 0; }}
.prompt {{ color: #4a6fa5; font: 13px/1.6 "DejaVu Sans Mono", monospace; text-align: right; padding-top: 8px; }}
.prompt.out {{ color: #b5502d; }}
.text code {{ font: 13.5px ui-monospace, "DejaVu Sans Mono", monospace; background: #f2f3f5; padding: 1px 4px; }}
.cell {{ border: 1px solid #d8dce2; border-radius: 4px; background: #f7f8fa; padding: 8px 12px; overflow: hidden; }}
.cell pre {{ margin: 0; font: 13.5px/1.55 ui-monospace, "DejaVu Sans Mono", monospace; white-space: pre-wrap; }}
</style></head><body>{rows}</body></html>
"""


def main() -> None:
    """Writes docs/notebook.png and docs/report.png, or those that are asked for."""
    made = {"notebook": _notebook, "report": _report}
    for name in sys.argv[1:] or made:
        made[name](ROOT / "docs" / f"{name}.png")


def _notebook(file: Path) -> None:
    course = Course()
    material = find(course, SECTION)
    mistake = next(each for each in material.section.mistakes if each.exercise == EXERCISE)
    mistaken = to_notebook(material.mistaken_source(mistake), SECTION, material.outline.title, [EXERCISE])
    sources = {cell.id: cell.source for cell in mistaken.cells}
    text, code = sources[f"{SECTION}-{EXERCISE}-text"], sources[f"{SECTION}-{EXERCISE}"]
    signature, _, rest = code.partition("\n")
    body = rest.rpartition('"""\n')[2]  # its text stands above it
    check = checker(SECTION, lambda: [cell.source for cell in mistaken.cells if cell.cell_type == "code"])
    begins = "\n\n".join(text.split("\n\n")[:3])  # its name, what it does, and why
    bare = re.sub(" +#.*", "", body)
    rows = [
        _row("", f'<div class="text">{rendering.html(begins, ROOT)}</div>'),
        _row("[4]:", _cell(f"{signature}\n{bare}")),
        _row("[5]:", _cell(sources[f"{SECTION}-{EXERCISE}-check"])),
        _row("[5]:", check(EXERCISE)._repr_html_(), out=True),
    ]
    style = HtmlFormatter(style="friendly").get_style_defs(".cell")
    _photograph(_NOTEBOOK.format(style=style, rows="".join(rows)), file, *_NOTEBOOK_SIZE)


def _row(prompt: str, content: str, *, out: bool = False) -> str:
    return f'<div class="row"><div class="prompt{" out" if out else ""}">{escape(prompt)}</div>{content}</div>'


def _cell(code: str) -> str:
    return f'<div class="cell">{highlight(code, PythonLexer(), HtmlFormatter(nowrap=False))}</div>'


def _report(file: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        course = _copied(Path(folder) / "course")
        with opened(course) as history:
            made_up_learner.remember_all(course, history)
            text = page(research(course, history, "What I have learnt"))
    _photograph(text, file, *_REPORT_SIZE)


def _copied(folder: Path) -> Course:
    for name in ("graders", "reference", "exercises"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / notes.FOLDER).mkdir()
    for name, text in made_up_learner.NOTES.items():
        (folder / notes.FOLDER / f"{name}.md").write_text(text, "utf-8")
    return Course(folder)


def _photograph(text: str, file: Path, width: int, height: int) -> None:
    """Writes what a window of this size shows of a page."""
    with tempfile.TemporaryDirectory() as folder:
        html = Path(folder) / "page.html"
        html.write_text(text, "utf-8")
        words = (
            *("headless=new", "no-sandbox", "disable-background-networking", "disable-component-update"),
            *("disable-sync", "disable-quic", "no-first-run", "hide-scrollbars"),
            *(f"force-device-scale-factor={SCALE}", f"window-size={width},{height}"),
            *(f"screenshot={file}", f"user-data-dir={folder}/profile"),
        )
        subprocess.run(
            ["chromium", *(f"--{word}" for word in words), html.as_uri()], check=True, capture_output=True, timeout=120
        )
    picture = Image.open(file).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)


if __name__ == "__main__":
    main()
