"""What either method finds in a recording."""

from __future__ import annotations

from dataclasses import dataclass

from femo_signal.detection.adaptive import Findings
from femo_signal.intervals import Intervals

__all__ = ["Found"]


@dataclass(frozen=True)
class Found:
    """What either method finds; ticks of the trimmed axis."""

    thresholds: dict[str, float]  # V
    body_movement: Intervals
    detections: Intervals
    by_sensor: dict[str, Intervals]
    cores: dict[str, Intervals]
    findings: Findings | None = None
