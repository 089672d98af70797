"""What the classifier is told about a candidate of the adaptive method.

Every value is a ratio, a robust z, a duration or a count: none depends on a gain. What a
recording cannot give (a kind of sensor that is absent or off) is NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.candidates import Candidates
from femo_signal.detection.evidence import Evidence, Floats
from femo_signal.intervals import Intervals
from femo_signal.recording import Signals
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["KINDS", "describe_candidates"]

KINDS = {
    "piezo": ("sensor_3", "sensor_6"),
    "acoustic": ("sensor_4", "sensor_5"),
    "accelerometer": ("sensor_1", "sensor_2"),
}
HORIZON_SECONDS = 60.0
NEIGHBOUR_SECONDS = 15.0
RHYTHM_SECONDS = 10.0
RHYTHM_LAGS_SECONDS = (0.5, 5.0)
Columns = dict[str, NDArray[np.float64]]


def describe_candidates(
    signals: Signals,
    evidence: Evidence,
    motion: Evidence | None,
    candidates: Candidates,
    edges: Intervals,
) -> Columns:
    """Compute every feature of every candidate.

    Parameters
    ----------
    signals : Signals
    evidence : Evidence
    motion : Evidence or None
        Of the IMU.
    candidates : Candidates
    edges : Intervals, shape (candidates, 2)
        Undilated, ticks.

    Returns
    -------
    dict of str to ndarray of float64, shape (candidates,)
    """
    columns: Columns = {}
    if not len(candidates.peak):
        return columns
    peaks = _peaks(evidence.z, candidates)
    on = evidence.on[:, candidates.peak]
    peaks[~on] = np.nan
    _agreement(evidence, candidates, peaks, on, columns)
    _kinds(evidence, peaks, columns)
    _bands(evidence, candidates, peaks, columns)
    _motion(motion, candidates, evidence, columns)
    _context(candidates, edges, columns)
    _rhythm(evidence, candidates, columns)
    _shape(signals, evidence, peaks, edges, columns)
    return columns


def _peaks(rows: Floats, candidates: Candidates) -> NDArray[np.float64]:
    """Return each row's maximum within each candidate, shape (rows, candidates)."""
    bounds = np.column_stack((candidates.first, candidates.past)).ravel()
    padded = np.concatenate((rows, np.full((len(rows), 1), -np.inf, rows.dtype)), axis=1)
    found: NDArray[np.float64] = np.maximum.reduceat(padded, bounds, axis=1)[:, ::2]
    return found.astype(np.float64)


def _agreement(
    evidence: Evidence,
    candidates: Candidates,
    peaks: NDArray[np.float64],
    on: NDArray[np.bool_],
    columns: Columns,
) -> None:
    count = peaks.shape[1]
    ranked = -np.sort(-np.where(on, peaks, -np.inf), axis=0)
    ranked[~np.isfinite(ranked)] = np.nan
    columns["strength"] = np.log(candidates.strength.astype(np.float64))
    for rank, name in enumerate(("first_z", "second_z", "third_z", "fourth_z")):
        columns[name] = ranked[rank] if rank < len(ranked) else np.full(count, np.nan)
    columns["dominance"] = columns["first_z"] - columns["second_z"]
    sensors = on.sum(axis=0)
    columns["sensors_on"] = sensors.astype(np.float64)
    with np.errstate(invalid="ignore"):
        for level in (3, 5):
            seeing = ((peaks > level) & on).sum(axis=0)
            columns[f"share_over_{level}"] = seeing / np.maximum(sensors, 1)


def _kinds(evidence: Evidence, peaks: NDArray[np.float64], columns: Columns) -> None:
    rows = []
    for kind, names in KINDS.items():
        members = [row for name, row in zip(evidence.sensors, peaks, strict=True) if name in names]
        best = np.fmax.reduce(members) if members else np.full(peaks.shape[1], np.nan)
        both = np.minimum(*members) if len(members) == 2 else np.full(peaks.shape[1], np.nan)
        columns[f"{kind}_both"] = both
        rows.append(best)
    ranked = -np.sort(-np.where(np.isfinite(rows), rows, -np.inf), axis=0)
    ranked[~np.isfinite(ranked)] = np.nan
    columns["second_kind"], columns["third_kind"] = ranked[1], ranked[2]


