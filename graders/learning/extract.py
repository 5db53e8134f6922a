"""What a research notebook needs of the diary, as a value, and as a file that can be committed beside the notes.

The diary itself stays on the learner's machine: it also holds what their code printed, and where their files lie. From
the extract and the notes the page is made again anywhere, by the workflow that publishes it, say.
"""

import time
from pathlib import Path
from typing import Literal

import msgspec

from graders.engine.course import Course
from graders.engine.errors import UsageError
from graders.engine.files import read_regular
from graders.learning.history import History, Seen, Trained
from graders.learning.standing import Standing, standings
from graders.report.record import encoded

_MAX_BYTES = 2**26


class Extract(msgspec.Struct, frozen=True):
    """What the diary knew at a moment."""

    written: float  # when, in seconds since 1970
    standings: list[Standing]
    seen: list[Seen]
    trained: dict[str, Trained]  # by section, the newest
    schema: Literal[1] = 1


def extract(course: Course, history: History) -> Extract:
    """Takes it out of the diary."""
    now = time.time()
    trained = {each.section: each for each in history.checkpoints()}
    return Extract(now, standings(history, course.sections, now), history.seen(), trained)


def as_json(known: Extract) -> str:
    """The extract as JSON, a line for each thing, so that a commit shows what is new."""
    return msgspec.json.format(encoded(known), indent=1).decode() + "\n"


def read(path: Path) -> Extract:
    """What `as_json` has written.

    Raises:
        UsageError: there is no such file, or something else is in it.
    """
    try:
        data = read_regular(path, _MAX_BYTES)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return msgspec.json.decode(data or b"", type=Extract)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} holds nothing that `report --json` has written: {error}") from error
