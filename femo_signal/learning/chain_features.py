"""How like hiccups a detection of the reference method is, and what it holds beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.hiccups import Chain, HiccupAnalysis, PulseTrain
from femo_signal.detection.profile import Profile
from femo_signal.intervals import Intervals
from femo_signal.learning.detection_features import Columns, log_ratio
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["describe_chains"]

# From here on a chain looks like hiccups, though it may be too short for a bout.
_CHAIN_SECONDS, _CHAIN_PULSES = 30.0, 9


def describe_chains(
    profile: Profile,
    hiccups: HiccupAnalysis,
    found: Intervals,
    peak: NDArray[np.int64],
    columns: Columns,
) -> None:
    """Fill in the columns that tell of hiccups.

    Parameters
    ----------
    profile : Profile
    hiccups : HiccupAnalysis
        Of the same recording.
    found : Intervals, shape (n, 2)
        The detections.
    peak : int64, shape (n,)
        Tick at which each is strongest.
    columns : dict
        By the feature's name, float64 of shape (n,).
    """
    _hiccup_likeness(hiccups, found, peak, columns)
    _outside_chains(profile, hiccups, found, columns)


_LONGEST = (
    "chain_seconds", "chain_pulses", "chain_deviation", "chain_interval_deviation", "chain_excess",
)  # fmt: skip


def _hiccup_likeness(
    hiccups: HiccupAnalysis, found: Intervals, peak: NDArray[np.int64], columns: Columns
) -> None:
    """Describe the longest chain that runs through a detection, on whichever sensor."""
    size = len(found)
    reach = 15 * TICKS_PER_SECOND
    rate, through = np.zeros(size), np.zeros(size)
    best = np.full((size, len(_LONGEST)), np.nan)
    best[:, :2] = 0.0
    for train, chains in zip(hiccups.trains, hiccups.chains, strict=True):
        around = np.searchsorted(train.onset, peak + reach) - np.searchsorted(
            train.onset, peak - reach
        )
        rate = np.maximum(rate, 2.0 * around)
        rows, values = _longest_chains(train, chains, found)
        through[rows] += values[:, 0] >= 30.0
        better = values[:, 0] > best[rows, 0]
        best[rows[better]] = values[better]
    columns["pulse_rate"] = rate
    columns.update(zip(_LONGEST, best.T, strict=True))
    sensors = len(hiccups.trains)
    columns["chain_sensors"] = through / sensors if sensors else np.full(size, np.nan)
    columns["in_bout"] = _covered(found, hiccups.bouts)


def _longest_chains(
    train: PulseTrain, chains: Sequence[Chain], found: Intervals
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return which detections hold a pulse of a chain, and the longest such chain's `_LONGEST`."""
    size = len(found)
    first = np.searchsorted(train.end, found[:, 0], side="right")
    past = np.searchsorted(train.onset, found[:, 1], side="left")
    count = np.maximum(past - first, 0)
    row = np.repeat(np.arange(size), count)
    pulse = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    pulse += np.repeat(first, count)
    chained = train.chain[pulse] >= 0
    row, pulse = row[chained], pulse[chained]
    if not len(row):
        return row, np.zeros((0, len(_LONGEST)))
    facts = np.array([_facts(chain) for chain in chains])
    order = np.lexsort((-facts[train.chain[pulse], 0], row))
    rows, keep = np.unique(row[order], return_index=True)
    values = facts[train.chain[pulse[order][keep]]]
    loudest = np.zeros(size)
    inside = np.flatnonzero(count > 0)
    bounds = np.column_stack((first[inside], past[inside])).ravel()
    loudest[inside] = np.maximum.reduceat(np.append(train.peak, 0.0), bounds)[::2]
    values[:, 4] = log_ratio(loudest[rows], values[:, 4])
    return rows, values


def _facts(chain: Chain) -> tuple[float, ...]:
    """Return a chain's seconds, pulses, deviations of amplitude and interval, and amplitude."""
    return (
        (chain.end - chain.start) / TICKS_PER_SECOND,
        chain.pulses,
        chain.amplitude_deviation,
        chain.interval_deviation,
        chain.amplitude,
    )


def _outside_chains(
    profile: Profile,
    hiccups: HiccupAnalysis,
    found: Intervals,
    columns: Columns,
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
        anywhere[rows] = np.maximum(anywhere[rows], log_ratio(loudest, train.level))
        threshold = profile.thresholds.get(train.sensor, np.inf)
        if np.isfinite(threshold):
            strength[rows] = np.maximum(strength[rows], log_ratio(loudest, threshold))
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
