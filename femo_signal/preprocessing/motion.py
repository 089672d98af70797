"""Turns the IMU's samples into band-passed motion: acceleration's magnitude and three angles."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.formats import Chunk
from femo_signal.preprocessing.filters import (
    LOW_RATE,
    TICKS_PER_LOW_SAMPLE,
    OverlapSave,
    bandpass_response,
    interpolation_response,
    ringing_seconds,
)
from femo_signal.preprocessing.sensors import FILL_TICKS, FinishedChannel
from femo_signal.preprocessing.usable import MotionWatch
from femo_signal.settings import PreprocessingSettings

__all__ = ["MOTION_NAMES", "MotionTrack", "euler_angles"]

ACCELERATION_UNIT, QUATERNION_UNIT = 1 / 1000, 1 / 10000  # per count
MOTION_NAMES = ("acceleration", "roll", "pitch", "yaw")
USED_COLUMNS = [0, 1, 2, 3, 7, 8, 9]  # of an IMU sample: quaternion, acceleration


class MotionTrack:
    """The IMU: acceleration's magnitude and the three angles, on the 128 Hz grid.

    The reference interpolates the IMU to 1024 Hz before it filters. On the grid of 128 Hz that
    interpolation is a known gain, which the response takes in.
    """

    def __init__(self, settings: PreprocessingSettings) -> None:
        low, high = settings.motion_band_hz
        frequencies = OverlapSave.frequencies
        response = bandpass_response(frequencies, (low, high), order=settings.filter_order)
        self._filter = OverlapSave(
            len(MOTION_NAMES),
            LOW_RATE,
            response * interpolation_response(frequencies),
            overlap_seconds=ringing_seconds(low),
        )
        self._next_tick = 0  # of the grid
        self._last_tick = 0
        self._last = np.zeros((0, 10), dtype=np.int16)
        self._unwrapper = _Unwrapper()
        self._waiting: list[NDArray[np.float32]] = []  # accelerations before the first angle
        self.watch = MotionWatch(settings.usable)

    def push(self, chunk: Chunk) -> None:
        """Take a chunk's IMU samples."""
        ticks, values = self.watch.sound(chunk.imu_ticks, chunk.imu)
        pauses = np.flatnonzero(np.diff(ticks) > FILL_TICKS) + 1
        for first, past in pairwise((0, *pauses.tolist(), len(ticks))):
            if past > first:
                self._interpolate(ticks[first:past], values[first:past])

    def _interpolate(self, ticks: NDArray[np.int64], values: NDArray[np.int16]) -> None:
        """Bring samples, and the time since the ones before, onto the grid."""
        if not len(self._last):
            self._last, self._last_tick = values[:1], -1
        ticks = np.concatenate(([self._last_tick], ticks))
        values = np.concatenate((self._last, values))
        end = int(ticks[-1]) + 1
        if _on_grid(ticks[1:], self._next_tick):
            self._take(values[1:, USED_COLUMNS])
        else:
            self._hold_until(int(ticks[1]) - FILL_TICKS)
            ticks[0] = max(ticks[0], self._next_tick - TICKS_PER_LOW_SAMPLE)
            for first in range(self._next_tick, end, FILL_TICKS):
                grid = np.arange(first, min(first + FILL_TICKS, end), TICKS_PER_LOW_SAMPLE)
                near = slice(
                    max(int(np.searchsorted(ticks, grid[0], side="right")) - 1, 0),
                    int(np.searchsorted(ticks, grid[-1], side="left")) + 1,
                )
                rows = values[near][:, USED_COLUMNS].T
                self._take(np.array([np.interp(grid, ticks[near], row) for row in rows]).T)
        self._next_tick = -(-end // TICKS_PER_LOW_SAMPLE) * TICKS_PER_LOW_SAMPLE
        self._last, self._last_tick = values[-1:], int(ticks[-1])

    def _hold_until(self, tick: int) -> None:
        """Repeat the last values on the grid, up to a tick."""
        count = (tick - self._next_tick) // TICKS_PER_LOW_SAMPLE
        if count <= 0:
            return
        self._take(self._last[:, USED_COLUMNS])
        if self._waiting:
            self._waiting.append(np.repeat(self._waiting[-1][-1:], count - 1))
        else:
            self._filter.hold(count - 1)
        self._next_tick += count * TICKS_PER_LOW_SAMPLE

    def finish(self, ticks: int) -> list[FinishedChannel]:
        """Return the channels of a recording of ``ticks``, untrimmed."""
        if not len(self._last):
            return []
        self._hold_until(ticks + TICKS_PER_LOW_SAMPLE - 1)
        for acceleration in self._waiting:  # there was never an angle
            self._filter.push(_with_angles(acceleration, np.zeros((3, len(acceleration)))))
        live = self._filter.live.tolist()
        return [
            FinishedChannel(name, samples, is_live)
            for name, samples, is_live in zip(
                MOTION_NAMES, self._filter.finish(), live, strict=True
            )
        ]

    def _take(self, values: NDArray[Any]) -> None:
        """Take values on the grid, shape (n, 7): quaternion, acceleration."""
        axes = values[:, 4:].astype(np.float64) * ACCELERATION_UNIT
        acceleration = np.sqrt((axes * axes).sum(axis=1)).astype(np.float32)
        angles = self._unwrapper.unwrap(euler_angles(values[:, :4] * QUATERNION_UNIT))
        if angles is None:
            self._waiting.append(acceleration)
            return
        for early in self._waiting:
            first = np.repeat(angles[:, :1], len(early), axis=1)
            self._filter.push(_with_angles(early, first))
        self._waiting.clear()
        self._filter.push(_with_angles(acceleration, angles))


def _on_grid(ticks: NDArray[np.int64], first: int) -> bool:
    """Tell whether samples lie on each point of the 128 Hz grid from ``first`` on."""
    last = first + (len(ticks) - 1) * TICKS_PER_LOW_SAMPLE
    if ticks[0] != first or ticks[-1] != last:
        return False
    return bool((np.diff(ticks) == TICKS_PER_LOW_SAMPLE).all())


def _with_angles(
    acceleration: NDArray[np.float32], angles: NDArray[np.float64]
) -> NDArray[np.float32]:
    return np.concatenate((acceleration[None], angles.astype(np.float32)))


def euler_angles(quaternions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn quaternions into extrinsic x-y-z Euler angles.

    Parameters
    ----------
    quaternions : ndarray of float64, shape (n, 4)
        Real part first; need not be normalised.

    Returns
    -------
    ndarray of float64, shape (3, n)
        Roll, pitch and yaw in degrees; NaN where the quaternion is zero.
    """
    r, i, j, k = quaternions.T
    square = r * r + i * i + j * j + k * k
    with np.errstate(invalid="ignore"):
        sine = np.clip(2 * (r * j - k * i) / square, -1, 1)
    angles = np.array(
        (
            np.arctan2(2 * (r * i + j * k), square - 2 * (i * i + j * j)),
            np.arcsin(sine),
            np.arctan2(2 * (r * k + i * j), square - 2 * (j * j + k * k)),
        )
    )
    angles[:, square == 0] = np.nan
    return np.asarray(np.degrees(angles), dtype=np.float64)


class _Unwrapper:
    """Follows angles over the jump from 180 to -180 degrees, and over missing ones."""

    def __init__(self) -> None:
        self._last: NDArray[np.float64] | None = None  # (3, 1), as measured
        self._turns = np.zeros((3, 1))

    def unwrap(self, angles: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return angles without jumps, or None before the first valid one; shape (3, n)."""
        valid = np.isfinite(angles[0])
        if not valid.all():
            nearest = np.maximum.accumulate(np.where(valid, np.arange(len(valid)), -1))
            if self._last is None:
                if not valid.any():
                    return None
                nearest = np.maximum(nearest, valid.argmax())
            known = np.concatenate(
                (self._last if self._last is not None else angles[:, :1], angles), axis=1
            )
            angles = known[:, nearest + 1]
        before = self._last if self._last is not None else angles[:, :1]
        jumps = np.diff(angles, axis=1, prepend=before)
        turns = self._turns - np.cumsum(np.rint(jumps / 360), axis=1)
        self._last, self._turns = angles[:, -1:], turns[:, -1:]
        unwrapped: NDArray[np.float64] = angles + 360 * turns
        return unwrapped
