"""What a detection of the reference method looks like on each sensor, and what is around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.hiccups import background_level
from femo_signal.detection.profile import Profile
from femo_signal.intervals import Intervals, close_gaps, intersection, union
from femo_signal.recording import Channel
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["Columns", "describe_detections", "log_ratio"]

Columns = dict[str, NDArray[np.float64]]

_HALF_WINDOW_SECONDS = 0.8
_HORIZON_SECONDS = 60.0
_RIPPLE_SECONDS = 0.4  # between the half-waves of one movement
_PIEZO, _ACOUSTIC = ("sensor_3", "sensor_6"), ("sensor_4", "sensor_5")
_ACCELEROMETER = ("sensor_1", "sensor_2")


def describe_detections(profile: Profile, found: Intervals, columns: Columns) -> NDArray[np.int64]:
    """Fill in the columns of strength, shape, agreement, motion and context; return the peaks.

    Parameters
    ----------
    profile : Profile
    found : Intervals, shape (n, 2)
        The detections.
    columns : dict
        By the feature's name, float64 of shape (n,).

    Returns
    -------
    int64, shape (n,)
        Tick at which each detection is strongest.
    """
    peak, main = _strength(profile, found, columns)
    _core(profile, found, columns)
    half = round(_HALF_WINDOW_SECONDS * TICKS_PER_SECOND)
    window = np.column_stack((peak - half, peak + half + 1))
    _shape(profile, window, main, columns)
    _agreement(profile, window, columns)
    _motion(profile, window, columns)
    _context(profile, found, peak, columns)
    return peak


@dataclass(frozen=True)
class _Segments:
    """The samples of many windows of one channel, end to end."""

    values: NDArray[np.float64]
    index: NDArray[np.int64]  # of each value in the channel
    first: NDArray[np.int64]  # where each window begins in values
    count: NDArray[np.int64]  # samples of each window, 1 or more

    def sum(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        total: NDArray[np.float64] = np.add.reduceat(values, self.first)
        return total

    def max(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        largest: NDArray[np.float64] = np.maximum.reduceat(values, self.first)
        return largest

    def spread(self, per_window: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.repeat(per_window, self.count)


def _segments(channel: Channel, windows: Intervals) -> _Segments:
    """Gather windows; one that lies outside the channel gets the nearest sample."""
    size = len(channel.samples)
    bounds = -((channel.start_tick - windows) // channel.step_ticks)
    begin = np.clip(bounds[:, 0], 0, size - 1)
    count = np.maximum(np.clip(bounds[:, 1], 0, size) - begin, 1)
    first = np.cumsum(count) - count
    index = np.repeat(begin - first, count) + np.arange(int(count.sum()))
    return _Segments(channel.samples[index].astype(np.float64), index, first, count)


def _live(profile: Profile, names: tuple[str, ...]) -> list[str]:
    signals = profile.signals
    return [name for name in names if name in signals.sensors and name in signals.live]


def log_ratio(
    value: NDArray[np.float64], scale: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Return log10 of a ratio of amplitudes, kept finite: -3 to 6; NaN of NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log10(value / scale)
    return np.clip(ratio, -3.0, 6.0)


def _ranked(rows: list[NDArray[np.float64]], size: int, rank: int) -> NDArray[np.float64]:
    """Return the rank-th largest over sensors, NaN where there are not as many."""
    if len(rows) <= rank:
        return np.full(size, np.nan)
    stack: NDArray[np.float64] = np.sort(np.stack(rows), axis=0)[len(rows) - 1 - rank]
    return stack


def _strength(
    profile: Profile, found: Intervals, columns: Columns
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find each detection's peak, and which of the detecting sensors shows it best."""
    names = _live(profile, profile.settings.detection.sensors)
    names = [name for name in names if np.isfinite(profile.thresholds.get(name, np.inf))]
    ratios, ticks = [], []
    for name in names:
        channel = profile.signals.sensors[name]
        part = _segments(channel, found)
        size = np.abs(part.values)
        largest = part.max(size)
        at = np.flatnonzero(size == part.spread(largest))
        at = at[np.searchsorted(at, part.first)]  # the first one of each window
        ticks.append(channel.start_tick + part.index[at] * channel.step_ticks)
        ratios.append(log_ratio(largest, profile.thresholds[name]))
    columns["strength"] = _ranked(ratios, len(found), 0)
    columns["second_strength"] = _ranked(ratios, len(found), 1)
    if not names:
        middle = (found[:, 0] + found[:, 1]) // 2
        return middle, np.full(len(found), -1, dtype=np.int64)
    best = np.argmax(np.stack(ratios), axis=0)
    order = [profile.settings.detection.sensors.index(name) for name in names]
    peak = np.stack(ticks)[best, np.arange(len(found))]
    return peak.astype(np.int64), np.array(order, dtype=np.int64)[best]


def _core(profile: Profile, found: Intervals, columns: Columns) -> None:
    """Measure the longest stretch above threshold; every detection holds one."""
    above = intersection(union(*profile.core_detections.values()), found)
    core = close_gaps(above, round(_RIPPLE_SECONDS * TICKS_PER_SECOND))
    # Joined over the border of two detections it counts for the first.
    first = np.searchsorted(core[:, 1], found[:, 0], side="right")
    past = np.maximum(np.searchsorted(core[:, 0], found[:, 1], side="left"), first)
    longest = np.zeros(len(found))
    rows = np.flatnonzero(past > first)
    if len(rows):
        lengths = np.append((core[:, 1] - core[:, 0]).astype(np.float64), 0.0)
        bounds = np.column_stack((first[rows], past[rows])).ravel()
        longest[rows] = np.maximum.reduceat(lengths, bounds)[::2]
    columns["longest_core"] = longest / TICKS_PER_SECOND


