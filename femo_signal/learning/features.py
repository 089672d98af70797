"""What the classifier is told about a detection: named features, each with a unit and a source.

All are ratios, durations, rates or counts, so that they carry over between devices: amplitudes
are relative to a sensor's threshold or noise. What a recording's format or a dead sensor cannot
give is NaN, which LightGBM handles as a case of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.hiccups import Chain, HiccupAnalysis, background_level, find_hiccups
from femo_signal.detection.profile import Profile
from femo_signal.intervals import Intervals, close_gaps, intersection, union
from femo_signal.learning.candidate_features import (
    ADAPTIVE_FEATURES,
    describe_candidates,
    train_pulses,
)
from femo_signal.learning.feature_spec import FeatureSpec
from femo_signal.recording import Channel
from femo_signal.settings import TICKS_PER_SECOND, AnalysisSettings

__all__ = [
    "FEATURES",
    "FEATURE_SET",
    "FeatureSpec",
    "extract_features",
    "feature_names",
    "features_of",
    "names_of",
    "of_no_movement",
]

FEATURE_SET = "5"  # changes whenever a feature does; part of the feature cache's key


_AGREE = "agreement of sensors (fused modalities beat a single one, docs/method.md)"
_HJORTH = "Hjorth (1970), mobility and complexity"
_CONTEXT = "context of the detection"
_HICCUP = "hiccups: pulses 2-4 s apart, steady amplitude"

FEATURES: tuple[FeatureSpec, ...] = (
    FeatureSpec(
        "strength",
        "log10 ratio",
        "peak over threshold, strongest detecting sensor",
        "reference threshold",
    ),
    FeatureSpec(
        "second_strength", "log10 ratio", "the same, second strongest detecting sensor", _AGREE
    ),
    FeatureSpec(
        "longest_core",
        "s",
        "longest stretch above threshold, ripples joined; merged detections gain nothing by it",
        "undilated detection",
    ),
    FeatureSpec("frequency", "Hz", "mean frequency within 0.8 s of the peak", _HJORTH),
    FeatureSpec("complexity", "ratio", "mobility of the derivative over mobility", _HJORTH),
    FeatureSpec(
        "effective_seconds",
        "s",
        "(sum x^2)^2 / sum x^4 within 0.8 s of the peak",
        "participation ratio of the energy",
    ),
    FeatureSpec(
        "energy_skew",
        "s",
        "mean time of the energy after the peak minus before it",
        "sharp onset and slow decay of a pulse",
    ),
    FeatureSpec("crest", "ratio", "peak over RMS within 0.8 s of it", "crest factor"),
    FeatureSpec(
        "piezo_both", "log10 ratio", "weaker piezo's peak over its noise, at the peak", _AGREE
    ),
    FeatureSpec(
        "acoustic_any", "log10 ratio", "stronger acoustic sensor's peak over its noise", _AGREE
    ),
    FeatureSpec(
        "acoustic_both", "log10 ratio", "weaker acoustic sensor's peak over its noise", _AGREE
    ),
    FeatureSpec(
        "accelerometer_any", "log10 ratio", "stronger accelerometer's peak over its noise", _AGREE
    ),
    FeatureSpec(
        "accelerometer_both", "log10 ratio", "weaker accelerometer's peak over its noise", _AGREE
    ),
    FeatureSpec(
        "imu_acceleration",
        "log10 ratio",
        "IMU acceleration, RMS over its noise",
        "maternal movement below the mask",
        direction=-1,
    ),
    FeatureSpec(
        "imu_rotation",
        "log10 ratio",
        "largest of the angles' RMS over their noise",
        "maternal movement below the mask",
        direction=-1,
    ),
    FeatureSpec(
        "imu_level",
        "log10 ratio",
        "peak IMU acceleration or angle over the mask's level",
        "reference body-movement map",
        direction=-1,
    ),
    FeatureSpec("since_body_movement", "s", "time since the mother moved, at most 60", _CONTEXT),
    FeatureSpec("until_body_movement", "s", "time until she moves, at most 60", _CONTEXT),
    FeatureSpec("gap_before", "s", "from the previous detection's end, at most 60", _CONTEXT),
    FeatureSpec("gap_after", "s", "to the next detection's start, at most 60", _CONTEXT),
    FeatureSpec("pulse_rate", "1/min", "pulses within 15 s on the busiest sensor", _HICCUP),
    FeatureSpec(
        "chain_seconds",
        "s",
        "longest hiccup-like chain with a pulse in the detection",
        _HICCUP,
        direction=-1,
    ),
    FeatureSpec("chain_pulses", "count", "its pulses", _HICCUP, direction=-1),
    FeatureSpec("chain_deviation", "ratio", "its amplitude's deviation", _HICCUP),
    FeatureSpec("chain_interval_deviation", "ratio", "its intervals' deviation", _HICCUP),
    FeatureSpec(
        "chain_excess",
        "log10 ratio",
        "detection's peak over the chain's amplitude",
        "a kick among hiccups stands out",
    ),
    FeatureSpec(
        "chain_sensors",
        "share",
        "live sensors on which a chain of 30 s runs through it",
        _HICCUP,
        direction=-1,
    ),
    FeatureSpec(
        "unchained_strength",
        "log10 ratio",
        "strongest pulse in no hiccup-like chain, over the threshold of a detecting sensor",
        _HICCUP,
        direction=1,
    ),
    FeatureSpec(
        "unchained_any",
        "log10 ratio",
        "strongest pulse in no hiccup-like chain, over its level, on any sensor",
        _HICCUP,
        direction=1,
    ),
    FeatureSpec(
        "unchained_seconds",
        "s",
        "length of the pulses in no hiccup-like chain, on the sensor with most",
        _HICCUP,
        direction=1,
    ),
    FeatureSpec(
        "in_bout", "share", "part of the detection inside a hiccup bout", _HICCUP, direction=-1
    ),
)
feature_names: tuple[str, ...] = tuple(spec.name for spec in FEATURES)
FORMAT_FEATURES = ("acoustic_any", "acoustic_both", "accelerometer_any", "accelerometer_both")
"""Features that only recordings with all six sensors (v1) have."""

_HALF_WINDOW_SECONDS = 0.8
_HORIZON_SECONDS = 60.0
_RIPPLE_SECONDS = 0.4  # between the half-waves of one movement
# From here on a chain looks like hiccups, though it may be too short for a bout.
_CHAIN_SECONDS, _CHAIN_PULSES = 30.0, 9
_PIEZO, _ACOUSTIC = ("sensor_3", "sensor_6"), ("sensor_4", "sensor_5")
_ACCELEROMETER = ("sensor_1", "sensor_2")


def features_of(settings: AnalysisSettings) -> tuple[FeatureSpec, ...]:
    """Return the features of the settings' method, in the order of their columns."""
    return ADAPTIVE_FEATURES if settings.method == "adaptive" else FEATURES


