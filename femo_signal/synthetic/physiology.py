"""The mother's breath and pulse, which every sensor carries and some clicks are locked to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Physiology", "draw_physiology"]

_Seconds = NDArray[np.float64]


@dataclass(frozen=True)
class Physiology:
    """Breath and pulse of one recording, as functions of its time."""

    breathing_hz: float
    heart_hz: float
    phases: tuple[float, float, float]  # radians

    def breath(self, time: _Seconds) -> NDArray[np.float64]:
        """Return the depth of the breath, -1 to 1."""
        return np.sin(self._breath_angle(time))

    def heart(self, time: _Seconds) -> NDArray[np.float64]:
        """Return the pulse wave: a fundamental with two harmonics, root mean square 0.81."""
        angle = self._heart_angle(time)
        return np.sin(angle) + 0.5 * np.sin(2 * angle + 0.7) + 0.25 * np.sin(3 * angle + 1.9)

    def breaths(self, start: float, end: float) -> list[float]:
        """Return when each breath in [start, end) begins."""
        grid = np.arange(start, end, 0.05)
        return _crossings(grid, self._breath_angle(grid))

    def beats(self, start: float, end: float) -> list[float]:
        """Return when each heart beat in [start, end) begins."""
        grid = np.arange(start, end, 0.05)
        return _crossings(grid, self._heart_angle(grid))

    def _breath_angle(self, time: _Seconds) -> NDArray[np.float64]:
        wander = 0.8 * np.sin(2 * np.pi * time / 47.0 + self.phases[0])
        return 2 * np.pi * self.breathing_hz * time + wander + self.phases[1]

    def _heart_angle(self, time: _Seconds) -> NDArray[np.float64]:
        wander = 0.6 * np.sin(2 * np.pi * time / 11.0)
        return 2 * np.pi * self.heart_hz * time + wander + self.phases[2]


def draw_physiology(breathing_hz: float, heart_hz: float, rng: np.random.Generator) -> Physiology:
    """Draw where in a breath and a beat the recording starts."""
    a, b, c = (float(phase) for phase in rng.uniform(0, 2 * np.pi, 3))
    return Physiology(breathing_hz, heart_hz, (a, b, c))


def _crossings(time: _Seconds, angle: NDArray[np.float64]) -> list[float]:
    """Return the times at which a rising angle passes a whole turn."""
    turns = np.arange(np.ceil(angle[0] / (2 * np.pi)), np.floor(angle[-1] / (2 * np.pi)) + 1)
    return [float(t) for t in np.interp(turns * 2 * np.pi, angle, time)]
