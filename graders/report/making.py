"""Makes reports. None may fail for all: what cannot be made or written costs itself, and says so."""

from collections.abc import Callable

from graders.report.streams import Unwritable, say, say_trace


def made(what: str, make: Callable[[], None]) -> bool:
    """Whether a report was made, and written to where it belongs. If not, stderr says why.

    Args:
        what: the report, as a sentence begins with it: `the report`, `--html page.html`.
        make: makes and writes it.
    """
    try:
        make()
    except (Unwritable, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        say(f"{what} cannot be written: {reason}")
    except Exception as error:
        say_trace()
        say(f"{what} could not be made, and your answers are not at fault: {type(error).__name__}")
    else:
        return True
    return False
