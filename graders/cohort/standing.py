"""How a submission stands: what reports about a cohort are written from."""

from typing import Literal

import msgspec

from graders.engine.results import SectionResult

SubmissionStatus = Literal[
    "graded",
    "partly_graded",  # a file of it could not be read, or graded
    "unreadable",  # nothing of it could be read
    "quarantined",  # the process that graded it died, again and again
    "pending",  # not yet graded
]
STATUS_WORDS: dict[SubmissionStatus, str] = {
    "graded": "graded",
    "partly_graded": "partly graded",
    "unreadable": "unreadable",
    "quarantined": "quarantined",
    "pending": "not yet graded",
}


class Standing(msgspec.Struct, frozen=True):
    """How one submission stands."""

    name: str
    score: float
    points: float
    status: SubmissionStatus
    reason: str | None
    sections: tuple[msgspec.Raw, ...]  # each a `SectionResult` as JSON

    @property
    def results(self) -> tuple[SectionResult, ...]:
        """The sections' results as objects."""
        return tuple(msgspec.json.decode(section, type=SectionResult) for section in self.sections)