def _shape(
    profile: Profile,
    window: Intervals,
    main: NDArray[np.int64],
    columns: Columns,
) -> None:
    """Describe the waveform around the peak on the sensor that shows it best."""
    names = ("frequency", "complexity", "effective_seconds", "energy_skew", "crest")
    table = np.full((len(window), len(names)), np.nan)
    for number, sensor in enumerate(profile.settings.detection.sensors):
        rows = np.flatnonzero(main == number)
        if not len(rows):
            continue
        channel = profile.signals.sensors[sensor]
        part = _segments(channel, window[rows])
        x = part.values
        energy = x**2
        total = np.maximum(part.sum(energy), 1e-30)
        inner = np.ones(len(x), dtype=bool)
        inner[part.first] = False
        step = np.diff(x, prepend=x[0]) * inner
        bend = np.diff(step, prepend=0.0) * inner
        slope, curve = part.sum(step**2), part.sum(bend**2)
        rate = channel.sample_rate
        mobility = np.sqrt(slope / total)
        clock = (np.arange(len(x)) - part.spread(part.first.astype(np.float64))) / rate
        clock -= _HALF_WINDOW_SECONDS
        table[rows, 0] = rate / np.pi * np.arcsin(np.minimum(mobility / 2, 1.0))
        table[rows, 1] = np.sqrt(curve / np.maximum(slope, 1e-30)) / np.maximum(mobility, 1e-9)
        table[rows, 2] = total**2 / np.maximum(part.sum(energy**2), 1e-60) / rate
        table[rows, 3] = part.sum(energy * clock) / total
        table[rows, 4] = part.max(np.abs(x)) / np.sqrt(total / part.count)
    for column, name in enumerate(names):
        columns[name] = table[:, column]


def _agreement(profile: Profile, window: Intervals, columns: Columns) -> None:
    seen: dict[str, NDArray[np.float64]] = {}
    for name in _live(profile, (*_PIEZO, *_ACOUSTIC, *_ACCELEROMETER)):
        channel = profile.signals.sensors[name]
        part = _segments(channel, window)
        noise = background_level(channel, profile.hidden(name))
        seen[name] = log_ratio(part.max(np.abs(part.values)), noise)
    size = len(window)
    for group, names in (
        ("piezo", _PIEZO),
        ("acoustic", _ACOUSTIC),
        ("accelerometer", _ACCELEROMETER),
    ):
        rows = [seen[name] for name in names if name in seen]
        columns[f"{group}_any"] = _ranked(rows, size, 0)
        columns[f"{group}_both"] = _ranked(rows, size, 1)


def _motion(profile: Profile, window: Intervals, columns: Columns) -> None:
    signals, movement = profile.signals, profile.settings.movement
    size = len(window)
    undefined = np.full(size, np.nan)
    level = undefined
    relative: dict[str, NDArray[np.float64]] = {}
    for name, limit in (
        ("acceleration", movement.acceleration_level),
        ("roll", movement.angle_level_degrees),
        ("pitch", movement.angle_level_degrees),
        ("yaw", movement.angle_level_degrees),
    ):
        channel: Channel | None = getattr(signals, name)
        if channel is None or name not in signals.live:
            continue
        part = _segments(channel, window)
        rms = np.sqrt(part.sum(part.values**2) / part.count)
        relative[name] = log_ratio(rms, background_level(channel, profile.hidden(name)))
        level = np.fmax(level, log_ratio(part.max(np.abs(part.values)), limit))
    columns["imu_acceleration"] = relative.get("acceleration", undefined)
    angles = [relative[name] for name in ("roll", "pitch", "yaw") if name in relative]
    columns["imu_rotation"] = _ranked(angles, size, 0)
    columns["imu_level"] = level


def _context(
    profile: Profile,
    found: Intervals,
    peak: NDArray[np.int64],
    columns: Columns,
) -> None:
    moved = profile.body_movement
    past = np.searchsorted(moved[:, 0], peak)
    starts = np.concatenate((moved[:, 0].astype(np.float64), [np.inf]))
    ends = np.concatenate(([-np.inf], moved[:, 1].astype(np.float64)))
    between = (found[1:, 0] - found[:-1, 1]).astype(np.float64) / TICKS_PER_SECOND
    far = np.array([_HORIZON_SECONDS])
    since = (peak.astype(np.float64) - ends[past]) / TICKS_PER_SECOND
    until = (starts[past] - peak.astype(np.float64)) / TICKS_PER_SECOND
    columns["since_body_movement"] = np.minimum(since, _HORIZON_SECONDS)
    columns["until_body_movement"] = np.minimum(until, _HORIZON_SECONDS)
    columns["gap_before"] = np.minimum(np.concatenate((far, between)), _HORIZON_SECONDS)
    columns["gap_after"] = np.minimum(np.concatenate((between, far)), _HORIZON_SECONDS)
