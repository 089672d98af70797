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
    "ACCELEROMETERS",
    "SENSOR_NAMES",
    "TICKS_PER_SECOND",
    "AnalysisSettings",
    "BodyMovementSettings",
    "CandidateSettings",
    "DetectionSettings",
    "EdgeSettings",
    "EvidenceSettings",
    "HiccupSettings",
    "JudgingSettings",
    "LevellingSettings",
    "MatchSettings",
    "MendingSettings",
    "Method",
    "MotionEvidenceSettings",
    "MovementSettings",
    "PreprocessingSettings",
    "SensationSettings",
    "UsableSettings",
]

TICKS_PER_SECOND = 1024
SENSOR_NAMES = ("sensor_1", "sensor_2", "sensor_3", "sensor_4", "sensor_5", "sensor_6")
ACCELEROMETERS = ("sensor_1", "sensor_2")

Method = Literal["adaptive", "reference"]
SensorName = Literal["sensor_1", "sensor_2", "sensor_3", "sensor_4", "sensor_5", "sensor_6"]
# Bounds far beyond what makes sense of a belt, and far from where arithmetic overflows
Hertz = Annotated[float, Field(gt=0, le=512)]
Seconds = Annotated[float, Field(ge=0, le=3600)]
LongSeconds = Annotated[float, Field(gt=0, le=172_800)]
PositiveSeconds = Annotated[float, Field(ge=0.001, le=3600)]
Level = Annotated[float, Field(gt=0, le=1000)]
Share = Annotated[float, Field(ge=0, le=1000)]
Volts = Annotated[float, Field(ge=0, le=10)]
PositiveVolts = Annotated[float, Field(gt=0, le=10)]
BandHz = tuple[Hertz, Hertz]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


Counts = Annotated[float, Field(ge=0, le=65_536)]
Ticks = Annotated[int, Field(ge=0, le=3600 * TICKS_PER_SECOND)]


class MendingSettings(_Group):
    """Lost samples and jumps in a sensor's counts, at 1024 Hz.

    The levels were chosen on synthetic recordings so that waves below 30 Hz of any strength pass
    unchanged (tests/unit/signal/test_mending.py).
    """

    off_ticks: Annotated[int, Field(ge=256, le=60 * TICKS_PER_SECOND)] = TICKS_PER_SECOND
    """How long a sensor may not change, or rest against a rail, and still be on. White noise of
    0.3 counts keeps its value from one sample to the next with a probability of 0.9, so for a
    second with one of 1e-46. A body movement that clips does so for a few tenths."""
    rail_counts: Counts = 64
    """From 0 or 65535: the top of an ADC of 10 bits is 65472."""
    longest_lost_ticks: Annotated[int, Field(ge=1, le=100)] = 10
    """What leaves in one sample and is back within so many is lost or false."""
    jump_counts: Counts = 200.0
    """10 mV: no smaller jump is looked at."""
    jump_scales: Level = 10.0
    """A jump exceeds so many median changes from sample to sample: 6.7 deviations of white
    noise."""
    back_share: Share = 0.1
    """Of a jump, by which the way back may miss."""
    sharp_share: Share = 0.5
    """Of a jump, that the change next to it, outside, stays below."""
    stay_ticks: Annotated[int, Field(ge=1, le=1024)] = 64
    """For so long ``stay_share`` of a jump must be there, for it to be one of the baseline."""
    stay_share: Share = 0.5
    slope_factor: Level = 1.5
    """A jump differs by so many times the slope that it interrupts."""
    near_ticks: Annotated[int, Field(ge=1, le=128)] = 8
    """On either side, that tell the slope,"""
    wide_ticks: Annotated[int, Field(ge=1, le=1024)] = 128
    """and the usual change."""


class LevellingSettings(_Group):
    """Steps of a sensor's baseline, at 256 Hz."""

    step_counts: Counts = 60.0
    """3 mV: smaller steps are left; the band-pass makes 1 mV of them."""
    step_scales: Level = 5.5
    """A step exceeds so many median changes over 1/32 s: 3.7 deviations of white noise."""
    aside_share: Share = 0.5
    """Of a step's change, that the changes around it must stay below: a wave goes on."""
    steady_share: Level = 8.0
    """How many times the deviation from either level, over a second, a step must be."""
    local_share: tuple[Share, Share] = (0.6, 1.5)
    """Of a step, that must happen at its edge: no ramp, no wave."""
    rough_share: Share = 0.5
    """Of what a step must satisfy, that tells whether to look closely."""


