"""From a plan to raw counts, chunk by chunk: noise, breathing, heart, hum, and what happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femo_signal.synthetic.plan import RecordingPlan
from femo_signal.synthetic.waveforms import RATE, BodyMovement, Floats, Waveform

__all__ = ["Chunk", "render"]

_IMU_STEP = 8  # samples between two IMU blocks
_FORCE_STEP = 16
_CHUNK_SECONDS = 60
_FULL_SCALE_VOLTS = 3.3
_FULL_SCALE_COUNTS = 65535
_GRAVITY = 9.81  # m/s^2


@dataclass(frozen=True)
class Chunk:
    """Raw counts of some whole seconds."""

    first_second: int
    piezo: NDArray[np.uint16]  # (n, 4)
    accelerometer: NDArray[np.uint16]  # (n, 6)
    imu: NDArray[np.int16]  # (n / 8, 10)
    force: NDArray[np.uint16]  # (n / 16,)
    button: NDArray[np.bool_]  # (n,)


def render(plan: RecordingPlan) -> Iterator[Chunk]:
    """Yield a recording's raw counts in order, a minute at a time; the same plan, the same counts.

    Parameters
    ----------
    plan : RecordingPlan
        v2 plans get no accelerometer samples.
    """
    traits = plan.traits
    rng = np.random.default_rng([plan.seed, 2])
    phases = rng.uniform(0, 2 * np.pi, 6)
    rest = 1.65 + rng.uniform(-0.05, 0.05, 6) + np.array([0, -0.05, 0.33, 0, 0.33, -0.03])
    orientation = rng.uniform(-1, 1, 3) * np.array([40, 20, 180])
    pressed = _press_mask(plan)
    waves = sorted(plan.waveforms, key=lambda wave: wave.start)
    for first in range(0, plan.seconds, _CHUNK_SECONDS):
        last = min(first + _CHUNK_SECONDS, plan.seconds)
        n = (last - first) * RATE
        # Everything slower than the IMU's rate is computed there and interpolated.
        fine = np.arange(n, dtype=np.float64) / RATE + first
        coarse = np.arange(n // _IMU_STEP + 1, dtype=np.float64) * (_IMU_STEP / RATE) + first
        breath = np.sin(
            2 * np.pi * traits.breathing_hz * coarse
            + 0.8 * np.sin(2 * np.pi * coarse / 47.0 + phases[0])
            + phases[1]
        )
        heart = _heart_pulses(coarse, traits.heart_hz, phases[2])
        drift = 0.02 * np.sin(2 * np.pi * coarse / 610.0 + phases[3])
        hum = np.sin(2 * np.pi * traits.mains_hz * fine + phases[4]).astype(np.float32)

        piezo = rng.standard_normal((4, n), dtype=np.float32)
        piezo *= traits.noise_volts
        for site in range(4):
            slow = (
                traits.piezo_offset_volts[site]
                + drift * (0.5 + 0.3 * site)
                + traits.piezo_gain[site]
                * (traits.breathing_volts * breath + traits.heart_volts * heart)
            )
            piezo[site] += np.interp(fine, coarse, slow).astype(np.float32)
            piezo[site] += traits.mains_volts * hum
        accelerometer = np.zeros((6, n), np.float32)
        if plan.format == "v1":
            accelerometer = rng.standard_normal((6, n), dtype=np.float32)
            accelerometer *= traits.accelerometer_noise_volts
            for axis in range(6):
                slow = rest[axis] + 0.0045 * breath + 0.0004 * heart
                accelerometer[axis] += np.interp(fine, coarse, slow).astype(np.float32)
                accelerometer[axis] += 0.1 * traits.mains_volts * hum
        motion = _Motion.at(coarse[:-1])
        for move in (*plan.body_movements, *plan.small_movements):
            if move.start < last and move.end > first:
                _add_swing(move, fine, piezo, accelerometer)
            motion.add(move)
        for wave in waves:
            if wave.start < last and wave.start + len(wave.piezo) / RATE > first:
                _add_wave(wave, first, piezo, accelerometer)
        yield Chunk(
            first_second=first,
            piezo=_digitise(piezo, traits.adc_bits),
            accelerometer=_digitise(accelerometer, traits.adc_bits)
            if plan.format == "v1"
            else np.empty((0, 6), np.uint16),
            imu=motion.samples(orientation, breath[:-1], heart[:-1], rng),
            force=np.clip(
                30000 + 900 * breath[:-1:2] + 90 * rng.standard_normal(n // _FORCE_STEP), 0, 65535
            ).astype(np.uint16),
            button=pressed[first * RATE : last * RATE],
        )


def _heart_pulses(time: NDArray[np.float64], rate_hz: float, phase: float) -> NDArray[np.float64]:
    angle = 2 * np.pi * rate_hz * time + 0.6 * np.sin(2 * np.pi * time / 11.0) + phase
    return np.sin(angle) + 0.5 * np.sin(2 * angle + 0.7) + 0.25 * np.sin(3 * angle + 1.9)


def _add_swing(
    move: BodyMovement,
    fine: NDArray[np.float64],
    piezo: Floats,
    accelerometer: Floats,
) -> None:
    a, b = np.searchsorted(fine, [move.start, move.end])
    clock = fine[a:b] - move.start
    envelope = np.sin(np.pi * clock / (move.end - move.start))
    for site in range(4):
        angle = 2 * np.pi * move.frequency * clock * (1 + 0.03 * site) + 0.4 * site
        piezo[site, a:b] += move.piezo_volts * envelope * np.sin(angle)
    level = 0.05 * float(np.linalg.norm(move.acceleration))
    accelerometer[:, a:b] += level * envelope * np.sin(2 * np.pi * move.frequency * clock)


def _add_wave(wave: Waveform, first: int, piezo: Floats, accelerometer: Floats) -> None:
    begin = round((wave.start - first) * RATE)
    a, b = max(begin, 0), min(begin + len(wave.piezo), piezo.shape[1])
    piezo[:, a:b] += wave.piezo[a - begin : b - begin].T
    accelerometer[:, a:b] += wave.accelerometer[a - begin : b - begin].T


@dataclass
class _Motion:
    """The IMU's view at its own rate: angles and linear acceleration, summed over movements."""

    time: NDArray[np.float64]
    angles: NDArray[np.float64]  # (3, n) degrees
    acceleration: NDArray[np.float64]  # (3, n) m/s^2

    @classmethod
    def at(cls, time: NDArray[np.float64]) -> _Motion:
        return cls(time, np.zeros((3, len(time))), np.zeros((3, len(time))))

    def add(self, move: BodyMovement) -> None:
        if move.start > self.time[-1]:
            return
        if move.end <= self.time[0]:
            self.angles += np.array(move.turn_degrees)[:, None]
            return
        done = np.clip((self.time - move.start) / (move.end - move.start), 0.0, 1.0)
        turn = 0.5 - 0.5 * np.cos(np.pi * done)
        swing = np.sin(np.pi * done) * np.sin(2 * np.pi * move.frequency * (self.time - move.start))
        for axis in range(3):
            if move.turn_degrees[axis]:
                self.angles[axis] += move.turn_degrees[axis] * turn
            self.angles[axis] += move.sway_degrees[axis] * swing
            self.acceleration[axis] += move.acceleration[axis] * swing

    def samples(
        self,
        orientation: NDArray[np.float64],
        breath: NDArray[np.float64],
        heart: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> NDArray[np.int16]:
        half = (
            np.radians(
                orientation[:, None] + self.angles + np.array([[1.5], [0.8], [0.2]]) * breath
            )
            / 2
        )
        (cr, cp, cy), (sr, sp, sy) = np.cos(half), np.sin(half)
        quaternion = np.stack(
            [
                cr * cp * cy + sr * sp * sy,
                sr * cp * cy - cr * sp * sy,
                cr * sp * cy + sr * cp * sy,
                cr * cp * sy - sr * sp * cy,
            ]
        )
        w, x, y, z = quaternion
        gravity = _GRAVITY * np.stack(
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x**2 + y**2)]
        )
        acceleration = gravity + self.acceleration
        acceleration[2] += 0.02 * heart
        north = np.stack([1 - 2 * (y**2 + z**2), 2 * (x * y - w * z), 2 * (x * z + w * y)])
        n = len(self.time)
        counts = np.concatenate(
            [
                quaternion * 10000 + 2.0 * rng.standard_normal((4, n)),
                north * 640 + 1.0 * rng.standard_normal((3, n)),
                acceleration * 1000 + 22.0 * rng.standard_normal((3, n)),
            ]
        )
        clipped: NDArray[np.int16] = np.clip(np.rint(counts), -32768, 32767).astype(np.int16)
        return clipped.T


def _digitise(volts: Floats, bits: int) -> NDArray[np.uint16]:
    step = 1 << (16 - bits)
    counts = np.rint(volts * np.float32(_FULL_SCALE_COUNTS / _FULL_SCALE_VOLTS / step))
    counts *= step
    np.clip(counts, 0, _FULL_SCALE_COUNTS // step * step, out=counts)
    return np.ascontiguousarray(counts.astype(np.uint16).T)


def _press_mask(plan: RecordingPlan) -> NDArray[np.bool_]:
    """Button samples; the contact bounces in about half of the presses."""
    rng = np.random.default_rng([plan.seed, 3])
    mask = np.zeros(plan.seconds * RATE, bool)
    for start, end, _ in plan.presses:
        a, b = round(start * RATE), round(end * RATE)
        mask[a:b] = True
        if b - a > 60 and rng.random() < 0.5:
            hole = int(rng.integers(a + 10, b - 30))
            mask[hole : hole + int(rng.integers(3, 25))] = False
    return mask
