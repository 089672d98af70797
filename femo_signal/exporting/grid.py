"""Puts the samples that a file stores together onto one even grid.

Samples that were moved onto time lie off it by parts of a step, and where time was stretched they
come at every tick; neither may leave a hole where the belt measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["NO_SAMPLE", "Part", "on_grid", "usual_step"]

NO_SAMPLE = -32768
"""Stands where the file holds no sample: WFDB's own code for it in 16 bits, and EDF's lowest."""

Part: TypeAlias = tuple[int | NDArray[np.int64], NDArray[np.int16]]
"""Ticks, shape (n,), or the first of n that follow each other; and counts, shape (n, columns)."""


def usual_step(parts: Sequence[Part]) -> int:
    """Return the distance of samples that most of the time is sampled at, ticks."""
    spans: Counter[int] = Counter()
    for at, counts in parts:
        step = _step(at)
        spans[step] += step * len(counts)
    return max(spans, key=lambda step: spans[step])


def on_grid(parts: list[Part], columns: int, step: int, rows: int) -> NDArray[np.int16]:
    """Return counts at every step, `NO_SAMPLE` where there are none; use up the parts.

    Between two samples that are less than twice their usual distance apart none was lost: what the
    grid has there lies on the line between them, as where time was stretched.

    Parameters
    ----------
    parts : list of Part
        In order of time; counts above `NO_SAMPLE`.
    columns : int
    step : int
        Ticks.
    rows : int

    Returns
    -------
    ndarray of int16, shape (columns, rows)
    """
    grid = np.full((columns, rows), NO_SAMPLE, dtype=np.int16)
    next_tick, next_step = np.zeros(0, dtype=np.int64), 1
    while parts:  # they take as much memory as what is made of them
        at, counts = parts.pop()
        own = _step(at)
        if isinstance(at, int) and step == 1:
            grid[:, at : at + len(counts)] = counts.T
            ticks = np.array([at, at + len(counts) - 1])
        else:
            ticks = at + np.arange(len(counts)) if isinstance(at, int) else at
            _put(grid, ticks, counts, step)
        with_next = np.append(ticks[-1:], next_tick)
        if not isinstance(at, int):
            _join(grid, ticks, step, own)
        _join(grid, with_next, step, max(own, next_step))
        next_tick, next_step = ticks[:1], own
    return grid


def _step(at: int | NDArray[np.int64]) -> int:
    """Return the usual distance of a part's samples, ticks."""
    if isinstance(at, int) or len(at) < 2:
        return 1
    return max(int(np.median(np.diff(at))), 1)


def _cells(ticks: NDArray[np.int64], step: int, rows: int) -> NDArray[np.int64]:
    return np.minimum((ticks + step // 2) // step, rows - 1)


def _put(
    grid: NDArray[np.int16], ticks: NDArray[np.int64], counts: NDArray[np.int16], step: int
) -> None:
    """Put samples where they are nearest; of several the nearest one stays."""
    cells = _cells(ticks, step, grid.shape[1])
    order = np.argsort(-np.abs(ticks - cells * step), kind="stable")  # the last one is kept
    grid[:, cells[order]] = counts[order].T


def _join(grid: NDArray[np.int16], ticks: NDArray[np.int64], step: int, own: int) -> None:
    """Fill what lies between samples of which none between was lost."""
    cells = _cells(ticks, step, grid.shape[1])
    width = np.diff(cells)
    joined = np.flatnonzero((width > 1) & (np.diff(ticks) < 2 * own))
    for nth in range(1, int(width[joined].max(initial=1))):
        left = joined[width[joined] > nth]
        before = grid[:, cells[left]].astype(np.int32)
        after = grid[:, cells[left + 1]].astype(np.int32)
        between = before + (after - before) * (nth / width[left])
        grid[:, cells[left] + nth] = np.rint(between).astype(np.int16)
