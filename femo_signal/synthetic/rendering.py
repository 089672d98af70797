"""From a plan to raw counts, chunk by chunk: noise, breathing, heart, hum, and what happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femo_signal.synthetic.maternal import BodyMovement
from femo_signal.synthetic.motion import Motion
from femo_signal.synthetic.noise import Rumble, White
from femo_signal.synthetic.nuisances import GainChange, Step
from femo_signal.synthetic.plan import RecordingPlan
from femo_signal.synthetic.sensors import CHANNELS, sensors_of
from femo_signal.synthetic.waveforms import RATE, SLOW_STEP, Floats, Waveform, upsample

__all__ = ["FULL_SCALE_VOLTS", "Chunk", "render"]

FULL_SCALE_VOLTS = 3.3
_FULL_SCALE_COUNTS = 65535
_FORCE_STEP = 16
_CHUNK_SECONDS = 60
_PIEZO_CHANNELS = 4
_CHANNELS = 10
# Of a step that creeps back, what is left after so many time constants is less than a count.
_STEP_LASTS = 10.0


@dataclass(frozen=True)
class Chunk:
    """Raw counts of some whole seconds."""

    first_second: int
    piezo: NDArray[np.uint16]  # (n, 4)
    accelerometer: NDArray[np.uint16]  # (n, 6); v2: (0, 6)
    imu: NDArray[np.int16]  # (n / 8, 10)
    force: NDArray[np.uint16]  # (n / 16,)
    button: NDArray[np.bool_]  # (n,)


def render(plan: RecordingPlan, *, chunk_seconds: int = _CHUNK_SECONDS) -> Iterator[Chunk]:
    """Yield a recording's raw counts in order; the same plan, the same counts.

    Parameters
    ----------
    plan : RecordingPlan
        v2 plans get samples of two piezos alone.
    chunk_seconds : int
        Length of the pieces. The counts do not depend on it.
    """
    renderer = _Renderer(plan)
    for first in range(0, plan.seconds, chunk_seconds):
        yield renderer.chunk(first, min(first + chunk_seconds, plan.seconds))


class _Renderer:
    """What lasts from one chunk to the next: noise that goes on, waveforms still to come."""

    def __init__(self, plan: RecordingPlan) -> None:
        traits, seed = plan.traits, plan.seed
        self._plan = plan
        self._live = sorted(c for name in sensors_of(plan.format) for c in CHANNELS[name])
        self._white = {
            channel: White(
                traits.white_volts[channel]
                if channel < _PIEZO_CHANNELS
                else traits.accelerometer_noise_volts,
                [seed, 2, channel],
            )
            for channel in self._live
        }
        self._rumble = {
            channel: Rumble(traits.rumble_volts[channel], plan.seconds, [seed, 6, channel])
            for channel in self._live
            if channel < _PIEZO_CHANNELS and traits.rumble_volts[channel]
        }
        rng = np.random.default_rng([seed, 2])
        self._rest = 1.65 + rng.uniform(-0.05, 0.05, 6) + np.array([0, -0.05, 0.33, 0, 0.33, -0.03])
        self._motion = Motion(
            [*plan.body_movements, *plan.small_movements],
            rng.uniform(-1, 1, 3) * np.array([40, 20, 180]),
            np.random.default_rng([seed, 7]),
        )
        self._drift_phase, hum_phase = rng.uniform(0, 2 * np.pi, 2)
        # The hum of 50 or 60 Hz repeats every second.
        second = np.arange(RATE) / RATE
        hum = np.sin(2 * np.pi * traits.mains_hz * second + hum_phase)
        self._hum: Floats = (traits.mains_volts * hum).astype(np.float32)
        self._force = np.random.default_rng([seed, 8])
        self._pressed = _press_mask(plan)
        self._coming = sorted(plan.waveforms, key=lambda wave: wave.start, reverse=True)
        self._sounding: list[Waveform] = []

    def chunk(self, first: int, last: int) -> Chunk:
        """Render the seconds from ``first`` to ``last``, which follow the last chunk's."""
        plan, n = self._plan, (last - first) * RATE
        # Everything slower than the IMU's rate is computed there and interpolated.
        coarse = np.arange(n // SLOW_STEP + 1, dtype=np.float64) * (SLOW_STEP / RATE) + first
        breath, heart = plan.physiology.breath(coarse), plan.physiology.heart(coarse)
        block = np.zeros((_CHANNELS, n), np.float32)
        for channel in self._live:
            block[channel] = upsample(self._slow(channel, breath, heart))
        for move in (*plan.body_movements, *plan.small_movements):
            if move.start < last and move.end > first:
                _add_swing(move, first, block, self._live)
        self._add_waves(first, last, block)
        for change in plan.gains:
            _change_gain(change, first, block)
        for step in plan.steps:
            _add_step(step, first, block)
        self._add_rest(coarse, block)
        bits, base = plan.traits.adc_bits, first * RATE
        piezo = _digitise(block[:_PIEZO_CHANNELS], bits)
        v1 = plan.format == "v1"
        accelerometer = _digitise(block[_PIEZO_CHANNELS:, : n if v1 else 0], bits)
        for fault in plan.faults:
            if fault.first < base + n and fault.end > base:
                rows = slice(max(fault.first - base, 0), fault.end - base)
                if fault.channel < _PIEZO_CHANNELS:
                    piezo[rows, fault.channel] = fault.counts
                else:
                    accelerometer[rows, fault.channel - _PIEZO_CHANNELS] = fault.counts
        force = 30000 + 900 * breath[:-1:2] + 90 * self._force.standard_normal(n // _FORCE_STEP)
        return Chunk(
            first_second=first,
            piezo=piezo,
            accelerometer=accelerometer,
            imu=self._motion.samples(coarse[:-1], breath[:-1], heart[:-1]),
            force=np.clip(force, 0, 65535).astype(np.uint16),
            button=self._pressed[first * RATE : last * RATE],
        )

    def _slow(
        self, channel: int, breath: NDArray[np.float64], heart: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return what a channel carries of the body, at 128 Hz and one value more, V."""
        traits = self._plan.traits
        if channel >= _PIEZO_CHANNELS:
            return 0.0045 * breath + traits.accelerometer_heart_volts * heart
        slow = traits.breathing_volts[channel] * breath + traits.heart_volts[channel] * heart
        rumble = self._rumble.get(channel)
        return slow + rumble.draw(len(slow) - 1) if rumble else slow

    def _add_waves(self, first: int, last: int, block: Floats) -> None:
        while self._coming and self._coming[-1].first < last * RATE:
            self._sounding.append(self._coming.pop())
        for wave in self._sounding:
            wave.add_to(block, first * RATE, self._live)
        self._sounding = [wave for wave in self._sounding if wave.end > last * RATE]

    def _add_rest(self, coarse: NDArray[np.float64], block: Floats) -> None:
        """Add what does not depend on how the belt sits: offsets, electronic noise, hum."""
        n = block.shape[1]
        drift = upsample(0.02 * np.sin(2 * np.pi * coarse / 610.0 + self._drift_phase))
        hum = np.tile(self._hum, n // RATE)
        for channel in self._live:
            row = block[channel]
            row += self._white[channel].draw(n)
            if channel < _PIEZO_CHANNELS:
                row += np.float32(self._plan.traits.piezo_offset_volts[channel])
                row += np.float32(0.5 + 0.3 * channel) * drift
                row += hum
            else:
                row += np.float32(self._rest[channel - _PIEZO_CHANNELS])
                row += np.float32(0.1) * hum


def _add_swing(move: BodyMovement, first: int, block: Floats, live: list[int]) -> None:
    n = block.shape[1]
    a, b = (int(np.clip(np.ceil((t - first) * RATE), 0, n)) for t in (move.start, move.end))
    clock = np.arange(first * RATE + a, first * RATE + b) / RATE - move.start
    envelope = np.sin(np.pi * clock / (move.end - move.start))
    for site in range(_PIEZO_CHANNELS):
        if site in live and move.piezo_gain[site] and move.piezo_volts:
            angle = 2 * np.pi * move.frequency * clock * (1 + 0.03 * site) + 0.4 * site
            level = move.piezo_volts * move.piezo_gain[site]
            block[site, a:b] += (level * envelope * np.sin(angle)).astype(np.float32)
    if _PIEZO_CHANNELS in live and move.accelerometer_gain:
        level = move.accelerometer_gain * 0.05 * float(np.linalg.norm(move.acceleration))
        swing = level * envelope * np.sin(2 * np.pi * move.frequency * clock)
        block[_PIEZO_CHANNELS:, a:b] += swing.astype(np.float32)


def _change_gain(change: GainChange, first: int, block: Floats) -> None:
    n = block.shape[1]
    if change.start >= first + n / RATE or change.end + change.ramp <= first:
        return
    time = np.arange(first * RATE, first * RATE + n) / RATE
    knots = (change.start, change.start + change.ramp, change.end, change.end + change.ramp)
    if change.end <= change.start + change.ramp:
        knots = (change.start, change.end, change.end, change.end + change.ramp)
    gain = np.interp(time, knots, (1.0, change.gain, change.gain, 1.0)).astype(np.float32)
    for channel in change.channels:
        block[channel] *= gain


def _add_step(step: Step, first: int, block: Floats) -> None:
    n = block.shape[1]
    a = int(np.clip(np.ceil((step.start - first) * RATE), 0, n))
    if a == n or first > step.start + _STEP_LASTS * step.decay:
        return
    end = int(np.clip(np.ceil((step.start + _STEP_LASTS * step.decay - first) * RATE), 0, n))
    clock = np.arange(first * RATE + a, first * RATE + end) / RATE - step.start
    block[step.channel, a:end] += (step.volts * np.exp(-clock / step.decay)).astype(np.float32)


def _digitise(block: Floats, bits: int) -> NDArray[np.uint16]:
    """Return counts (n, channels) of V (channels, n), which is used up."""
    step = 1 << (16 - bits)
    block *= np.float32(_FULL_SCALE_COUNTS / FULL_SCALE_VOLTS / step)
    np.rint(block, out=block)
    block *= step
    np.clip(block, 0, _FULL_SCALE_COUNTS // step * step, out=block)
    return np.ascontiguousarray(block.astype(np.uint16).T)


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