def _bands(
    evidence: Evidence, candidates: Candidates, peaks: NDArray[np.float64], columns: Columns
) -> None:
    band = evidence.band[:, candidates.peak].astype(np.float64)
    weight = np.where(np.isfinite(peaks), np.clip(peaks, 0, 20), 0) + 1e-9
    mean = (band * weight).sum(axis=0) / weight.sum(axis=0)
    columns["band"] = mean
    columns["band_spread"] = np.sqrt(((band - mean) ** 2 * weight).sum(axis=0) / weight.sum(axis=0))


def _motion(
    motion: Evidence | None, candidates: Candidates, evidence: Evidence, columns: Columns
) -> None:
    count = len(candidates.peak)
    if motion is None or not motion.frames.count:
        columns["motion_z"] = columns["motion_near_z"] = np.full(count, np.nan)
        return
    for name, seconds in (("motion_z", 0.25), ("motion_near_z", 3.0)):
        reach = round(seconds * evidence.frames.rate)
        last = motion.frames.count
        first = np.clip(candidates.first - reach, 0, last - 1)
        past = np.clip(candidates.past + reach, first + 1, last)
        largest = [float(motion.agreement[a:b].max()) for a, b in zip(first, past, strict=True)]
        known = motion.on.any(axis=0)[np.clip(candidates.peak, 0, last - 1)]
        columns[name] = np.where(known, largest, np.nan)


def _context(candidates: Candidates, edges: Intervals, columns: Columns) -> None:
    seconds = edges / TICKS_PER_SECOND
    far = np.array([HORIZON_SECONDS])
    between = np.minimum(seconds[1:, 0] - seconds[:-1, 1], HORIZON_SECONDS)
    columns["seconds"] = seconds[:, 1] - seconds[:, 0]
    columns["gap_before"] = np.concatenate((far, between))
    columns["gap_after"] = np.concatenate((between, far))
    start = seconds[:, 0]
    first = np.searchsorted(start, start - NEIGHBOUR_SECONDS)
    past = np.searchsorted(start, start + NEIGHBOUR_SECONDS, side="right")
    columns["neighbours"] = (past - first - 1).astype(np.float64)
    strength = np.log(candidates.strength.astype(np.float64))
    usual = np.array([np.median(strength[a:b]) for a, b in zip(first, past, strict=True)])
    columns["over_neighbours"] = strength - usual


def _rhythm(evidence: Evidence, candidates: Candidates, columns: Columns) -> None:
    """Autocorrelation of the agreement around each candidate: height and lag of its peak."""
    rate = evidence.frames.rate
    half = round(RHYTHM_SECONDS * rate)
    low, high = (round(lag * rate) for lag in RHYTHM_LAGS_SECONDS)
    size = 4 * half
    padded = np.pad(evidence.agreement, half)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half)[candidates.peak]
    windows = windows - windows.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(windows, size, axis=1)
    correlation = np.fft.irfft(spectrum * spectrum.conj(), size, axis=1)
    overlap = 1 - np.arange(high + 1) / (2 * half)
    correlation = correlation[:, : high + 1] / np.maximum(correlation[:, :1], 1e-9) / overlap
    inside = correlation[:, low:]
    columns["rhythm"] = inside.max(axis=1)
    columns["rhythm_seconds"] = (low + inside.argmax(axis=1)) / rate


def _shape(
    signals: Signals,
    evidence: Evidence,
    peaks: NDArray[np.float64],
    edges: Intervals,
    columns: Columns,
) -> None:
    """Frequency, crest and rise of the wave on the sensor that sees a candidate best."""
    best = np.where(np.isfinite(peaks), peaks, -np.inf).argmax(axis=0)
    names = ("frequency", "crest", "rise")
    table = np.full((len(edges), 3), np.nan)
    for number, (row, (start, end)) in enumerate(zip(best.tolist(), edges.tolist(), strict=True)):
        channel = signals.sensors[evidence.sensors[row]]
        first, past = start // channel.step_ticks, -(-end // channel.step_ticks)
        x = channel.samples[first : max(past, first + 4)].astype(np.float64)
        power = float(x @ x)
        if power <= 0 or len(x) < 4:
            continue
        step = np.diff(x)
        mobility = np.sqrt(float(step @ step) / power)
        table[number, 0] = channel.sample_rate / np.pi * np.arcsin(min(mobility / 2, 1.0))
        table[number, 1] = np.abs(x).max() / np.sqrt(power / len(x))
        table[number, 2] = np.abs(x).argmax() / len(x)
    for column, name in enumerate(names):
        columns[name] = table[:, column]


