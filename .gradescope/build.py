#!/usr/bin/env python3
"""Packs an autograder for Gradescope: `python .gradescope/build.py backprop` writes autograder-backprop.zip.

Upload it under "Configure Autograder". The points to give to the assignment are printed.
"""

import argparse
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
COURSE = HERE.parent
sys.path.insert(0, str(COURSE))

from graders.engine.authoring.material import find  # noqa: E402  its place has just been said
from graders.engine.course import Course  # noqa: E402
from graders.engine.errors import UsageError  # noqa: E402

FOLDERS = ("graders", "reference", "exercises")
FILES = ("grade.py", "pyproject.toml", "README.md")
EXECUTABLE = 0o755
DATE = (1980, 1, 1, 0, 0, 0)  # the same files make the same archive


def main(arguments: list[str]) -> None:
    """Packs the sections that were asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sections", nargs="+", metavar="SECTION")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: autograder-SECTION.zip")
    parser.add_argument(
        "--without-sandbox",
        action="store_true",
        help="grade also where Gradescope's machines lack Landlock: answers could then read the reference",
    )
    options = parser.parse_args(arguments)
    course = Course()
    try:
        sections = list(course.wanted(options.sections))
    except UsageError as error:
        sys.exit(f"build.py: {error}")
    output = options.output or Path(f"autograder-{'-'.join(sections)}.zip")
    if not output.absolute().parent.is_dir():
        sys.exit(f"build.py: there is no folder {output.parent}")
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("setup.sh", "run_autograder"):
            _add(archive, name, (HERE / name).read_bytes(), EXECUTABLE)
        _add(archive, "sections.txt", "".join(f"{name}\n" for name in sections).encode())
        _add(archive, "options.txt", b"" if options.without_sandbox else b"--require-sandbox\n")
        for path in _course_files():
            _add(archive, f"course/{path.relative_to(COURSE).as_posix()}", path.read_bytes())
    points = sum(check.points for name in sections for check in find(course, name).section.checks.values())
    print(f"{output}: {', '.join(sections)}; give the assignment {points:g} points")


def _course_files() -> list[Path]:
    """What grading needs, and nothing that a person may have beside it: no answers, no papers, no history."""
    stubs = {COURSE / "exercises" / f"{name}.py" for name in Course().sections}
    found = [path for folder in FOLDERS for path in (COURSE / folder).rglob("*") if path.is_file()]
    kept = [path for path in found if path.suffix in (".py", ".css") and path not in stubs]
    return sorted(kept) + [COURSE / name for name in FILES]


def _add(archive: zipfile.ZipFile, name: str, data: bytes, mode: int = 0o644) -> None:
    info = zipfile.ZipInfo(name, DATE)
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data)


if __name__ == "__main__":
    main(sys.argv[1:])
