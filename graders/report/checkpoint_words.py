"""What came of a section's closing experiment, in words."""

from graders.engine.results import CheckpointResult, Measured


def outcome(result: CheckpointResult) -> str:
    """Whether it was reached, and how long it took."""
    return f"{'Reached' if result.status == 'reached' else 'Not reached'} in {result.seconds:.1f} s"


def figure(value: float | None) -> str:
    """A measured value, in four digits."""
    return "not a number" if value is None else f"{value:.4g}"


def bounds(measured: Measured) -> str:
    """What had to be reached: `at least 0.9`."""
    both = (("at least", measured.at_least), ("at most", measured.at_most))
    return ", ".join(f"{words} {figure(bound)}" for words, bound in both if bound is not None)
