"""What `python grade.py` does: a module for each command, `cli.py` chooses, `options.py` has what they share.

Runs in the deciding process. May import everything.
"""

COMMANDS = (  # modules of this package; without one of these words, `grade` is meant
    *("checkpoint", "hint", "solution", "progress", "review", "report", "notebook", "reset", "debug"),
    *("cohort", "audit", "new"),
)
