"""One event answers for one reference event, and what chance alone would answer for."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.chance import SHIFTS, circular_shifts, joined
from femo_signal.intervals import Intervals, as_intervals, overlapping, total

__all__ = ["chance_hits", "chance_of_meeting", "match_one_to_one"]


def match_one_to_one(detections: Intervals, reference: Intervals) -> NDArray[np.int64]:
    """Assign to every detection at most one reference event that it overlaps, and vice versa.

    The assignment has the most pairs possible: detections are disjoint, so the graph is convex
    and taking the reference event that ends first is optimal (Glover, 1967).

    Parameters
    ----------
    detections : Intervals, shape (n, 2)
        Sorted and disjoint.
    reference : Intervals, shape (m, 2)
        In any order; they may overlap.

    Returns
    -------
    int64, shape (n,)
        Row of the reference event, or -1.
    """
    partner = np.full(len(detections), -1, dtype=np.int64)
    # Most of what is compared meets nothing: told in one step, the loop is left with the rest.
    meeting = np.flatnonzero(overlapping(detections, as_intervals(reference)))
    met = np.flatnonzero(overlapping(reference, detections))
    order = met[np.argsort(reference[met, 0], kind="stable")]
    starts, ends = reference[order, 0].tolist(), reference[order, 1].tolist()
    waiting: list[tuple[int, int]] = []
    position = 0
    for row, (start, end) in zip(meeting.tolist(), detections[meeting].tolist(), strict=True):
        while position < len(starts) and starts[position] < end:
            heapq.heappush(waiting, (ends[position], int(order[position])))
            position += 1
        while waiting and waiting[0][0] <= start:
            heapq.heappop(waiting)
        if waiting:
            partner[row] = heapq.heappop(waiting)[1]
    return partner


def chance_hits(
    movements: Intervals, reference: Intervals, *, judged: Intervals, seed: int
) -> NDArray[np.int64]:
    """Count the reference events that movements would answer for by chance, one to one.

    The reference is shifted in a circle against the same movements, on joined judged time.

    Parameters
    ----------
    movements : Intervals
        Accepted, ticks.
    reference : Intervals
        Ticks.
    judged : Intervals
        Ticks.
    seed : int

    Returns
    -------
    int64, shape (shifts,)
    """
    found = joined(movements, judged)
    shifted = circular_shifts(joined(reference, judged), judged, seed=seed)
    # All shifts side by side on one long axis, far enough apart not to meet: one matching does.
    apart = 1 + int(max(found.max(initial=0), shifted.max(initial=0)))
    place = (np.arange(SHIFTS) * apart)[:, None, None]
    partner = match_one_to_one(
        (found[None] + place).reshape(-1, 2), (shifted + place).reshape(-1, 2)
    )
    hits: NDArray[np.int64] = (partner >= 0).reshape(SHIFTS, len(found)).sum(axis=1)
    return hits


def chance_of_meeting(
    movements: Intervals, reference: Intervals, *, judged: Intervals, seed: int
) -> float | None:
    """Tell which share of reference events would overlap any movement by chance.

    Parameters
    ----------
    movements, reference, judged : Intervals
        Ticks.
    seed : int

    Returns
    -------
    float or None
        None without reference events in judged time.
    """
    marks, found = joined(reference, judged), joined(movements, judged)
    if not len(marks):
        return None
    again = as_intervals(np.concatenate((found, found + total(judged))))  # for what passes the end
    shifted = circular_shifts(marks, judged, seed=seed)
    return float(overlapping(shifted.reshape(-1, 2), again).mean())
