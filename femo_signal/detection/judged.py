"""Which time of a recording could be judged, and why the rest could not.

Nothing is counted, timed, rated or called quiet outside judged time, so every figure, picture and
summary takes it from here. Time is judged where enough detecting sensors are on, in no gap, free of
body movement, not cut off at an end, free of pulses of unknown origin where too few sensors are on
to tell them from movements and, where hiccups are taken out, in none of their bouts
(docs/method.md, "Judged time").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femo_result.words import lasting, lasting_of
from femo_signal.intervals import (
    Intervals,
    as_intervals,
    at_least,
    clip,
    complement,
    difference,
    empty,
    intersection,
    overlapping,
    total,
    union,
)
from femo_signal.settings import TICKS_PER_SECOND, JudgingSettings

__all__ = ["REASONS", "JudgedTime", "judge_time"]

REASONS = ("ends", "gap", "sensor_off", "body_movement", "regular_pulses", "hiccups")
"""Why time is not judged; where several hold, the first one is told."""


@dataclass(frozen=True)
class JudgedTime:
    """The judged time of a recording; every map in ticks of the trimmed axis."""

    length: int  # of the trimmed axis
    duration: int  # of the whole recording, ends included
    judged: Intervals
    unjudged: Mapping[str, Intervals]  # by reason, all of `REASONS`, disjoint; ends lie outside
    fewer_sensors: Intervals  # judged, though not every detecting sensor is on
    motion_unseen: Intervals  # judged, though without an IMU body movement cannot be told
    settings: JudgingSettings

    @property
    def seconds(self) -> float:
        """How much could be judged."""
        return total(self.judged) / TICKS_PER_SECOND

    @property
    def unjudged_seconds(self) -> dict[str, float]:
        """How much could not, by reason; adds up with `seconds` to the recording."""
        return {reason: total(rows) / TICKS_PER_SECOND for reason, rows in self.unjudged.items()}

    @property
    def status(self) -> str:
        """``ok``; ``too_little`` for a rate; or ``none``: nothing can be said."""
        if not len(self.judged):
            return "none"
        least = self.settings
        enough = max(least.least_seconds, least.least_share * self.duration / TICKS_PER_SECOND)
        return "ok" if self.seconds >= enough else "too_little"

    @property
    def explanation(self) -> str:
        """The status as a sentence."""
        whole = self.duration / TICKS_PER_SECOND
        if self.status == "none":
            return f"Nothing of the {lasting(whole)} could be judged, so nothing was counted."
        told = f"{lasting_of(self.seconds, whole)} could be judged"
        if self.status == "ok":
            return f"{told}."
        return (
            f"Only {told}: too little for a rate, which needs "
            f"{self.settings.least_seconds / 60:g} min and {self.settings.least_share:.0%} of the "
            "recording."
        )

    def rate_per_hour(self, count: int) -> float | None:
        """Return events per judged hour; None where too little was judged."""
        return count / self.seconds * 3600 if self.status == "ok" else None

    def seconds_before(self, tick: int) -> float:
        """Return how much judged time has passed before a tick."""
        return total(clip(self.judged, 0, tick)) / TICKS_PER_SECOND

    def longest_without(self, movements: Intervals) -> float | None:
        """Return the longest stretch of judged time without movement, s.

        It never bridges time that was not judged. None where there is no such stretch.
        """
        quiet = difference(self.judged, movements)
        if not len(quiet):
            return None
        return float((quiet[:, 1] - quiet[:, 0]).max()) / TICKS_PER_SECOND

    def counted(self, movements: Intervals, cores: Intervals, *, bridge_ticks: int) -> Intervals:
        """Return what of the movements may be counted.

        A movement counts where something of it was above a sensor's threshold in judged time:
        a left-over of pure dilation is none. It begins and ends in judged time; what it has on
        the two sides of a longer unjudged stretch are two.

        Parameters
        ----------
        movements : Intervals
        cores : Intervals
            Undilated runs above threshold.
        bridge_ticks : int
            Unjudged stretches up to this length (a lost packet) do not part a movement.
        """
        hidden = complement(self.judged, self.length)
        long = hidden[hidden[:, 1] - hidden[:, 0] > bridge_ticks]
        pieces = clip(difference(movements, long), 0, self.length)
        pieces = pieces[overlapping(pieces, intersection(cores, self.judged))]
        first = np.searchsorted(self.judged[:, 1], pieces[:, 0], side="right")
        last = np.searchsorted(self.judged[:, 0], pieces[:, 1], side="left") - 1
        return np.column_stack(
            (
                np.maximum(pieces[:, 0], self.judged[first, 0]),
                np.minimum(pieces[:, 1], self.judged[last, 1]),
            )
        )

    def why_not(self, windows: Intervals) -> NDArray[np.str_]:
        """Tell for each window the first reason that touches it, "" where all of it is judged.

        Parameters
        ----------
        windows : Intervals, shape (n, 2)
            In any order; they may overlap.
        """
        reasons = np.full(len(windows), "", dtype="U16")
        for reason in reversed(REASONS):
            reasons[overlapping(windows, self.unjudged[reason])] = reason
        return reasons


def judge_time(
    *,
    length: int,
    lead: int,
    duration: int,
    gaps: Intervals,
    body_movement: Intervals,
    sensors_on: Mapping[str, Intervals],
    enough_on: Intervals,
    motion_on: Intervals,
    pulses: Intervals,
    hiccups: Intervals,
    settings: JudgingSettings | None = None,
) -> JudgedTime:
    """Put together what could be judged.

    Parameters
    ----------
    length, lead, duration : int
        Ticks of the trimmed axis, of what is cut off before it, and of the whole recording.
    gaps, body_movement : Intervals
    sensors_on : mapping
        Where each detecting sensor can see, by its name.
    enough_on, motion_on : Intervals
        Where as many of them as a detection needs can see, and where the IMU can.
    pulses, hiccups : Intervals
        Where regular pulses cannot be told from movements, and what is taken out with the bouts;
        empty where these stay.
    settings : JudgingSettings, optional
    """
    ends = as_intervals([[-lead, 0], [length, max(duration - lead, length)]])
    rows = (ends, gaps, complement(enough_on, length), body_movement, pulses, hiccups)
    unjudged = _told_once(dict(zip(REASONS, rows, strict=True)), length)
    judged = complement(union(*unjudged.values()), length)
    return JudgedTime(
        length=length,
        duration=duration,
        judged=judged,
        unjudged=unjudged,
        fewer_sensors=difference(judged, at_least(len(sensors_on), *sensors_on.values())),
        motion_unseen=difference(judged, motion_on),
        settings=settings or JudgingSettings(),
    )


def _told_once(rows: Mapping[str, Intervals], length: int) -> dict[str, Intervals]:
    """Give time with several reasons to the first of them; all but the ends lie on the axis."""
    axis = np.array([[0, length]], dtype=np.int64)
    unjudged: dict[str, Intervals] = {}
    told = empty()
    for reason in REASONS:
        unjudged[reason] = difference(rows[reason], told)
        if reason != "ends":
            unjudged[reason] = intersection(unjudged[reason], axis)
        told = union(told, unjudged[reason])
    return unjudged
