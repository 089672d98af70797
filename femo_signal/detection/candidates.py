"""Candidate movements: where the sensors agree more than they would by chance."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.evidence import Evidence, Flags, Floats, agreement
from femo_signal.detection.peaks import peaks_apart
from femo_signal.detection.running import running_maximum
from femo_signal.settings import CandidateSettings, EvidenceSettings

__all__ = ["Candidates", "chance_level", "find_candidates", "highest_within"]


@dataclass(frozen=True)
class Candidates:
    """Stretches of agreement, in order of time."""

    first: NDArray[np.int64]  # (n,) frames
    past: NDArray[np.int64]  # (n,) frames
    peak: NDArray[np.int64]  # (n,) frames
    strength: NDArray[np.float64]  # (n,) highest rise
    rise: Floats  # (frames,) agreement over its chance level, or one sensor over `solo_z`

    def only(self, kept: NDArray[np.bool_]) -> Candidates:
        """Return some of the candidates."""
        return Candidates(
            self.first[kept], self.past[kept], self.peak[kept], self.strength[kept], self.rise
        )


def chance_level(
    z: Floats,
    on: Flags,
    quiet: Flags,
    *,
    frame_rate: float,
    settings: CandidateSettings,
    evidence: EvidenceSettings,
) -> float:
    """Return what the agreement of these sensors reaches by chance, so many times an hour.

    The sensors' rows are shifted against each other in time: what then still agrees does so by
    chance. Moments at which they truly agree are left out first, or they would count as chance.

    Parameters
    ----------
    z : ndarray of float32, shape (sensors, frames)
    on : ndarray of bool, shape (sensors, frames)
    quiet : ndarray of bool, shape (frames,)
        Frames that take part: all of the sensors on, no body movement.
    frame_rate : float
        Frames a second.
    settings : CandidateSettings
    evidence : EvidenceSettings

    Returns
    -------
    float
        NaN where too little time is quiet to tell.
    """
    kept = quiet.copy()
    level = float("nan")
    for _ in range(2):
        found = _shifted_level(
            z[:, kept], frame_rate=frame_rate, settings=settings, evidence=evidence
        )
        if not np.isfinite(found):
            break
        level = found
        true = agreement(z, on, settings=evidence) >= level
        reach = round(settings.chance_apart_seconds * frame_rate)
        near = running_maximum(true, reach)
        kept = quiet & ~near
    return level


def _shifted_level(
    z: Floats, *, frame_rate: float, settings: CandidateSettings, evidence: EvidenceSettings
) -> float:
    sensors, frames = z.shape
    block = round(settings.chance_block_seconds * frame_rate)
    blocks = frames // block
    apart = round(settings.chance_shift_seconds * frame_rate)
    if blocks < settings.chance_least_blocks or frames < 2 * apart * sensors:
        return float("nan")
    draws = max(1, -(-settings.chance_blocks // blocks)) if sensors > 1 else 1
    random = np.random.default_rng(settings.chance_seed)
    every = np.ones((sensors, blocks * block), dtype=bool)
    highest = []
    moved = np.empty_like(z)
    for _ in range(draws):
        slot = (frames - apart) // sensors
        shift = random.permutation(sensors) * slot + random.integers(0, slot - apart, sensors)
        for row, turned, by in zip(z, moved, shift.tolist(), strict=True):
            turned[:by], turned[by:] = row[frames - by :], row[: frames - by]
        total = agreement(moved[:, : blocks * block], every, settings=evidence)
        highest.append(total.reshape(blocks, block).max(axis=1))
    share = settings.chance_per_hour * settings.chance_block_seconds / 3600
    return float(np.quantile(np.concatenate(highest), 1 - share))


def chance_levels(
    evidence: Evidence, quiet: Flags, *, settings: CandidateSettings, options: EvidenceSettings
) -> Floats:
    """Return the chance level of the sensors that are on at each frame, shape (frames,).

    A set of sensors that is on for too short a time to tell takes its level from moments at
    which these and others are on; failing that, the highest level that is known.
    """
    level = np.full(evidence.frames.count, np.nan, dtype=np.float32)
    one_bit_each = 1 << np.arange(len(evidence.on), dtype=np.int64)
    which = one_bit_each @ evidence.on
    for code in np.unique(which).tolist():
        members = (code & one_bit_each) > 0
        if not code:
            continue
        fit = evidence.on[members].all(axis=0) & quiet
        level[which == code] = chance_level(
            evidence.z[members],
            evidence.on[members],
            fit,
            frame_rate=evidence.frames.rate,
            settings=settings,
            evidence=options,
        )
    known = np.isfinite(level)
    level[~known] = level[known].max() if known.any() else settings.default_level
    return np.clip(level, settings.least_level, settings.greatest_level)


def find_candidates(
    evidence: Evidence, quiet: Flags, *, settings: CandidateSettings, options: EvidenceSettings
) -> Candidates:
    """Find where the agreement rises above chance, or one sensor far above its level.

    With a hysteresis: a candidate lasts as long as its strength stays above a share of what
    makes it one.

    Parameters
    ----------
    evidence : Evidence
    quiet : ndarray of bool, shape (frames,)
        Frames that can be judged.
    settings : CandidateSettings
    options : EvidenceSettings

    Returns
    -------
    Candidates
    """
    level = chance_levels(evidence, quiet, settings=settings, options=options)
    if not evidence.frames.count:
        nothing = np.zeros(0, dtype=np.int64)
        return Candidates(nothing, nothing, nothing, np.zeros(0), level)
    alone = evidence.z.max(axis=0) / np.float32(settings.solo_z)
    alone[evidence.on.sum(axis=0) > settings.solo_sensors] = 0
    rise = np.maximum(evidence.agreement / level, alone)
    strength = np.where(quiet, rise, 0).astype(np.float32)
    runs = _runs(strength >= settings.lower_share)
    close = settings.join_seconds * evidence.frames.rate
    runs = _split(strength, _joined(runs, close), settings=settings, rate=evidence.frames.rate)
    peak = np.array([a + int(strength[a:b].argmax()) for a, b in runs], dtype=np.int64)
    high = strength[peak] >= 1 if len(peak) else np.zeros(0, bool)
    runs, peak = runs[high], peak[high]
    first, past = runs[:, 0], runs[:, 1]
    return Candidates(first, past, peak, highest_within(rise[None], first, past)[0], rise)


def highest_within(
    rows: Floats, first: NDArray[np.int64], past: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return each row's maximum in each of some disjoint stretches.

    Parameters
    ----------
    rows : ndarray of float32, shape (k, frames)
    first, past : ndarray of int64, shape (n,)
        Sorted, none empty.

    Returns
    -------
    ndarray of float64, shape (k, n)
    """
    if not len(first):
        return np.zeros((len(rows), 0))
    padded = np.concatenate((rows, np.full((len(rows), 1), -np.inf, rows.dtype)), axis=1)
    bounds = np.column_stack((first, past)).ravel()
    return np.maximum.reduceat(padded, bounds, axis=1)[:, ::2].astype(np.float64)


