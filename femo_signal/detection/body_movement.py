"""When the mother moves, by the IMU's own spread: no level in m/s2 or degrees decides."""

from __future__ import annotations

import numpy as np

from femo_signal.detection.evidence import Evidence, Flags, Floats, channel_z, frames_of
from femo_signal.intervals import Intervals, as_intervals, clip, close_gaps, empty, union
from femo_signal.recording import Signals
from femo_signal.settings import TICKS_PER_SECOND, BodyMovementSettings, EvidenceSettings

__all__ = ["MOTION_CHANNELS", "adaptive_body_movement", "collect_motion"]

MOTION_CHANNELS = ("acceleration", "roll", "pitch", "yaw")


def collect_motion(
    signals: Signals, *, gaps: Intervals, settings: BodyMovementSettings
) -> Evidence | None:
    """Compare the IMU's channels with their own level; None without a live one.

    Parameters
    ----------
    signals : Signals
    gaps : Intervals
        Ticks.
    settings : BodyMovementSettings

    Returns
    -------
    Evidence or None
        Its ``agreement`` is the largest z of the channels.
    """
    channels = {
        name: channel
        for name in MOTION_CHANNELS
        if name in signals.live and (channel := getattr(signals, name)) is not None
    }
    if not channels:
        return None
    options = settings.evidence
    first = next(iter(channels.values()))
    frames = frames_of(len(first.samples), options, step_ticks=first.step_ticks)
    margin = frames.window_ticks // 2
    rows, bands, on = [], [], []
    for name, channel in channels.items():
        off = union(gaps, signals.off[name]) if name in signals.off else gaps
        usable = ~frames.inside(off, margin_ticks=margin)
        z, band = channel_z(channel, usable, usable, frames=frames, settings=options)
        rows.append(z)
        bands.append(band)
        on.append(usable)
    z = np.array(rows)
    return Evidence(
        frames=frames,
        sensors=tuple(channels),
        z=z,
        band=np.array(bands),
        on=np.array(on),
        agreement=z.max(axis=0) if z.size else np.zeros(0, np.float32),
    )


def adaptive_body_movement(
    motion: Evidence | None, *, length: int, settings: BodyMovementSettings
) -> Intervals:
    """Find when the mother moves: where the IMU rises far above its own level, with hysteresis.

    Parameters
    ----------
    motion : Evidence or None
        Of `collect_motion`; without an IMU nothing can be told.
    length : int
        Ticks of the trimmed axis.
    settings : BodyMovementSettings

    Returns
    -------
    Intervals
        Ticks of the trimmed axis.
    """
    if motion is None or not motion.frames.count:
        return empty()
    above = motion.agreement >= settings.lower_z
    edges = np.flatnonzero(np.diff(np.concatenate(([False], above, [False])).astype(np.int8)))
    runs = edges.reshape(-1, 2)
    peaks = np.array([motion.agreement[a:b].max() for a, b in runs], dtype=np.float32)
    runs = runs[peaks >= settings.upper_z] if len(runs) else runs
    ticks = motion.frames.first_tick + runs * motion.frames.step_ticks
    margin = round(settings.margin_seconds * TICKS_PER_SECOND)
    moving = as_intervals(ticks + np.array([-margin, margin]))
    return clip(close_gaps(moving, margin), 0, length)