class UsableSettings(_Group):
    """When a sensor, or the IMU, gives no signal."""

    margin_ticks: Ticks = TICKS_PER_SECOND
    """Around off time. The band-pass from 1 Hz answers a step with less than 3 % of it after a
    second, and what lies in off time is bridged, which leaves it far less than a step."""
    unsure_ticks: Ticks = TICKS_PER_SECOND // 4
    """Off on either side of a jump that is no clean step."""
    bridge_ticks: Annotated[int, Field(ge=8, le=4096)] = 256
    """On either side of a gap, that tell its levels and slopes; behind a gap so long or longer the
    level tells nothing of a movement."""
    ease_ticks: Annotated[int, Field(ge=256, le=60 * TICKS_PER_SECOND)] = 10 * TICKS_PER_SECOND
    """Over which a slope at the edge of a gap gives way: far below the band from 1 Hz."""
    longest_hole_ticks: Annotated[int, Field(ge=1, le=1024)] = 64
    """Between blocks of one kind that is interpolated (16 Hz); a longer one is off."""
    rail_step_ticks: Annotated[int, Field(ge=1, le=1024)] = 64
    """Every so many ticks an accelerometer's axes are looked at,"""
    railed_ticks: Ticks = TICKS_PER_SECOND
    """which are off where they rest against a rail for so long."""
    silent_counts: Counts = 0.5
    """Root mean square of a band-passed second. White noise of two counts has 0.5 in 1-30 Hz."""
    loud_ratio: Level = 10.0
    """A sensor with silent seconds is against a stop if nearly all its others are so many times
    louder: one that is quiet by nature has seconds of every loudness."""
    loud_quantile: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Of the seconds that are not silent, that may be less loud."""
    loud_share: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Of the usable seconds, that must not be silent."""
    shortest_silent_seconds: Annotated[int, Field(ge=1, le=3600)] = 2
    longest_motion_hole_ticks: Ticks = TICKS_PER_SECOND
    """Between samples of the IMU; the band of motion begins at 1 Hz."""
    still_seconds: PositiveSeconds = 30.0
    """How long an IMU may repeat itself. Its values come in steps of 1/1000 and 1/10000 and may
    stand still while she does; breathing alone turns a belt several times within half a
    minute."""
    least_share: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Of the time that a file of more than ``least_share_from_seconds`` claims, for which it must
    hold samples: else its time stamps are damaged."""
    least_share_from_seconds: LongSeconds = 3600.0
    shortest_analysed_seconds: PositiveSeconds = 1.0
    """Of a recording, less its ends."""


class PreprocessingSettings(_Group):
    """Filters, trimming and debouncing."""

    mending: MendingSettings = Field(default_factory=MendingSettings)
    levelling: LevellingSettings = Field(default_factory=LevellingSettings)
    usable: UsableSettings = Field(default_factory=UsableSettings)

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
    minimum_threshold_volts: Volts = 0.0001
    """A sensor whose threshold, ``noise_multiplier`` times its noise, is lower detects nothing."""
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


class JudgingSettings(_Group):
    """What is counted in judged time, and from how much of it on."""

    least_seconds: LongSeconds = 300.0
    """There is no rate of less: a few movements more or less would turn it upside down."""
    least_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Of the recording, ends included."""
    bridge_seconds: Seconds = 0.5
    """A lost packet within a movement does not part it."""


