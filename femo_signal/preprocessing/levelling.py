"""Takes steps of the baseline out of a signal at 256 Hz, before the band-pass turns them to waves.

A step is a change within some hundredths of a second between two levels that both last and are
steady for a second. What was lifted by it is lowered again, and the edge is drawn straight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femo_signal.preprocessing.filters import QUARTER_RATE
from femo_signal.preprocessing.mending import usual_size
from femo_signal.settings import TICKS_PER_SECOND, LevellingSettings

__all__ = ["Leveller", "Step"]

TICKS = TICKS_PER_SECOND // QUARTER_RATE  # a sample
BLOCK = 1 << 15
EDGE = 8  # samples on either side of a step that its edge, and the thinning, may reach
STEADY = QUARTER_RATE  # samples on either side that must be steady
CONTEXT = STEADY + 2 * EDGE
COARSE = 4  # every so many samples are searched
LAG = 2  # coarse samples over which a step is over
OUTSIDE = (-LAG - 2, -LAG - 1, LAG + 1, LAG + 2)
NEXT = [EDGE, EDGE + 21, EDGE + 42, EDGE + 63]  # samples that show a wave: over 1/4 s
SCALE_STRIDE = 3
EDGE_LEVEL = 4  # samples that tell the level next to a jump


@dataclass(frozen=True)
class Step:
    """A change of the baseline that was taken out."""

    tick: int
    size: float  # in the unit of the input
    sure: bool  # both levels were steady


class Leveller:
    """Takes samples in order, and hands them on without steps.

    All is decided in blocks at fixed places of the recording.

    Parameters
    ----------
    receive : callable
        Takes what is ready, float32 of shape (n,).
    skip : callable
        Is told how many samples follow that all equal the last one.
    unit : float
        Of the samples, per count.
    settings : LevellingSettings
    """

    def __init__(
        self,
        receive: Callable[[NDArray[np.float32]], None],
        skip: Callable[[int], None],
        *,
        unit: float,
        settings: LevellingSettings,
    ) -> None:
        self._settings, self._least = settings, settings.step_counts * unit
        self.steps: list[Step] = []
        self.jumps: list[int] = []
        """Ticks of jumps that are known already, in order; may be extended up to what was taken."""
        self._receive, self._skip, self._unit = receive, skip, unit
        self._buffer = np.empty(2 * CONTEXT + BLOCK, dtype=np.float32)
        self._filled = 0
        self._start = self._done = 0
        self._offset = 0.0  # what the steps so far add up to
        self._next_jump = 0

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take further samples, shape (n,)."""
        taken = 0
        while taken < len(samples):
            wanted = self._done + BLOCK + CONTEXT - self._start
            count = min(wanted - self._filled, len(samples) - taken)
            np.subtract(
                samples[taken : taken + count],
                np.float32(self._offset),
                out=self._buffer[self._filled : self._filled + count],
            )
            self._filled += count
            taken += count
            if self._filled == wanted:
                self._process(self._done + BLOCK)

    def hold(self, value: float, count: int) -> None:
        """Take ``count`` samples of one value; long runs cost nothing."""
        lead = min(count, len(self._buffer) + BLOCK)
        self.push(np.full(lead, value, dtype=np.float32))
        blocks = (count - lead) // BLOCK
        if blocks:  # by now the buffer holds nothing else
            self._skip(blocks * BLOCK)
            self._start += blocks * BLOCK
            self._done += blocks * BLOCK
        self.push(np.full(count - lead - blocks * BLOCK, value, dtype=np.float32))

    def flush(self) -> None:
        """Hand on what is left: nothing follows."""
        end = self._start + self._filled
        while self._done < end:
            self._process(min(self._done + BLOCK, end))

    def _process(self, end: int) -> None:
        known = self._buffer[: self._filled]
        first, last = self._done - self._start, end - self._start
        for place, forced in self._places(known, first, last):
            self._level(known, place, forced=forced)
        self._receive(known[first:last])
        self._done = end
        kept = max(last - CONTEXT, 0)
        self._buffer[: len(known) - kept] = known[kept:].copy()
        self._start, self._filled = self._start + kept, len(known) - kept

    def _places(self, known: NDArray[np.float32], first: int, last: int) -> list[tuple[int, bool]]:
        """Return where a step may be, in order, and whether it is known to be a jump."""
        low = max(first - LAG * COARSE, 0)
        coarse = known[low : last + LAG * COARSE : COARSE]
        change = coarse[LAG:] - coarse[:-LAG]
        rise = np.abs(change)
        level = max(self._least, self._settings.step_scales * usual_size(rise[::SCALE_STRIDE]))
        places: list[tuple[int, bool]] = []
        if rise.size and rise.max() > level:
            tops = np.flatnonzero(rise > level)
            padded = np.zeros(len(rise) + 2 * OUTSIDE[-1], dtype=np.float32)
            padded[OUTSIDE[-1] : -OUTSIDE[-1]] = rise
            for offset in OUTSIDE:  # a wave goes on where a step is over
                aside = padded[tops + (OUTSIDE[-1] + offset)]
                tops = tops[aside < self._settings.aside_share * rise[tops]]
            for offset in (-LAG, 1 - LAG, LAG - 1, LAG):
                beside = padded[tops + (OUTSIDE[-1] + offset)]
                tops = tops[(beside < rise[tops]) | ((beside == rise[tops]) & (offset > 0))]
            middles = low + COARSE * (tops + LAG // 2)
            soon = _levels(known, middles, NEXT) - _levels(known, middles, [-n for n in NEXT])
            stays = soon / change[tops] >= self._settings.rough_share
            middles, tops = middles[stays], tops[stays]
            if len(tops):
                may_be = _may_be_steps(
                    known[::COARSE], middles // COARSE, change[tops], settings=self._settings
                )
                middles = middles[may_be]
            places = [(place, False) for place in middles.tolist()]
        forced = []
        while self._next_jump < len(self.jumps):
            place = self.jumps[self._next_jump] // TICKS - self._start
            if place >= last:
                break
            forced.append(place)
            self._next_jump += 1
        places = [p for p in places if all(abs(p[0] - jump) > 2 * EDGE for jump in forced)]
        places += [(place, True) for place in forced]
        return [p for p in sorted(places) if first <= p[0] < last]

    def _level(self, known: NDArray[np.float32], place: int, *, forced: bool) -> None:
        """Take out the step at ``place``, if it is one."""
        size = self._clean_size(known, place)
        sure = size is not None
        if size is None and not forced:
            return
        edge = EDGE if sure else EDGE_LEVEL
        start, end = max(place - edge, 0), min(place + edge + 1, len(known))
        if size is None:
            level_before = known[max(start - EDGE_LEVEL, 0) : start + 1].mean()
            size = float(known[end - 1 : end + EDGE_LEVEL].mean() - level_before)
        if abs(size) < self._least:
            return  # what jumped is back
        known[end:] -= np.float32(size)
        if start and end < len(known):
            ends = known[start - 1], known[end]
            known[start:end] = np.linspace(*ends, end - start + 2)[1:-1]
        self._offset += size
        self.steps.append(Step((place + self._start) * TICKS, size / self._unit, sure))

    def _clean_size(self, known: NDArray[np.float32], place: int) -> float | None:
        """Return the size of the step at ``place`` if it joins two steady levels."""
        before = known[max(place - EDGE - STEADY, 0) : max(place - EDGE, 0)]
        after = known[place + EDGE : place + EDGE + STEADY]
        if min(len(before), len(after)) < STEADY:
            return None
        left, right = _curve(before, at=STEADY + EDGE), _curve(after, at=-EDGE)
        size = right.value - left.value
        change = float(after[:EDGE].mean() - before[-EDGE:].mean())
        least = min(abs(size), abs(change))  # curves through what is no level reach far
        deviation = max(left.deviation, right.deviation)
        if least < self._least or least < self._settings.steady_share * deviation:
            return None
        local = change - 3 * EDGE * (left.slope + right.slope) / 2
        low, high = self._settings.local_share
        return size if low <= local / size <= high else None


def _levels(
    known: NDArray[np.float32], middles: NDArray[np.int64], offsets: list[int]
) -> NDArray[np.float32]:
    """Return the mean of some samples near each place."""
    last = len(known) - 1
    total = np.zeros(len(middles), dtype=np.float32)
    for offset in offsets:
        total += known[np.minimum(np.maximum(middles + offset, 0), last)]
    return total / np.float32(len(offsets))


def _may_be_steps(
    coarse: NDArray[np.float32],
    middles: NDArray[np.int64],
    changes: NDArray[np.float32],
    *,
    settings: LevellingSettings,
) -> NDArray[np.bool_]:
    """Tell roughly which changes are between two levels that last and are steady.

    Parameters
    ----------
    coarse : ndarray of float32, shape (n,)
    middles : ndarray of int64, shape (k,)
    changes : ndarray of float32, shape (k,)
    settings : LevellingSettings
    """
    offsets = np.arange(EDGE // COARSE, (EDGE + STEADY) // COARSE)
    sides = [
        coarse[np.clip(middles[:, None] + side, 0, len(coarse) - 1)]
        for side in (-offsets[::-1], offsets)
    ]
    time = offsets - offsets.mean()
    levels = []
    deviation = np.zeros(len(middles))
    for values, edge in zip(sides, (1, -1), strict=True):
        centred = values - values.mean(axis=1, keepdims=True)
        slope = centred @ time / (time @ time)
        levels.append(values.mean(axis=1) + slope * edge * offsets.mean())
        left = centred - slope[:, None] * time
        deviation = np.maximum(deviation, np.sqrt((left * left).mean(axis=1)))
    size = levels[1] - levels[0]
    steady: NDArray[np.bool_] = (
        np.abs(size) >= settings.rough_share * settings.steady_share * deviation
    )
    steady &= size / changes >= settings.rough_share
    return steady


@dataclass(frozen=True)
class _Curve:
    """A parabola through a second of samples, at one place."""

    value: float
    slope: float  # per sample
    deviation: float  # of the samples from it, root mean square


_TIME = (np.arange(STEADY) - (STEADY - 1) / 2) / STEADY
_POWERS = np.stack((np.ones(STEADY), _TIME, _TIME * _TIME), axis=1)
_FIT = np.linalg.pinv(_POWERS)


def _curve(samples: NDArray[np.float32], *, at: float) -> _Curve:
    """Fit a parabola, which breathing is near enough to, and extrapolate it."""
    constant, linear, square = (float(x) for x in _FIT @ samples)
    left = samples - _POWERS @ np.array((constant, linear, square))
    time = (at - (STEADY - 1) / 2) / STEADY
    return _Curve(
        value=constant + linear * time + square * time * time,
        slope=(linear + 2 * square * time) / STEADY,
        deviation=float(np.sqrt(np.square(left).mean())),
    )
