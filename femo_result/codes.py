"""The codes of a result, for programs; a newer service may bring further ones."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from femo_result.base import one_of

__all__ = [
    "EventType",
    "EventTypeCode",
    "NoticeCode",
    "NoticeCodeText",
    "PulseReason",
    "PulseReasonCode",
    "UnjudgedReason",
    "UnjudgedReasonCode",
]


class UnjudgedReason(StrEnum):
    """Why time is not judged; where several hold, the first one is told."""

    ENDS = "ends"
    GAP = "gap"
    SENSOR_OFF = "sensor_off"
    BODY_MOVEMENT = "body_movement"
    HICCUPS = "hiccups"


class EventType(StrEnum):
    """What an event is of."""

    MATERNAL_BODY_MOVEMENT = "maternal_body_movement"
    INFERRED_KICK = "inferred_kick"
    FETAL_HICCUPS = "fetal_hiccups"
    BUTTON_PRESS_PRE_DEBOUNCE = "button_press_pre_debounce"
    BUTTON_PRESS_POST_DEBOUNCE = "button_press_post_debounce"
    MATERNALLY_SENSED_KICK = "maternally_sensed_kick"


class PulseReason(StrEnum):
    """Why regular pulses are no bout of hiccups."""

    ONE_SENSOR = "one_sensor"
    BREATH = "breath"
    BREATH_UNKNOWN = "breath_unknown"
    RATE = "rate"


class NoticeCode(StrEnum):
    """What a notice is about."""

    HEADER = "header"
    """The file's header is damaged, or does not agree with what follows it."""
    DAMAGED = "damaged"
    """Part of the file could not be read and was stepped over."""
    CUT_OFF = "cut_off"
    """The file ends before the recording does."""
    REPEATED = "repeated"
    """Samples were stored more than once; the repeats were dropped."""
    OUT_OF_ORDER = "out_of_order"
    """Samples were stored late; they were put back in order, or dropped."""
    CLOCK_SET = "clock_set"
    """The time stamps jump though no samples are missing."""
    CLOCK_RATE = "clock_rate"
    """The samples were not taken at the expected rate; times follow the time stamps."""
    CLOCK_UNUSABLE = "clock_unusable"
    """The time stamps cannot be used; times count the samples."""
    SENSOR_ABSENT = "sensor_absent"
    """Sensors of one kind are absent from the recording."""
    SENSOR_OFF = "sensor_off"
    """A sensor was off for some time."""
    SENSOR_SILENT = "sensor_silent"
    """A sensor gives a signal on which nothing can be detected."""
    SAMPLES_MENDED = "samples_mended"
    """Lost or false samples were interpolated."""
    BASELINE_LEVELLED = "baseline_levelled"
    """Steps of a sensor's baseline were taken out."""
    MOTION_UNSEEN = "motion_unseen"
    """Movement of the mother cannot be told for some time."""
    FEWER_SENSORS = "fewer_sensors"
    """Time was judged though a detecting sensor was off."""
    HICCUPS_UNSEEN = "hiccups_unseen"
    """Time was judged in which hiccups could not be told."""
    REGULAR_PULSES = "regular_pulses"
    """Regular pulses were found that are no bout of hiccups."""


UnjudgedReasonCode = Annotated[str, *one_of(UnjudgedReason)]
EventTypeCode = Annotated[str, *one_of(EventType)]
PulseReasonCode = Annotated[str, *one_of(PulseReason)]
NoticeCodeText = Annotated[str, *one_of(NoticeCode)]
