"""Joins what lies before and behind a gap, so smoothly that the band-pass does not ring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Line", "bridge", "eased", "straight_line"]


@dataclass(frozen=True)
class Line:
    """A straight line through samples next to a gap."""

    level: float  # at the edge of the gap, counts
    slope: float  # per tick


def eased(length: int, ease_ticks: int) -> list[tuple[int, int]]:
    """Return the parts of a gap in which its bridge is not level, as ticks from its start."""
    if length <= 2 * ease_ticks:
        return [(0, length)]
    return [(0, ease_ticks), (length - ease_ticks, length)]


def straight_line(samples: NDArray[np.float32], *, side: int) -> Line:
    """Fit a line to samples; its level is at one end (1: behind the last, -1: before the first).

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
    side : int

    Returns
    -------
    Line
    """
    values = samples.astype(np.float64)
    count = len(values)
    ticks = np.arange(count) - (count - 1) / 2
    slope = float((values * ticks).sum()) / max(float((ticks * ticks).sum()), 1)
    return Line(float(values.mean()) + side * slope * count / 2, slope)


def bridge(
    ticks: NDArray[np.floating[Any]], length: int, before: Line, after: Line, *, ease_ticks: int
) -> NDArray[np.float32]:
    """Join two straight lines over a gap, without a step and without a bend.

    Over the first and the last ``ease_ticks`` each slope gives way to that of the line from edge to
    edge; in a shorter gap that is the cubic through both levels and slopes.

    Parameters
    ----------
    ticks : ndarray of float64, shape (n,)
        From the start of the gap.
    length : int
        Ticks of the gap.
    before, after : Line
        At either edge.
    ease_ticks : int

    Returns
    -------
    ndarray of float32, shape (n,)
    """
    mean_slope = (after.level - before.level) / length
    reach = min(length, ease_ticks)
    leaving = np.minimum(ticks / reach, 1)
    coming = np.minimum((length - ticks) / reach, 1)
    joined = before.level + mean_slope * ticks
    joined = joined + (before.slope - mean_slope) * reach * leaving * (1 - leaving) ** 2
    joined = joined - (after.slope - mean_slope) * reach * coming * (1 - coming) ** 2
    return np.asarray(joined, dtype=np.float32)
