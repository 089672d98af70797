"""What was found in a recording: movements, hiccups, presses, and what they amount to."""

from __future__ import annotations

from pydantic import Field

from femo_result.base import Count, Instant, Minutes, Part, PerHour, Seconds, Share
from femo_result.codes import (
    EventTypeCode,
    JudgedStatusCode,
    MethodCode,
    PulseReasonCode,
    UnjudgedReasonCode,
)

__all__ = [
    "Event",
    "ExpectedKicks",
    "HiccupBout",
    "HiccupTotals",
    "ModelFacts",
    "Movement",
    "OnsetStatistics",
    "Press",
    "PressMatch",
    "RegularPulses",
    "Stretch",
    "Summary",
    "TrainingDistance",
    "UnlikeTraining",
]


class Stretch(Part):
    """From when to when."""

    start: Instant = Field(description="Its start")
    end: Instant = Field(description="Its end")
    start_seconds: Seconds = Field(description="Its start, from the start of the recording")
    end_seconds: Seconds = Field(description="Its end, from the start of the recording")


class Event(Part):
    """Something that happened, of any kind."""

    event_type: EventTypeCode = Field(
        description="`inferred_kick`: a movement of the baby; `maternal_body_movement`; "
        "`fetal_hiccups`: a bout, where hiccups are taken out; `button_press_pre_debounce` and "
        "`button_press_post_debounce`: the mother pressed, as recorded and with bounces joined; "
        "`maternally_sensed_kick`: the time around a press"
    )
    start_t: Instant = Field(description="Its start")
    end_t: Instant = Field(description="Its end")


class Movement(Stretch):
    """A movement of the baby, as counted: in judged time."""

    probability: Share = Field(description="How likely it is one, by the model")
    sensors: list[str] = Field(
        description="The sensors that saw it; none where it shows in all of them together alone"
    )


class HiccupBout(Stretch):
    """A bout of fetal hiccups, from its first pulse to the end of its last."""

    sensors: list[str] = Field(description="The sensors that saw it")
    interval_seconds: Seconds | None = Field(
        description="From one hiccup to the next, in the median; null where it was not measured"
    )
    breath_known: bool | None = Field(
        description="Whether the mother's breath could be seen to compare with; null where it was "
        "not measured"
    )


class RegularPulses(Stretch):
    """Regular pulses of unknown origin: told neither as hiccups nor as movements."""

    reason: PulseReasonCode = Field(
        description="Why they are not told as hiccups. `one_sensor`: seen at one place "
        "only, and while no more than two sensors are on their time is not judged; `breath`: they "
        "follow the mother's breath; `breath_unknown`: as slow as breaths, and no breath is seen "
        "to compare with; `rate`: as fast as her pulse or her steps, or slower than hiccups"
    )
    sensors: list[str] = Field(description="The sensors that saw them")
    interval_seconds: Seconds = Field(description="From one to the next, in the median")


class HiccupTotals(Part):
    """The hiccup bouts together."""

    bouts: Count = Field(description="How many there are")
    minutes: Minutes = Field(description="How long they last together")


class Press(Stretch):
    """A press of the mother's button, its bounces joined."""

    judged: bool = Field(description="Whether all of the 5 s to both sides were judged")
    why_not: UnjudgedReasonCode | None = Field(
        description="Why it could not be judged; null where it was"
    )
    matched: bool | None = Field(
        description="Whether a movement lies within 5 s; null where it was not judged"
    )


class PressMatch(Part):
    """How movements agree with the presses that could be judged, and chance beside it.

    Presses count as positives, windows of 10 s away from any press as negatives. A figure is null
    where it is 0/0. Chance is that of the same presses, shifted in a circle 100 times.
    """

    true_positives: Count = Field(description="Judged presses with a movement within 5 s")
    false_negatives: Count = Field(description="Judged presses without")
    false_positives: Count = Field(description="Windows away from any press, with movement")
    true_negatives: Count = Field(description="Windows away from any press, without")
    accuracy: Share | None = Field(description="Presses and windows on which both agree")
    sensitivity: Share | None = Field(description="Judged presses that have a movement")
    specificity: Share | None = Field(description="Windows that have no movement")
    precision: Share | None = Field(description="Of the positives, those that are true")
    f1: Share | None = Field(description="Harmonic mean of precision and sensitivity")
    false_positive_rate: Share | None = Field(description="Windows that have movement")
    pabak: float | None = Field(
        ge=-1,
        le=1,
        description="Prevalence- and bias-adjusted kappa, 2 x accuracy - 1",
        json_schema_extra={"x-unit": "-1 to 1"},
    )
    chance_sensitivity: Share | None = Field(description="Sensitivity by chance, in the mean")
    chance_sensitivity_upper: Share | None = Field(
        description="Sensitivity by chance: 95 of 100 shifts reach no more"
    )
    chance_f1: Share | None = Field(description="F1 by chance, in the mean")
    chance_f1_upper: Share | None = Field(description="F1 by chance: 95 of 100 reach no more")
    presses: Count = Field(description="Presses in the whole recording")
    judged_presses: Count = Field(description="Of these, those that could be judged")
    presses_not_judged: dict[UnjudgedReasonCode, Count] = Field(
        description="Those that could not, by reason"
    )


