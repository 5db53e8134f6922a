"""Runs a script in pdb: stops where an exercise begins, looks at what was raised, and ends when the script does.

Runs in a process of its own, beside the learner's code, and imports nothing of the grader's.
"""

import pdb
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path


def step(script: str, file: str, lines: Sequence[int]) -> None:
    """Steps through the script at that path.

    Args:
        file, lines: where it stops; without lines at its beginning.
    """
    code = compile(Path(script).read_bytes(), script, "exec")
    sys.path[0] = str(Path(script).parent)  # as if it had been run without pdb
    debugger = pdb.Pdb()
    for line in lines:
        debugger.set_break(file, line)
    if lines:
        debugger.rcLines.append("continue")
    try:
        debugger.run(code, {"__name__": "__main__", "__file__": script})
    except SystemExit:
        return
    except Exception as error:
        trace = error.__traceback__
        while trace and trace.tb_frame.f_code is not code:
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace, file=sys.stdout)
        print("This is where it was raised: p NAME shows a value, u goes up, q quits.")
        pdb.post_mortem(trace)


if __name__ == "__main__":
    step(sys.argv[1], sys.argv[2], [int(line) for line in sys.argv[3:]])