class HiccupSettings(_Group):
    """What makes a pulse, a chain of pulses, and a bout of hiccups.

    Intervals of 2-4 s and bouts from 1.4 minutes are the published range; the search starts at
    one minute, so that a bout cut by the end of the recording is found as well.
    """

    background_seconds: Annotated[float, Field(ge=10, le=3600)] = 60.0
    """Over which a sensor's own noise is taken (a median)."""
    background_block_seconds: Annotated[float, Field(ge=1, le=60)] = 10.0
    """So much of it is one value; a sensor that is seen for less than a quarter has none."""
    pulse_level: Level = 3.0
    """From which on one sensor sees a pulse: RMS over 1/8 s, times the median of that RMS."""
    joint_level: Level = 1.8
    """From which on all sensors together do: root of the mean square over those that are on."""
    pulse_spacing_seconds: Annotated[float, Field(ge=0.05, le=10)] = 0.35
    """Pulses closer than this are one: the ripples of a pulse."""
    pulses_per_minute: Annotated[int, Field(ge=1, le=1000)] = 90
    """So many pulses of a minute are looked at, the strongest: noise must not cost time."""
    snippet_seconds: Annotated[float, Field(ge=0.1, le=5)] = 0.5
    """Of the wave form of a pulse that is compared."""
    largest_norm: Level = 40.0
    """To which a wave form on one sensor is limited, so that none outvotes the rest; background
    alone has the root of its samples, 6."""
    least_signal: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Share of a wave form's energy that is taken to be the pulse's, however weak it is."""
    align_seconds: Annotated[float, Field(ge=0.02, le=0.5)] = 0.09375
    """By so much two wave forms may be shifted against each other to lie on one another."""
    link_seconds: tuple[PositiveSeconds, PositiveSeconds] = (1.7, 12.5)
    """Between linked pulses: a short interval, and three long ones, two pulses missing."""
    fast_link_seconds: tuple[PositiveSeconds, PositiveSeconds] = (0.4, 2.2)
    """The same for the maternal pulse and for steps."""
    link_likeness: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Least correlation of the wave forms of linked pulses."""
    cleared_likeness: Annotated[float, Field(ge=0, le=1)] = 0.7
    """The same with what the background adds to the wave forms allowed for."""
    join_likeness: Annotated[float, Field(ge=0, le=1)] = 0.7
    """The same for the templates of two chains that are one, after a pause."""
    missed_cost: Share = 0.15
    """What a link over a missed pulse is worth less, in units of correlation."""
    uneven_cost: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Share that a link loses whose interval differs by half from the one before."""
    end_unevenness: Level = 0.4
    """Pulses at a chain's ends whose interval differs by more than this are left out."""
    bridge_seconds: Seconds = 30.0
    """Longest hidden time over which pulses are linked."""
    chain_pulses: Annotated[int, Field(ge=3, le=10_000)] = 8
    """A shorter chain is chance."""
    interval_seconds: tuple[PositiveSeconds, PositiveSeconds] = (1.9, 4.1)
    """A bout's median interval."""
    interval_deviation: Level = 0.35
    """Largest median absolute deviation (x 1.48) of a bout's intervals, relative."""
    missed_share: Share = 0.4
    """Largest share of a bout's pulses that are missed."""
    stray_share: Share = 0.3
    """Most pulses of the same wave form in between, relative to a bout's own."""
    likeness: Annotated[float, Field(ge=0, le=1)] = 0.65
    """Least correlation of a bout's median pulse with the template of all."""
    minimum_seconds: PositiveSeconds = 60.0
    minimum_pulses: Annotated[int, Field(ge=3, le=10_000)] = 14
    cut_seconds: PositiveSeconds = 40.0
    """Shortest bout where the start or the end of a recording cuts it."""
    site_likeness: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Least mean correlation of a sensor's pulses with its own template of the others."""
    minimum_sites: Annotated[int, Field(ge=1, le=6)] = 2
    """Sensors that must see a bout."""
    coincidence_seconds: PositiveSeconds = 0.15
    """How far apart sensors may see a pulse."""
    breath_band_hz: BandHz = (0.12, 0.6)
    """In which the breath's rate is sought."""
    slow_band_hz: BandHz = (0.08, 1.2)
    """With the whole of which its power is compared."""
    breath_spread: tuple[Level, Level] = (0.65, 1.5)
    """How far a breath's rate may lie from the main one, times it."""
    breath_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Least share of a slow signal's power around one rate for that to be the breath's."""
    breath_lock: Annotated[float, Field(gt=0, lt=1)] = 0.75
    """From which resultant length on of the pulses' breath phases they follow the breath, unless
    they wander through its phases."""
    breath_wander: Share = 0.7
    """... which is so where the mean square step from pulse to pulse is less, over variance."""
    breath_lock_sure: Annotated[float, Field(gt=0, le=1)] = 0.9
    """From which resultant length on they follow the breath in any case."""
    pulses_per_breath: Annotated[int, Field(ge=1, le=4)] = 3
    """Up to so many pulses a breath are recognised: in, out, and one more."""
    unseen_breath_interval_seconds: PositiveSeconds = 3.6
    """Where no breath shows, a bout's median interval must be shorter: most breaths are longer."""
    unseen_breath_sites: Annotated[int, Field(ge=1, le=6)] = 3
    """... and so many sensors must see it, or all where there are fewer."""
    regular_seconds: PositiveSeconds = 30.0
    """Other regular pulses are told from this length on."""
    join_seconds: Seconds = 10.0
    """Bouts at most so far apart are one."""
    rise_seconds: Seconds = 0.15
    """From a pulse's start to its summit."""
    fall_seconds: Seconds = 0.45
    """From its summit to its end."""
    margin_seconds: Seconds = 2.0
    """What a bout takes along at each end when it is removed."""
    template_pulses: Annotated[int, Field(ge=3, le=10_000)] = 60
    """Of a chain, at most about so many fix its template."""
    shortest_step_seconds: PositiveSeconds = 0.1
    """Bridged pulses may lie closer in visible time: that is no interval."""
    least_piece_seconds: PositiveSeconds = 1.0
    """Visible time that holds a pulse with its surroundings,"""
    longest_hole_seconds: Seconds = 10.0
    """and unseen time over which a chain reaches, where it is told whether any could be seen."""
    breath_margin_seconds: Seconds = 30.0
    """Looked at before and after the pulses for the breath."""
    breath_shortest_seconds: PositiveSeconds = 10.0
    """A visible stretch that holds two breaths."""
    breath_largest: Level = 3.0
    """Times the median size, to which slow signals are limited; a sine has 1.4."""
    breath_pulse_seconds: tuple[Seconds, Seconds] = (0.25, 0.75)
    """Before and after its tick, what a pulse itself may bend of a slow signal."""
    breath_strong_share: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Of the breath's median size, below which its phase tells nothing."""
    breath_fewest_phases: Annotated[int, Field(ge=3, le=1000)] = 5

    @model_validator(mode="after")
    def _check(self) -> HiccupSettings:
        for name in (
            "link_seconds",
            "fast_link_seconds",
            "interval_seconds",
            "breath_band_hz",
            "slow_band_hz",
            "breath_spread",
        ):
            low, high = getattr(self, name)
            if low >= high:
                raise ValueError(f"{name}: needs the lower bound first")
        if self.breath_band_hz[1] > 2 or self.slow_band_hz[1] > 2:
            raise ValueError(
                "breath_band_hz, slow_band_hz: nothing above 2 Hz is in the slow track"
            )
        return self


