"""What the explanations of a section may cost."""

import os
import threading
import time

_BUSIEST = 4.0  # times as long at the most, where the machine has other work


class Budget:
    """So many examples may be run. Counted, so that the same file gets the same words on a busy machine.

    Args:
        examples: how many.
        seconds: a guard behind them that is not met by honest work: from then on nothing more is run. On a machine that
            has more to do than it has cores, it is as much later.
        given_up: set as soon as nobody wants the explanations any more.
    """

    def __init__(self, examples: int, seconds: float, given_up: threading.Event | None = None):
        self._left = examples
        self._given_up = given_up or threading.Event()
        self._end = time.monotonic() + seconds * min(max(_load(), 1.0), _BUSIEST)

    def take(self, examples: int) -> bool:
        """Takes so many examples from what is left. False if nothing may be run any more."""
        if self._left <= 0 or self.seconds <= 0:
            return False
        self._left -= examples
        return True

    @property
    def seconds(self) -> float:
        """What is left of the guard's time."""
        if self._given_up.is_set():
            return 0.0
        return max(self._end - time.monotonic(), 0.0)


def _load() -> float:
    """How many processes want each core; 1 where the system does not say."""
    try:
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    except (OSError, AttributeError):
        return 1.0
