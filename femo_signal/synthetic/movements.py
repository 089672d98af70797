"""Fetal movements: what kinds there are, how strong they are, which sensors see them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np

from femo_signal.synthetic.maternal import BodyMovement, near_any
from femo_signal.synthetic.sensors import (
    ACCELEROMETERS,
    ACOUSTIC,
    PIEZOS,
    SIDE,
    RecordingFormat,
    sensors_of,
)
from femo_signal.synthetic.states import draw_onsets, draw_spells, movements_per_hour
from femo_signal.synthetic.subjects import Four, SubjectTraits
from femo_signal.synthetic.waveforms import RATE, Waveform, burst, paths_to

__all__ = [
    "KICK_FIELDS",
    "SEEN_SIGMA",
    "Movement",
    "MovementKind",
    "draw_movements",
    "movement_waveforms",
    "seen_by",
]

MovementKind = Literal["kick", "roll", "stretch", "startle"]

KICK_FIELDS = (
    "start_s",
    "end_s",
    "amp_V",
    "freq_Hz",
    "weak",
    "gain_piezo1",
    "gain_piezo2",
    "gain_piezo3",
    "gain_piezo4",
)
SEEN_SIGMA = 4.0
"""A sensor sees a movement that reaches this many standard deviations of the sensor's noise."""

# Strength of an ordinary movement on the sensor that sees it best, in standard deviations of that
# sensor's noise between 1 and 30 Hz: what two sets of real recordings hold (docs/method.md).
_STRENGTH_BOUNDS = (10.0, 58.0)
_WEAK_BOUNDS = (4.0, 10.0)
_SITE_DISTANCE = 0.6  # of a sensor from the navel, in half-widths of the belt
# How much a kind of sensor takes of a kind of movement.
_COUPLING: dict[MovementKind, tuple[float, float, float]] = {
    # piezo, acoustic, accelerometer
    "kick": (1.0, 0.9, 0.6),
    "startle": (1.0, 1.0, 0.9),
    "roll": (1.0, 0.4, 0.9),
    "stretch": (1.0, 0.5, 0.6),
}
_SECONDS: dict[MovementKind, tuple[float, float]] = {
    "kick": (0.3, 1.2),
    "startle": (0.3, 0.8),
    "roll": (1.5, 5.0),
    "stretch": (1.0, 4.0),
}
_HERTZ: dict[MovementKind, tuple[float, float]] = {
    "kick": (3.0, 14.0),
    "startle": (5.0, 18.0),
    "roll": (2.0, 5.0),
    "stretch": (2.0, 6.0),
}
_KINDS: tuple[MovementKind, ...] = ("kick", "roll", "stretch", "startle")
# In the rich cohort: how much each accelerometer's site reaches the four piezos.
_SITE_REACH = np.array([[0.85, 0.15, 0.05, 0.0], [0.0, 0.15, 0.1, 0.8]])


@dataclass(frozen=True)
class Movement:
    """One fetal movement; times in seconds of the belt's clock."""

    start: float
    end: float
    kind: MovementKind
    frequency: float  # Hz
    weak: bool
    piezo_volts: Four  # peak on each channel of the piezo block
    accelerometer_volts: tuple[float, float]  # peak of each vector's length
    lags: tuple[int, int, int, int, int, int]  # ticks, sensor_1 to sensor_6

    @property
    def row(self) -> list[float]:
        """Return its values in the order of ``KICK_FIELDS``."""
        amplitude = max(self.piezo_volts)
        gains = [volts / amplitude if amplitude else 0.0 for volts in self.piezo_volts]
        return [self.start, self.end, amplitude, self.frequency, int(self.weak), *gains]

    @property
    def volts(self) -> dict[str, float]:
        """Return its peak on each sensor, V."""
        piezo = {f"sensor_{site + 3}": volts for site, volts in enumerate(self.piezo_volts)}
        return dict(zip(ACCELEROMETERS, self.accelerometer_volts, strict=True)) | piezo


def seen_by(
    movement: Movement, traits: SubjectTraits, sensors: Iterable[str], *, sigma: float = SEEN_SIGMA
) -> list[str]:
    """Return which of these sensors see it above ``sigma`` standard deviations of their noise."""
    volts = movement.volts
    return [name for name in sensors if volts[name] >= sigma * traits.sigma_volts(name)]


