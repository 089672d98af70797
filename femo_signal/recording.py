"""What is known about one recording: its facts and its band-passed signals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femo_signal.intervals import Intervals
from femo_signal.notices import Notice
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["Channel", "Clock", "ClockStep", "Gap", "RecordingInfo", "SensorOff", "Signals"]


@dataclass(frozen=True)
class Gap:
    """A stretch of time for which the file holds no samples."""

    start_seconds: float  # from the start of the recording
    end_seconds: float
    reason: str


@dataclass(frozen=True)
class SensorOff:
    """A stretch of time in which a sensor gave nothing that can be judged."""

    sensor: str  # "sensor_1" to "sensor_6", or "imu"
    start_seconds: float  # from the start of the recording
    end_seconds: float
    reason: str  # "constant", "railed", "no blocks" or "jumps" (of the baseline)


@dataclass(frozen=True)
class Clock:
    """What the time stamps of a recording tell about the clock that its samples were taken by."""

    stamps: int  # that were compared with the count of the samples
    unusable: bool  # most stamps cannot be those of a clock
    sample_rate: float | None  # Hz, by the stamps; None: too few to tell
    moved_seconds: float  # the furthest that a sample was moved from where the count put it
    steps: tuple[ClockStep, ...] = ()

    @property
    def drift_ppm(self) -> float | None:
        """How much faster than 1024 Hz the samples were taken, in millionths."""
        if self.sample_rate is None:
            return None
        return (self.sample_rate / TICKS_PER_SECOND - 1) * 1e6


@dataclass(frozen=True)
class ClockStep:
    """The clock was set: the stamps jump, and no sample is missing."""

    at_seconds: float  # from the start of the recording
    seconds: float  # positive: forward


@dataclass(frozen=True)
class RecordingInfo:
    """Facts about a recording as a whole."""

    path_name: str  # the file's name without its folder
    format: str  # "v1" or "v2"
    start: datetime  # aware, UTC
    duration_seconds: float  # untrimmed, gaps included
    sample_rate: int  # Hz
    trim_seconds: float  # cut at each end
    trim_ticks: int
    length_ticks: int  # of the trimmed axis
    gaps: tuple[Gap, ...]
    notices: tuple[Notice, ...]  # what is missing or odd, or was mended
    sensors_off: tuple[SensorOff, ...] = ()  # gaps of the whole file apart
    clock: Clock | None = None  # None where nothing is known of it

    def seconds(self, ticks: ArrayLike) -> NDArray[np.float64]:
        """Turn ticks of the trimmed axis into seconds from the start of the recording."""
        return (np.asarray(ticks, dtype=np.float64) + self.trim_ticks) / TICKS_PER_SECOND

    def time(self, tick: int) -> datetime:
        """Turn a tick of the trimmed axis into absolute time (UTC)."""
        return self.start + timedelta(seconds=(int(tick) + self.trim_ticks) / TICKS_PER_SECOND)


@dataclass(frozen=True)
class Channel:
    """One evenly sampled signal; sample i sits at tick ``start_tick + i * step_ticks``."""

    samples: NDArray[np.float32]  # (n,)
    sample_rate: float  # Hz
    start_tick: int  # trimmed axis
    step_ticks: int


@dataclass(frozen=True)
class Signals:
    """The band-passed signals of a recording on the trimmed axis.

    ``live`` names the channels that carry a signal: present in the format, with blocks in the
    file, and not constant. A detector or a feature must not let any other channel vote.
    """

    sensors: Mapping[str, Channel]  # V; a sensor that the format lacks is absent
    acceleration: Channel | None  # counts/1000, magnitude
    roll: Channel | None  # degrees
    pitch: Channel | None
    yaw: Channel | None
    live: frozenset[str]  # of sensor_1..6, acceleration, roll, pitch, yaw
    off: Mapping[str, Intervals] = field(default_factory=dict)
    """Ticks of the trimmed axis in which a channel cannot be judged, by its name; gaps apart.

    Off time with a margin for the filter, of every channel that the format has: one without any
    block is off throughout.
    """
    slow: Mapping[str, Channel] = field(default_factory=dict)
    """What lies below 1 Hz, at 4 Hz (`preprocessing.slow`): piezos by name (V), quaternion_r to
    quaternion_k, acceleration_x to acceleration_z (counts/1000); NaN where there is no sample."""