def _runs(mask: Flags) -> NDArray[np.int64]:
    padded = np.concatenate(([False], mask, [False]))
    return np.flatnonzero(padded[1:] != padded[:-1]).reshape(-1, 2)


def _joined(runs: NDArray[np.int64], close: float) -> NDArray[np.int64]:
    if len(runs) < 2:
        return runs
    apart = runs[1:, 0] - runs[:-1, 1] >= close
    first = np.concatenate(([True], apart))
    last = np.concatenate((apart, [True]))
    return np.column_stack((runs[first, 0], runs[last, 1]))


def _split(
    strength: Floats, runs: NDArray[np.int64], *, settings: CandidateSettings, rate: float
) -> NDArray[np.int64]:
    """Part runs at deep valleys between two peaks that are far enough apart."""
    rows: list[tuple[int, int]] = []
    apart = max(1, round(settings.split_seconds * rate))
    for a, b in runs.tolist():
        if b - a < apart:
            rows.append((a, b))
            continue
        inside = strength[a:b]
        peaks = peaks_apart(inside, least=1, apart=apart)
        start = a
        for left, right in pairwise(peaks.tolist()):
            valley = left + int(inside[left:right].argmin())
            if inside[valley] <= settings.split_depth * min(inside[left], inside[right]):
                rows.append((start, a + valley))
                start = a + valley
        rows.append((start, b))
    return np.array(rows, dtype=np.int64).reshape(-1, 2)
