"""What agreement chance alone would give: the same marks, shifted in a circle many times.

Shifts are made on judged time joined end to end, so that chance, too, is only asked where something
could be seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femo_signal.intervals import Intervals, total, total_before

__all__ = ["SHIFTS", "ChanceLevel", "chance_level", "circular_shifts", "joined"]

SHIFTS = 100
_UPPER = 95.0  # percent of the shifts


@dataclass(frozen=True)
class ChanceLevel:
    """A figure over many shifts; None where it is undefined."""

    mean: float | None
    upper: float | None  # 95 % of the shifts reach no more


def chance_level(values: ArrayLike) -> ChanceLevel:
    """Summarise a figure over shifts, shape (shifts,); NaN where a shift leaves it undefined."""
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if not known.size:
        return ChanceLevel(None, None)
    return ChanceLevel(float(known.mean()), float(np.percentile(known, _UPPER)))


def joined(intervals: Intervals, kept: Intervals) -> Intervals:
    """Move intervals to the axis on which only the kept ticks are left, joined.

    Parameters
    ----------
    intervals : Intervals, shape (n, 2)
        In any order; they may overlap, and stay as many as they are.
    kept : Intervals

    Returns
    -------
    Intervals, shape (m, 2)
        Without those of which nothing is left.
    """
    rows = total_before(kept, intervals)
    return rows[rows[:, 1] > rows[:, 0]]


def circular_shifts(
    reference: Intervals, judged: Intervals, *, seed: int, shifts: int = SHIFTS
) -> NDArray[np.int64]:
    """Shift marks in a circle on joined judged time.

    Parameters
    ----------
    reference : Intervals, shape (n, 2)
        On the joined axis, see `joined`.
    judged : Intervals
    seed : int
    shifts : int

    Returns
    -------
    int64, shape (shifts, n, 2)
        Each sorted by start. A mark that passes the end keeps its length beyond it.
    """
    length = max(total(judged), 1)
    offsets = np.random.default_rng(seed).integers(0, length, shifts)
    start = (reference[None, :, 0] + offsets[:, None]) % length
    order = np.argsort(start, axis=1, kind="stable")
    span = reference[:, 1] - reference[:, 0]
    sorted_start = np.take_along_axis(start, order, axis=1)
    return np.stack((sorted_start, sorted_start + span[order]), axis=2)