def draw_movements(
    traits: SubjectTraits,
    *,
    seconds: int,
    start: datetime,
    recording_format: RecordingFormat,
    body_movements: list[BodyMovement],
    bouts: list[list[float]],
    rng: np.random.Generator,
) -> list[Movement]:
    """Draw the fetal movements of a recording, in order and apart from each other.

    There are none while the mother moves, and in most hiccup bouts none either.
    """
    pauses = [rng.random() < 0.6 for _ in bouts]  # many a fetus does not kick while hiccuping
    hushed = [
        (pulses[0] - 6, pulses[-1] + 6)
        for quiet, pulses in zip(pauses, bouts, strict=True)
        if quiet
    ]
    if traits.kind == "rich":
        drawn = _rich(traits, seconds, rng)
    else:
        drawn = _lifelike(traits, seconds, start, recording_format, rng)
    return [
        movement
        for movement in drawn
        if not near_any(movement.start, body_movements, 1.5)
        and not any(a < movement.start < b for a, b in hushed)
    ]


def _lifelike(
    traits: SubjectTraits,
    seconds: int,
    start: datetime,
    recording_format: RecordingFormat,
    rng: np.random.Generator,
) -> list[Movement]:
    week = traits.gestational_week
    onsets = draw_onsets(
        draw_spells(week, seconds, rng),
        rate_per_hour=movements_per_hour(week) * traits.movement_factor,
        week=week,
        start=start,
        rng=rng,
    )
    # Less room towards term: fewer kicks, more rolls and stretches. An assumption.
    shares = [float(np.interp(week, [24, 40], ends))
              for ends in ([0.62, 0.45], [0.12, 0.25], [0.12, 0.22], [0.14, 0.08])]  # fmt: skip
    movements: list[Movement] = []
    for onset in onsets:
        kind = _KINDS[int(rng.choice(4, p=shares))]
        # One begins when the one before is over.
        begin = max(onset, movements[-1].end + 0.4 if movements else 3.0)
        end = begin + float(rng.uniform(*_SECONDS[kind]))
        if end < seconds - 3:
            movements.append(_lifelike_movement(traits, begin, end, kind, recording_format, rng))
    return movements


def _lifelike_movement(
    traits: SubjectTraits,
    start: float,
    end: float,
    kind: MovementKind,
    recording_format: RecordingFormat,
    rng: np.random.Generator,
) -> Movement:
    weak = bool(rng.random() < traits.weak_share)
    if weak:
        strength = float(rng.uniform(*_WEAK_BOUNDS))
    else:
        drawn = traits.movement_sigma * np.exp(rng.normal(0, 0.42))
        strength = float(np.clip(drawn, *_STRENGTH_BOUNDS))
    place, reach = rng.uniform(-1.1, 1.1), rng.uniform(0.4, 1.1)
    present = sensors_of(recording_format)
    gains: dict[str, float] = {}
    for name in present:
        part = 0 if name in PIEZOS else 1 if name in ACOUSTIC else 2
        distance = (place - _SITE_DISTANCE * SIDE[name]) / reach
        # What lies between differs from place to place, so sites differ by chance too.
        gains[name] = _COUPLING[kind][part] * float(np.exp(-(distance**2) + rng.normal(0, 0.7)))
    best = max(gains.values())
    volts = {n: strength * g / best * traits.sigma_volts(n) for n, g in gains.items()}
    a, b, c, d = (volts.get(f"sensor_{number}", 0.0) for number in (3, 4, 5, 6))
    low, high = _HERTZ[kind]
    return Movement(
        start=start,
        end=end,
        kind=kind,
        frequency=float(np.exp(rng.uniform(np.log(low), np.log(high)))),
        weak=weak,
        piezo_volts=(a, b, c, d),
        accelerometer_volts=(volts.get("sensor_1", 0.0), volts.get("sensor_2", 0.0)),
        lags=_lags(rng),
    )


