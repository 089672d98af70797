"""The analysis settings: one validated, versioned object that travels inside the model.

The defaults are the reference profile of docs/method.md. Ticks are samples of the 1024 Hz grid on
which every interval is given.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from femo_signal.errors import SettingsError

__all__ = [
    "SENSOR_NAMES",
    "TICKS_PER_SECOND",
    "AnalysisSettings",
    "DetectionSettings",
    "HiccupSettings",
    "MatchSettings",
    "MovementSettings",
    "PreprocessingSettings",
    "SensationSettings",
]

TICKS_PER_SECOND = 1024
SENSOR_NAMES = ("sensor_1", "sensor_2", "sensor_3", "sensor_4", "sensor_5", "sensor_6")

SensorName = Literal["sensor_1", "sensor_2", "sensor_3", "sensor_4", "sensor_5", "sensor_6"]
# Bounds far beyond what makes sense of a belt, and far from where arithmetic overflows
Hertz = Annotated[float, Field(gt=0, le=512)]
Seconds = Annotated[float, Field(ge=0, le=3600)]
LongSeconds = Annotated[float, Field(gt=0, le=172_800)]
PositiveSeconds = Annotated[float, Field(ge=0.001, le=3600)]
Level = Annotated[float, Field(gt=0, le=1000)]
Volts = Annotated[float, Field(ge=0, le=10)]
PositiveVolts = Annotated[float, Field(gt=0, le=10)]
BandHz = tuple[Hertz, Hertz]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PreprocessingSettings(_Group):
    """Filters, trimming and debouncing."""

    sensor_band_hz: BandHz = (1.0, 30.0)
    motion_band_hz: BandHz = (1.0, 10.0)
    filter_order: Annotated[int, Field(ge=1, le=8)] = 5
    """Butterworth order per edge."""
    trim_seconds: PositiveSeconds = 30.0
    """Cut at each end of a recording longer than ``long_recording_seconds``."""
    short_trim_seconds: PositiveSeconds = 5.0
    long_recording_seconds: LongSeconds = 300.0
    press_gap_ticks: Annotated[int, Field(ge=0, le=3600 * TICKS_PER_SECOND)] = 100
    """Presses with fewer ticks than this between them are one press."""

    @model_validator(mode="after")
    def _check(self) -> PreprocessingSettings:
        for name, limit in (("sensor_band_hz", 40.0), ("motion_band_hz", 15.0)):
            low, high = getattr(self, name)
            if not 0.5 <= low < high <= limit:
                raise ValueError(f"{name}: needs 0.5 <= low < high <= {limit:g} Hz")
        if self.long_recording_seconds <= 2 * self.trim_seconds:
            raise ValueError("long_recording_seconds must exceed twice trim_seconds")
        for name in ("trim_seconds", "short_trim_seconds"):
            if getattr(self, name) * TICKS_PER_SECOND % 8:
                raise ValueError(f"{name} must be a multiple of 1/128 s")
        return self


def _reference_levels() -> dict[SensorName, float]:
    return {"sensor_3": 1.5440, "sensor_6": 1.6106}


class MovementSettings(_Group):
    """When the mother moves (the body-movement map)."""

    acceleration_level: Level = 0.675
    """|IMU acceleration|, units of counts/1000."""
    angle_level_degrees: Level = 1.75
    sensor_levels_volts: dict[SensorName, PositiveVolts] = Field(default_factory=_reference_levels)
    minimum_sensors: Annotated[int, Field(ge=1, le=6)] = 2
    dilation_seconds: Seconds = 5.5


class DetectionSettings(_Group):
    """When a sensor sees a candidate movement of the baby (the fetal-movement map)."""

    sensors: tuple[SensorName, ...] = ("sensor_3", "sensor_6")
    noise_quantile: Annotated[float, Field(gt=0, lt=1)] = 0.25
    noise_multiplier: Annotated[float, Field(gt=0, le=1_000_000)] = 40.0
    minimum_noise_volts: Volts = 0.0001
    dilation_seconds: Seconds = 3.0
    minimum_sensors: Annotated[int, Field(ge=1, le=6)] = 1

    @model_validator(mode="after")
    def _check(self) -> DetectionSettings:
        if not self.sensors or len(set(self.sensors)) != len(self.sensors):
            raise ValueError("sensors: name at least one, none twice")
        if self.minimum_sensors > len(self.sensors):
            raise ValueError("minimum_sensors exceeds the number of sensors")
        return self


class SensationSettings(_Group):
    """How far around a press the mother's sensation may lie."""

    window_seconds: PositiveSeconds = 5.0


class MatchSettings(_Group):
    """How presses and movements are compared."""

    window_seconds: Annotated[float, Field(ge=0.1, le=3600)] = 10.0
    """Length of the windows into which time without sensation is cut."""
    minimum_movement_seconds: PositiveSeconds = 1.5

    @model_validator(mode="after")
    def _check(self) -> MatchSettings:
        if self.minimum_movement_seconds > self.window_seconds:
            raise ValueError("minimum_movement_seconds exceeds window_seconds: no window could")
        return self


class HiccupSettings(_Group):
    """What a hiccup bout is, beyond the rhythm that makes it one."""

    amplitude_deviation: Level = 0.25
    """Largest standard deviation of the peaks, relative to their amplitude."""
    join_seconds: Seconds = 10.0
    """Bouts at most so far apart are one."""
    scheme: Literal["piezo_or_pair", "any", "two", "three"] = "piezo_or_pair"
    """Which live sensors must agree: a piezo or both other types, or so many types."""


class AnalysisSettings(_Group):
    """All settings of an analysis."""

    schema_version: Literal[1] = 1
    preprocessing: PreprocessingSettings = PreprocessingSettings()
    movement: MovementSettings = MovementSettings()
    detection: DetectionSettings = DetectionSettings()
    sensation: SensationSettings = SensationSettings()
    match: MatchSettings = MatchSettings()
    hiccups: HiccupSettings = HiccupSettings()

    def digest(self) -> str:
        """Return 16 hex digits that differ whenever the settings do (a cache key)."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    @classmethod
    def from_json(cls, text: str | bytes) -> AnalysisSettings:
        """Read settings from JSON.

        Raises
        ------
        SettingsError
            If a field is unknown, missing its range, or contradicts another.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "settings"
            raise SettingsError(f"{where}: {first['msg']}; correct the settings") from error
