"""One event answers for one reference event, and what chance alone would answer for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from femo_signal.detection.chance import SHIFTS, circular_shifts, joined
from femo_signal.intervals import Intervals, as_intervals, overlapping, total
from femo_signal.settings import TICKS_PER_SECOND

__all__ = [
    "DEFAULT_WINDOWS",
    "WINDOWS",
    "chance_hits",
    "chance_of_meeting",
    "match_one_to_one",
    "widened",
]

WINDOWS: Mapping[str, tuple[float, float]] = {
    "overlap": (0.0, 0.0),
    "-3/+2 s": (3.0, 2.0),
    "-5/+2 s": (5.0, 2.0),
    "-5/+5 s": (5.0, 5.0),
}
"""Seconds before and after a reference event in which a detection may answer for it."""
DEFAULT_WINDOWS: Mapping[str, str] = {"annotations": "overlap", "presses": "-3/+2 s"}
"""By where the reference comes from. Annotations have edges of their own; a press follows what she
felt, so more is allowed before it than after."""


def widened(events: Intervals, window: str, *, back: bool = False) -> Intervals:
    """Return the windows around reference events, or, back, the events in such windows.

    Parameters
    ----------
    events : Intervals, shape (n, 2)
        In any order; as many come back.
    window : str
        One of `WINDOWS`.
    back : bool
    """
    before, after = WINDOWS[window]
    margin = np.array([-round(before * TICKS_PER_SECOND), round(after * TICKS_PER_SECOND)])
    moved: Intervals = events - margin if back else events + margin
    return moved


def match_one_to_one(detections: Intervals, reference: Intervals) -> NDArray[np.int64]:
    """Assign to every detection at most one reference event that it overlaps, and vice versa.

    The assignment has the most pairs possible (Hopcroft and Karp, 1973).

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
    if not len(detections) or not len(reference):
        return np.full(len(detections), -1, dtype=np.int64)
    first = np.searchsorted(detections[:, 1], reference[:, 0], side="right")
    past = np.searchsorted(detections[:, 0], reference[:, 1], side="left")
    count = np.maximum(past - first, 0)
    edge = np.concatenate(([0], np.cumsum(count)))
    meeting = np.arange(edge[-1]) + np.repeat(first - edge[:-1], count)
    graph = csr_array(
        (np.ones(len(meeting), dtype=bool), meeting, edge), shape=(len(reference), len(detections))
    )
    partner = maximum_bipartite_matching(graph, perm_type="row")
    return np.asarray(partner, dtype=np.int64)


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