def names_of(settings: AnalysisSettings) -> tuple[str, ...]:
    """Return their names."""
    return tuple(spec.name for spec in features_of(settings))


def extract_features(
    profile: Profile, hiccups: HiccupAnalysis | None = None
) -> NDArray[np.float64]:
    """Compute the features of every detection of a profile.

    Parameters
    ----------
    profile : Profile
    hiccups : HiccupAnalysis, optional
        If it has been computed already.

    Returns
    -------
    float64, shape (detections, len(features_of(settings)))
        Columns in the order of `features_of`; NaN where a feature is undefined.
    """
    found = profile.detections
    if not len(found):
        return np.zeros((0, len(features_of(profile.settings))))
    if hiccups is None:
        hiccups = find_hiccups(profile)
    if profile.findings is not None:
        table = describe_candidates(profile.findings, hiccups, profile.signals, profile.settings)
        return np.column_stack([table[spec.name] for spec in ADAPTIVE_FEATURES])
    columns: dict[str, NDArray[np.float64]] = {}
    peak_tick, main = _strength(profile, found, columns)
    _core(profile, found, columns)
    half = round(_HALF_WINDOW_SECONDS * TICKS_PER_SECOND)
    window = np.column_stack((peak_tick - half, peak_tick + half + 1))
    _shape(profile, window, main, columns)
    _agreement(profile, window, columns)
    _motion(profile, window, columns)
    _context(profile, found, peak_tick, columns)
    _hiccup_likeness(hiccups, found, peak_tick, columns)
    _outside_chains(profile, hiccups, found, columns)
    return np.column_stack([columns[name] for name in feature_names])


