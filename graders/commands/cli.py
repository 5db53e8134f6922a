"""The command line: which command is meant, and what it exits with.

Exit status: 0 the score was reached, 1 it was not, 2 wrong usage, 3 the grader itself failed.
"""

import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module

from graders.commands.options import NOT_REACHED
from graders.engine.errors import GraderError, UsageError

WRONG_USAGE, GRADER_FAILED, INTERRUPTED = 2, 3, 130
COMMANDS = ("checkpoint", "hint", "reset", "cohort", "audit", "new")  # modules of this package


def main(arguments: Sequence[str]) -> int:
    """Runs the command with `arguments` (without the program's name); the exit status."""
    warnings.simplefilter("ignore")  # of references and mistakes; those of learners' code are part of its output
    try:
        name = arguments[0] if arguments and arguments[0] in COMMANDS else None
        command = import_module(f"graders.commands.{name or 'grade'}")
        status: int = command.run(arguments[1:] if name else arguments)
        return status
    except UsageError as error:
        print(f"grade.py: {error}", file=sys.stderr)
        return WRONG_USAGE
    except GraderError as error:
        print(f"grade.py: the grader itself failed, your answers are not at fault: {error}", file=sys.stderr)
        return GRADER_FAILED
    except KeyboardInterrupt:
        print("grade.py: stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read the report has closed it
        return NOT_REACHED
    except Exception:
        import traceback

        traceback.print_exc()
        print("grade.py: the grader itself failed, your answers are not at fault", file=sys.stderr)
        return GRADER_FAILED
