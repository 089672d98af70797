"""Subjects that differ: what stays the same in all recordings of one woman and her belt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from femo_signal.synthetic.sensors import ACCELEROMETERS

__all__ = ["CohortKind", "Four", "SubjectTraits", "draw_subject"]

CohortKind = Literal["lifelike", "rich"]
"""``lifelike``: rates and signal as published and measured. ``rich``: many clear events."""

Four = tuple[float, float, float, float]

# What the band of 1-30 Hz (Butterworth, order 5 an edge, forward and backward) leaves of a standard
# deviation: of white noise sampled at 1024 Hz, of the rumble that noise.py makes, of the heart's
# pulse. The first two are integrals of spectrum times response.
_WHITE_IN_BAND = 0.228
_RUMBLE_IN_BAND = 0.404
_HEART_IN_BAND = 0.75
# Parts of a lifelike sensor's variance in the band; with the rumble for the rest they put 76-79 %
# of the power below 4 Hz.
_HEART_SHARE = 0.2
_WHITE_SHARE = 0.03


@dataclass(frozen=True)
class SubjectTraits:
    """What stays the same in all recordings of one subject and her belt.

    Tuples of four belong to the channels of a piezo block: ``sensor_3`` to ``sensor_6``.
    """

    subject_id: str
    kind: CohortKind
    gestational_week: float
    adc_bits: int
    clock_ppm: float  # samples too many in a million
    white_volts: Four  # standard deviation
    rumble_volts: Four  # standard deviation of slow noise: the belt and the tissue under it
    piezo_offset_volts: Four
    spread: tuple[float, float]  # rich: gain on the piezos far from a kick, bounds
    accelerometer_gain: float  # rich: V of accelerometer per V of piezo
    accelerometer_noise_volts: float  # standard deviation, each axis
    breathing_hz: float
    breathing_volts: Four
    heart_hz: float
    heart_volts: Four
    accelerometer_heart_volts: float
    mains_hz: float
    mains_volts: float
    movement_factor: float  # lifelike: her rate over the rate of her week
    movement_sigma: float  # lifelike: median strength on the sensor that sees it best
    kick_gap_seconds: float  # rich: mean time between kicks
    kick_amplitude_volts: float  # rich: median
    weak_share: float  # of movements near the noise floor
    felt_share: float  # of movements that she presses for
    false_presses_per_hour: float  # where they do not follow from the movements
    body_movements_per_hour: float
    small_movements_per_hour: float  # too small for the body-movement mask
    artefacts_per_hour: float  # clicks and rubbing of the belt

    def sigma_volts(self, sensor: str) -> float:
        """Return the standard deviation of a sensor's own noise between 1 and 30 Hz, in V."""
        if sensor in ACCELEROMETERS:
            # All axes carry the same pulse, and the length adds them along the direction of rest.
            heart = math.sqrt(3) * self.accelerometer_heart_volts
            return math.hypot(
                _WHITE_IN_BAND * self.accelerometer_noise_volts, _HEART_IN_BAND * heart
            )
        site = int(sensor[-1]) - 3
        return math.hypot(
            _WHITE_IN_BAND * self.white_volts[site],
            _RUMBLE_IN_BAND * self.rumble_volts[site],
            _HEART_IN_BAND * self.heart_volts[site],
        )


def draw_subject(
    subject_id: str,
    *,
    seed: int,
    kind: CohortKind = "rich",
    gestational_week: float | None = None,
) -> SubjectTraits:
    """Draw the traits of one subject; the same arguments always give the same subject.

    Parameters
    ----------
    subject_id : str
    seed : int
    kind : {"lifelike", "rich"}
        Which cohort she belongs to.
    gestational_week : float, optional
        Between 24 and 40; drawn where not given. It drives a lifelike subject's movements.

    Raises
    ------
    ValueError
        If the week is none that the published rates cover.
    """
    if gestational_week is not None and not 24 <= gestational_week <= 40:
        raise ValueError("gestational_week must lie between 24 and 40")
    rng = np.random.default_rng([seed, *subject_id.encode()])
    drawn_week = float(rng.uniform(24, 40))
    week = drawn_week if gestational_week is None else gestational_week
    return _lifelike(subject_id, week, rng) if kind == "lifelike" else _rich(subject_id, week, rng)


