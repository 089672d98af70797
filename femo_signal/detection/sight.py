"""Where each sensor could see a movement by the adaptive method, and what kept it from it.

A sensor that is on and has samples sees nothing yet: it takes a frame's length of them, and a level
to compare with. Lost packets, or body movement, may leave too little of either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from femo_signal.detection.evidence import Evidence, Flags, Frames
from femo_signal.intervals import (
    Intervals,
    as_intervals,
    clip,
    complement,
    difference,
    empty,
    union,
)
from femo_signal.recording import Signals

__all__ = ["Blind", "Sight", "sights"]

Blind = Literal["gap", "body_movement", "sensor_off"]


@dataclass(frozen=True)
class Sight:
    """What one sensor could see; ticks of the trimmed axis."""

    seeing: Intervals
    lost: Mapping[str, Intervals]  # by "gap" and "body_movement": on, but with too little to see by
    blind: Blind | None  # why it sees nothing at all, though it gives a signal; None where it sees


def sights(
    evidence: Evidence, signals: Signals, *, gaps: Intervals, length: int
) -> dict[str, Sight]:
    """Tell for each sensor that gives a signal where it could see.

    Parameters
    ----------
    evidence : Evidence
    signals : Signals
    gaps : Intervals
        Ticks of the trimmed axis.
    length : int
        Ticks of that axis.
    """
    return {
        name: _sight(
            evidence.frames,
            on,
            levelled=bool(np.isfinite(level)),
            off=signals.off.get(name, empty()),
            gaps=gaps,
            length=length,
        )
        for name, on, level in zip(evidence.sensors, evidence.on, evidence.seen_levels, strict=True)
    }


def _sight(
    frames: Frames, on: Flags, *, levelled: bool, off: Intervals, gaps: Intervals, length: int
) -> Sight:
    usable = complement(union(off, gaps), length)
    unseen = difference(usable, _covered(frames, on, length))
    near_gaps = _near(unseen, gaps, frames.window_ticks)
    seeing = difference(usable, unseen)
    if levelled:
        return Sight(seeing, {"gap": near_gaps, "body_movement": empty()}, None)
    if on.any():  # and in none of these frames she lay still
        return Sight(empty(), {"gap": near_gaps, "body_movement": seeing}, "body_movement")
    blind: Blind = "gap" if len(near_gaps) else "sensor_off"
    return Sight(empty(), {"gap": near_gaps, "body_movement": empty()}, blind)


def _covered(frames: Frames, on: Flags, length: int) -> Intervals:
    """Return the time that the frames hold in which a sensor is on, up to a step beyond."""
    reach = frames.window_ticks // 2 + frames.step_ticks
    centres = frames.ticks[on]
    return clip(as_intervals(np.column_stack((centres - reach, centres + reach))), 0, length)


def _near(pieces: Intervals, gaps: Intervals, reach: int) -> Intervals:
    """Return the pieces that lie, at either end, within reach of a gap."""
    if not len(gaps) or not len(pieces):
        return empty()
    after = gaps[:, 0][np.minimum(np.searchsorted(gaps[:, 0], pieces[:, 1]), len(gaps) - 1)]
    before = gaps[:, 1][np.maximum(np.searchsorted(gaps[:, 1], pieces[:, 0], "right") - 1, 0)]
    close = (np.abs(after - pieces[:, 1]) <= reach) | (np.abs(pieces[:, 0] - before) <= reach)
    found: Intervals = pieces[close]
    return found