class EvidenceSettings(_Group):
    """How far a channel rises above its own level (the adaptive method)."""

    bands_hz: tuple[BandHz, ...] = ((2.0, 4.0), (6.0, 12.0), (14.0, 30.0))
    """Of a channel the band that rises most counts; the reference filter passes 1-30 Hz."""
    window_samples: Annotated[int, Field(ge=64, le=256)] = 64
    """Of a frame, at 128 Hz; a shorter one tells no band of 2 Hz."""
    hop_samples: Annotated[int, Field(ge=4, le=64)] = 16
    level_seconds: PositiveSeconds = 180.0
    """Over so much time a channel's median and spread are taken."""
    level_step_seconds: PositiveSeconds = 20.0
    level_least_seconds: PositiveSeconds = 30.0
    """Of quiet, usable time that a level needs."""
    level_rate_hz: Annotated[float, Field(gt=0, le=128)] = 2.0
    """Frames of half a second overlap, and two a second hold all that is known of a level."""
    least_spread: Level = 0.25
    """Of the logarithm of the energy, natural; a smaller spread is one of quantisation."""
    seen_z: Annotated[float, Field(gt=0, le=100)] = 3.0
    """A sensor sees what rises so far above its level."""
    z_cap: Level = 10.0
    """What a single sensor adds at most: beyond it strength says nothing more about truth."""
    lag_frames: Annotated[int, Field(ge=0, le=16)] = 1
    """By so much sensors may peak apart."""
    short_gap_seconds: Seconds = 0.25
    """A gap shorter than this (lost packets) may lie in a frame: the frame counts if enough of it
    is samples (``least_present``). A frame that a longer gap reaches into never counts. How gaps
    are bridged before the filters does not depend on it."""
    least_present: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of a frame, by the energy of its window, that must be samples."""


class MotionEvidenceSettings(EvidenceSettings):
    """The same for the IMU; what is left out is the IMU's, not a sensor's."""

    bands_hz: tuple[BandHz, ...] = ((2.0, 4.0), (4.0, 10.0))
    short_gap_seconds: Seconds = 0.0
    """The IMU is interpolated by straight lines, whose bends no frame may hold."""


class CandidateSettings(_Group):
    """What makes agreement of the sensors a candidate (the adaptive method)."""

    chance_per_hour: Level = 20.0
    """So often the sensors may seem to agree by chance; the classifier sorts these out."""
    chance_block_seconds: Annotated[float, Field(ge=0.5, le=60)] = 2.0
    """The highest agreement of each block is one draw of chance."""
    chance_blocks: Annotated[int, Field(ge=100, le=1_000_000)] = 4000
    """Draws that fix the level to a few percent."""
    chance_least_blocks: Annotated[int, Field(ge=5, le=10_000)] = 20
    chance_shift_seconds: PositiveSeconds = 5.0
    """Sensors are shifted at least so far against each other; no movement lasts longer."""
    chance_apart_seconds: PositiveSeconds = 1.0
    """Around true agreement, so much is no chance either."""
    chance_seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 1
    solo_z: Level = 4.0
    """What a single sensor must show to be a candidate where few are on: half of the movements are
    near one of two piezos alone."""
    solo_sensors: Annotated[int, Field(ge=0, le=6)] = 2
    """Where more are on, the others would have seen it too; one alone then makes no candidate."""
    surround_seconds: PositiveSeconds = 15.0
    """Before and after a candidate, what its spectrum is compared with where few are on."""
    default_level: Level = 7.0
    """Of agreement, where no level can be told."""
    least_level: Level = 3.0
    greatest_level: Level = 8.5
    rule_strength: Level = 1.25
    """The unlearned rule accepts what exceeds the chance level so many times."""
    stands_out: Level = 1.3
    """What is so many times as strong as the pulses of a regular train near it is none of them."""
    usual_pulses: Annotated[int, Field(ge=1, le=1000)] = 9
    """So many of them tell what is usual there: a train raises the level it is compared with."""
    pulse_seconds: Seconds = 0.1
    """To either side of a pulse's summit, by which a candidate is one of a train."""
    lower_share: Annotated[float, Field(gt=0, le=1)] = 0.6
    """A candidate lasts as long as the agreement stays above this share of its level."""
    join_seconds: Seconds = 0.4
    split_seconds: PositiveSeconds = 0.9
    """Peaks closer than this are one movement."""
    split_depth: Annotated[float, Field(gt=0, lt=1)] = 0.6
    """A valley this deep, relative to the lower of two peaks, parts two movements."""


