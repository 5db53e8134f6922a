"""Whose fault it is: errors the command reports as wrong usage, and errors of the grader's own."""


class UsageError(Exception):
    """What the user asked for cannot be done; the message says what to ask for instead. Exit status 2."""


class GraderError(Exception):
    """A section or the engine is broken. Never blamed on the learner. Exit status 3."""