def _lifelike(subject_id: str, week: float, rng: np.random.Generator) -> SubjectTraits:
    """Noise, strength and felt share as measured with such belts (docs/method.md)."""
    sigma = np.array([*rng.uniform(0.0022, 0.006, 1), *rng.uniform(0.00024, 0.00042, 2),
                      *rng.uniform(0.0022, 0.006, 1)])  # fmt: skip
    rumble = np.sqrt(1 - _HEART_SHARE - _WHITE_SHARE) * sigma / _RUMBLE_IN_BAND
    # Crystals differ by some tens of ppm; a belt in ten counts its samples by a worse clock.
    poor = rng.random() < 0.1
    clock = rng.choice([-1, 1]) * rng.uniform(2000, 12000) if poor else rng.normal(0, 60)
    return SubjectTraits(
        subject_id=subject_id,
        kind="lifelike",
        gestational_week=week,
        adc_bits=int(rng.choice([14, 15, 16])),
        clock_ppm=float(clock),
        white_volts=_four(np.sqrt(_WHITE_SHARE) * sigma / _WHITE_IN_BAND),
        rumble_volts=_four(rumble),
        piezo_offset_volts=_four(1.65 + rng.uniform(-0.06, 0.06, 4)),
        spread=(0.0, 0.0),
        accelerometer_gain=0.0,
        accelerometer_noise_volts=float(rng.uniform(0.0007, 0.0014)),
        breathing_hz=float(rng.uniform(0.2, 0.3)),
        breathing_volts=_four(rng.uniform(3, 8, 4) * sigma),
        heart_hz=float(rng.uniform(1.1, 1.55)),
        heart_volts=_four(np.sqrt(_HEART_SHARE) * sigma / _HEART_IN_BAND),
        accelerometer_heart_volts=float(rng.uniform(0.00005, 0.00015)),
        mains_hz=float(rng.choice([50.0, 60.0])),
        mains_volts=float(rng.uniform(0.0002, 0.002)),
        movement_factor=float(np.exp(rng.normal(0, 0.2))),
        # Stronger while the fetus grows, then held in by the room that is left: an assumption.
        movement_sigma=float(np.interp(week, [24, 34, 40], [15, 21, 18]) * rng.uniform(0.85, 1.15)),
        kick_gap_seconds=math.nan,
        kick_amplitude_volts=math.nan,
        weak_share=float(rng.uniform(0.04, 0.1)),
        felt_share=float(np.clip(rng.normal(0.45, 0.12), 0.15, 0.8)),
        false_presses_per_hour=float(rng.uniform(3, 12)),
        body_movements_per_hour=float(rng.uniform(2, 10)),
        small_movements_per_hour=float(rng.uniform(2, 8)),
        artefacts_per_hour=float(rng.uniform(2, 8)),
    )


def _rich(subject_id: str, week: float, rng: np.random.Generator) -> SubjectTraits:
    gains = rng.uniform(0.6, 1.4, 4)
    noise = float(rng.uniform(0.0028, 0.0048))
    return SubjectTraits(
        subject_id=subject_id,
        kind="rich",
        gestational_week=week,
        adc_bits=int(rng.choice([12, 13, 13, 14])),
        clock_ppm=0.0,
        white_volts=(noise, noise, noise, noise),
        rumble_volts=(0.0, 0.0, 0.0, 0.0),
        piezo_offset_volts=_four(1.65 + rng.uniform(-0.06, 0.06, 4)),
        spread=(float(rng.uniform(0.003, 0.012)), float(rng.uniform(0.04, 0.12))),
        accelerometer_gain=float(rng.uniform(0.015, 0.032)),
        accelerometer_noise_volts=float(rng.uniform(0.0007, 0.0014)),
        breathing_hz=float(rng.uniform(0.2, 0.3)),
        breathing_volts=_four(gains * rng.uniform(0.012, 0.04)),
        heart_hz=float(rng.uniform(1.05, 1.55)),
        heart_volts=_four(gains * rng.uniform(0.0006, 0.0016)),
        accelerometer_heart_volts=0.0004,
        mains_hz=float(rng.choice([50.0, 60.0])),
        mains_volts=float(rng.uniform(0.001, 0.006)),
        movement_factor=math.nan,
        movement_sigma=math.nan,
        kick_gap_seconds=float(np.exp(rng.uniform(np.log(10), np.log(32)))),
        kick_amplitude_volts=float(rng.uniform(0.07, 0.16)),
        weak_share=float(rng.uniform(0.08, 0.22)),
        felt_share=float(rng.uniform(0.4, 0.9)),
        false_presses_per_hour=float(rng.uniform(4, 30)),
        body_movements_per_hour=float(rng.uniform(6, 28)),
        small_movements_per_hour=float(rng.uniform(2, 10)),
        artefacts_per_hour=float(rng.uniform(2, 10)),
    )


def _four(values: NDArray[np.float64]) -> Four:
    a, b, c, d = (float(value) for value in values)
    return a, b, c, d
