"""The codes of a result, for programs; a newer service may bring further ones."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from femo_result.base import one_of

__all__ = [
    "NOTICE_MEANINGS",
    "EventType",
    "EventTypeCode",
    "JudgedStatus",
    "JudgedStatusCode",
    "Method",
    "MethodCode",
    "NoticeCode",
    "NoticeCodeText",
    "PulseReason",
    "PulseReasonCode",
    "SensorGroup",
    "SensorGroupCode",
    "UnjudgedReason",
    "UnjudgedReasonCode",
]


class JudgedStatus(StrEnum):
    """Whether enough was judged."""

    OK = "ok"
    TOO_LITTLE = "too_little"
    NONE = "none"


class Method(StrEnum):
    """How candidates are found."""

    ADAPTIVE = "adaptive"
    REFERENCE = "reference"


class UnjudgedReason(StrEnum):
    """Why time is not judged; where several hold, the first one is told."""

    ENDS = "ends"
    GAP = "gap"
    SENSOR_OFF = "sensor_off"
    BODY_MOVEMENT = "body_movement"
    REGULAR_PULSES = "regular_pulses"
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


class SensorGroup(StrEnum):
    """Sensors of one kind."""

    PIEZO = "piezo"
    ACCELEROMETER = "accelerometer"
    ACOUSTIC = "acoustic"
    IMU = "imu"


class NoticeCode(StrEnum):
    """What a notice is about; `NOTICE_MEANINGS` has the words."""

    HEADER = "header"
    DAMAGED = "damaged"
    CUT_OFF = "cut_off"
    REPEATED = "repeated"
    OUT_OF_ORDER = "out_of_order"
    CLOCK_SET = "clock_set"
    CLOCK_RATE = "clock_rate"
    CLOCK_UNUSABLE = "clock_unusable"
    SENSOR_ABSENT = "sensor_absent"
    SENSOR_OFF = "sensor_off"
    SENSOR_SILENT = "sensor_silent"
    SAMPLES_MENDED = "samples_mended"
    BASELINE_LEVELLED = "baseline_levelled"
    MOTION_UNSEEN = "motion_unseen"
    FEWER_SENSORS = "fewer_sensors"
    HICCUPS_UNSEEN = "hiccups_unseen"
    REGULAR_PULSES = "regular_pulses"
    UNLIKE_TRAINING = "unlike_training"


NOTICE_MEANINGS = {
    NoticeCode.HEADER: "The file's header is damaged, or does not agree with what follows it.",
    NoticeCode.DAMAGED: "Part of the file could not be read and was stepped over.",
    NoticeCode.CUT_OFF: "The file ends before the recording does.",
    NoticeCode.REPEATED: "Samples were stored more than once; the repeats were dropped.",
    NoticeCode.OUT_OF_ORDER: "Samples were stored late; they were put back in order, or dropped.",
    NoticeCode.CLOCK_SET: "The time stamps jump though no samples are missing.",
    NoticeCode.CLOCK_RATE: "Samples were not taken at the expected rate; times follow the stamps.",
    NoticeCode.CLOCK_UNUSABLE: "The time stamps cannot be used; times count the samples.",
    NoticeCode.SENSOR_ABSENT: "Sensors of one kind are absent from the recording.",
    NoticeCode.SENSOR_OFF: "A sensor was off for some time.",
    NoticeCode.SENSOR_SILENT: "A sensor gives a signal on which nothing can be detected.",
    NoticeCode.SAMPLES_MENDED: "Lost or false samples were interpolated.",
    NoticeCode.BASELINE_LEVELLED: "Steps of a sensor's baseline were taken out.",
    NoticeCode.MOTION_UNSEEN: "Movement of the mother cannot be told for some time.",
    NoticeCode.FEWER_SENSORS: "Time was judged though a detecting sensor was off.",
    NoticeCode.HICCUPS_UNSEEN: "Time was judged in which hiccups could not be told.",
    NoticeCode.REGULAR_PULSES: "Regular pulses were found that are no bout of hiccups.",
    NoticeCode.UNLIKE_TRAINING: "The recording is unlike those that the model was trained on.",
}

JudgedStatusCode = Annotated[str, *one_of(JudgedStatus)]
MethodCode = Annotated[str, *one_of(Method)]
UnjudgedReasonCode = Annotated[str, *one_of(UnjudgedReason)]
EventTypeCode = Annotated[str, *one_of(EventType)]
SensorGroupCode = Annotated[str, *one_of(SensorGroup)]
PulseReasonCode = Annotated[str, *one_of(PulseReason)]
NoticeCodeText = Annotated[str, *one_of(NoticeCode)]
