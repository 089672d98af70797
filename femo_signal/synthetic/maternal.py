"""What the mother's own body does to the belt: she turns, shifts, walks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femo_signal.synthetic.sensors import SENSORS
from femo_signal.synthetic.subjects import Four, SubjectTraits

__all__ = [
    "BodyMovement",
    "draw_body_movements",
    "draw_small_movements",
    "near_any",
    "poisson_times",
    "three",
]

_Three = tuple[float, float, float]


@dataclass(frozen=True)
class BodyMovement:
    """The mother moves: IMU, accelerometers and piezos swing together."""

    start: float  # s
    end: float
    frequency: float  # Hz
    piezo_volts: float
    acceleration: _Three  # peak, m/s^2
    sway_degrees: _Three
    turn_degrees: _Three  # lasting change of orientation
    piezo_gain: Four = (1.0, 1.0, 1.0, 1.0)
    accelerometer_gain: float = 1.0

    @property
    def sensors(self) -> tuple[str, ...]:
        """Return the sensors that it shakes."""
        piezos = tuple(f"sensor_{site + 3}" for site, gain in enumerate(self.piezo_gain) if gain)
        return (*(SENSORS[:2] if self.accelerometer_gain else ()), *piezos)


def draw_body_movements(
    traits: SubjectTraits, seconds: int, rng: np.random.Generator
) -> list[BodyMovement]:
    """Draw turns and shifts that are large enough for the body-movement mask."""
    movements: list[BodyMovement] = []
    posture = np.zeros(3)
    for time in poisson_times(traits.body_movements_per_hour, seconds, rng):
        end = time + float(rng.uniform(2.5, 8.0))
        if end > seconds - 1 or (movements and time < movements[-1].end + 10):
            continue
        direction = rng.dirichlet([1.0, 1.0, 1.0])
        # She turns between postures; a random walk would end upside down.
        settled = np.clip(rng.normal(0, [30, 15, 30]), -60, 60)
        movements.append(
            BodyMovement(
                start=time,
                end=end,
                frequency=float(rng.uniform(1.5, 4.5)),
                piezo_volts=float(rng.uniform(0.8, 4.0)),
                acceleration=three(rng.uniform(1.5, 5.0) * np.sqrt(direction)),
                sway_degrees=three(rng.uniform(3, 14, 3)),
                turn_degrees=three(settled - posture),
                piezo_gain=_piezo_gain(traits),
            )
        )
        posture = settled
    return movements


def draw_small_movements(
    traits: SubjectTraits, seconds: int, rng: np.random.Generator
) -> list[BodyMovement]:
    """Draw movements too small for the mask; a lifelike one may pull at one sensor alone."""
    movements = []
    for time in poisson_times(traits.small_movements_per_hour, seconds, rng):
        direction = rng.dirichlet([1.0, 1.0, 1.0])
        gain, accelerometer = _piezo_gain(traits), 1.0
        weakest, strongest = (0.006, 0.06) if traits.kind == "lifelike" else (0.015, 0.12)
        if traits.kind == "lifelike" and rng.random() < 0.3:
            alone = int(rng.integers(4))
            a, b, c, d = (gain[site] if site == alone else 0.0 for site in range(4))
            gain, accelerometer = (a, b, c, d), 0.0
        movements.append(
            BodyMovement(
                start=time,
                end=time + float(rng.uniform(1.2, 4.0)),
                frequency=float(rng.uniform(1.0, 2.5)),
                piezo_volts=float(np.exp(rng.uniform(np.log(weakest), np.log(strongest)))),
                acceleration=three(rng.uniform(0.15, 0.45) * np.sqrt(direction)),
                sway_degrees=three(rng.uniform(0.2, 0.9, 3)),
                turn_degrees=(0.0, 0.0, 0.0),
                piezo_gain=gain,
                accelerometer_gain=accelerometer,
            )
        )
    return movements


def poisson_times(rate_per_hour: float, seconds: float, rng: np.random.Generator) -> list[float]:
    """Draw when something happens that happens at any time, in order, s."""
    count = rng.poisson(rate_per_hour * seconds / 3600)
    return sorted(float(time) for time in rng.uniform(0, seconds, count))


def near_any(time: float, movements: list[BodyMovement], margin: float) -> bool:
    """Return whether one of the movements is under way within ``margin`` seconds."""
    return any(move.start - margin < time < move.end + margin for move in movements)


def three(values: NDArray[np.float64]) -> _Three:
    """Return an array of three as a tuple."""
    a, b, c = (float(value) for value in values)
    return a, b, c


def _piezo_gain(traits: SubjectTraits) -> Four:
    """Return how much a swing moves each channel of the piezo block.

    The acoustic sensors of a lifelike belt are as much less sensitive as their noise is lower.
    """
    if traits.kind == "rich":
        return 1.0, 1.0, 1.0, 1.0
    return 1.0, 0.1, 0.1, 1.0
