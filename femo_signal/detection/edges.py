"""Where a movement really starts and ends: by the energy of the sensors that see it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.candidates import Candidates
from femo_signal.detection.evidence import Evidence, Flags, Floats
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
    frames = evidence.frames
    channels = [signals.sensors[name] for name in evidence.sensors]
    if not channels:
        return rows
    step, rate = channels[0].step_ticks, channels[0].sample_rate
    smooth = max(1, round(settings.smooth_seconds * rate))
    quiet = max(1, round(settings.pause_seconds * rate))
    half = frames.window_ticks // (2 * step)
    bound = 0
    for number, (a, b) in enumerate(zip(candidates.first, candidates.past, strict=True)):
        last = len(channels[0].samples)
        low = min(max(int(a) * frames.step_ticks // step, bound), last - 1)
        high = min((int(b) - 1) * frames.step_ticks // step + 2 * half, last)
        if number + 1 < len(candidates.first):
            after = int(candidates.first[number + 1]) * frames.step_ticks // step + half
            high = min(high, after)
        high = max(high, low + 1)
        energy = np.zeros(high - low, dtype=np.float32)
        for flag, channel in zip(seen[number], channels, strict=True):
            if flag:
                part = np.square(channel.samples[low:high])
                width = min(smooth, len(part))  # "same" is as long as the longer of the two
                part = np.convolve(part, np.full(width, 1 / width, np.float32), "same")
                energy += part / max(float(part.max()), 1e-20)
        start, end = _around_peak(energy, settings.share, quiet)
        bound = low + end + 1  # two candidates never touch
        rows[number] = (low + start) * step, (low + end) * step
    return rows


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