class OnsetStatistics(Part):
    """The times from one movement's start to the next one's.

    All but the count are null where there are no two movements.
    """

    count: Count | None = Field(description="How many there are; null where nothing was judged")
    mean: Seconds | None = Field(description="Their mean")
    std: Seconds | None = Field(description="Their standard deviation (of the population)")
    min: Seconds | None = Field(description="The shortest")
    max: Seconds | None = Field(description="The longest")
    median: Seconds | None = Field(description="Their median")
    p25: Seconds | None = Field(description="A quarter of them are shorter")
    p75: Seconds | None = Field(description="A quarter of them are longer")


class Summary(Part):
    """What the movements amount to, in judged time.

    What was not judged is neither movement nor still. Where nothing was judged, all but the lengths
    are null.
    """

    kicks: Count | None = Field(description="Movements; null where nothing could be judged")
    total_minutes: Minutes = Field(description="The recording without its ends")
    analysed_minutes: Minutes = Field(description="Judged time")
    judged_status: JudgedStatusCode = Field(
        description="The same as `recording.judged_status` has it, here for hiccups kept or removed"
    )
    movement_minutes: Minutes | None = Field(description="Movements, as the reference counts them")
    still_minutes: Minutes | None = Field(description="Judged time less `movement_minutes`")
    undilated_movement_minutes: Minutes | None = Field(
        description="Movements above threshold, before any widening"
    )
    kicks_per_analysed_hour: PerHour | None = Field(
        description="Movements per judged hour; null where too little was judged for a rate"
    )
    analysed_seconds_to_tenth_kick: Seconds | None = Field(
        description="Judged time until the tenth movement; null where there are not ten"
    )
    longest_quiet_seconds: Seconds | None = Field(
        description="The longest stretch of judged time without movement; it never reaches over "
        "time that was not judged"
    )
    onset_intervals_seconds: list[Seconds] | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="Each time from one movement's start to the next one's; absent unless "
        "`includeFullIntervals` asked for them",
    )
    onset_intervals_over_unjudged: Count | None = Field(
        description="How many of these reach over time that was not judged"
    )
    onset_statistics: OnsetStatistics = Field(description="These times described")


class ExpectedKicks(Part):
    """How many movements there truly were in judged time, as an interval."""

    low: float = Field(ge=0, description="Lower end", json_schema_extra={"x-unit": "count"})
    high: float = Field(ge=0, description="Upper end", json_schema_extra={"x-unit": "count"})
    expected: float = Field(
        ge=0, description="What lies in the middle", json_schema_extra={"x-unit": "count"}
    )
    level: Share = Field(description="How often such an interval holds the true count")


class UnlikeTraining(Part):
    """One of the numbers in which a recording differs from those that the model was trained on."""

    statistic: str = Field(description="Name of the number")
    description: str = Field(description="What it is of")
    deviation: float = Field(
        description="From the median training recording, in robust standard deviations",
        json_schema_extra={"x-unit": "z"},
    )


class TrainingDistance(Part):
    """How far the recording's signals lie from those that the model was trained on."""

    distance: float | None = Field(
        description="Largest deviation of a number; null where it could not be told",
        json_schema_extra={"x-unit": "z"},
    )
    limit: float | None = Field(
        description="From here on a recording is unlike the training; null where the model does "
        "not say",
        json_schema_extra={"x-unit": "z"},
    )
    strange: bool | None = Field(
        description="Whether it is unlike: then figures may be far off, and there is no interval"
    )
    most_unlike: list[UnlikeTraining] = Field(description="What is most unlike, the worst first")


class ModelFacts(Part):
    """What decided: enough to repeat the analysis."""

    version: str = Field(description="Of the model: 12 hexadecimal digits")
    package: str | None = Field(
        description="The model package that served (ARN); null where none did, as on one's own "
        "machine"
    )
    method: MethodCode = Field(description="How candidates were found: `adaptive` or `reference`")
    method_version: Count = Field(description="Of what the engine computes by any method")
    classifier: str = Field(
        description="What decides on a candidate: `trees`, `linear` or the unlearned `rule`"
    )
    settings_digest: str = Field(description="Of all settings of the method, in hexadecimal")
    threshold: Share = Field(description="Least probability of a movement")
