"""The whole response: a completed analysis, as the service and `femo analyze` give it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from femo_result.base import TOLERANT, Count, Instant, Part, Seconds
from femo_result.found import (
    Event,
    ExpectedKicks,
    HiccupBout,
    HiccupTotals,
    ModelFacts,
    Movement,
    Press,
    PressMatch,
    RegularPulses,
    Summary,
    TrainingDistance,
)
from femo_result.overview import Overview
from femo_result.recording import Notice, Recording

__all__ = [
    "AnalysisResponse",
    "EventsResponse",
    "EventsResult",
    "MetadataResponse",
    "MetadataResult",
    "Result",
    "Source",
    "read_common",
    "read_response",
    "read_result",
]


class Result(Part):
    """What both kinds of result tell, judged time first."""

    recording: Recording = Field(
        description="How much could be judged, why the rest could not, and the recording itself"
    )
    movement_count: Count | None = Field(
        description="Movements of the baby in judged time: `movements`, and the events of type "
        "`inferred_kick`; null where nothing could be judged"
    )
    summary: Summary = Field(description="What these movements amount to")
    expected_kicks: ExpectedKicks | None = Field(
        description="How many there truly were in judged time; null where that cannot be vouched "
        "for"
    )
    expected_kicks_status: str = Field(
        description="How `expected_kicks` was reached, or why it is null, for people"
    )
    training_distance: TrainingDistance = Field(
        description="How far the recording lies from those that the model was trained on"
    )
    movements: list[Movement] | None = Field(
        description="The movements one by one, in order of time; null where nothing could be judged"
    )
    hiccup_bouts: list[HiccupBout] | None = Field(
        description="Hiccup bouts, whatever is done with them; null where none could have been seen"
    )
    hiccup_bouts_status: str = Field(
        description="`taken out`, `not taken out`, or why none could have been seen"
    )
    movements_in_hiccup_bouts: Count | None = Field(
        description="What would be movements, were it not in a bout; null where nothing of the "
        "bouts could be judged"
    )
    regular_pulses: list[RegularPulses] | None = Field(
        description="Regular pulses of unknown origin; null where none could have been seen"
    )
    press_match: PressMatch | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="How the movements agree with the mother's presses; absent where she pressed "
        "nothing",
    )
    presses: list[Press] = Field(description="The mother's presses one by one, in order of time")
    model: ModelFacts = Field(description="What decided")
    notices: list[Notice] = Field(description="What a reader should know")
    overview: Overview | None = Field(
        default=None,
        description="How far each group of sensors rose above its level, for drawing; null where "
        "none could be used at any time, absent from results of before it was there",
    )


class EventsResult(Result):
    """The result of a job with `extractEvents` (the default)."""

    event_count: Count = Field(
        description="Events of all six kinds; the baby's movements alone are `movement_count`"
    )
    events: list[Event] = Field(description="The events, in order of time")


class MetadataResult(Result):
    """The result of a job without `extractEvents`."""

    before_hiccup_removal: Summary = Field(description="The summary with hiccup bouts kept")
    after_hiccup_removal: Summary | None = Field(
        description="The summary with hiccup bouts taken out; null where they were kept"
    )
    hiccups: HiccupTotals | None = Field(
        description="The hiccup bouts together; null where none could have been seen"
    )


class Source(Part):
    """Which object in S3 was analysed."""

    s3Key: str = Field(description="The recording, as an s3:// URI")  # noqa: N815 - as in the API
    versionId: str | None = Field(  # noqa: N815
        description="Its version; null where the bucket keeps none"
    )
    etag: str | None = Field(description="Its ETag")


class _Response(Part):
    jobId: str | None = Field(  # noqa: N815
        default=None, description="The job; absent from `femo analyze`"
    )
    status: Literal["Completed"] = Field(description="The analysis went well")
    processing_time_seconds: Seconds = Field(
        description="From the request's arrival to the response"
    )
    source: Source | None = Field(
        default=None, description="What was analysed; absent from `femo analyze`"
    )
    completedTimeStamp: Instant = Field(description="When it was done")  # noqa: N815


class EventsResponse(_Response):
    """The response to a job with `extractEvents` (the default)."""

    output_type: Literal["events"] = Field(description="Which kind of result this is")
    result: EventsResult = Field(description="The result")


class MetadataResponse(_Response):
    """The response to a job without `extractEvents`."""

    output_type: Literal["metadata"] = Field(description="Which kind of result this is")
    result: MetadataResult = Field(description="The result")


AnalysisResponse = Annotated[EventsResponse | MetadataResponse, Field(discriminator="output_type")]
"""The whole response, of either kind."""

_RESULTS: dict[str, type[EventsResult] | type[MetadataResult]] = {
    "events": EventsResult,
    "metadata": MetadataResult,
}


def read_response(body: Any) -> EventsResponse | MetadataResponse:
    """Return a response as its model; fields and codes of a newer service are passed over.

    Raises
    ------
    pydantic.ValidationError
        It is no response, or one of a service that is too old.
    """
    adapter: TypeAdapter[EventsResponse | MetadataResponse] = TypeAdapter(AnalysisResponse)
    return adapter.validate_python(body, extra="ignore", context=TOLERANT)


def read_result(output_type: str, result: Any) -> EventsResult | MetadataResult:
    """Return the result in a job as its model; what only a newer service knows is passed over.

    Parameters
    ----------
    output_type : str
        "events" or "metadata".
    result : dict
        As parsed from JSON.

    Raises
    ------
    ValueError
        It is none, or one of a service that is too old (`pydantic.ValidationError`).
    """
    if output_type not in _RESULTS:
        raise ValueError(f"there is no result of type {output_type}")
    return _RESULTS[output_type].model_validate(result, extra="ignore", context=TOLERANT)


def read_common(result: Any) -> Result:
    """Return what both kinds of result tell; what only a newer service knows is passed over.

    Raises
    ------
    pydantic.ValidationError
        It is no result, or one of a service that is too old.
    """
    return Result.model_validate(result, extra="ignore", context=TOLERANT)
