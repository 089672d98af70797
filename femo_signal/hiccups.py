"""Hiccup bouts: long chains of sharp pulses, 2-4 s apart, of steady amplitude.

Pulses are found per sensor on its envelope, below the reference's detection threshold and without
its dilation, so that they stay apart. Chains are then linked pulse to pulse: a single missed pulse
and time hidden by body movement may be bridged, pulses of another amplitude (kicks) are passed
over. Steadiness is measured relative to the amplitude, and only live sensors vote
(docs/method.md, "Where it departs").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femo_signal.intervals import (
    Intervals,
    at_least,
    close_gaps,
    complement,
    contains,
    dilate,
    empty,
    intersection,
    overlapping,
    total,
    total_before,
    union,
)
from femo_signal.recording import Channel, Profile
from femo_signal.settings import TICKS_PER_SECOND

__all__ = [
    "BoutRules",
    "Chain",
    "HiccupAnalysis",
    "PulseTrain",
    "background_level",
    "find_hiccups",
    "find_pulses",
    "link_pulses",
    "taken_out",
]

_PAIRS = {
    "piezo": ("sensor_3", "sensor_6"),
    "accelerometer": ("sensor_1", "sensor_2"),
    "acoustic": ("sensor_4", "sensor_5"),
}


@dataclass(frozen=True)
class BoutRules:
    """What makes a pulse, a chain and a bout.

    Intervals of 2-4 s and bouts from 1.4 minutes are the published range; the search starts at
    one minute so that a bout cut by the end of the recording is found as well.
    """

    envelope_seconds: float = 1 / 32
    pulse_level: float = 7.0  # times the median of |x|, about 4.7 standard deviations
    pulse_close_seconds: float = 0.4  # ripples of one pulse
    longest_pulse_seconds: float = 1.2  # a bout's median pulse
    interval_seconds: tuple[float, float] = (1.8, 4.3)  # onset jitter included
    missed_interval_seconds: tuple[float, float] = (4.3, 8.2)  # one pulse missing
    missed_share: float = 0.2  # of a chain's links
    amplitude_ratio: float = 1.7  # between linked pulses
    amplitude_deviation: float = 0.25  # of a chain, relative to its running median
    interval_deviation: float = 0.3  # of a chain, relative to its median
    stray_share: float = 0.5  # similar pulses in between, relative to the chain's own
    bridge_seconds: float = 30.0  # of body movement
    minimum_seconds: float = 60.0
    minimum_pulses: int = 16
    margin_seconds: float = 2.0  # what a bout takes along at each end when it is removed


@dataclass(frozen=True)
class PulseTrain:
    """The pulses of one sensor."""

    sensor: str
    level: float  # V, of the envelope, from which on there is a pulse
    onset: NDArray[np.int64]  # (n,) ticks of the trimmed axis
    end: NDArray[np.int64]  # (n,)
    peak: NDArray[np.float64]  # (n,) V
    chain: NDArray[np.int64]  # (n,) index into the chains, -1 where in none


@dataclass(frozen=True)
class Chain:
    """Pulses that follow each other like hiccups; a bout if long and steady enough."""

    sensor: str
    start: int  # ticks
    end: int
    pulses: int
    amplitude: float  # V, median
    amplitude_deviation: float  # relative
    interval_seconds: float  # median
    interval_deviation: float  # relative
    missed_share: float
    stray_share: float
    pulse_seconds: float  # median
    is_bout: bool


@dataclass(frozen=True)
class HiccupAnalysis:
    """Pulses and chains of every live sensor, and the bouts that the sensors agree on."""

    trains: tuple[PulseTrain, ...]
    chains: tuple[tuple[Chain, ...], ...]  # per train
    bouts: Intervals
    could_be_seen: bool  # a live sensor showed enough time for the shortest bout


def background_level(channel: Channel, excluded: Intervals) -> float:
    """Return the median of |x| outside the excluded intervals.

    Taken over some 30,000 evenly spaced samples, which fixes it to about one percent.

    Parameters
    ----------
    channel : Channel
        V.
    excluded : Intervals
        Body movement and gaps, ticks.

    Returns
    -------
    float
        V; NaN where nothing is left.
    """
    stride = max(1, len(channel.samples) // 30_000)
    index = np.arange(0, len(channel.samples), stride)
    kept = ~contains(excluded, channel.start_tick + index * channel.step_ticks)
    values = np.abs(channel.samples[index[kept]])
    return float(np.median(values)) if len(values) else float("nan")


def find_pulses(
    channel: Channel, *, level: float, excluded: Intervals, rules: BoutRules
) -> tuple[Intervals, NDArray[np.float64]]:
    """Find the runs of the envelope above a level.

    Parameters
    ----------
    channel : Channel
        V.
    level : float
        V.
    excluded : Intervals
        Pulses that touch these are dropped, ticks.
    rules : BoutRules

    Returns
    -------
    pulses : Intervals, shape (n, 2)
        Ticks, exact to the envelope's step.
    peaks : float64, shape (n,)
        V.
    """
    block = max(1, round(rules.envelope_seconds * channel.sample_rate))
    count = len(channel.samples) // block
    if count == 0 or not level > 0:
        return empty(), np.zeros(0)
    size = np.abs(channel.samples[: count * block])
    envelope = size[::block].copy()
    for phase in range(1, block):  # ten times as fast as a reduction over short rows
        np.maximum(envelope, size[phase::block], out=envelope)
    high = np.flatnonzero(envelope >= level)
    if not len(high):
        return empty(), np.zeros(0)
    close = max(1, round(rules.pulse_close_seconds / rules.envelope_seconds))
    breaks = np.flatnonzero(np.diff(high) > close) + 1
    first = np.concatenate(([0], breaks))
    last = np.concatenate((breaks, [len(high)])) - 1
    peaks = np.maximum.reduceat(envelope[high], first).astype(np.float64)
    step = block * channel.step_ticks
    pulses = channel.start_tick + np.column_stack((high[first], high[last] + 1)) * step
    kept = ~overlapping(pulses, excluded)
    return pulses[kept].astype(np.int64), peaks[kept]


def find_hiccups(profile: Profile, *, rules: BoutRules | None = None) -> HiccupAnalysis:
    """Find the hiccup bouts of a recording.

    By default a bout counts where a piezo shows it, or an accelerometer and an acoustic sensor
    both do.

    Parameters
    ----------
    profile : Profile
        Its settings choose the scheme of agreement, the steadiness, and what is joined.
    rules : BoutRules, optional

    Returns
    -------
    HiccupAnalysis
        Bouts in ticks of the trimmed axis, from the first pulse to the end of the last.
    """
    settings = profile.settings.hiccups
    rules = rules or BoutRules(amplitude_deviation=settings.amplitude_deviation)
    trains: list[PulseTrain] = []
    chains: list[tuple[Chain, ...]] = []
    shown = 0
    for name in sorted(profile.signals.sensors):
        if name not in profile.signals.live:
            continue
        channel = profile.signals.sensors[name]
        hidden = profile.hidden(name)
        shown = max(shown, total(complement(hidden, profile.info.length_ticks)))
        level = rules.pulse_level * background_level(channel, hidden)
        pulses, peaks = find_pulses(channel, level=level, excluded=hidden, rules=rules)
        member, found = link_pulses(pulses, peaks, hidden=hidden, sensor=name, rules=rules)
        trains.append(PulseTrain(name, level, pulses[:, 0], pulses[:, 1], peaks, member))
        chains.append(found)
    maps = {kind: empty() for kind in _PAIRS}
    for train, found in zip(trains, chains, strict=True):
        kind = next(kind for kind, names in _PAIRS.items() if train.sensor in names)
        rows = [[chain.start, chain.end] for chain in found if chain.is_bout]
        if rows:
            maps[kind] = union(maps[kind], np.array(rows, dtype=np.int64))
    if settings.scheme == "piezo_or_pair":
        bouts = union(maps["piezo"], intersection(maps["accelerometer"], maps["acoustic"]))
    else:
        bouts = at_least({"any": 1, "two": 2, "three": 3}[settings.scheme], *maps.values())
    bouts = close_gaps(bouts, round(settings.join_seconds * TICKS_PER_SECOND))
    shortest = rules.minimum_seconds * TICKS_PER_SECOND
    bouts = bouts[bouts[:, 1] - bouts[:, 0] >= shortest]
    return HiccupAnalysis(tuple(trains), tuple(chains), bouts, shown >= shortest)


def link_pulses(
    pulses: Intervals,
    peaks: NDArray[np.float64],
    *,
    hidden: Intervals,
    sensor: str = "",
    rules: BoutRules | None = None,
) -> tuple[NDArray[np.int64], tuple[Chain, ...]]:
    """Link pulses to chains with the intervals and the steady amplitude of hiccups.

    Every pulse takes the predecessor that makes the best chain; chains are then read off from
    their ends, best first, and no pulse is in two.

    Parameters
    ----------
    pulses : Intervals, shape (n, 2)
        Ticks.
    peaks : float64, shape (n,)
        V.
    hidden : Intervals
        Time that could not be seen, ticks.
    sensor : str
        Name for the chains.
    rules : BoutRules, optional

    Returns
    -------
    member : int64, shape (n,)
        Index of the chain that a pulse is in, or -1. Chains have three pulses or more.
    chains : tuple of Chain
    """
    rules = rules or BoutRules()
    count = len(pulses)
    member = np.full(count, -1, dtype=np.int64)
    if count < 3:
        return member, ()
    onset = pulses[:, 0] / TICKS_PER_SECOND
    unseen = total_before(hidden, pulses[:, 0]) / TICKS_PER_SECOND
    seen_time = (onset - unseen).tolist()
    unseen_time = unseen.tolist()
    logs = np.log(np.maximum(peaks, 1e-12)).tolist()
    limit = float(np.log(rules.amplitude_ratio))
    low, high = rules.interval_seconds
    missed_high = rules.missed_interval_seconds[1]
    score = [0.0] * count
    before = [-1] * count
    missed = [False] * count  # the link back passes over one missing pulse
    bridged = [False] * count  # ... or over hidden time
    for i in range(count):
        j = i - 1
        while j >= 0:
            gap = seen_time[i] - seen_time[j]
            dark = unseen_time[i] - unseen_time[j]
            if gap > missed_high or dark > rules.bridge_seconds:
                break
            unlike = abs(logs[i] - logs[j])
            if unlike < limit and (gap >= low or dark > 0):
                skipped = gap > high or dark > 0
                gain = (0.2 if skipped else 1.0) * (1.0 - 0.5 * unlike / limit)
                if score[j] + gain > score[i]:
                    score[i], before[i] = score[j] + gain, j
                    bridged[i], missed[i] = skipped, skipped and dark == 0
            j -= 1
    chains: list[Chain] = []
    taken = [False] * count
    for tail in sorted(range(count), key=lambda index: -score[index]):
        if score[tail] <= 0 or taken[tail]:
            continue
        path = []
        node = tail
        while node >= 0 and not taken[node]:
            path.append(node)
            taken[node] = True
            node = before[node]
        # A lone pulse beyond a bridged gap belongs to the chain no more than to chance.
        while len(path) > 2 and bridged[path[0]]:
            path.pop(0)
        while len(path) > 2 and bridged[path[-2]]:
            path.pop()
        if len(path) < 3:
            continue
        index = np.array(path[::-1])
        misses = sum(missed[k] for k in path[:-1])
        member[index] = len(chains)
        chains.append(_describe(index, pulses, peaks, onset - unseen, misses, sensor, rules))
    return member, tuple(chains)


def taken_out(bouts: Intervals, *, length: int) -> Intervals:
    """Return the time that goes with the bouts where hiccups are taken out.

    Parameters
    ----------
    bouts : Intervals
    length : int
        Length of the trimmed axis, ticks.
    """
    margin = round(BoutRules().margin_seconds * TICKS_PER_SECOND)
    return dilate(bouts, 2 * margin + 1, length)


def _describe(
    index: NDArray[np.int64],
    pulses: Intervals,
    peaks: NDArray[np.float64],
    seen_onset: NDArray[np.float64],
    misses: int,
    sensor: str,
    rules: BoutRules,
) -> Chain:
    amplitude = peaks[index]
    steps = np.diff(seen_onset[index])
    regular = steps[(steps >= rules.interval_seconds[0]) & (steps <= rules.interval_seconds[1])]
    interval = float(np.median(regular)) if len(regular) else float("nan")
    spread = float(np.std(regular) / interval) if len(regular) > 1 else float("nan")
    running = _running_median(amplitude, 11)
    deviation = float(1.4826 * np.median(np.abs(amplitude / running - 1.0)))
    inside = np.arange(index[0], index[-1] + 1)
    alike = np.abs(np.log(peaks[inside] / np.median(amplitude))) < np.log(rules.amplitude_ratio)
    stray = (int(alike.sum()) - len(index)) / len(index)
    start, end = int(pulses[index[0], 0]), int(pulses[index[-1], 1])
    duration = float(np.median(pulses[index, 1] - pulses[index, 0])) / TICKS_PER_SECOND
    missed_share = misses / len(steps)
    is_bout = (
        end - start >= rules.minimum_seconds * TICKS_PER_SECOND
        and len(index) >= rules.minimum_pulses
        and missed_share <= rules.missed_share
        and deviation <= rules.amplitude_deviation
        and spread <= rules.interval_deviation
        and stray <= rules.stray_share
        and duration <= rules.longest_pulse_seconds
    )
    return Chain(
        sensor=sensor,
        start=start,
        end=end,
        pulses=len(index),
        amplitude=float(np.median(amplitude)),
        amplitude_deviation=deviation,
        interval_seconds=interval,
        interval_deviation=spread,
        missed_share=missed_share,
        stray_share=max(stray, 0.0),
        pulse_seconds=duration,
        is_bout=bool(is_bout),
    )


def _running_median(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    if len(values) <= width:
        return np.full(len(values), np.median(values))
    half = width // 2
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, half, mode="edge"), width)
    medians: NDArray[np.float64] = np.median(windows, axis=1)
    return medians
