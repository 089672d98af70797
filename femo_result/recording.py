"""How much of a recording could be judged, why the rest could not, and what it is like."""

from __future__ import annotations

from pydantic import Field

from femo_result.base import Count, Hertz, Instant, Millionths, Part, Seconds
from femo_result.codes import JudgedStatusCode, NoticeCodeText, UnjudgedReasonCode

__all__ = [
    "ClockFacts",
    "ClockStep",
    "Gap",
    "Notice",
    "Recording",
    "SensorOff",
    "UnjudgedTime",
]


class Notice(Part):
    """Something about the recording or its analysis that a reader should know."""

    code: NoticeCodeText = Field(description="What it is about, for programs")
    text: str = Field(description="The same as `recording.notices` has it, for people")


class UnjudgedTime(Part):
    """A stretch of time that was not judged."""

    reason: UnjudgedReasonCode = Field(
        description="Why not; where several reasons hold, the first of `ends`, `gap`, "
        "`sensor_off`, `body_movement`, `regular_pulses`, `hiccups`"
    )
    start_seconds: Seconds = Field(description="Its start, from the start of the recording")
    end_seconds: Seconds = Field(description="Its end, from the start of the recording")


class Gap(Part):
    """A stretch of time for which the file holds no samples."""

    start_seconds: Seconds = Field(description="Its start, from the start of the recording")
    end_seconds: Seconds = Field(description="Its end, from the start of the recording")
    reason: str = Field(description="What is wrong with the file there, for people")


class SensorOff(Part):
    """A stretch of time in which a sensor gave nothing that can be judged."""

    sensor: str = Field(description="`sensor_1` to `sensor_6`, or `imu`")
    start_seconds: Seconds = Field(description="Its start, from the start of the recording")
    end_seconds: Seconds = Field(description="Its end, from the start of the recording")
    reason: str = Field(
        description="`constant`, `railed` (at its stop), `no blocks`, or `jumps` (of the baseline)"
    )


class ClockStep(Part):
    """The belt's clock was set while it recorded: no samples are missing there."""

    at_seconds: Seconds = Field(description="When, from the start of the recording")
    seconds: Seconds = Field(description="By how much; forward where positive")


class ClockFacts(Part):
    """What the time stamps tell of the clock by which the samples were taken."""

    stamps: Count = Field(description="How many time stamps were compared with the samples' count")
    usable: bool = Field(
        description="Whether the time stamps can be those of a clock; else times count the samples"
    )
    sample_rate: Hertz | None = Field(
        description="Samples a second by the time stamps; null where there are too few to tell"
    )
    drift_ppm: Millionths | None = Field(
        description="How much faster than the nominal rate the samples were taken; null where "
        "there are too few time stamps to tell"
    )
    moved_seconds: Seconds = Field(
        description="The furthest that a sample was moved from where its count puts it"
    )
    steps: list[ClockStep] = Field(description="Where the clock was set")


class Recording(Part):
    """How much could be judged, why the rest could not, and what is known of the recording."""

    judged_seconds: Seconds = Field(description="How much could be judged")
    judged_status: JudgedStatusCode = Field(
        description="`ok`; `too_little` was judged for a rate; or `none`: nothing was counted"
    )
    judged_explanation: str = Field(description="The status as a sentence, for people")
    unjudged_seconds: dict[UnjudgedReasonCode, Seconds] = Field(
        description="How much could not be judged, by reason; adds up with `judged_seconds` to "
        "`duration_seconds`"
    )
    unjudged: list[UnjudgedTime] = Field(
        description="Each stretch that was not judged, in order of time"
    )
    judged_on_fewer_sensors_seconds: Seconds = Field(
        description="Judged though a detecting sensor was off"
    )
    body_movement_unseen_seconds: Seconds = Field(
        description="Judged though movement of the mother could not be told, for want of an IMU"
    )
    analysed_seconds: Seconds = Field(description="The same as `judged_seconds`")
    masked_seconds: Seconds | None = Field(
        description="Movement of the mother; null where the IMU shows nothing at all"
    )
    format: str = Field(description="Of the file: `v1` or `v2`")
    start: Instant = Field(description="When the recording starts")
    duration_seconds: Seconds = Field(description="How long it is, gaps and ends included")
    trim_seconds: Seconds = Field(description="What is left out at each end")
    gap_seconds: Seconds = Field(description="Time without samples in the file")
    gaps: list[Gap] = Field(description="Each stretch without samples")
    sensors_off: list[SensorOff] = Field(
        description="Each stretch in which a sensor was off, gaps of the whole file apart"
    )
    live_sensors: list[str] = Field(description="Sensors that give a signal")
    clock: ClockFacts | None = Field(
        description="The belt's clock; null where nothing is known of it"
    )
    notices: list[str] = Field(
        description="What a reader should know, a sentence each; `notices` of the result has them "
        "with their codes"
    )