def of_no_movement(profile: Profile, hiccups: HiccupAnalysis) -> NDArray[np.bool_]:
    """Tell which detections are regular pulses of another origin, shape (detections,).

    A click at each breath, her own pulse on one sensor: they look like movements one by one, and
    no classifier has to learn what their rhythm tells. What stands out of its train is none of it.
    The reference method knows no such thing.
    """
    if profile.findings is None:
        return np.zeros(len(profile.detections), dtype=bool)
    return train_pulses(
        profile.findings,
        hiccups.regular_pulses,
        settings=profile.settings.candidates,
    )


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


def _log_ratio(
    value: NDArray[np.float64], scale: NDArray[np.float64] | float
) -> NDArray[np.float64]:
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
    profile: Profile, found: Intervals, columns: dict[str, NDArray[np.float64]]
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
        ratios.append(_log_ratio(largest, profile.thresholds[name]))
    columns["strength"] = _ranked(ratios, len(found), 0)
    columns["second_strength"] = _ranked(ratios, len(found), 1)
    if not names:
        middle = (found[:, 0] + found[:, 1]) // 2
        return middle, np.full(len(found), -1, dtype=np.int64)
    best = np.argmax(np.stack(ratios), axis=0)
    order = [profile.settings.detection.sensors.index(name) for name in names]
    peak = np.stack(ticks)[best, np.arange(len(found))]
    return peak.astype(np.int64), np.array(order, dtype=np.int64)[best]


def _core(profile: Profile, found: Intervals, columns: dict[str, NDArray[np.float64]]) -> None:
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
    columns: dict[str, NDArray[np.float64]],
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


def _agreement(
    profile: Profile, window: Intervals, columns: dict[str, NDArray[np.float64]]
) -> None:
    seen: dict[str, NDArray[np.float64]] = {}
    for name in _live(profile, (*_PIEZO, *_ACOUSTIC, *_ACCELEROMETER)):
        channel = profile.signals.sensors[name]
        part = _segments(channel, window)
        noise = background_level(channel, profile.hidden(name))
        seen[name] = _log_ratio(part.max(np.abs(part.values)), noise)
    size = len(window)
    for group, names in (
        ("piezo", _PIEZO),
        ("acoustic", _ACOUSTIC),
        ("accelerometer", _ACCELEROMETER),
    ):
        rows = [seen[name] for name in names if name in seen]
        columns[f"{group}_any"] = _ranked(rows, size, 0)
        columns[f"{group}_both"] = _ranked(rows, size, 1)


def _motion(profile: Profile, window: Intervals, columns: dict[str, NDArray[np.float64]]) -> None:
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
        relative[name] = _log_ratio(rms, background_level(channel, profile.hidden(name)))
        level = np.fmax(level, _log_ratio(part.max(np.abs(part.values)), limit))
    columns["imu_acceleration"] = relative.get("acceleration", undefined)
    angles = [relative[name] for name in ("roll", "pitch", "yaw") if name in relative]
    columns["imu_rotation"] = _ranked(angles, size, 0)
    columns["imu_level"] = level


