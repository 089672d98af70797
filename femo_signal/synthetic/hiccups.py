"""Hiccups: pulses every 2 to 4 s that go on for minutes, of one shape and uneven strength.

Sources of the numbers: bouts of 1.4 to 21 minutes, around 8, 0.15 to 0.19 an hour, 2 % of the time:
published figures quoted in docs/method.md.
"""

from __future__ import annotations

import math

import numpy as np

from femo_signal.synthetic.maternal import BodyMovement, poisson_times
from femo_signal.synthetic.sensors import ACCELEROMETERS, RecordingFormat, sensors_of
from femo_signal.synthetic.subjects import SubjectTraits
from femo_signal.synthetic.waveforms import Waveform, damped, paths_to

__all__ = ["PULSE_SECONDS", "draw_bouts", "hiccup_waveforms"]

PULSE_SECONDS = 0.4
"""How long a pulse is to be seen; a bout ends so long after its last pulse begins."""

_BOUTS_PER_HOUR = 0.17
# From the first to the last pulse it is up to some steps less, so at least 1.4 minutes.
_BOUT_MINUTES = (1.6, 21.0)
_LARGEST_MISS = 0.15
_LARGEST_VARIATION = 0.4
_STRENGTH_SIGMA = (12.0, 40.0)


def draw_bouts(
    traits: SubjectTraits,
    movements: list[BodyMovement],
    seconds: int,
    rng: np.random.Generator,
) -> list[list[float]]:
    """Draw when each pulse of each bout begins, s."""
    if traits.kind == "rich":
        return _many_bouts(movements, seconds, rng)
    bouts: list[list[float]] = []
    for begin in poisson_times(_BOUTS_PER_HOUR, seconds, rng):
        minutes = float(np.clip(7.0 * np.exp(rng.normal(-0.15, 0.55)), *_BOUT_MINUTES))
        end = min(begin + 60 * minutes, seconds - 5.0)
        long_enough = end - begin >= 60 * _BOUT_MINUTES[0]
        if long_enough and (not bouts or begin > bouts[-1][-1] + 60):
            bouts.append(_pulses(begin, end, float(rng.uniform(0, _LARGEST_MISS)), rng))
    return bouts


def _many_bouts(
    movements: list[BodyMovement], seconds: int, rng: np.random.Generator
) -> list[list[float]]:
    """Draw bouts more often than in life: a cohort is to learn from."""
    if seconds < 240:
        return []
    bouts: list[list[float]] = []
    wanted = 1 + seconds // 900
    for attempt in range(wanted * 8):
        if len(bouts) == wanted:
            break
        length = float(rng.uniform(84.0, min(600.0, max(0.45 * seconds / wanted, 100.0))))
        begin = float(rng.uniform(10.0, seconds - length - 10.0))
        crowded = any(begin - 60 < b[-1] and b[0] < begin + length + 60 for b in bouts)
        # Redrawn mostly, not always: some bouts contain a body movement.
        moved = any(begin - 5 < m.end and m.start < begin + length + 5 for m in movements)
        if crowded or (moved and attempt < wanted * 6 and rng.random() < 0.8):
            continue
        missed = float(rng.choice([0.02, rng.uniform(0.02, _LARGEST_MISS)]))
        bouts.append(_pulses(begin, begin + length, missed, rng))
    return sorted(bouts)


def _pulses(begin: float, end: float, missed: float, rng: np.random.Generator) -> list[float]:
    period = float(rng.uniform(2.4, 3.6))
    low, high = max(2.0, period - 1.0), min(4.0, period + 1.0)
    steps = rng.uniform(low, high, math.ceil((end - begin) / low))
    times = begin + np.concatenate(([0.0], np.cumsum(steps)))
    kept = rng.random(len(times)) >= missed
    kept[0] = True
    return [float(t) for t in times[(times < end) & kept]]


def hiccup_waveforms(
    pulses: list[float],
    traits: SubjectTraits,
    recording_format: RecordingFormat,
    rng: np.random.Generator,
) -> list[Waveform]:
    """Draw sharp damped pulses of one shape, on more than one sensor."""
    shape = damped(float(rng.uniform(4.0, 11.0)), float(rng.uniform(0.05, 0.13)))
    volts = _pulse_volts(traits, recording_format, rng)
    if traits.kind == "rich" and rng.random() < 0.5:
        variation = float(rng.uniform(0.02, 0.08))
    else:
        variation = float(rng.uniform(0.05, _LARGEST_VARIATION))
    # Bounded, since no pulse is turned round and none is many times as strong as the others.
    strength = np.clip(1 + variation * rng.standard_normal(len(pulses)), 0.3, 2.0)
    return [
        Waveform(time, shape, paths_to({name: float(s) * level for name, level in volts.items()}))
        for time, s in zip(pulses, strength, strict=True)
    ]


def _pulse_volts(
    traits: SubjectTraits, recording_format: RecordingFormat, rng: np.random.Generator
) -> dict[str, float]:
    """Draw a pulse's peak on each sensor, V: full on one, at least half of it on another."""
    names = sensors_of(recording_format)
    gains = rng.uniform(0.1, 1.0, len(names))
    first, second = rng.permutation(len(names))[:2]
    gains[first], gains[second] = 1.0, max(gains[second], 0.5)
    if traits.kind == "lifelike":
        strength = float(np.exp(rng.uniform(*np.log(_STRENGTH_SIGMA))))
        return {
            name: strength * float(gain) * traits.sigma_volts(name)
            for name, gain in zip(names, gains, strict=True)
        }
    amplitude = float(np.exp(rng.uniform(np.log(0.05), np.log(0.3))))
    reach = amplitude * traits.accelerometer_gain * float(rng.uniform(1.5, 4.0))
    return {
        name: (reach if name in ACCELEROMETERS else amplitude) * max(float(gain), 0.25)
        for name, gain in zip(names, gains, strict=True)
    }
