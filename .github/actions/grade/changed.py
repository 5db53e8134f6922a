"""Prints the sections whose answers have changed since a commit, or `all` where none has or it is not known.

Usage: changed.py FOLDER SUBMISSION COMMIT. The sections are those of the course that this file is part of.
"""

import re
import runpy
import subprocess
import sys
from pathlib import Path

COURSE = Path(__file__).resolve().parents[3]


def main(folder: str, submission: str, commit: str) -> None:
    """Prints names with spaces between them."""
    sections = runpy.run_path(str(COURSE / "graders" / "__init__.py"))["SECTIONS"]
    known = re.fullmatch("[0-9a-f]{40,64}", commit) and _git(folder, "cat-file", "-e", f"{commit}^{{commit}}")
    changed = [name for name in sections if known and _changed(folder, submission, commit, name)]
    print(*(changed or ["all"]))


def _changed(folder: str, submission: str, commit: str, section: str) -> bool:
    files = [f"{submission}/{section}{suffix}" for suffix in (".py", ".ipynb")]
    beside = runpy.run_path(str(COURSE / "graders" / "engine" / "sitting" / "beside.py"))["beside"]
    for name in files[:]:  # what lies beside the answer and is imported counts too
        answer = _read(Path(folder, name))
        neighbours = beside(section, answer or b"", lambda other: _read(Path(folder, submission, other)))
        files += [f"{submission}/{other.replace('.', '/')}.py" for other in neighbours]
    return not _git(folder, "diff", "--quiet", "--no-ext-diff", "--no-textconv", commit, "HEAD", "--", *files)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() and not path.is_symlink() else None
    except OSError:
        return None


def _git(folder: str, *arguments: str) -> bool:
    command = ["git", "-C", folder, "--literal-pathspecs", *arguments]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


if __name__ == "__main__":
    main(*sys.argv[1:])