def _context(
    profile: Profile,
    found: Intervals,
    peak: NDArray[np.int64],
    columns: dict[str, NDArray[np.float64]],
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


def _hiccup_likeness(
    hiccups: HiccupAnalysis,
    found: Intervals,
    peak: NDArray[np.int64],
    columns: dict[str, NDArray[np.float64]],
) -> None:
    size = len(found)
    reach = 15 * TICKS_PER_SECOND
    rate, through = np.zeros(size), np.zeros(size)
    # seconds, pulses, deviation, interval deviation, excess of the longest chain so far
    best = np.full((size, 5), np.nan)
    best[:, :2] = 0.0
    for train, chains in zip(hiccups.trains, hiccups.chains, strict=True):
        first = np.searchsorted(train.end, found[:, 0], side="right")
        past = np.searchsorted(train.onset, found[:, 1], side="left")
        count = np.maximum(past - first, 0)
        around = np.searchsorted(train.onset, peak + reach) - np.searchsorted(
            train.onset, peak - reach
        )
        rate = np.maximum(rate, 2.0 * around)
        if not chains or not count.any():
            continue
        facts = np.array(
            [
                (
                    (chain.end - chain.start) / TICKS_PER_SECOND,
                    chain.pulses,
                    chain.amplitude_deviation,
                    chain.interval_deviation,
                    chain.amplitude,
                )
                for chain in chains
            ]
        )
        row = np.repeat(np.arange(size), count)
        pulse = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        pulse += np.repeat(first, count)
        chained = train.chain[pulse] >= 0
        row, pulse = row[chained], pulse[chained]
        if not len(row):
            continue
        length = facts[train.chain[pulse], 0]
        order = np.lexsort((-length, row))
        rows, keep = np.unique(row[order], return_index=True)
        chosen = train.chain[pulse[order][keep]]
        values = facts[chosen]
        loudest = np.zeros(size)
        inside = np.flatnonzero(count > 0)
        bounds = np.column_stack((first[inside], past[inside])).ravel()
        loudest[inside] = np.maximum.reduceat(np.append(train.peak, 0.0), bounds)[::2]
        through[rows] += values[:, 0] >= 30.0
        values[:, 4] = _log_ratio(loudest[rows], values[:, 4])
        better = values[:, 0] > best[rows, 0]
        best[rows[better]] = values[better]
    columns["pulse_rate"] = rate
    for column, name in enumerate(
        (
            "chain_seconds",
            "chain_pulses",
            "chain_deviation",
            "chain_interval_deviation",
            "chain_excess",
        )
    ):
        columns[name] = best[:, column]
    sensors = len(hiccups.trains)
    columns["chain_sensors"] = through / sensors if sensors else np.full(size, np.nan)
    columns["in_bout"] = _covered(found, hiccups.bouts)


def _outside_chains(
    profile: Profile,
    hiccups: HiccupAnalysis,
    found: Intervals,
    columns: dict[str, NDArray[np.float64]],
) -> None:
    """Describe what a detection holds beside pulses of hiccup-like chains."""
    size = len(found)
    strength, anywhere, seconds = np.full(size, -1.0), np.full(size, -1.0), np.zeros(size)
    for train, chains in zip(hiccups.trains, hiccups.chains, strict=True):
        like = np.array([_is_hiccup_like(chain) for chain in chains] + [False])
        free = ~like[train.chain]  # -1, no chain, picks the last one
        onset, end, peak = train.onset[free], train.end[free], train.peak[free]
        first = np.searchsorted(end, found[:, 0], side="right")
        past = np.maximum(np.searchsorted(onset, found[:, 1], side="left"), first)
        rows = np.flatnonzero(past > first)
        if not len(rows):
            continue
        bounds = np.column_stack((first[rows], past[rows])).ravel()
        loudest = np.maximum.reduceat(np.append(peak, 0.0), bounds)[::2]
        lengths = np.concatenate(([0], np.cumsum(end - onset)))
        length = (lengths[past] - lengths[first]) / TICKS_PER_SECOND
        seconds = np.maximum(seconds, length)
        anywhere[rows] = np.maximum(anywhere[rows], _log_ratio(loudest, train.level))
        threshold = profile.thresholds.get(train.sensor, np.inf)
        if np.isfinite(threshold):
            strength[rows] = np.maximum(strength[rows], _log_ratio(loudest, threshold))
    columns["unchained_strength"] = np.maximum(strength, -1.0)
    columns["unchained_any"] = np.maximum(anywhere, -1.0)
    columns["unchained_seconds"] = seconds


def _is_hiccup_like(chain: Chain) -> bool:
    return (
        chain.end - chain.start >= _CHAIN_SECONDS * TICKS_PER_SECOND
        and chain.pulses >= _CHAIN_PULSES
    )


def _covered(windows: Intervals, cover: Intervals) -> NDArray[np.float64]:
    """Return which share of each window a map covers."""
    edges = cover.ravel().astype(np.float64)
    if not len(edges):
        return np.zeros(len(windows))
    before = np.concatenate(([0.0], np.cumsum(np.diff(edges)[::2])))
    level = np.zeros(len(edges))
    level[0::2], level[1::2] = before[:-1], before[1:]
    covered = np.interp(windows[:, 1], edges, level) - np.interp(windows[:, 0], edges, level)
    share: NDArray[np.float64] = covered / (windows[:, 1] - windows[:, 0])
    return share