def _rich(traits: SubjectTraits, seconds: int, rng: np.random.Generator) -> list[Movement]:
    movements: list[Movement] = []
    calm, change = False, float(rng.uniform(8, 20) * 60)
    time = float(rng.uniform(3, 3 + traits.kick_gap_seconds))
    while time < seconds - 3:
        movement = _rich_movement(traits, time, rng)
        movements.append(movement)
        if time > change:  # spells of sleep, in which it hardly moves
            calm = not calm
            change = time + float(rng.uniform(4, 14) * 60)
        if rng.random() < 0.12:  # a close pair: its onsets are 1.8 to 3.5 s apart
            time = max(time + float(rng.uniform(1.8, 3.5)), movement.end + 0.3)
            continue
        # A short dead time and an exponential tail.
        gap = 5.0 + float(rng.exponential(traits.kick_gap_seconds - 5.0))
        time = movement.end + gap * (8.0 if calm else 1.0)
    return movements


def _rich_movement(traits: SubjectTraits, start: float, rng: np.random.Generator) -> Movement:
    weak = bool(rng.random() < traits.weak_share)
    if weak:
        amplitude = float(np.exp(rng.uniform(np.log(0.0035), np.log(0.012))))
    else:
        spread = rng.normal(0, 0.75)
        amplitude = float(np.clip(traits.kick_amplitude_volts * np.exp(spread), 0.012, 0.6))
    gains = rng.uniform(*traits.spread, 4)
    near = rng.permutation(4)[: int(rng.choice([1, 2, 2, 3]))]
    gains[near] = rng.uniform(0.5, 1.0, len(near))
    gains[near[0]] = 1.0
    reach = traits.accelerometer_gain * (_SITE_REACH @ gains)
    alone = rng.random()
    if alone < 0.06:  # seen by the acoustic sensors and by nothing else
        gains[[0, 3]] = 0.0
        gains[1 + int(rng.integers(2))] = 1.0
        reach = np.zeros(2)
    elif alone < 0.12:  # by an accelerometer and by nothing else
        gains = 0.02 * gains
        reach = traits.accelerometer_gain * rng.permutation([1.0, 0.2])
    a, b, c, d = (amplitude * float(gain) for gain in gains)
    return Movement(
        start=start,
        end=start + float(rng.uniform(0.2, 1.5)),
        kind="kick",
        frequency=float(np.exp(rng.uniform(np.log(2.0), np.log(25.0)))),
        weak=weak,
        piezo_volts=(a, b, c, d),
        accelerometer_volts=(amplitude * float(reach[0]), amplitude * float(reach[1])),
        lags=(0, 0, 0, 0, 0, 0),
    )


def _lags(rng: np.random.Generator) -> tuple[int, int, int, int, int, int]:
    """Draw by how many ticks it comes later to each sensor: up to 40 ms."""
    a, b, c, d, e, f = (int(lag) for lag in rng.integers(0, int(0.04 * RATE), 6))
    return a, b, c, d, e, f


def movement_waveforms(
    movement: Movement, traits: SubjectTraits, rng: np.random.Generator
) -> list[Waveform]:
    """Draw what the sensors see of a movement.

    Parameters
    ----------
    movement : Movement
    traits : SubjectTraits
        In a lifelike cohort each kind of sensor sees a shape of its own.
    rng : numpy Generator
        Of envelope, chirp and phase.
    """
    seconds = movement.end - movement.start
    lags = {f"sensor_{index + 1}": lag for index, lag in enumerate(movement.lags)}
    if traits.kind == "rich":
        rise = seconds * (0.5 if rng.random() < 0.6 else float(rng.uniform(0.1, 0.35)))
        shape = burst(seconds, movement.frequency, rise, rng)
        return [Waveform(movement.start, shape, paths_to(movement.volts))]
    waveforms = []
    rise = min({"startle": 0.05, "kick": 0.12}.get(movement.kind, 0.3), seconds / 3)
    lobes = int(rng.integers(2, 5)) if movement.kind == "roll" else 1
    for group in (PIEZOS, ACOUSTIC, ACCELEROMETERS):
        # The acoustic sensors answer to what is quick in a movement.
        pitch = float(rng.uniform(1.2, 2.2)) if group is ACOUSTIC else float(rng.uniform(0.9, 1.1))
        frequency = min(movement.frequency * pitch, 24.0)
        shape = burst(seconds, frequency, rise, rng, lobes=lobes)
        volts = {name: movement.volts[name] for name in group}
        waveforms.append(Waveform(movement.start, shape, paths_to(volts, lags)))
    return [wave for wave in waveforms if wave.paths]
