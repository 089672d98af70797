"""Counts, durations and intervals of a recording's movements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from femo_signal.intervals import Intervals, complement, intersection, total, union
from femo_signal.recording import Profile
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["OnsetStatistics", "Summary", "onset_statistics", "summarize"]


@dataclass(frozen=True)
class OnsetStatistics:
    """Statistics of the times from one movement's start to the next one's, s.

    All but the count are None where there are no two movements.
    """

    count: int
    mean: float | None
    std: float | None  # of the population
    min: float | None
    max: float | None
    median: float | None
    p25: float | None
    p75: float | None


@dataclass(frozen=True)
class Summary:
    """What a movement map amounts to."""

    kicks: int
    total_minutes: float  # trimmed length
    movement_minutes: float  # as the reference counts: 1.5 s taken off each dilated interval
    still_minutes: float  # total less movement minutes
    undilated_movement_minutes: float  # above threshold, before any dilation
    analysed_minutes: float  # total less body movement and gaps
    onset_intervals_seconds: tuple[float, ...]
    onset_statistics: OnsetStatistics


def summarize(movements: Intervals, core: Intervals, profile: Profile) -> Summary:
    """Summarise a movement map (docs/method.md, "Reference profile").

    Parameters
    ----------
    movements : Intervals
        Accepted detections, or all of them.
    core : Intervals
        Undilated runs above threshold, of all sensors; those within ``movements`` count.
    profile : Profile
        Of the recording that they were found in.

    Returns
    -------
    Summary
    """
    length = profile.info.length_ticks
    taken_off = profile.settings.detection.dilation_seconds / 2
    kicks = len(movements)
    movement = (total(movements) / TICKS_PER_SECOND - kicks * taken_off) / 60
    total_minutes = _minutes(length)
    onsets = np.diff(movements[:, 0]) / TICKS_PER_SECOND
    return Summary(
        kicks=kicks,
        total_minutes=total_minutes,
        movement_minutes=movement,
        still_minutes=total_minutes - movement,
        undilated_movement_minutes=_minutes(total(intersection(union(core), movements))),
        analysed_minutes=_minutes(
            total(complement(union(profile.body_movement, profile.gaps), length))
        ),
        onset_intervals_seconds=tuple(onsets.tolist()),
        onset_statistics=onset_statistics(onsets),
    )


def onset_statistics(intervals_seconds: ArrayLike) -> OnsetStatistics:
    """Describe onset intervals, shape (n,), s."""
    values = np.asarray(intervals_seconds, dtype=np.float64)
    if not values.size:
        return OnsetStatistics(0, None, None, None, None, None, None, None)
    p25, median, p75 = np.percentile(values, (25, 50, 75)).tolist()
    return OnsetStatistics(
        count=values.size,
        mean=float(values.mean()),
        std=float(values.std()),
        min=float(values.min()),
        max=float(values.max()),
        median=median,
        p25=p25,
        p75=p75,
    )


def _minutes(ticks: int) -> float:
    return ticks / TICKS_PER_SECOND / 60
