"""Where a movement really starts and ends: by the energy of the sensors that see it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.candidates import Candidates
from femo_signal.detection.evidence import Evidence, Flags, Floats, Frames
from femo_signal.intervals import Intervals
from femo_signal.recording import Signals
from femo_signal.settings import EdgeSettings

__all__ = ["seen_by", "true_edges"]


def seen_by(evidence: Evidence, candidates: Candidates, *, seen_z: float) -> NDArray[np.bool_]:
    """Tell which sensors see each candidate, shape (candidates, sensors)."""
    if not len(candidates.peak):
        return np.zeros((0, len(evidence.sensors)), dtype=bool)
    seen = np.stack(
        [
            evidence.z[:, a:b].max(axis=1)
            for a, b in zip(candidates.first, candidates.past, strict=True)
        ]
    )
    flags: NDArray[np.bool_] = seen >= seen_z
    flags[np.arange(len(seen)), seen.argmax(axis=1)] = True
    return flags


def true_edges(
    signals: Signals,
    evidence: Evidence,
    candidates: Candidates,
    seen: Flags,
    *,
    settings: EdgeSettings,
) -> Intervals:
    """Return the candidates' intervals, undilated.

    The energy of the sensors that see a candidate, each relative to its own peak there, is
    followed from the strongest moment outwards until it stays below a share of the peak. What
    the frames of the evidence blur by half a window is so taken back.

    Parameters
    ----------
    signals : Signals
    evidence : Evidence
    candidates : Candidates
    seen : ndarray of bool, shape (candidates, sensors)
        Of `seen_by`.
    settings : EdgeSettings

    Returns
    -------
    Intervals, shape (candidates, 2)
        Ticks of the trimmed axis; one row a candidate, in their order, disjoint.
    """
    rows = np.zeros((len(candidates.peak), 2), dtype=np.int64)
    channels = [signals.sensors[name] for name in evidence.sensors]
    if not channels:
        return rows
    step, rate = channels[0].step_ticks, channels[0].sample_rate
    smooth = max(1, round(settings.smooth_seconds * rate))
    quiet = max(1, round(settings.pause_seconds * rate))
    lows, highs = _reach(candidates, evidence.frames, step, len(channels[0].samples))
    bound = 0
    for number, flags in enumerate(seen):
        low = min(max(int(lows[number]), bound), len(channels[0].samples) - 1)
        high = max(int(highs[number]), low + 1)
        parts = [c.samples[low:high] for c, flag in zip(channels, flags, strict=True) if flag]
        start, end = _around_peak(_energy(parts, smooth), settings.share, quiet)
        bound = low + end + 1  # two candidates never touch
        rows[number] = (low + start) * step, (low + end) * step
    return rows


def _reach(
    candidates: Candidates, frames: Frames, step: int, last: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the samples that each candidate's frames hold, none of the next one's frames."""
    half = frames.window_ticks // (2 * step)
    lows = candidates.first * frames.step_ticks // step
    highs = np.minimum((candidates.past - 1) * frames.step_ticks // step + 2 * half, last)
    highs[:-1] = np.minimum(highs[:-1], lows[1:] + half)
    return lows, highs


def _energy(parts: list[Floats], smooth: int) -> Floats:
    """Add up the smoothed energy of several sensors, each relative to its own peak."""
    energy = np.zeros(len(parts[0]), dtype=np.float32)
    width = min(smooth, len(energy))  # "same" is as long as the longer of the two
    for part in parts:
        smoothed = np.convolve(np.square(part), np.full(width, 1 / width, np.float32), "same")
        energy += smoothed / max(float(smoothed.max()), 1e-20)
    return energy


def _around_peak(energy: Floats, share: float, pause: int) -> tuple[int, int]:
    """Return the stretch around the maximum in which no pause below a share is longer than so."""
    high = np.flatnonzero(energy >= share * energy.max())
    at = int(np.searchsorted(high, int(energy.argmax())))
    breaks = np.flatnonzero(np.diff(high) > pause)
    before = breaks[breaks < at]
    after = breaks[breaks >= at]
    first = high[before[-1] + 1] if len(before) else high[0]
    last = high[after[0]] if len(after) else high[-1]
    return int(first), int(last) + 1
