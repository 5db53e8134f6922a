"""What goes beyond the texts of exercises: an invitation, once something is done, with points beside the score."""

from graders.engine.results import SectionResult
from graders.report.words import number

_MOST_INVITED = 5  # exercises that are named


def beyond(section: SectionResult) -> str:
    """The invitation as a sentence without its end; empty where nothing is done yet that has more to it."""
    done = [exercise for exercise in section.exercises if exercise.status == "passed" and exercise.extras.points]
    if not done:
        return ""
    more = [exercise.name for exercise in done if exercise.extras.score < exercise.extras.points]
    points = f"{number(section.extras.score)} of {number(section.extras.points)} points beside the score"
    return f"Beyond the texts: {points}" + (f"; there is more in {', '.join(more[:_MOST_INVITED])}" if more else "")
