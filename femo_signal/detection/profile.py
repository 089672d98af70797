"""What was found in a recording before any classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from femo_signal.detection.adaptive import Findings
from femo_signal.detection.judged import JudgedTime, judge_time
from femo_signal.detection.sight import Sight, sights
from femo_signal.intervals import (
    Intervals,
    at_least,
    complement,
    difference,
    empty,
    intersection,
    union,
)
from femo_signal.recording import RecordingInfo, Signals
from femo_signal.settings import ACCELEROMETERS, TICKS_PER_SECOND, AnalysisSettings

__all__ = ["Profile"]


@dataclass(frozen=True)
class Profile:
    """A recording before any classifier; every map in ticks of the trimmed axis."""

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
    raw_end_presses: Intervals = field(default_factory=empty)  # as recorded, in the trimmed ends
    findings: Findings | None = None  # of the adaptive method

    @property
    def all_presses(self) -> Intervals:
        """Every press of the recording, debounced, those in the trimmed ends included."""
        return union(self.presses, self.end_presses)

    @property
    def all_raw_presses(self) -> Intervals:
        """Every press of the recording as it was recorded."""
        return union(self.raw_presses, self.raw_end_presses)

    @property
    def motion_seen(self) -> Intervals:
        """Where the IMU can see, and movement of the mother be told."""
        return union(*(self._on(name) for name in ("acceleration", "roll", "yaw")))

    def judge(
        self, *, pulses: Intervals | None = None, hiccups: Intervals | None = None
    ) -> JudgedTime:
        """Tell which time could be judged, and why the rest could not.

        Parameters
        ----------
        pulses : Intervals, optional
            Where regular pulses cannot be told from movements, see
            `femo_signal.detection.hiccups.judged_beside`.
        hiccups : Intervals, optional
            What is taken out with the hiccup bouts; without them their time is judged.
        """
        info = self.info
        sensors_on = self._sensors_on()
        enough_on = self._enough_on(sensors_on)
        lost = self._lost(sensors_on, enough_on)
        return judge_time(
            length=info.length_ticks,
            lead=info.trim_ticks,
            duration=round(info.duration_seconds * TICKS_PER_SECOND),
            gaps=union(self.gaps, lost["gap"]),
            body_movement=union(self.body_movement, lost["body_movement"]),
            sensors_on=sensors_on,
            enough_on=union(enough_on, *lost.values()),
            motion_on=self.motion_seen,
            pulses=empty() if pulses is None else pulses,
            hiccups=empty() if hiccups is None else hiccups,
            settings=self.settings.judging,
        )

    def counted(self, detections: Intervals, judged: JudgedTime) -> Intervals:
        """Return what of some detections may be counted in judged time."""
        cores = union(*self.core_detections.values())
        bridge = max(self.settings.dilation_seconds, self.settings.judging.bridge_seconds)
        return judged.counted(detections, cores, bridge_ticks=round(bridge * TICKS_PER_SECOND))

    def hidden(self, channel: str) -> Intervals:
        """Return where a channel shows nothing but body movement, or nothing at all."""
        return union(self.body_movement, self.gaps, self.signals.off.get(channel, empty()))

    @cached_property
    def sights(self) -> Mapping[str, Sight]:
        """Where each sensor that gives a signal could see; none by the reference method."""
        if self.findings is None:
            return {}
        return sights(
            self.findings.evidence,
            self.signals,
            gaps=self.gaps,
            length=self.info.length_ticks,
        )

    def _sensors_on(self) -> dict[str, Intervals]:
        if self.findings is None:
            return {
                name: self._on(name) if np.isfinite(level) else empty()
                for name, level in self.thresholds.items()
            }
        seeing = {name: sight.seeing for name, sight in self.sights.items()}
        return dict.fromkeys(self.thresholds, empty()) | seeing

    def _lost(
        self, sensors_on: Mapping[str, Intervals], enough_on: Intervals
    ) -> dict[str, Intervals]:
        """Return by reason the time in which enough sensors are on, though too few could see."""
        seeing, enough = dict(sensors_on), enough_on
        lost = {}
        for reason in ("gap", "body_movement"):
            for name, sight in self.sights.items():
                seeing[name] = union(seeing[name], sight.lost[reason])
            wider = self._enough_on(seeing)
            lost[reason] = difference(wider, enough)
            enough = wider
        return lost

    def _enough_on(self, sensors_on: Mapping[str, Intervals]) -> Intervals:
        """Return where enough sensors are on for a movement to be told.

        For the adaptive method two, of which one is no accelerometer, in a format that has
        accelerometers; else one, which is marked as fewer.
        """
        if self.settings.method == "reference":
            return at_least(self.settings.detection.minimum_sensors, *sensors_on.values())
        if self.info.format == "v2":
            return at_least(1, *sensors_on.values())
        others = [rows for name, rows in sensors_on.items() if name not in ACCELEROMETERS]
        return intersection(at_least(2, *sensors_on.values()), union(*others))

    def _on(self, channel: str) -> Intervals:
        if channel not in self.signals.live:
            return empty()
        return complement(self.signals.off.get(channel, empty()), self.info.length_ticks)
