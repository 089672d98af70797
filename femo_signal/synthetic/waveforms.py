"""How kicks, hiccups and artefacts look on the channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from femo_signal.synthetic.subjects import SubjectTraits

__all__ = [
    "RATE",
    "BodyMovement",
    "Floats",
    "Waveform",
    "hiccup_waveforms",
    "kick_waveform",
]

Floats: TypeAlias = NDArray[np.float32]

RATE = 1024  # samples a second of piezo and accelerometer channels
# Seconds after the start of a pulse beyond which it has died away.
_PULSE_SECONDS = 0.8
# Direction of a kick on an accelerometer's axes, and how much each piezo's site reaches it.
_KICK_AXES = np.array([0.5, 0.4, 0.77])
_SITE_REACH = np.array([[0.85, 0.15, 0.05, 0.0], [0.0, 0.15, 0.1, 0.8]])


@dataclass(frozen=True)
class Waveform:
    """One event as it appears on the channels; added to whichever chunk it falls in."""

    start: float  # s
    piezo: Floats  # (n, 4) V at 1024 Hz
    accelerometer: Floats  # (n, 6) V at 1024 Hz


@dataclass(frozen=True)
class BodyMovement:
    """The mother moves: IMU, accelerometers and piezos swing together."""

    start: float  # s
    end: float
    frequency: float  # Hz
    piezo_volts: float
    acceleration: tuple[float, float, float]  # peak, m/s^2
    sway_degrees: tuple[float, float, float]
    turn_degrees: tuple[float, float, float]  # lasting change of orientation


def kick_waveform(
    kick: tuple[float, ...], traits: SubjectTraits, rng: np.random.Generator
) -> Waveform:
    """Draw the waveform of a kick: a burst of one frequency, seen where its piezos are near.

    Parameters
    ----------
    kick : tuple
        A row of KICK_FIELDS.
    traits : SubjectTraits
    rng : numpy Generator
        Of envelope, chirp and phase.
    """
    start, end, amplitude, frequency = kick[:4]
    gains = np.array(kick[5:9])
    length = end - start
    clock = np.arange(1, int(length * RATE)) / RATE
    x = clock / length
    if rng.random() < 0.6:
        envelope = np.sin(np.pi * x) ** 2
    else:  # quick rise, slow decay
        rise = rng.uniform(0.1, 0.35)
        envelope = (
            np.where(
                x < rise, np.sin(np.pi * x / rise / 2), np.cos(np.pi * (x - rise) / (1 - rise) / 2)
            )
            ** 2
        )
    chirp = rng.uniform(-0.15, 0.15)
    phase = 2 * np.pi * frequency * clock * (1 + chirp * (x - 0.5)) + rng.uniform(0, 2 * np.pi)
    shape = (amplitude * envelope * np.sin(phase)).astype(np.float32)
    reach = traits.accelerometer_gain * (_SITE_REACH @ gains)
    axes = np.outer(reach, _KICK_AXES).ravel()
    return Waveform(start, *_on_channels(shape, gains, axes))


def hiccup_waveforms(
    pulses: list[float], traits: SubjectTraits, rng: np.random.Generator
) -> list[Waveform]:
    """Sharp damped pulses, of one shape and nearly one strength throughout a bout."""
    amplitude = float(np.exp(rng.uniform(np.log(0.05), np.log(0.3))))
    frequency = float(rng.uniform(4.0, 11.0))
    decay = float(rng.uniform(0.05, 0.13))
    jitter = float(rng.uniform(0.02, 0.08))
    gains = rng.uniform(0.25, 1.0, 4)
    gains[int(rng.integers(4))] = 1.0
    axes = np.outer(
        traits.accelerometer_gain * rng.uniform(1.5, 4.0) * rng.uniform(0.7, 1.0, 2), _KICK_AXES
    ).ravel()
    clock = np.arange(1, int(_PULSE_SECONDS * RATE)) / RATE
    shape = np.exp(-clock / decay) * np.sin(2 * np.pi * frequency * clock)
    return [
        Waveform(
            time,
            *_on_channels(
                (shape * amplitude * (1 + jitter * rng.standard_normal())).astype(np.float32),
                gains,
                axes,
            ),
        )
        for time in pulses
    ]


def _on_channels(
    shape: Floats, gains: NDArray[np.float64], axes: NDArray[np.float64]
) -> tuple[Floats, Floats]:
    return np.outer(shape, gains).astype(np.float32), np.outer(shape, axes).astype(np.float32)
