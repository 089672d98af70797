"""Subjects that differ: what stays the same in all recordings of one woman and her belt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["SubjectTraits", "draw_subject"]


@dataclass(frozen=True)
class SubjectTraits:
    """What stays the same in all recordings of one subject and her belt."""

    subject_id: str
    adc_bits: int
    noise_volts: float  # standard deviation of the piezos' white noise
    piezo_gain: tuple[float, float, float, float]  # of breathing and heart
    piezo_offset_volts: tuple[float, float, float, float]
    spread: tuple[float, float]  # gain on the piezos far from a kick, bounds
    accelerometer_gain: float  # V of accelerometer per V of piezo
    accelerometer_noise_volts: float
    breathing_hz: float
    breathing_volts: float
    heart_hz: float
    heart_volts: float
    mains_hz: float
    mains_volts: float
    kick_gap_seconds: float  # mean time between kicks
    kick_amplitude_volts: float  # median
    weak_share: float  # of kicks near the noise floor
    felt_share: float  # of kicks that she presses for
    false_presses_per_hour: float
    body_movements_per_hour: float
    small_movements_per_hour: float  # too small for the body-movement mask
    artefacts_per_hour: float  # clicks and rubbing of the belt


def draw_subject(subject_id: str, *, seed: int) -> SubjectTraits:
    """Draw the traits of one subject; the same arguments always give the same subject."""
    rng = np.random.default_rng([seed, *subject_id.encode()])
    gains = rng.uniform(0.6, 1.4, 4)
    offsets = 1.65 + rng.uniform(-0.06, 0.06, 4)
    low = rng.uniform(0.003, 0.012)
    return SubjectTraits(
        subject_id=subject_id,
        adc_bits=int(rng.choice([12, 13, 13, 14])),
        noise_volts=float(rng.uniform(0.0028, 0.0048)),
        piezo_gain=_four(gains),
        piezo_offset_volts=_four(offsets),
        spread=(float(low), float(rng.uniform(0.04, 0.12))),
        accelerometer_gain=float(rng.uniform(0.015, 0.032)),
        accelerometer_noise_volts=float(rng.uniform(0.0007, 0.0014)),
        breathing_hz=float(rng.uniform(0.2, 0.3)),
        breathing_volts=float(rng.uniform(0.012, 0.04)),
        heart_hz=float(rng.uniform(1.05, 1.55)),
        heart_volts=float(rng.uniform(0.0006, 0.0016)),
        mains_hz=float(rng.choice([50.0, 60.0])),
        mains_volts=float(rng.uniform(0.001, 0.006)),
        kick_gap_seconds=float(np.exp(rng.uniform(np.log(10), np.log(32)))),
        kick_amplitude_volts=float(rng.uniform(0.07, 0.16)),
        weak_share=float(rng.uniform(0.08, 0.22)),
        felt_share=float(rng.uniform(0.4, 0.9)),
        false_presses_per_hour=float(rng.uniform(4, 30)),
        body_movements_per_hour=float(rng.uniform(6, 28)),
        small_movements_per_hour=float(rng.uniform(2, 10)),
        artefacts_per_hour=float(rng.uniform(2, 10)),
    )


def _four(values: NDArray[np.float64]) -> tuple[float, float, float, float]:
    a, b, c, d = (float(value) for value in values)
    return a, b, c, d
