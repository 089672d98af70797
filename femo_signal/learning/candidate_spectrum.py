"""How wide a band a candidate's energy fills, on the sensor that sees it best.

What a fetus pushes through tissue and belt swings at a few hertz for as long as it lasts. Cloth
that rubs, a connector's click and a voice fill the whole band at once. Where many sensors are on,
they agree on the one and not on the other; where few are, this is what tells them apart.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.adaptive import Findings
from femo_signal.preprocessing import fourier
from femo_signal.preprocessing.filters import LOW_RATE
from femo_signal.recording import Signals
from femo_signal.settings import AnalysisSettings

__all__ = ["spectral_spreads"]

Spectra = NDArray[np.float64]


def spectral_spreads(
    findings: Findings, signals: Signals, settings: AnalysisSettings
) -> NDArray[np.float64]:
    """Return how far each candidate's energy lies from the middle of its own spectrum.

    Parameters
    ----------
    findings : Findings
    signals : Signals
    settings : AnalysisSettings

    Returns
    -------
    ndarray of float64, shape (candidates,)
        Hz, root mean square by energy; NaN where more sensors are on than decide alone, or nothing
        rises above what surrounds it.
    """
    evidence, candidates = findings.evidence, findings.candidates
    spreads = np.full(len(candidates.peak), np.nan)
    taken = np.zeros(evidence.frames.count, dtype=bool)
    for first, past in zip(candidates.first, candidates.past, strict=True):
        taken[first:past] = True
    few = evidence.on[:, candidates.peak].sum(axis=0) <= settings.candidates.solo_sensors
    reach = round(settings.candidates.surround_seconds * evidence.frames.rate)
    for number in np.flatnonzero(few):
        first, past = int(candidates.first[number]), int(candidates.past[number])
        best = int(evidence.z[:, first:past].max(axis=1).argmax())
        around = np.arange(max(first - reach, 0), min(past + reach, evidence.frames.count))
        around = around[evidence.on[best, around] & ~taken[around]]
        samples = signals.sensors[evidence.sensors[best]].samples
        inside = _spectra(samples, np.arange(first, past), settings).mean(axis=0)
        spreads[number] = _spread(inside - _background(samples, around, settings), settings)
    return spreads


def _spectra(
    samples: NDArray[np.float32], frames: NDArray[np.int64], settings: AnalysisSettings
) -> Spectra:
    """Return the power of some frames of the evidence, shape (frames, bins)."""
    window, hop = settings.evidence.window_samples, settings.evidence.hop_samples
    shape = np.hanning(window + 1)[:window]
    rows = samples[frames[:, None] * hop + np.arange(window)] * shape
    power: Spectra = np.abs(fourier.rfft(rows)) ** 2
    return power


def _background(
    samples: NDArray[np.float32], frames: NDArray[np.int64], settings: AnalysisSettings
) -> Spectra | float:
    """Return the mean power of noise, of which half lies below ln 2 times its mean; (bins,)."""
    if not len(frames):
        return 0.0
    middle: Spectra = np.median(_spectra(samples, frames, settings), axis=0) / math.log(2)
    return middle


def _spread(excess: Spectra, settings: AnalysisSettings) -> float:
    low, high = settings.evidence.bands_hz[0][0], settings.evidence.bands_hz[-1][1]
    hertz = np.arange(len(excess)) * (LOW_RATE / settings.evidence.window_samples)
    weight = np.where((hertz >= low) & (hertz <= high), np.maximum(excess, 0), 0)
    total = weight.sum()
    if total <= 0:
        return math.nan
    middle = (hertz * weight).sum() / total
    return float(np.sqrt((np.square(hertz - middle) * weight).sum() / total))
