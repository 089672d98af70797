"""The overview of a result: how far each group of sensors rose above its level, for drawing."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femo_result import Overview, OverviewGroup, SensorGroup
from femo_result.overview import MOST_SAMPLES, UNUSABLE
from femo_signal.detection.adaptive import Findings
from femo_signal.detection.evidence import Flags, Floats
from femo_signal.detection.profile import Profile
from femo_signal.intervals import as_intervals, empty, to_mask, union
from femo_signal.recording import Channel, RecordingInfo
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["Trace", "drawn", "overview_of"]

MEMBERS: Mapping[SensorGroup, tuple[str, ...]] = {
    SensorGroup.PIEZO: ("sensor_3", "sensor_6"),
    SensorGroup.ACCELEROMETER: ("sensor_1", "sensor_2"),
    SensorGroup.ACOUSTIC: ("sensor_4", "sensor_5"),
    SensorGroup.IMU: ("imu",),
}
LEAST_USABLE = 0.5  # of a sample's time


@dataclass(frozen=True)
class Trace:
    """How far something rises above its level, evenly sampled on the trimmed axis."""

    rise: Floats  # (n,) in the scale's own measure
    on: Flags  # (n,) where it can be used
    first_tick: int
    step_ticks: int


@dataclass(frozen=True)
class _Scale:
    """How a level becomes a byte."""

    unit: str
    offset: float
    step: float
    seen: float  # from here on a sensor sees something
    moving: float  # from here on the IMU sees the mother move
    level: Callable[[Floats], Floats]  # of a rise


def overview_of(profile: Profile) -> Overview | None:
    """Return how far each group of sensors rose above its level, or None where none could tell.

    Parameters
    ----------
    profile : Profile
        Of either method; each has a level of its own to compare with, and tells its unit.
    """
    if profile.findings is None:
        traces, scale = _over_thresholds(profile), _decibels()
    else:
        traces, scale = _over_own_levels(profile.findings), _deviations(profile)
    return _overview(profile, traces, scale)


def _deviations(profile: Profile) -> _Scale:
    settings = profile.settings
    return _Scale(
        unit="z",
        offset=0.0,
        step=0.25,  # up to 63.5: a strong movement of the mother reaches about 50
        seen=settings.evidence.seen_z,
        moving=settings.body_movement.upper_z,
        level=lambda rise: rise,
    )


def _decibels() -> _Scale:
    return _Scale(unit="dB", offset=-64.0, step=0.5, seen=0.0, moving=0.0, level=_in_decibels)


def _in_decibels(ratio: Floats) -> Floats:
    level: Floats = 20 * np.log10(np.maximum(ratio, np.float32(1e-6)))
    return level


def _over_own_levels(found: Findings) -> dict[str, Trace]:
    """Return what the adaptive method saw, by sensor; none of a sensor that had no level."""
    evidence, motion = found.evidence, found.motion
    traces = {
        name: Trace(z, on, evidence.frames.first_tick, evidence.frames.step_ticks)
        for name, z, on, level in zip(
            evidence.sensors, evidence.z, evidence.on, evidence.seen_levels, strict=True
        )
        if np.isfinite(level)
    }
    if motion is not None:
        frames = motion.frames
        traces["imu"] = Trace(motion.z, motion.on, frames.first_tick, frames.step_ticks)
    return traces


def _over_thresholds(profile: Profile) -> dict[str, Trace]:
    """Return what the reference method saw: magnitudes as multiples of what detects."""
    signals, movement = profile.signals, profile.settings.movement
    traces = {
        name: _ratio(profile, name, signals.sensors[name], level)
        for name, level in profile.thresholds.items()
        if np.isfinite(level) and name in signals.sensors
    }
    levels = {
        "acceleration": movement.acceleration_level,
        "roll": movement.angle_level_degrees,
        "yaw": movement.angle_level_degrees,
    }
    motion = [
        _ratio(profile, name, channel, level)
        for name, level in levels.items()
        if name in signals.live and (channel := getattr(signals, name)) is not None
    ]
    if motion:
        highest = np.max([np.where(one.on, one.rise, 0) for one in motion], axis=0)
        on = np.any([one.on for one in motion], axis=0)
        traces["imu"] = Trace(highest, on, motion[0].first_tick, motion[0].step_ticks)
    return traces


def _ratio(profile: Profile, name: str, channel: Channel, level: float) -> Trace:
    hidden = union(profile.gaps, profile.signals.off.get(name, empty())) - channel.start_tick
    touched = as_intervals(hidden // channel.step_ticks + np.array([0, 1]))
    rise = np.abs(channel.samples)
    rise /= np.float32(level)
    off = to_mask(touched, len(rise))
    return Trace(rise, ~off, channel.start_tick, channel.step_ticks)


def _overview(profile: Profile, traces: Mapping[str, Trace], scale: _Scale) -> Overview | None:
    info = profile.info
    seconds = max(1, -(-int(np.ceil(info.duration_seconds)) // MOST_SAMPLES))
    count = -(-int(np.ceil(info.duration_seconds)) // seconds)
    rows = {
        name: drawn(trace, info, count=count, seconds_per_sample=seconds)
        for name, trace in traces.items()
    }
    groups = [
        _group(
            group,
            {name: scale.level(rows[name]) for name in names if name in rows},
            scale,
            seconds_per_sample=seconds,
        )
        for group, names in MEMBERS.items()
        if group in (SensorGroup.PIEZO, SensorGroup.IMU) or info.format == "v1"
    ]
    if all(group.levels is None for group in groups):
        return None
    return Overview(
        seconds_per_sample=seconds,
        sample_count=count,
        level_unit=scale.unit,
        level_offset=scale.offset,
        level_step=scale.step,
        unusable_byte=UNUSABLE,
        groups=groups,
    )


def drawn(trace: Trace, info: RecordingInfo, *, count: int, seconds_per_sample: int) -> Floats:
    """Return the highest rise of each sample from the recording's start; shape (count,).

    Parameters
    ----------
    trace : Trace
    info : RecordingInfo
    count, seconds_per_sample : int
        Of the samples to be drawn.

    Returns
    -------
    ndarray of float32, shape (count,)
        NaN where for less than half of a sample's time the trace could be used.
    """
    width = seconds_per_sample * TICKS_PER_SECOND
    ticks = trace.first_tick + np.arange(len(trace.rise), dtype=np.int64) * trace.step_ticks
    sample = (ticks + info.trim_ticks) // width
    first = np.flatnonzero(np.diff(sample, prepend=-1))
    highest = np.full(count, np.nan, dtype=np.float32)
    if not len(first):
        return highest
    rise = np.where(trace.on, trace.rise, np.float32(-np.inf))
    used = np.add.reduceat(trace.on, first, dtype=np.int64) * trace.step_ticks
    usable = used >= LEAST_USABLE * width
    highest[sample[first[usable]]] = np.maximum.reduceat(rise, first)[usable]
    return highest


def _group(
    group: SensorGroup,
    levels: Mapping[str, Floats],
    scale: _Scale,
    *,
    seconds_per_sample: int,
) -> OverviewGroup:
    """Describe a group by the levels of its sensors, each of shape (count,), NaN: not usable."""
    used = {name: row for name, row in levels.items() if np.isfinite(row).any()}
    seen = scale.moving if group is SensorGroup.IMU else scale.seen
    if not used:
        return OverviewGroup(
            group=group, sensors=[], usable_seconds=0.0, seen_level=seen, levels=None
        )
    highest: Floats = np.fmax.reduce(list(used.values()))
    return OverviewGroup(
        group=group,
        sensors=sorted(used),
        usable_seconds=float(np.isfinite(highest).sum() * seconds_per_sample),
        seen_level=seen,
        levels=base64.b64encode(_bytes(highest, scale).tobytes()).decode("ascii"),
    )


def _bytes(levels: Floats, scale: _Scale) -> NDArray[np.uint8]:
    steps = np.rint((levels - scale.offset) / scale.step)
    steps = np.clip(steps, 0, UNUSABLE - 1)
    whole: NDArray[np.uint8] = np.where(np.isnan(levels), UNUSABLE, steps).astype(np.uint8)
    return whole