class BodyMovementSettings(_Group):
    """When the mother moves, by the IMU's own spread (the adaptive method)."""

    evidence: MotionEvidenceSettings = Field(default_factory=MotionEvidenceSettings)
    upper_z: Level = 9.0
    """A movement of hers rises at least so far above the IMU's own level."""
    lower_z: Level = 5.0
    reject_z: Level = 5.0
    """What the IMU sees so clearly at the same moment is hers: a cough, a small turn."""
    reject_seconds: Seconds = 0.25
    margin_seconds: Seconds = 1.0


class EdgeSettings(_Group):
    """Where a movement starts and ends (the adaptive method)."""

    smooth_seconds: Annotated[float, Field(ge=0.01, le=5)] = 0.125
    share: Annotated[float, Field(gt=0, lt=1)] = 0.08
    """Of the peak's energy; below it a movement has not begun, or has ended."""
    pause_seconds: PositiveSeconds = 0.4
    """A shorter pause does not end a movement."""


class AnalysisSettings(_Group):
    """All settings of an analysis.

    Examples
    --------
    >>> import femo_signal
    >>> settings = femo_signal.AnalysisSettings(method="adaptive")
    >>> femo_signal.AnalysisSettings.from_json(settings.model_dump_json()) == settings
    True
    >>> settings.digest() == femo_signal.AnalysisSettings(method="reference").digest()
    False
    """

    schema_version: Literal[1] = 1
    method: Method = "adaptive"
    """Which candidates there are: by agreement of all sensors, each relative to its own level
    (adaptive), or by fixed thresholds of two sensors (reference)."""
    preprocessing: PreprocessingSettings = Field(default_factory=PreprocessingSettings)
    movement: MovementSettings = Field(default_factory=MovementSettings)
    detection: DetectionSettings = Field(default_factory=DetectionSettings)
    sensation: SensationSettings = Field(default_factory=SensationSettings)
    match: MatchSettings = Field(default_factory=MatchSettings)
    judging: JudgingSettings = Field(default_factory=JudgingSettings)
    hiccups: HiccupSettings = Field(default_factory=HiccupSettings)
    evidence: EvidenceSettings = Field(default_factory=EvidenceSettings)
    candidates: CandidateSettings = Field(default_factory=CandidateSettings)
    body_movement: BodyMovementSettings = Field(default_factory=BodyMovementSettings)
    edges: EdgeSettings = Field(default_factory=EdgeSettings)

    @model_validator(mode="after")
    def _check(self) -> AnalysisSettings:
        hers = self.body_movement.evidence
        for name in ("window_samples", "hop_samples"):
            if getattr(hers, name) != getattr(self.evidence, name):
                raise ValueError(
                    f"body_movement.evidence.{name} differs from evidence.{name}: "
                    "the two are compared frame by frame"
                )
        return self

    @property
    def dilation_seconds(self) -> float:
        """By how much the method's detections are longer than what was seen."""
        return self.detection.dilation_seconds if self.method == "reference" else 0.0

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
