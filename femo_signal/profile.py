"""The reference profile of a recording: thresholds, body movement, detections, sensation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from femo_signal.intervals import (
    Intervals,
    at_least,
    clip,
    difference,
    dilate,
    empty,
    intersection,
    overlapping,
    union,
)
from femo_signal.levels import noise_level, runs_above
from femo_signal.preprocessing import preprocess
from femo_signal.presses import debounce, sensation_map
from femo_signal.recording import Profile, Signals
from femo_signal.settings import (
    TICKS_PER_SECOND,
    AnalysisSettings,
    DetectionSettings,
    MovementSettings,
)

__all__ = ["body_movement_map", "build_profile", "detect", "fuse", "noise_threshold"]

GAP_MARGIN_TICKS = TICKS_PER_SECOND  # around a gap, in which the filter may still ring
READING_SHARE = 0.9  # of the time


def build_profile(
    path: str | Path,
    *,
    settings: AnalysisSettings | None = None,
    progress: Callable[[float], None] | None = None,
    chunk_bytes: int | None = None,
) -> Profile:
    """Read a recording and compute its reference profile.

    Parameters
    ----------
    path : str or Path
    settings : AnalysisSettings, optional
        The reference profile of SIGNAL.md, section 2, unless given.
    progress : callable, optional
        Is told the share of the work done, 0 to 1.
    chunk_bytes : int, optional
        How much of the file is held at a time; the result does not depend on it.

    Returns
    -------
    Profile

    Raises
    ------
    RecordingError
        If the file cannot be analysed.
    """
    settings = settings or AnalysisSettings()
    tell = progress or (lambda _: None)
    read = preprocess(
        Path(path),
        settings,
        progress=lambda share: tell(share * READING_SHARE),
        chunk_bytes=chunk_bytes,
    )
    signals, length = read.signals, read.info.length_ticks
    moving = body_movement_map(
        signals,
        settings.movement,
        selected=settings.detection.sensors,
        length=length,
        gaps=read.gaps,
    )
    thresholds: dict[str, float] = {}
    cores: dict[str, Intervals] = {}
    maps: dict[str, Intervals] = {}
    for name in settings.detection.sensors:
        thresholds[name] = noise_threshold(
            signals, name, settings.detection, length=length, gaps=read.gaps
        )
        cores[name] = empty()
        if np.isfinite(thresholds[name]):
            samples = signals.sensors[name].samples
            above = runs_above(samples, thresholds[name], length=length)
            cores[name] = difference(above, union(moving, read.gaps))
        maps[name] = detect(cores[name], moving, settings.detection, length=length)
    presses = debounce(read.raw_presses, gap_ticks=settings.preprocessing.press_gap_ticks)
    tell(1.0)
    return Profile(
        info=read.info,
        settings=settings,
        signals=signals,
        thresholds=thresholds,
        body_movement=moving,
        detections=fuse(maps.values(), settings.detection.minimum_sensors),
        sensor_detections=maps,
        core_detections=cores,
        sensation=sensation_map(
            presses,
            moving,
            window_ticks=round(settings.sensation.window_seconds * TICKS_PER_SECOND),
            length=length,
        ),
        presses=presses,
        raw_presses=read.raw_presses,
        gaps=read.gaps,
    )


def body_movement_map(
    signals: Signals,
    settings: MovementSettings,
    *,
    selected: tuple[str, ...],
    length: int,
    gaps: Intervals,
) -> Intervals:
    """Find when the mother moves: by acceleration, by turning, or by both piezos at once.

    Only live channels are asked.

    Parameters
    ----------
    signals : Signals
    settings : MovementSettings
    selected : tuple of str
        Sensors whose levels count.
    length : int
        Ticks of the map.
    gaps : Intervals
        Where there is nothing to judge by.

    Returns
    -------
    Intervals
        Body movement; the first and the last tick are never part of it.
    """
    size = round(settings.dilation_seconds * TICKS_PER_SECOND)

    def beyond(name: str, level: float, *, strict: bool) -> Intervals:
        channel = signals.sensors.get(name) or getattr(signals, name, None)
        if channel is None or name not in signals.live:
            return empty()
        runs = runs_above(channel.samples, level, length=length, strict=strict)
        return dilate(difference(runs, gaps), size, length)

    angle = settings.angle_level_degrees
    by_sensor = [
        beyond(name, settings.sensor_levels_volts[name], strict=False)
        for name in settings.sensor_levels_volts
        if name in selected
    ]
    moving = union(
        beyond("acceleration", settings.acceleration_level, strict=False),
        beyond("roll", angle, strict=True),
        beyond("yaw", angle, strict=True),
        at_least(settings.minimum_sensors, *by_sensor),
    )
    return clip(moving, 1, length - 1)


def noise_threshold(
    signals: Signals, name: str, settings: DetectionSettings, *, length: int, gaps: Intervals
) -> float:
    """Return what a sensor must reach to detect, V: a multiple of the noise of its quiet part.

    Infinite for a sensor that is not live or whose noise is too small to be one.
    """
    if name not in signals.live:
        return float("inf")
    noise = noise_level(
        signals.sensors[name].samples,
        quantile=settings.noise_quantile,
        length=length,
        excluded=dilate(gaps, 2 * GAP_MARGIN_TICKS + 1, length),
    )
    if not noise >= settings.minimum_noise_volts:
        return float("inf")
    return settings.noise_multiplier * noise


def detect(
    core: Intervals, moving: Intervals, settings: DetectionSettings, *, length: int
) -> Intervals:
    """Turn runs above threshold into one sensor's detections.

    Runs are dilated; what then touches body movement, be it through another detection, is cleared.

    Parameters
    ----------
    core : Intervals
        At or above threshold, without body movement.
    moving : Intervals
        Body movement.
    settings : DetectionSettings
    length : int
        Ticks of the map.

    Returns
    -------
    Intervals
        Detections; the first and the last tick are never part of them.
    """
    size = round(settings.dilation_seconds * TICKS_PER_SECOND) + 1
    segments = dilate(core, size, length)
    either = union(segments, moving)
    mixed = either[overlapping(either, intersection(segments, moving))]
    return clip(difference(segments, mixed), 1, length - 1)


def fuse(maps: Iterable[Intervals], minimum: int) -> Intervals:
    """Return the intervals of the maps' union that at least ``minimum`` of the maps touch."""
    maps = list(maps)
    either = union(*maps)
    return either[sum(overlapping(either, one).astype(int) for one in maps) >= minimum]
