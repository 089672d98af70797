"""The reference method: what two sensors show above fixed multiples of their noise."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from femo_signal.detection.found import Found
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
from femo_signal.preprocessing.levels import noise_level, runs_above
from femo_signal.preprocessing.preprocess import Preprocessed, unusable
from femo_signal.settings import (
    TICKS_PER_SECOND,
    AnalysisSettings,
    DetectionSettings,
    MovementSettings,
)

__all__ = ["body_movement_map", "detect", "find_by_thresholds", "fuse", "noise_threshold"]


def find_by_thresholds(read: Preprocessed, settings: AnalysisSettings) -> Found:
    """Find what two sensors show above fixed multiples of their noise."""
    length = read.info.length_ticks
    moving = body_movement_map(read, settings.movement, selected=settings.detection.sensors)
    thresholds: dict[str, float] = {}
    cores: dict[str, Intervals] = {}
    maps: dict[str, Intervals] = {}
    for name in settings.detection.sensors:
        thresholds[name] = noise_threshold(read, name, settings.detection)
        above = _runs_above(read, name, thresholds[name])
        cores[name] = difference(above, moving)
        maps[name] = detect(cores[name], moving, settings.detection, length=length)
    fused = fuse(maps.values(), settings.detection.minimum_sensors)
    return Found(thresholds, moving, fused, maps, cores)


def body_movement_map(
    read: Preprocessed, settings: MovementSettings, *, selected: tuple[str, ...]
) -> Intervals:
    """Find when the mother moves: by acceleration, by turning, or by both piezos at once.

    Parameters
    ----------
    read : Preprocessed
    settings : MovementSettings
    selected : tuple of str
        Sensors whose levels count.

    Returns
    -------
    Intervals
        Body movement; the first and the last tick are never part of it.
    """
    size = round(settings.dilation_seconds * TICKS_PER_SECOND)
    length = read.info.length_ticks

    def around(name: str, level: float, *, strict: bool = False) -> Intervals:
        return dilate(_runs_above(read, name, level, strict=strict), size, length)

    by_sensor = [
        around(name, level)
        for name, level in settings.sensor_levels_volts.items()
        if name in selected
    ]
    moving = union(
        around("acceleration", settings.acceleration_level),
        around("roll", settings.angle_level_degrees, strict=True),
        around("yaw", settings.angle_level_degrees, strict=True),
        at_least(settings.minimum_sensors, *by_sensor),
    )
    return clip(moving, 1, length - 1)


def noise_threshold(read: Preprocessed, name: str, settings: DetectionSettings) -> float:
    """Return what a sensor must reach to detect, V: a multiple of the noise of its quiet part.

    Infinite for a sensor that is not live, is never usable, or whose threshold would be below the
    minimum. Time in which the sensor is off takes no part.
    """
    if name not in read.signals.live:
        return float("inf")
    length = read.info.length_ticks
    noise = noise_level(
        read.untrimmed[name],
        quantile=settings.noise_quantile,
        length=length,
        excluded=unusable(read, name),
        lead=read.lead,
    )
    threshold = settings.noise_multiplier * noise
    return threshold if threshold >= settings.minimum_threshold_volts else float("inf")


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


def _runs_above(read: Preprocessed, name: str, level: float, *, strict: bool = False) -> Intervals:
    """Find where a live channel's magnitude reaches a level, while it can be judged."""
    if name not in read.signals.live or not np.isfinite(level):
        return empty()
    runs = runs_above(
        read.untrimmed[name],
        level,
        length=read.info.length_ticks,
        lead=read.lead,
        strict=strict,
    )
    return difference(runs, unusable(read, name))
