"""The command line: which command is meant, and what it exits with.

Exit status: 0 the score was reached, 1 it was not, 2 wrong usage, 3 the grader itself failed, or nothing of what it
found could be shown.
"""

import errno
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module

from graders.commands import COMMANDS, completion
from graders.commands.options import GRADER_FAILED
from graders.engine import threads
from graders.engine.errors import GraderError, UsageError
from graders.report.streams import Unwritable, say, say_trace, stdout
from graders.report.words import one_line

WRONG_USAGE, INTERRUPTED = 2, 130
_LEAST_MEMORY = 512 * 2**20  # bytes of addresses, of which numpy takes many
_NO_MEMORY = ("MemoryError", "failed to map segment", "annot allocate memory")  # in the words of another process
_FAILED = "the grader itself failed, your answers are not at fault"


def main(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments` (without the program's name); the exit status.

    Raises:
        ModuleNotFoundError: a library is not installed.
    """
    for name, value in threads.ONE.items():
        os.environ.setdefault(name, value)
    warnings.simplefilter("ignore")  # of references and mistakes; those of learners' code are part of its output
    try:
        if (most := _most_memory()) is not None and most < _LEAST_MEMORY:
            raise MemoryError  # while we can say so: libraries end the process with any status
        status = _run(arguments)
        if sys.stdout is not None:
            with stdout():  # what is still to be written has left before the status says that all went well
                pass
        return status
    except UsageError as error:
        say(str(error))
        return WRONG_USAGE
    except GraderError as error:
        say(f"{_FAILED}: {one_line(str(error))}{_limit() if _is_short_of_memory(error) else ''}")
    except Unwritable as error:
        say(str(error))
    except KeyboardInterrupt:
        say("stopped")
        return INTERRUPTED
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] != "graders":
            raise
        say_trace()
        say(_FAILED)
    except Exception as error:
        if _is_short_of_memory(error):
            say(f"{_FAILED}: there is not enough memory{_limit()}")
        elif isinstance(error, OSError):
            say(f"{_FAILED}: {error}")
        else:
            say_trace()
            say(_FAILED)
    return GRADER_FAILED


def _run(arguments: Sequence[str]) -> int:
    if completion.ASKED in os.environ:
        arguments = completion.words_before()
    name = arguments[0] if arguments and arguments[0] in COMMANDS else None
    command = import_module(f"graders.commands.{name or 'grade'}")
    status: int = command.run(arguments[1:] if name else arguments)
    return status


def _is_short_of_memory(error: BaseException | None) -> bool:
    """Whether memory was the reason, said in any of the ways in which Python and libraries say it."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        if isinstance(error, ImportError | GraderError) and any(words in str(error) for words in _NO_MEMORY):
            return True
        error = error.__cause__ or error.__context__
    return False


def _limit() -> str:
    """The limit that somebody has set, where there is one."""
    most = _most_memory()
    return "" if most is None else f"; this process may take {most // 2**20} MiB (ulimit -v)"


def _most_memory() -> int | None:
    """The bytes that this process may take; None where there is no limit, or no such thing."""
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if most == resource.RLIM_INFINITY else most
