"""The mother's breath, and whether pulses follow it.

The breath is sought around a series of pulses, in the orientation and acceleration of the belt
first and in its piezos where these do not show it: the slow signal whose power lies closest
around one rate. Pulses that come at the same phase of each breath are clicks of the belt or of
her, no hiccups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femo_signal.intervals import Intervals, contains, from_mask
from femo_signal.preprocessing import fourier
from femo_signal.recording import Channel
from femo_signal.settings import TICKS_PER_SECOND, HiccupSettings

__all__ = ["Breath", "PhaseLock", "find_breath", "phase_lock"]


@dataclass(frozen=True)
class Breath:
    """The breath around a series of pulses."""

    source: str  # of the slow channels
    rate_hz: float
    share: float  # of the source's slow power around that rate
    phase: NDArray[np.float64]  # (n,) radians at each pulse; NaN where it cannot be told


def find_breath(
    slow: Mapping[str, Channel],
    ticks: NDArray[np.int64],
    *,
    hidden: Intervals,
    settings: HiccupSettings,
) -> Breath | None:
    """Find the breath around pulses.

    Parameters
    ----------
    slow : mapping of str to Channel
        `femo_signal.recording.Signals.slow`.
    ticks : ndarray of int64, shape (n,)
        The pulses, rising.
    hidden : Intervals
        Body movement and gaps, ticks.
    settings : HiccupSettings

    Returns
    -------
    Breath or None
        None where no slow signal shows a breath.
    """
    piezos = [name for name in sorted(slow) if name.startswith("sensor_")]
    motion = [name for name in sorted(slow) if name not in piezos]
    before, after = (round(s * TICKS_PER_SECOND) for s in settings.breath_pulse_seconds)
    pulses = np.column_stack((ticks - before, ticks + after))
    for names, bent in ((motion, None), (piezos, pulses)):
        found = [
            breath
            for name in names
            if (breath := _in_channel(name, slow[name], ticks, hidden, bent, settings)) is not None
        ]
        if found:
            return max(found, key=lambda breath: breath.share)
    return None


def _in_channel(
    name: str,
    channel: Channel,
    ticks: NDArray[np.int64],
    hidden: Intervals,
    bent: Intervals | None,
    settings: HiccupSettings,
) -> Breath | None:
    """Look for the breath in one slow channel."""
    rate = channel.sample_rate
    margin = round(settings.breath_margin_seconds * rate)
    place = (ticks - channel.start_tick) / channel.step_ticks
    first = max(int(place[0]) - margin, 0)
    past = min(int(place[-1]) + margin + 2, len(channel.samples))
    values = channel.samples[first:past].astype(np.float64)
    times = channel.start_tick + np.arange(first, past) * channel.step_ticks
    shortest = settings.breath_shortest_seconds * rate
    values = _level(
        values, times, hidden, bent, shortest=round(shortest), largest=settings.breath_largest
    )
    if len(values) < shortest or not values.any():
        return None
    size = fourier.next_fast_len(2 * len(values))
    spectrum = fourier.rfft(values, size)
    frequency = np.arange(len(spectrum)) * rate / size
    power = np.abs(spectrum) ** 2
    main = _main_rate(frequency, power, settings)
    around = (frequency >= settings.breath_spread[0] * main) & (
        frequency <= settings.breath_spread[1] * main
    )
    whole = (frequency >= settings.slow_band_hz[0]) & (frequency <= settings.slow_band_hz[1])
    share = float(power[around & whole].sum() / power[whole].sum()) if power[whole].any() else 0.0
    if share < settings.breath_share:
        return None
    analytic = np.zeros(size, dtype=np.complex128)
    analytic[: len(spectrum)] = np.where(around, spectrum, 0)
    wave = fourier.ifft(analytic)[: len(values)]
    size_there = np.abs(wave)
    strong = size_there >= settings.breath_strong_share * np.median(size_there[values != 0])
    nearest = np.clip(np.rint(place).astype(np.int64) - first, 0, len(wave) - 1)
    turned = wave[nearest] * np.exp(2j * np.pi * main * (place - first - nearest) / rate)
    phase = np.where(strong[nearest], np.angle(turned), np.nan)
    return Breath(name, main, share, phase)


def _level(
    values: NDArray[np.float64],
    times: NDArray[np.int64],
    hidden: Intervals,
    bent: Intervals | None,
    *,
    shortest: int,
    largest: float,
) -> NDArray[np.float64]:
    """Take the trend off each visible stretch, and limit its size; all else becomes 0."""
    seen = np.isfinite(values) & ~contains(hidden, times)
    if bent is not None and seen.any():
        straight = seen & ~contains(bent, times)
        if straight.any():
            values = np.interp(times, times[straight], values[straight])
    result = np.zeros(len(values))
    for start, end in from_mask(seen):
        if end - start < shortest:
            continue
        part = values[start:end]
        clock = np.arange(end - start) - (end - start - 1) / 2
        slope = (part * clock).sum() / (clock * clock).sum()
        result[start:end] = part - part.mean() - slope * clock
    # A movement that is not hidden would drown the breath, and pass for it.
    limit = largest * float(np.median(np.abs(result[result != 0]))) if result.any() else 0.0
    return np.clip(result, -limit, limit)


def _main_rate(
    frequency: NDArray[np.float64], power: NDArray[np.float64], settings: HiccupSettings
) -> float:
    """Return the rate in the breath's band around which most power lies, Hz."""
    low, high = settings.breath_band_hz
    total = np.concatenate(([0.0], np.cumsum(power)))
    inside = frequency[(frequency >= low) & (frequency <= high)]
    below = np.searchsorted(frequency, 0.9 * inside)
    above = np.searchsorted(frequency, 1.1 * inside)
    return float(inside[np.argmax(total[above] - total[below])])


@dataclass(frozen=True)
class PhaseLock:
    """How pulses lie in the breath."""

    concentration: float  # 0 to 1: resultant length of the phases (Rayleigh)
    wander: float  # mean square step from pulse to pulse over variance: 2 if each is independent
    follows: bool  # the breath


def phase_lock(phase: NDArray[np.float64], settings: HiccupSettings) -> PhaseLock | None:
    """Tell whether pulses follow the breath.

    Pulses of a rhythm of their own, even one as quick as the breath, wander slowly through its
    phases; pulses that the breath makes scatter around one phase. Multiples of the phases serve
    for pulses that come several times a breath; the most concentrated counts.

    Parameters
    ----------
    phase : ndarray of float64, shape (n,)
        Radians; NaN does not count.
    settings : HiccupSettings

    Returns
    -------
    PhaseLock or None
        None if too few phases count.
    """
    known = phase[np.isfinite(phase)]
    if len(known) < settings.breath_fewest_phases:
        return None
    multiples = np.arange(1, settings.pulses_per_breath + 1)
    points = np.exp(1j * multiples[:, None] * known)
    means = points.mean(axis=1)
    best = int(np.argmax(np.abs(means)))
    concentration = float(np.abs(means[best]))
    spread = np.angle(points[best] * np.conj(means[best]))
    variance = float(np.mean(spread**2))
    wander = float(np.mean(np.diff(spread) ** 2)) / variance if variance > 0 else 2.0
    follows = concentration >= settings.breath_lock_sure or (
        concentration >= settings.breath_lock and wander >= settings.breath_wander
    )
    return PhaseLock(concentration, wander, follows)
