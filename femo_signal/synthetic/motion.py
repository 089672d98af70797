"""What the IMU shows: orientation as a quaternion, magnetometer, acceleration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from femo_signal.synthetic.maternal import BodyMovement

__all__ = ["Motion"]

_GRAVITY = 9.81  # m/s^2
# Counts: quaternion r i j k, magnetometer x y z, acceleration x y z.
_NOISE_COUNTS = np.array([2.0] * 4 + [1.0] * 3 + [22.0] * 3)
_BREATH_DEGREES = np.array([[1.5], [0.8], [0.2]])


class Motion:
    """The IMU's view at its own rate, drawn in order: movements, breath and noise."""

    def __init__(
        self,
        movements: Sequence[BodyMovement],
        orientation: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> None:
        self._movements = sorted(movements, key=lambda move: move.start)
        self._orientation, self._rng = orientation, rng

    def samples(
        self,
        time: NDArray[np.float64],
        breath: NDArray[np.float64],
        heart: NDArray[np.float64],
    ) -> NDArray[np.int16]:
        """Return the counts (n, 10) of the next samples, given time (s), breath and pulse."""
        angles = np.zeros((3, len(time)))
        linear = np.zeros((3, len(time)))
        for move in self._movements:
            if move.start > time[-1]:
                break
            _add(move, time, angles, linear)
        half = np.radians(self._orientation[:, None] + angles + _BREATH_DEGREES * breath) / 2
        quaternion = _quaternion(half)
        w, x, y, z = quaternion
        down = np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x**2 + y**2)])
        acceleration = _GRAVITY * down + linear
        acceleration[2] += 0.02 * heart
        north = np.stack([1 - 2 * (y**2 + z**2), 2 * (x * y - w * z), 2 * (x * z + w * y)])
        counts = np.concatenate([quaternion * 10000, north * 640, acceleration * 1000]).T
        counts = counts + _NOISE_COUNTS * self._rng.standard_normal((len(time), 10))
        clipped: NDArray[np.int16] = np.clip(np.rint(counts), -32768, 32767).astype(np.int16)
        return clipped


def _add(
    move: BodyMovement,
    time: NDArray[np.float64],
    angles: NDArray[np.float64],
    linear: NDArray[np.float64],
) -> None:
    if move.end <= time[0]:
        if any(move.turn_degrees):
            angles += np.array(move.turn_degrees)[:, None]
        return
    done = np.clip((time - move.start) / (move.end - move.start), 0.0, 1.0)
    turn = 0.5 - 0.5 * np.cos(np.pi * done)
    swing = np.sin(np.pi * done) * np.sin(2 * np.pi * move.frequency * (time - move.start))
    for axis in range(3):
        angles[axis] += move.turn_degrees[axis] * turn + move.sway_degrees[axis] * swing
        linear[axis] += move.acceleration[axis] * swing


def _quaternion(half: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return unit quaternions (4, n) of half roll, pitch and yaw (3, n), rad."""
    (cr, cp, cy), (sr, sp, sy) = np.cos(half), np.sin(half)
    return np.stack(
        [
            cr * cp * cy + sr * sp * sy,
            sr * cp * cy - cr * sp * sy,
            cr * sp * cy + sr * cp * sy,
            cr * cp * sy - sr * sp * cy,
        ]
    )
