"""Noise that does not depend on the size of the pieces it is drawn in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from femo_signal.synthetic.waveforms import RATE, SLOW_STEP, Floats

__all__ = ["Rumble", "White"]

# Above this corner the power falls with the square of the frequency, which puts 76 % of what lies
# between 1 and 30 Hz below 4 Hz.
_CORNER_HZ = 0.3
_KNOT_SECONDS = 4
# Spread of the logarithm of the slow swell: what a belt picks up is not steady.
_SWELL = 0.25


class White:
    """White noise of one channel, drawn in order."""

    def __init__(self, volts: float, seed: list[int]) -> None:
        self._volts, self._rng = np.float32(volts), np.random.default_rng(seed)

    def draw(self, count: int) -> Floats:
        """Return the next ``count`` samples, V."""
        return self._rng.standard_normal(count, dtype=np.float32) * self._volts


class Rumble:
    """Slow noise of one channel at 128 Hz that swells and fades over seconds, drawn in order."""

    def __init__(self, volts: float, seconds: int, seed: list[int]) -> None:
        self._rng = np.random.default_rng(seed)
        self._pole = float(np.exp(-2 * np.pi * _CORNER_HZ * SLOW_STEP / RATE))
        self._volts = volts * np.sqrt(1 - self._pole**2)
        self._state = self._rng.standard_normal(1) / np.sqrt(1 - self._pole**2) * self._pole
        # The last value of a piece is the first of the next, for interpolation.
        self._last = np.zeros(0)
        knots = seconds // _KNOT_SECONDS + 2
        self._swell = np.exp(_SWELL * self._rng.standard_normal(knots) - _SWELL**2)
        self._drawn = 0

    def draw(self, count: int) -> NDArray[np.float64]:
        """Return the next ``count`` values at 128 Hz and the one after them, V."""
        fresh = count + 1 - len(self._last)
        drive = self._rng.standard_normal(fresh)
        values, self._state = signal.lfilter([1.0], [1.0, -self._pole], drive, zi=self._state)
        time = (self._drawn + np.arange(fresh)) * (SLOW_STEP / RATE)
        self._drawn += fresh
        swell = np.interp(time, np.arange(len(self._swell)) * float(_KNOT_SECONDS), self._swell)
        piece: NDArray[np.float64] = np.concatenate((self._last, self._volts * values * swell))
        self._last = piece[-1:]
        return piece
