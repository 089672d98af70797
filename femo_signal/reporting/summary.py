"""Counts, durations, intervals, rates and waits of a recording's movements."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from femo_signal.detection.judged import JudgedTime
from femo_signal.detection.profile import Profile
from femo_signal.intervals import Intervals, intersection, total, union
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["OnsetStatistics", "Summary", "onset_statistics", "summarize"]

_KICKS_TO_COUNT = 10  # "count to ten" charts


@dataclass(frozen=True)
class OnsetStatistics:
    """Statistics of the times from one movement's start to the next one's, s.

    All but the count are None where there are no two movements; the count is, too, where nothing
    could be judged.
    """

    count: int | None
    mean: float | None
    std: float | None  # of the population
    min: float | None
    max: float | None
    median: float | None
    p25: float | None
    p75: float | None


@dataclass(frozen=True)
class Summary:
    """What a movement map amounts to in judged time.

    What was not judged is neither movement nor still. Where nothing could be judged there is no
    count either: all figures but the lengths are None.
    """

    kicks: int | None
    total_minutes: float  # trimmed length
    analysed_minutes: float  # judged
    judged_status: str  # "ok", "too_little" for a rate, "none"
    movement_minutes: float | None  # as the reference counts: 1.5 s off each dilated interval
    still_minutes: float | None  # judged less movement minutes; the reference: total less these
    undilated_movement_minutes: float | None  # above threshold, before any dilation
    kicks_per_analysed_hour: float | None  # None where too little was judged
    analysed_seconds_to_tenth_kick: float | None  # judged time; None where it was not reached
    longest_quiet_seconds: float | None  # in judged time, never across what was not judged
    onset_intervals_seconds: tuple[float, ...]
    onset_intervals_over_unjudged: int | None  # of these, how many hold time that was not judged
    onset_statistics: OnsetStatistics


def summarize(movements: Intervals, judged: JudgedTime, profile: Profile) -> Summary:
    """Summarise a movement map (docs/method.md, "Judged time").

    Parameters
    ----------
    movements : Intervals
        As counted, see `JudgedTime.counted`.
    judged : JudgedTime
    profile : Profile
        Of the recording that they were found in.

    Returns
    -------
    Summary
    """
    onsets = np.diff(movements[:, 0]) / TICKS_PER_SECOND
    statistics = onset_statistics(onsets)
    between = np.column_stack((movements[:-1, 0], movements[1:, 0]))
    core = union(*profile.core_detections.values())
    movement = movement_minutes(movements, profile)
    analysed = judged.seconds / 60
    seen = judged.status != "none"
    tenth = None
    if len(movements) >= _KICKS_TO_COUNT:
        tenth = judged.seconds_before(int(movements[_KICKS_TO_COUNT - 1, 0]))
    return Summary(
        kicks=len(movements) if seen else None,
        total_minutes=_minutes(profile.info.length_ticks),
        analysed_minutes=analysed,
        judged_status=judged.status,
        movement_minutes=movement if seen else None,
        still_minutes=max(analysed - movement, 0.0) if seen else None,
        undilated_movement_minutes=_minutes(total(intersection(core, movements))) if seen else None,
        kicks_per_analysed_hour=judged.rate_per_hour(len(movements)),
        analysed_seconds_to_tenth_kick=tenth,
        longest_quiet_seconds=judged.longest_without(movements),
        onset_intervals_seconds=tuple(onsets.tolist()),
        onset_intervals_over_unjudged=int((judged.why_not(between) != "").sum()) if seen else None,
        onset_statistics=statistics if seen else replace(statistics, count=None),
    )


def movement_minutes(movements: Intervals, profile: Profile) -> float:
    """Return how long movements lasted as the reference counts: half the dilation taken off."""
    taken_off = profile.settings.dilation_seconds / 2
    return max(total(movements) / TICKS_PER_SECOND - len(movements) * taken_off, 0.0) / 60


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
