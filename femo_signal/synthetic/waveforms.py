"""How one thing that happens looks on the channels, and the shapes that things are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from femo_signal.synthetic.sensors import ACCELEROMETERS, AXIS_DIRECTION, CHANNELS

__all__ = [
    "RATE",
    "SLOW_STEP",
    "Floats",
    "Path",
    "Waveform",
    "burst",
    "click",
    "damped",
    "hiss",
    "paths_to",
    "upsample",
]

Floats: TypeAlias = NDArray[np.float32]

RATE = 1024  # samples a second of piezo and accelerometer channels
SLOW_STEP = 8  # samples between two values of what is computed at the IMU's rate
# Seconds after the start of a pulse beyond which it has died away.
_PULSE_SECONDS = 0.8
# Peak of the 1-30 Hz band's answer to a short pulse of unit area, in 1/s: twice its width.
_PULSE_ANSWER = 58.0


class Path(NamedTuple):
    """How a shape reaches a channel."""

    channel: int  # of a rendered block
    volts: float  # of the shape's 1
    lag: int = 0  # ticks of 1/1024 s


@dataclass(frozen=True)
class Waveform:
    """One shape as it appears on the channels; added to whichever chunk it falls in."""

    start: float  # s
    shape: Floats = field(repr=False)  # (n,), unit amplitude, at 1024 Hz; may be shared
    paths: tuple[Path, ...]

    @property
    def first(self) -> int:
        """Tick of the shape's first value where there is no lag."""
        return round(self.start * RATE)

    @property
    def end(self) -> int:
        """Tick at which it is over on every channel."""
        return self.first + len(self.shape) + max((path.lag for path in self.paths), default=0)

    def add_to(self, block: Floats, first: int, live: Iterable[int]) -> None:
        """Add what falls into a block of samples.

        Parameters
        ----------
        block : (channels, n) float32
            V at 1024 Hz; changed in place.
        first : int
            Tick of the block's first sample.
        live : iterable of int
            The channels that the recording has.
        """
        for path in self.paths:
            begin = self.first + path.lag - first
            a, b = max(begin, 0), min(begin + len(self.shape), block.shape[1])
            if a < b and path.channel in live:
                block[path.channel, a:b] += (
                    np.float32(path.volts) * self.shape[a - begin : b - begin]
                )


def paths_to(volts: Mapping[str, float], lags: Mapping[str, int] | None = None) -> tuple[Path, ...]:
    """Return the paths of a shape that has these amplitudes, in V, on these sensors."""
    lags = lags or {}
    return tuple(
        Path(channel, level * weight, lags.get(sensor, 0))
        for sensor, level in volts.items()
        if level
        for channel, weight in zip(
            CHANNELS[sensor], AXIS_DIRECTION if sensor in ACCELEROMETERS else (1.0,), strict=True
        )
    )


def burst(
    seconds: float,
    frequency: float,
    rise: float,
    rng: np.random.Generator,
    *,
    lobes: int = 1,
) -> Floats:
    """Return a chirped tone that rises quickly and dies away slowly, with a peak of 1.

    Parameters
    ----------
    seconds : float
    frequency : float
        Hz, in the middle.
    rise : float
        Seconds from the start to the first lobe's peak.
    rng : numpy Generator
        Of chirp, phase and the lobes' strengths.
    lobes : int
        How many pushes it is made of.
    """
    steps = max(int(seconds * RATE) // SLOW_STEP, 4)
    slow = np.arange(steps + 1) * (SLOW_STEP / RATE)
    envelope = np.zeros(steps + 1)
    for lobe in range(lobes):
        begin = lobe * seconds / (lobes + 0.5)
        length = min(1.6 * seconds / lobes, seconds - begin)
        at = min(max(rise / length, 0.02), 0.9)
        # Half a turn of a sine: up to its middle at the peak, and down from there.
        turn = np.interp((slow - begin) / length, [0, at, 1], [0, np.pi / 2, np.pi])
        envelope += (1.0 if lobe == 0 else rng.uniform(0.5, 1.0)) * np.sin(turn) ** 2
    clock = np.arange(steps * SLOW_STEP) / RATE
    chirp = rng.uniform(-0.15, 0.15)
    phase = 2 * np.pi * frequency * clock * (1 + chirp * (clock / seconds - 0.5))
    tone = upsample(envelope) * np.sin(phase + rng.uniform(0, 2 * np.pi))
    return _peak_of_one(tone.astype(np.float64))


def damped(frequency: float, decay: float) -> Floats:
    """Return a sharp pulse that rings at ``frequency`` (Hz) and dies away in ``decay`` (s)."""
    clock = np.arange(1, int(_PULSE_SECONDS * RATE)) / RATE
    return _peak_of_one(np.exp(-clock / decay) * np.sin(2 * np.pi * frequency * clock))


def click(decay: float) -> Floats:
    """Return the spike of a connector; seen between 1 and 30 Hz it has a peak near 1."""
    clock = np.arange(int(0.06 * RATE)) / RATE
    spike: Floats = (np.exp(-clock / decay) / (_PULSE_ANSWER * decay)).astype(np.float32)
    return spike


def hiss(seconds: float, rng: np.random.Generator) -> Floats:
    """Return noise up to about 50 Hz that swells and dies away, with a peak of 1."""
    n = max(int(seconds * RATE) // SLOW_STEP, 4)
    noise = rng.standard_normal(n + 1) * np.sin(np.pi * np.arange(n + 1) / n)
    return _peak_of_one(upsample(noise).astype(np.float64))


def upsample(slow: NDArray[np.float64]) -> Floats:
    """Interpolate (n + 1,) values at 128 Hz linearly to (8 n,) at 1024 Hz."""
    steps = np.arange(SLOW_STEP, dtype=np.float32) / np.float32(SLOW_STEP)
    left = slow[:-1].astype(np.float32)
    rise = np.diff(slow).astype(np.float32)
    return (left[:, None] + rise[:, None] * steps).ravel()


def _peak_of_one(shape: NDArray[np.float64]) -> Floats:
    peak = np.abs(shape).max()
    scaled: Floats = (shape / (peak or 1.0)).astype(np.float32)
    return scaled
