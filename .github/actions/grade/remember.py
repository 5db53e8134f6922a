"""Prints score and points of a result, and keeps it for the next run together with the commit that was graded.

Usage: remember.py RESULT FOLDER COMMIT; without a folder ('') nothing is kept. A run may grade few of the sections: of
the others the folder keeps the result that it had.
"""

import json
import sys
from pathlib import Path


def main(result: str, folder: str, commit: str) -> None:
    """Prints `score=…` and `points=…`, and writes grade.json and commit to the folder."""
    grade = json.loads(Path(result).read_text("utf-8"))
    print(f"score={grade['score']:g}\npoints={grade['points']:g}")
    if not folder:
        return
    kept = Path(folder) / "grade.json"
    graded = {section["name"] for section in grade["sections"]}
    grade["sections"] += [section for section in _sections(kept) if section["name"] not in graded]
    for total in ("score", "points"):
        grade[total] = sum(section[total] for section in grade["sections"])
    kept.write_text(json.dumps(grade), "utf-8")
    (Path(folder) / "commit").write_text(f"{commit}\n", "utf-8")


def _sections(kept: Path) -> list[dict[str, object]]:
    try:
        record = json.loads(kept.read_text("utf-8"))
        return [section for section in record["sections"] if {"name", "score", "points"} <= section.keys()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # there is none yet, or it is damaged
        return []


if __name__ == "__main__":
    main(*sys.argv[1:])
