"""When the mother moves, by the IMU's own spread: no level in m/s2 or degrees decides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from femo_signal.crew import Crew
from femo_signal.detection.evidence import Flags, Floats, Frames, gather
from femo_signal.intervals import Intervals, as_intervals, clip, close_gaps, empty
from femo_signal.recording import Signals
from femo_signal.settings import TICKS_PER_SECOND, BodyMovementSettings

__all__ = ["MOTION_CHANNELS", "Motion", "adaptive_body_movement", "collect_motion"]

MOTION_CHANNELS = ("acceleration", "roll", "pitch", "yaw")


@dataclass(frozen=True)
class Motion:
    """What the IMU says, frame by frame."""

    frames: Frames
    z: Floats  # (frames,) of the channel that rises most over its own level
    on: Flags  # (frames,) any channel is


def collect_motion(
    signals: Signals, *, gaps: Intervals, settings: BodyMovementSettings, crew: Crew
) -> Motion | None:
    """Compare the IMU's live channels with their own level; None without any.

    Parameters
    ----------
    signals : Signals
    gaps : Intervals
        Ticks.
    settings : BodyMovementSettings
    crew : Crew
        Whose threads share the work.
    """
    channels = {
        name: channel
        for name in MOTION_CHANNELS
        if name in signals.live and (channel := getattr(signals, name)) is not None
    }
    frames, found = gather(
        channels,
        off=signals.off,
        gaps=gaps,
        body_movement=empty(),
        settings=settings.evidence,
        crew=crew,
    )
    if not frames.count:
        return None
    return Motion(
        frames,
        np.max([one.z for one in found], axis=0),
        np.any([one.on for one in found], axis=0),
    )


def adaptive_body_movement(
    motion: Motion | None, *, length: int, settings: BodyMovementSettings
) -> Intervals:
    """Find when the mother moves: where the IMU rises far above its own level, with hysteresis.

    Parameters
    ----------
    motion : Motion or None
        Of `collect_motion`; without an IMU nothing can be told.
    length : int
        Ticks of the trimmed axis.
    settings : BodyMovementSettings

    Returns
    -------
    Intervals
        Ticks of the trimmed axis.
    """
    if motion is None:
        return empty()
    above = motion.z >= settings.lower_z
    edges = np.flatnonzero(np.diff(np.concatenate(([False], above, [False])).astype(np.int8)))
    runs = edges.reshape(-1, 2)
    peaks = np.array([motion.z[a:b].max() for a, b in runs], dtype=np.float32)
    runs = runs[peaks >= settings.upper_z] if len(runs) else runs
    ticks = motion.frames.first_tick + runs * motion.frames.step_ticks
    margin = round(settings.margin_seconds * TICKS_PER_SECOND)
    moving = as_intervals(ticks + np.array([-margin, margin]))
    return clip(close_gaps(moving, margin), 0, length)
