"""The reference profile of a recording: thresholds, body movement, detections, sensation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from femo_signal.detection.adaptive import Findings, find_movements
from femo_signal.intervals import (
    Intervals,
    at_least,
    clip,
    difference,
    dilate,
    empty,
    intersection,
    overlapping,
    total,
    union,
)
from femo_signal.levels import noise_level, runs_above
from femo_signal.preprocessing import Preprocessed, preprocess
from femo_signal.presses import debounce, sensation_map
from femo_signal.recording import Profile
from femo_signal.settings import (
    TICKS_PER_SECOND,
    AnalysisSettings,
    DetectionSettings,
    Method,
    MovementSettings,
)

__all__ = ["body_movement_map", "build_profile", "detect", "fuse", "noise_threshold"]

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
        The reference profile of docs/method.md, unless given.
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
    found = (
        _adaptive(read, settings) if settings.method == "adaptive" else _reference(read, settings)
    )
    length = read.info.length_ticks
    gap = settings.preprocessing.press_gap_ticks
    presses = debounce(read.raw_presses, gap_ticks=gap)
    tell(1.0)
    return Profile(
        info=replace(
            read.info,
            notices=(*read.info.notices, *_too_quiet(read, found.thresholds, settings.method)),
        ),
        settings=settings,
        signals=read.signals,
        thresholds=found.thresholds,
        body_movement=found.body_movement,
        detections=found.detections,
        sensor_detections=found.by_sensor,
        core_detections=found.cores,
        sensation=sensation_map(
            presses,
            found.body_movement,
            window_ticks=round(settings.sensation.window_seconds * TICKS_PER_SECOND),
            length=length,
        ),
        presses=presses,
        raw_presses=read.raw_presses,
        gaps=read.gaps,
        end_presses=_outside(debounce(read.untrimmed_presses, gap_ticks=gap), length),
        findings=found.findings,
    )


@dataclass(frozen=True)
class _Found:
    """What either method finds; ticks of the trimmed axis."""

    thresholds: dict[str, float]  # V
    body_movement: Intervals
    detections: Intervals
    by_sensor: dict[str, Intervals]
    cores: dict[str, Intervals]
    findings: Findings | None = None


def _reference(read: Preprocessed, settings: AnalysisSettings) -> _Found:
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
    return _Found(thresholds, moving, fused, maps, cores)


def _adaptive(read: Preprocessed, settings: AnalysisSettings) -> _Found:
    """Find what all sensors agree on, each compared with its own level."""
    found = find_movements(
        read.signals, gaps=read.gaps, length=read.info.length_ticks, settings=settings
    )
    names = found.evidence.sensors
    levels = found.evidence.seen_levels.tolist()
    thresholds = dict.fromkeys(sorted(read.signals.sensors), float("inf")) | {
        name: level if np.isfinite(level) else float("inf")
        for name, level in zip(names, levels, strict=True)
    }
    seen = {name: found.detections[rows] for name, rows in zip(names, found.seen.T, strict=True)}
    return _Found(thresholds, found.body_movement, found.detections, seen, seen, found)


def _outside(presses: Intervals, length: int) -> Intervals:
    """Return the presses that lie wholly in the trimmed ends."""
    return presses[~overlapping(presses, np.array([[0, length]], dtype=np.int64))]


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
    return difference(runs, _unusable(read, name))


def _too_quiet(read: Preprocessed, thresholds: Mapping[str, float], method: Method) -> list[str]:
    """Say which sensors detect nothing although they give a signal."""
    length = read.info.length_ticks
    why = {
        "adaptive": "{} shows no unbroken stretch that is long enough to tell its level by",
        "reference": "the noise of {} is too small to tell a movement by",
    }[method]
    return [
        f"{why.format(name)}: nothing is detected on it"
        for name, level in thresholds.items()
        if name in read.signals.live
        and not np.isfinite(level)
        and total(clip(_unusable(read, name), 0, length)) < length
    ]


def _unusable(read: Preprocessed, name: str) -> Intervals:
    """Return where a channel tells nothing: in gaps, and where it is off."""
    return union(read.gaps, read.signals.off.get(name, empty()))


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
        excluded=_unusable(read, name),
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
