"""Learns how long a record lasts by the belt's clock, from one time stamp to the next."""

from __future__ import annotations

import itertools
import math
import statistics
from collections import deque
from collections.abc import Sequence

__all__ = ["PRIMING_STAMPS", "StampRate"]

PRIMING_STAMPS = 8  # that tell the rate of the belt's clock before any of them is judged by it
RATE_STAMPS = 15  # that tell it later
WORST_RATE = 0.2  # of a tick a record: no clock is worse


class StampRate:
    """Ticks a record, by the median of the last stamps; 1 unless they are sure of another."""

    def __init__(self) -> None:
        self.ticks_per_record = 1.0
        self.spread = 0.0  # of it, from stamp to stamp
        self.primed = False  # the first stamps were taken
        self._rates: deque[float] = deque(maxlen=RATE_STAMPS)

    def prime(self, stamps: Sequence[tuple[int, float]], *, enough: bool) -> None:
        """Learn from the first stamps (record, tick), before any of them is judged by the rate."""
        for one, other in itertools.pairwise(stamps[:PRIMING_STAMPS]):
            self._rates.append((other[1] - one[1]) / (other[0] - one[0]))
        self._judge()
        self.primed = enough

    def learn(self, ticks_per_record: float, *, stamps: int) -> None:
        """Take what two stamps say; ``stamps`` were settled before them."""
        self._rates.append(ticks_per_record)
        if not self.primed or stamps % PRIMING_STAMPS == 0:
            self._judge()

    def _judge(self) -> None:
        if len(self._rates) < 2:
            return
        middle = statistics.median(self._rates)
        self.spread = statistics.median(abs(rate - middle) for rate in self._rates)
        error = 1.2533 * 1.4826 * self.spread / math.sqrt(len(self._rates))  # of a median
        off = abs(middle - 1)
        self.ticks_per_record = middle if max(4 * error, 1e-4) < off < WORST_RATE else 1.0
