"""Measures by the time stamps how far a belt's count of its samples is from time.

Where count and stamps agree, the offset stays 0. Where they drift apart it is measured in blocks of
64 s, and set at the knots between them; between knots it is linear.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femo_signal.recording import Clock, ClockStep
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["BLOCK_TICKS", "ClockOffset", "robust_line"]

BLOCK_TICKS = 1 << 16  # between knots
MOST_STAMPS = 64  # of a block that are looked at
HOLD_TICKS = 20.0  # so far samples may be from their time before they are moved
SURE = 4.0  # standard errors by which a deviation must exceed the jitter of the stamps
STEEPEST = 0.25  # of a tick a tick: no clock is worse


@dataclass(frozen=True)
class _Measured:
    """How far the stamps of a block are from the count of its samples."""

    at: float  # counted ticks
    offset: float  # ticks
    error: float  # its standard error, ticks
    stamps: int


def robust_line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float]:
    """Fit a line that less than 29 % of outliers cannot bend (Theil 1950, Sen 1968).

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,), n >= 2
        Not all x the same.

    Returns
    -------
    slope, level : float
        Level at ``x = 0``.
    slope_error : float
        Standard error of the slope, from the median deviation.
    """
    first, second = np.triu_indices(len(x), 1)
    run = x[second] - x[first]
    slope = float(np.median((y[second] - y[first])[run != 0] / run[run != 0]))
    rest = y - slope * x
    level = float(np.median(rest))
    return slope, level, _median_error(rest - level) / max(float(np.std(x)), 1e-9)


def _median_error(rest: NDArray[np.float64]) -> float:
    """Return the standard error of a median: 1.4826 MAD is the deviation of a normal sample."""
    return 1.2533 * 1.4826 * float(np.median(np.abs(rest))) / float(np.sqrt(len(rest)))


class ClockOffset:
    """The offset of time from the count of samples, as far as it is set.

    At a knot the samples' offset stays as it is while the measured one is within 20 ms of it or
    within its own error, else moves there.
    """

    def __init__(self) -> None:
        self.knots = [0]  # offset at each knot, ticks
        self._stamps: deque[tuple[NDArray[np.int64], NDArray[np.float64]]] = deque()  # not yet used
        self._blocks: list[_Measured] = []
        self._blocks_looked_at = 0
        self._blocks_refused = 0  # with stamps that cannot be those of a clock
        self._slope = 0.0  # of the last blocks, ticks a tick
        self._offset_at_start: float | None = None  # of the stamps, at the first sample

    @property
    def last_knot(self) -> int:
        """Counted tick up to which the offset is set."""
        return (len(self.knots) - 1) * BLOCK_TICKS

    def add_stamps(self, stamped: NDArray[np.int64], times: NDArray[np.float64]) -> None:
        """Take counted ticks with a stamp, and the ticks that it says; in order."""
        if len(stamped):
            self._stamps.append((stamped, times))

    def set_next_knot(self, counted: int) -> None:
        """Set the offset at the next knot; ``counted`` ticks of samples are known."""
        self._measure(min(len(self.knots) + 1, -(-counted // BLOCK_TICKS)))
        self.knots.append(self._next_offset(counted))

    def time(self, counted: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the time, in ticks, at counted ticks."""
        later = np.interp(counted, self._edges(), self.knots)
        return np.asarray(counted + later, dtype=np.float64)

    def ticks(self, counted: ArrayLike) -> NDArray[np.int64]:
        """Return the ticks of the samples with these counts; shape (n,)."""
        return np.ceil(self.time(np.asarray(counted) - 0.5)).astype(np.int64)

    def counted(self, ticks: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the counts that lie at these ticks."""
        edges = self._edges()
        return np.asarray(np.interp(ticks, edges + self.knots, edges), dtype=np.float64)

    def _edges(self) -> NDArray[np.float64]:
        """Return where the knots are, counted."""
        return np.arange(len(self.knots), dtype=np.float64) * BLOCK_TICKS - 0.5

    def clock(self, counted: int, steps: Sequence[tuple[int, int]]) -> Clock:
        """Tell what the stamps say about the belt's clock, once all are known.

        Parameters
        ----------
        counted : int
            Ticks of all samples.
        steps : sequence of (counted tick, ticks)
            Where the clock was set, and by how much.
        """
        stamps = sum(block.stamps for block in self._blocks)
        rate = None
        if len(self._blocks) > 1:
            first, last = self._blocks[0], self._blocks[-1]
            slope = (last.offset - first.offset) / (last.at - first.at)
            rate = TICKS_PER_SECOND / (1 + slope)
        elif stamps > 2 and not self._blocks_refused:
            rate = TICKS_PER_SECOND / (1 + self._slope)
        stepped = np.array([tick for tick, _ in steps], dtype=np.int64)
        at = (self.ticks(stepped) / TICKS_PER_SECOND).tolist()
        return Clock(
            stamps,
            self._blocks_refused >= max(len(self._blocks), 1),
            rate,
            self._most_moved(counted) / TICKS_PER_SECOND,
            tuple(
                ClockStep(seconds, ticks / TICKS_PER_SECOND)
                for seconds, (_, ticks) in zip(at, steps, strict=True)
            ),
        )

    def _most_moved(self, counted: int) -> float:
        """Return by how many ticks the samples were moved at most."""
        edges = self._edges()
        places = np.append(edges[edges < counted], counted)
        return float(np.abs(self.time(places) - places).max())

    def _measure(self, wanted: int) -> None:
        """Measure the offset in so many blocks, of which all stamps are known."""
        while self._blocks_looked_at < wanted:
            self._blocks_looked_at += 1
            stamped, times = self._stamps_before(self._blocks_looked_at * BLOCK_TICKS)
            if len(stamped):
                self._add_block(stamped.astype(np.float64), times - stamped)

    def _stamps_before(self, past: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Take the stamps before a counted tick, of many a few that lie evenly among them."""
        stamped_parts, times_parts = [], []
        while self._stamps and self._stamps[0][0][0] < past:
            stamped, times = self._stamps.popleft()
            inside = int(np.searchsorted(stamped, past))
            if inside < len(stamped):
                self._stamps.appendleft((stamped[inside:], times[inside:]))
            stamped_parts.append(stamped[:inside])
            times_parts.append(times[:inside])
        if not stamped_parts:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        stamped, times = np.concatenate(stamped_parts), np.concatenate(times_parts)
        if len(stamped) <= MOST_STAMPS:
            return stamped, times
        few = np.linspace(0, len(stamped) - 1, MOST_STAMPS).astype(int)
        return stamped[few], times[few]

    def _add_block(self, at: NDArray[np.float64], offsets: NDArray[np.float64]) -> None:
        if self._offset_at_start is None and len(at) > 2 and not self._start_with(at, offsets):
            self._blocks_refused += 1  # stamps that stand still, or that are of no clock at all
            return
        middle = float(np.median(at))
        rest = offsets - self._slope * (at - middle)
        offset = float(np.median(rest))
        block = _Measured(middle, offset, _median_error(rest - offset), len(at))
        if self._blocks:
            before = self._blocks[-1]
            slope = (offset - before.offset) / (middle - before.at)
            if abs(slope) > STEEPEST:
                self._blocks_refused += 1
                return
            error = float(np.hypot(block.error, before.error)) / (middle - before.at)
            if abs(slope - self._slope) > SURE * error:
                self._slope = slope
            if self._offset_at_start is None:
                self._offset_at_start = before.offset - self._slope * before.at
        self._blocks.append(block)

    def _start_with(self, at: NDArray[np.float64], offsets: NDArray[np.float64]) -> bool:
        """Learn offset and slope from the first block with stamps, if they can be of a clock."""
        slope, level, error = robust_line(at, offsets)
        if abs(slope) > STEEPEST:
            return False
        if abs(slope) > max(SURE * error, 1e-6):
            self._slope, self._offset_at_start = slope, level
        else:
            self._offset_at_start = float(np.median(offsets))
        return True

    def _next_offset(self, counted: int) -> int:
        """Decide on the offset at the end of the block that is next."""
        at = len(self.knots) * BLOCK_TICKS
        offset = self.knots[-1]
        before = [block for block in self._blocks[-3:] if block.at <= at]
        after = [block for block in self._blocks[-3:] if block.at > at]
        if not before or self._offset_at_start is None:
            return offset
        left = before[-1]
        slope, error = self._slope, left.error
        if after:
            right = after[0]
            slope = (right.offset - left.offset) / (right.at - left.at)
            error = max(left.error, right.error)
        wanted = left.offset + slope * (at - left.at) - self._offset_at_start
        beyond = slope * max(at - counted, 0)  # where there are no samples
        if abs(wanted - beyond - offset) <= max(HOLD_TICKS, SURE * error):
            return offset
        steepest = STEEPEST * BLOCK_TICKS
        return offset + round(float(np.clip(wanted - offset, -steepest, steepest)))
