"""A grade as a GitLab Code Quality report: failing checks beside the changed lines of a merge request.

Source: "Code Quality report format" in GitLab's documentation, a subset of the Code Climate specification.
"""

import hashlib

import msgspec

from graders.engine.results import Grade
from graders.report.blocks import looks_like
from graders.report.failures import Failure, failures, in_repository, line_of
from graders.report.record import encoded
from graders.report.words import one_line, shortened


def code_quality(grade: Grade) -> str:
    """A JSON list with an issue for each check that has to be repaired."""
    return msgspec.json.format(encoded([_issue(failure) for failure in failures(grade)])).decode() + "\n"


def _issue(failure: Failure) -> dict[str, object]:
    section, exercise, check, _ = failure
    name = f"{section.name}::{exercise.name}::{check.name}"
    said = [f"{exercise.name}: {check.title}"]
    if check.counterexample:
        said.append(f"({check.counterexample.difference})")
    said += [f"{label} {mistake}" for label, mistake in looks_like(check)]
    return {
        "description": " ".join(shortened(one_line(text)) for text in said),
        "check_name": name,
        "fingerprint": hashlib.sha256(name.encode()).hexdigest(),  # GitLab tells old issues from new ones by it
        "severity": "major",
        "location": {"path": in_repository(section.file), "lines": {"begin": line_of(failure) or 1}},
    }
