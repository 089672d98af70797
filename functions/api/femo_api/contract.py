"""The bodies of requests and answers, as the OpenAPI document shows them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from femo_jobs.jobs import JobStatus, timestamp

JOB_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
FILE_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"


def _instant(text: str) -> str:
    """Return an ISO 8601 time as UTC with milliseconds, so that equal instants are equal texts."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise PydanticCustomError(
            "time_format", "must be an ISO 8601 time, such as 2025-06-04T14:30:00.000Z"
        ) from None
    if "T" not in text.upper():
        raise PydanticCustomError("time_format", "must be an ISO 8601 date and time, with a T")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return timestamp(moment)
    except (OverflowError, ValueError):
        raise PydanticCustomError("time_format", "must be a time in the years 1 to 9999") from None


class Body(BaseModel):
    """A request body: unknown fields are refused and nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True)


class JobSubmission(Body):
    """What is asked for with POST /jobs."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "jobId": "unique-job-id",
                    "requestTime": "2025-06-04T14:30:00.000Z",
                    "s3Key": "input-data/recording.dat",
                    "removeHiccups": False,
                    "includeFullIntervals": False,
                    "extractEvents": True,
                }
            ]
        }
    )

    jobId: Annotated[str, StringConstraints(pattern=JOB_ID_PATTERN)] = Field(
        description="Chosen by the caller, and the key by which a repeated request is known"
    )
    requestTime: Annotated[
        str | None,
        Field(
            max_length=40,
            description="ISO 8601; UTC where it names no zone",
            json_schema_extra={"format": "date-time"},
        ),
        AfterValidator(lambda text: None if text is None else _instant(text)),
    ] = None
    s3Key: Annotated[str, StringConstraints(min_length=1, max_length=1100)] = Field(
        description="Key in the recordings bucket, or s3:// URI of an object in an admitted bucket"
    )
    removeHiccups: bool = Field(
        default=False, description="Leave bouts of hiccups out of the movements"
    )
    includeFullIntervals: bool = Field(
        default=False, description="In metadata, list each interval, not only their summary"
    )
    extractEvents: bool = Field(default=True, description="Answer events; where false, metadata")


class JobErrorView(BaseModel):
    """Why a job has no result."""

    code: str
    message: str
    field: str | None = None


class JobView(BaseModel):
    """A job. Fields that do not apply to its status are absent."""

    jobId: str
    status: JobStatus
    createdAt: str = Field(json_schema_extra={"format": "date-time"})
    requestTime: str | None = Field(default=None, json_schema_extra={"format": "date-time"})
    s3Key: str = Field(description="The recording, as an s3:// URI")
    removeHiccups: bool
    includeFullIntervals: bool
    extractEvents: bool
    completedTimeStamp: str | None = Field(
        default=None, description="When the job ended", json_schema_extra={"format": "date-time"}
    )
    processing_time_seconds: float | None = None
    output_type: Literal["events", "metadata"] | None = None
    result: dict[str, Any] | None = Field(
        default=None, description="The result, where it is small enough to be sent here"
    )
    resultLocation: str | None = Field(default=None, description="The result, as an s3:// URI")
    resultUrl: str | None = Field(
        default=None, description="Where the whole response can be fetched without a token"
    )
    resultUrlExpiresAt: str | None = Field(default=None, json_schema_extra={"format": "date-time"})
    error: JobErrorView | None = Field(default=None, description="Of a failed or expired job")


class JobList(BaseModel):
    """A page of jobs, newest first, without their results."""

    jobs: list[JobView]
    nextToken: str | None = Field(default=None, description="For the next page; absent on the last")


class UploadRequest(Body):
    """What is asked for with POST /uploads."""

    fileName: Annotated[str, StringConstraints(pattern=FILE_NAME_PATTERN)] = Field(
        description="Last part of the recording's key", examples=["recording.dat"]
    )
    sizeBytes: int = Field(ge=1, description="Exact size of the file", examples=[45555230])


class UploadKind(StrEnum):
    """How the bytes are sent."""

    SINGLE = "single"
    MULTIPART = "multipart"


class UploadPart(BaseModel):
    """One part of a multipart upload."""

    partNumber: int
    offsetBytes: int
    sizeBytes: int
    url: str = Field(description="Send the part's bytes here with PUT, without a token")


class UploadView(BaseModel):
    """Where to send a recording's bytes."""

    uploadId: str
    s3Key: str = Field(description="What to submit as s3Key once the upload is done")
    kind: UploadKind
    url: str | None = Field(
        default=None, description="single: send the file here with PUT, without a token"
    )
    parts: list[UploadPart] | None = Field(
        default=None,
        description="multipart: send each part, then POST /uploads/{uploadId}/complete",
    )
    expiresAt: str = Field(json_schema_extra={"format": "date-time"})


class CompletedUpload(BaseModel):
    """A recording that is ready to be submitted."""

    uploadId: str
    s3Key: str
    sizeBytes: int


class Health(BaseModel):
    """The API answers."""

    status: Literal["ok"] = "ok"


class ErrorDetail(BaseModel):
    """What went wrong."""

    code: str = Field(description="Stable, for programs")
    message: str = Field(description="For people")
    field: str | None = Field(default=None, description="The field at fault, where it is one")


class ErrorView(BaseModel):
    """The body of every error."""

    error: ErrorDetail


def is_job_id(text: str) -> bool:
    """Tell whether a text could be a job's id."""
    return re.fullmatch(JOB_ID_PATTERN.removeprefix("^").removesuffix("$"), text) is not None


def is_field_name(text: str) -> bool:
    """Tell whether a text looks like a field's name."""
    return re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", text) is not None
