"""What could not be loaded of a submission, and what else is to be known of it, as reports say it."""

import re
from typing import NamedTuple

from graders.engine.results import LoadWarning, SectionResult
from graders.report.words import count, one_line, shortened

_MOST_COSTS = 5  # exercises that are named
_NO_MODULE = re.compile(r"ModuleNotFoundError: No module named '([\w.]{1,100})'$")


class Lost(NamedTuple):
    """A statement that could not be loaded: our words, the learner's or Python's, and our words again."""

    place: str
    message: str
    costs: str = ""

    @property
    def line(self) -> str:
        """All of it as one line."""
        return self.place + self.message + self.costs


class Warned(NamedTuple):
    """A section's warnings."""

    notes: list[str]  # what is to be known besides
    heading: str  # how many statements could not be loaded; empty where there are none
    lost: list[Lost]  # those that cost an exercise first, and in one line at the end the modules that cost none


def warned(section: SectionResult, most: int | None = None) -> Warned:
    """What is to be said of a section's warnings.

    Args:
        most: of notes, and of statements; the others are counted.
    """
    notes = [shortened(one_line(each.message)) for each in section.warnings if each.line is None]
    statements = [each for each in section.warnings if each.line is not None]
    idle = [found[1] for each in statements if not each.costs and (found := _NO_MODULE.match(each.message))]
    if len(idle) < 2:  # one line is none too many
        idle = []
    told = [each for each in statements if each.costs or not idle or not _NO_MODULE.match(each.message)]
    lost = [_lost(each) for each in told[:most]]
    if more := len(told) - len(lost):
        lost.append(Lost(f"and {more} more", ""))
    if idle:
        lost.append(Lost("not installed here, which costs no exercise: ", shortened(", ".join(dict.fromkeys(idle)))))
    heading = f"{count(len(statements), 'statement')} could not be loaded" if statements else ""
    return Warned(notes[:most], heading, lost)


def _lost(warning: LoadWarning) -> Lost:
    place = f"{one_line(warning.file)}, line {warning.line}: " if warning.file else f"line {warning.line}: "
    costs = ", ".join(warning.costs[:_MOST_COSTS]) + (" and more" if len(warning.costs) > _MOST_COSTS else "")
    return Lost(place, shortened(one_line(warning.message)), f" (costs {costs})" if costs else "")
