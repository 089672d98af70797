"""What is known about one recording: its facts, its band-passed signals, its reference profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femo_signal.intervals import Intervals, complement, empty, union
from femo_signal.judged import JudgedTime, judge_time
from femo_signal.settings import TICKS_PER_SECOND

if TYPE_CHECKING:
    from femo_signal.settings import AnalysisSettings

__all__ = ["Channel", "Gap", "Profile", "RecordingInfo", "SensorOff", "Signals"]


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
    notices: tuple[str, ...]  # what is missing or odd, one sentence each
    sensors_off: tuple[SensorOff, ...] = ()  # gaps of the whole file apart

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
    """What lies below 1 Hz, at 4 Hz (`femo_signal.slow`): piezos by name (V), quaternion_r to
    quaternion_k, acceleration_x to acceleration_z (counts/1000); NaN where there is no sample."""


@dataclass(frozen=True)
class Profile:
    """The reference profile of a recording; every map in ticks of the trimmed axis."""

    info: RecordingInfo
    settings: AnalysisSettings
    signals: Signals
    thresholds: Mapping[str, float]  # V per selected sensor; infinite where it cannot detect
    body_movement: Intervals
    detections: Intervals
    sensor_detections: Mapping[str, Intervals]  # before the sensors are fused
    core_detections: Mapping[str, Intervals]  # undilated runs above threshold
    sensation: Intervals
    presses: Intervals  # debounced
    raw_presses: Intervals
    gaps: Intervals  # no samples in the file: not analysed
    end_presses: Intervals = field(default_factory=empty)  # debounced, in the trimmed ends

    def judge(self, *, hiccups: Intervals | None = None) -> JudgedTime:
        """Tell which time could be judged, and why the rest could not.

        Parameters
        ----------
        hiccups : Intervals, optional
            What is taken out with the hiccup bouts; without them their time is judged.
        """
        info, detection = self.info, self.settings.detection
        seeing = {name: np.isfinite(level) for name, level in self.thresholds.items()}
        return judge_time(
            length=info.length_ticks,
            lead=info.trim_ticks,
            duration=round(info.duration_seconds * TICKS_PER_SECOND),
            gaps=self.gaps,
            body_movement=self.body_movement,
            sensors_on={
                name: self._on(name) if seeing.get(name, False) else empty()
                for name in detection.sensors
            },
            minimum_sensors=detection.minimum_sensors,
            motion_on=union(*(self._on(name) for name in ("acceleration", "roll", "yaw"))),
            hiccups=empty() if hiccups is None else hiccups,
        )

    def hidden(self, channel: str) -> Intervals:
        """Return where a channel shows nothing but body movement, or nothing at all."""
        return union(self.body_movement, self.gaps, self.signals.off.get(channel, empty()))

    def _on(self, channel: str) -> Intervals:
        if channel not in self.signals.live:
            return empty()
        return complement(self.signals.off.get(channel, empty()), self.info.length_ticks)
