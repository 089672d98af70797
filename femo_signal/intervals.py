"""Sets of samples as sorted, disjoint, half-open intervals: small, exact and quick.

Every function takes and returns int64 arrays of shape (n, 2), rows ``[start, end)`` with
``start < end``, sorted, neither overlapping nor touching, so that two interval arrays are equal
exactly when the masks they stand for are.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Intervals",
    "as_intervals",
    "at_least",
    "clip",
    "close_gaps",
    "complement",
    "contains",
    "difference",
    "dilate",
    "empty",
    "from_mask",
    "intersection",
    "overlapping",
    "to_mask",
    "total",
    "total_before",
    "union",
]

Intervals: TypeAlias = NDArray[np.int64]


def empty() -> Intervals:
    """Return the interval array of no samples, shape (0, 2)."""
    return np.zeros((0, 2), dtype=np.int64)


def as_intervals(rows: ArrayLike) -> Intervals:
    """Bring rows ``[start, end)`` in any order, overlapping or not, into the canonical form.

    Parameters
    ----------
    rows : array_like, shape (n, 2)
        Integer starts and ends; rows with ``end <= start`` hold no sample and vanish.

    Returns
    -------
    Intervals, shape (m, 2)
    """
    table = np.asarray(rows, dtype=np.int64).reshape(-1, 2)
    table = table[table[:, 1] > table[:, 0]]
    if len(table) < 2:
        return table.copy()
    table = table[np.argsort(table[:, 0], kind="stable")]
    reach = np.maximum.accumulate(table[:, 1])
    first = np.flatnonzero(np.concatenate(([True], table[1:, 0] > reach[:-1])))
    last = np.concatenate((first[1:] - 1, [len(table) - 1]))
    return np.column_stack((table[first, 0], reach[last]))


def from_mask(mask: ArrayLike) -> Intervals:
    """Return the runs of true samples of a mask, shape (length,)."""
    flags = np.asarray(mask, dtype=bool)
    if not flags.size:
        return empty()
    edges = np.flatnonzero(flags[1:] != flags[:-1]) + 1
    starts_true = [0] if flags[0] else []
    ends_true = [flags.size] if flags[-1] else []
    return np.concatenate((starts_true, edges, ends_true)).astype(np.int64).reshape(-1, 2)


def to_mask(intervals: Intervals, length: int) -> NDArray[np.bool_]:
    """Return the mask, shape (length,), that is true inside the intervals."""
    steps = np.zeros(length + 1, dtype=np.int8)
    inside = clip(intervals, 0, length)
    steps[inside[:, 0]] += 1
    steps[inside[:, 1]] -= 1
    return np.cumsum(steps[:-1], dtype=np.int8).astype(bool)


def clip(intervals: Intervals, start: int, end: int) -> Intervals:
    """Return the part of the intervals that lies in ``[start, end)``."""
    clipped = np.clip(intervals, start, end)
    return clipped[clipped[:, 1] > clipped[:, 0]]


def union(*maps: Intervals) -> Intervals:
    """Return the samples that are in any of the maps; touching intervals become one."""
    return as_intervals(np.concatenate((empty(), *maps)))


def at_least(count: int, *maps: Intervals) -> Intervals:
    """Return the samples that are in at least ``count`` of the maps."""
    rows = np.concatenate((empty(), *maps))
    edges = rows.ravel(order="F")
    steps = np.repeat(np.array([1, -1], dtype=np.int64), len(rows))
    order = np.argsort(edges, kind="stable")
    edges, depth = edges[order], np.cumsum(steps[order])
    inside = np.flatnonzero(depth[:-1] >= count)
    return as_intervals(np.column_stack((edges[inside], edges[inside + 1])))


def intersection(a: Intervals, b: Intervals) -> Intervals:
    """Return the samples that are in both maps."""
    first = np.searchsorted(b[:, 1], a[:, 0], side="right")
    past = np.searchsorted(b[:, 0], a[:, 1], side="left")
    count = np.maximum(past - first, 0)
    row_a = np.repeat(np.arange(len(a)), count)
    row_b = np.arange(len(row_a)) - np.repeat(np.cumsum(count) - count, count) + first[row_a]
    return np.column_stack(
        (np.maximum(a[row_a, 0], b[row_b, 0]), np.minimum(a[row_a, 1], b[row_b, 1]))
    )


def complement(intervals: Intervals, length: int) -> Intervals:
    """Return the samples of ``[0, length)`` that are not in the map."""
    inside = clip(intervals, 0, length)
    rows = np.concatenate(([0], inside.ravel(), [length])).astype(np.int64).reshape(-1, 2)
    return rows[rows[:, 1] > rows[:, 0]]


def difference(a: Intervals, b: Intervals) -> Intervals:
    """Return the samples that are in ``a`` and not in ``b``."""
    if not len(a) or not len(b):
        return a.copy()
    low = min(int(a[0, 0]), 0)
    shifted = complement(b - low, int(a[-1, 1]) - low) + low
    return intersection(a, shifted)


def dilate(intervals: Intervals, size: int, length: int) -> Intervals:
    """Widen every interval as a dilation of its mask by ``size`` samples does.

    An interval with first sample a and last sample b becomes
    ``a - size//2 ... b + (size - size//2 - 1)``, clipped to ``[0, length)``; what then meets is
    merged (docs/method.md, "Reference profile").

    Parameters
    ----------
    intervals : Intervals
    size : int
        Width of the structuring element, samples; 0 or 1 leaves the map as it is.
    length : int
        Length of the map, samples.
    """
    before = max(size, 1) // 2
    after = max(size, 1) - before - 1
    return clip(as_intervals(intervals + np.array([-before, after])), 0, length)


def close_gaps(intervals: Intervals, size: int) -> Intervals:
    """Join neighbours with fewer than ``size`` samples between them."""
    if len(intervals) < 2:
        return intervals.copy()
    keep = intervals[1:, 0] - intervals[:-1, 1] >= size
    return np.column_stack(
        (
            intervals[np.concatenate(([True], keep)), 0],
            intervals[np.concatenate((keep, [True])), 1],
        )
    )


def overlapping(a: Intervals, b: Intervals) -> NDArray[np.bool_]:
    """Tell for each interval of ``a`` whether it shares a sample with ``b``; shape (len(a),)."""
    if not len(b):
        return np.zeros(len(a), dtype=bool)
    candidate = np.searchsorted(b[:, 1], a[:, 0], side="right")
    shares: NDArray[np.bool_] = b[np.minimum(candidate, len(b) - 1), 0] < a[:, 1]
    return shares & (candidate < len(b))


def total(intervals: Intervals) -> int:
    """Return the number of samples in the map."""
    return int((intervals[:, 1] - intervals[:, 0]).sum())


def total_before(intervals: Intervals, points: ArrayLike) -> NDArray[np.int64]:
    """Return how many samples of the map lie before each sample index; shape of ``points``."""
    index = np.asarray(points, dtype=np.int64)
    if not len(intervals):
        return np.zeros_like(index)
    whole = np.concatenate(([0], np.cumsum(intervals[:, 1] - intervals[:, 0])))
    row = np.searchsorted(intervals[:, 0], index, side="right")
    still_to_come = np.maximum(intervals[np.maximum(row - 1, 0), 1] - index, 0)
    before: NDArray[np.int64] = whole[row] - np.where(row > 0, still_to_come, 0)
    return before


def contains(intervals: Intervals, points: ArrayLike) -> NDArray[np.bool_]:
    """Tell for each sample index whether it is in the map; shape of ``points``."""
    index = np.asarray(points)
    if not len(intervals):
        return np.zeros(index.shape, dtype=bool)
    row = np.searchsorted(intervals[:, 0], index, side="right") - 1
    before_end: NDArray[np.bool_] = index < intervals[np.maximum(row, 0), 1]
    return before_end & (row >= 0)
