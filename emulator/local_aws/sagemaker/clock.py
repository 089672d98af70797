"""Time as the local AWS counts it: it passes by itself, and a test can let it pass at once."""

import threading
import time
from collections.abc import Callable

LOOK_SECONDS = 0.25


class Clock:
    """Unix time plus what has been advanced."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._moved = threading.Condition()

    def now(self) -> float:
        """Return the time, s since 1970."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let time pass at once."""
        with self._moved:
            self._ahead += seconds
            self._moved.notify_all()

    def wait(self, seconds: float, until: Callable[[], bool]) -> bool:
        """Wait for a time or, before it is over, until something holds; say whether it held."""
        deadline = self.now() + seconds
        with self._moved:
            while not until():
                left = deadline - self.now()
                if left <= 0:
                    return until()
                self._moved.wait(min(left, LOOK_SECONDS))
        return True
