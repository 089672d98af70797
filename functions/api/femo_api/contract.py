"""The bodies of requests and answers, as the OpenAPI document shows them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from femo_http.bodies import Body
from femo_jobs.jobs import JobStatus, Lane, timestamp
from femo_result.base import NAME_PATTERN
from femo_result.errors import JobCode, Kind

JOB_ID_PATTERN = SUBJECT_ID_PATTERN = NAME_PATTERN
FILE_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
SHA256_PATTERN = r"^[0-9a-f]{64}$"
PATTERNS_IN_WORDS = {
    JOB_ID_PATTERN: "must be 1 to 64 of A-Z a-z 0-9 . _ -, first a letter or digit",
    FILE_NAME_PATTERN: "must be 1 to 128 of A-Z a-z 0-9 . _ -, first a letter or digit; "
    "it only names the copy that is kept, and need not be the file's own name",
    SHA256_PATTERN: "must be 64 hexadecimal digits in lower case",
}
# No belt is older, and what lies outside is a clock that was never set.
EARLIEST_REQUEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_REQUEST = datetime(2100, 1, 1, tzinfo=UTC)

Instant = Annotated[
    str,
    Field(max_length=40, json_schema_extra={"format": "date-time"}),
    AfterValidator(lambda text: _instant(text)),
]
SubjectId = Annotated[str, StringConstraints(pattern=SUBJECT_ID_PATTERN)]

PART_BYTES = 32 * 1024 * 1024
MAX_PARTS = 160  # 5 GiB, the largest recording that the template's parameter admits


def _instant(text: str) -> str:
    """Return an ISO 8601 time as UTC with milliseconds, so that equal instants are equal texts."""
    try:
        # Beyond these it overlooks a NUL and what follows.
        if not re.fullmatch(r"[0-9A-Za-z:.,+-]+", text):
            raise ValueError
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise PydanticCustomError(
            "time_format", "must be an ISO 8601 time, such as 2025-06-04T14:30:00.000Z"
        ) from None
    if "T" not in text.upper():
        raise PydanticCustomError("time_format", "must be an ISO 8601 date and time, with a T")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if not EARLIEST_REQUEST <= moment < LATEST_REQUEST:
        raise PydanticCustomError(
            "time_range", "must lie in the years 2000 to 2099; leave it out if the clock is not set"
        )
    return timestamp(moment)


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
                    "subjectId": "S-017",
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
            description="ISO 8601, years 2000 to 2099; UTC where it names no zone. Kept with the "
            "job, and no part of what makes a request a repeat",
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
    subjectId: SubjectId | None = Field(
        default=None,
        description="Pseudonym of the woman whose recording it is, by which her jobs are found; "
        "never a name, a number that others know or a date of birth",
    )


def _listed(kind: Kind) -> str:
    return ", ".join(sorted(code for code in JobCode if code.kind is kind))


class JobErrorView(BaseModel):
    """Why a job has no result."""

    code: JobCode | str = Field(
        description="Stable, for programs; a newer model can bring further ones. "
        "Of a failed job, where the request or its recording is at fault: "
        f"{_listed(Kind.FINAL)}. Of a failed job, once the analysis has been tried as often "
        f"as it may be: {_listed(Kind.PASSING)}. "
        f"Of an expired job: {_listed(Kind.EXPIRED)}. "
        "Of a completed job: result_unavailable, result_unreachable. "
        "Of a job in a listing, whatever its status: unreadable_job"
    )
    message: str = Field(description="For people")
    field: str | None = Field(default=None, description="The field at fault, where it is one")


class SourceView(BaseModel):
    """Which object in S3 was submitted, and alone is analysed."""

    s3Key: str
    versionId: str | None = Field(
        default=None, description="Absent where the bucket keeps no versions"
    )
    etag: str | None = None


class SummaryView(BaseModel):
    """What a completed job found, in short: judged time, and what was counted in it."""

    durationSeconds: float = Field(description="The recording, gaps and ends included")
    judgedSeconds: float = Field(description="How much of it could be judged")
    movementCount: int | None = Field(description="Null where nothing could be judged")
    movementsPerJudgedHour: float | None = Field(
        description="Null where too little was judged for a rate"
    )


class JobView(BaseModel):
    """A job. Fields that do not apply to its status are absent."""

    jobId: str
    status: JobStatus = Field(
        description="Queued until the job ends, also while it is tried again after a fault that "
        "passes"
    )
    createdAt: str = Field(json_schema_extra={"format": "date-time"})
    requestTime: str | None = Field(default=None, json_schema_extra={"format": "date-time"})
    s3Key: str = Field(description="The recording, as an s3:// URI")
    source: SourceView
    removeHiccups: bool
    includeFullIntervals: bool
    extractEvents: bool
    subjectId: str | None = Field(default=None, description="Absent where none was given")
    completedTimeStamp: str | None = Field(
        default=None, description="When the job ended", json_schema_extra={"format": "date-time"}
    )
    processing_time_seconds: float | None = None
    output_type: Literal["events", "metadata"] | None = None
    modelPackage: str | None = Field(
        default=None,
        description="The registered model that answered, as GROUP/VERSION. Absent until the job is "
        "completed, and where the model in service was deployed without being registered",
        examples=["femo-prod/7"],
    )
    lane: Lane | None = Field(
        default=None,
        description="Which endpoint answers the job, serverless or asynchronous. It changes "
        "nothing else; a job that the serverless endpoint cannot take goes on by the queue. "
        "Absent for a job of an earlier version",
    )
    summary: SummaryView | None = Field(
        default=None,
        description="The result in short, in a listing, too. Absent while there is none, where it "
        "is too large to be looked into, and for a job of an earlier version",
    )
    result: dict[str, Any] | None = Field(
        default=None,
        description="The result. Absent while there is none yet, and where it is too large to be "
        "sent here; null where it was made but cannot be read: then error says why",
    )
    resultLocation: str | None = Field(default=None, description="The result, as an s3:// URI")
    resultUrl: str | None = Field(
        default=None,
        description="Where the whole response (AnalysisResponse) can be fetched without a token; "
        "absent where it cannot be read",
    )
    resultUrlExpiresAt: str | None = Field(default=None, json_schema_extra={"format": "date-time"})
    error: JobErrorView | None = Field(
        default=None,
        description="Of a failed or expired job; of a completed one whose result is gone or "
        "damaged (result_unavailable) or cannot be read at the moment (result_unreachable)",
    )


class UnreadableJobView(BaseModel):
    """A job that this version of the service cannot read, in its place in a listing."""

    jobId: str
    status: JobStatus | None = Field(
        default=None, description="Absent where it is one that this version does not know"
    )
    error: JobErrorView = Field(description="Its code is unreadable_job")


class JobList(BaseModel):
    """A page of jobs, newest first, without their results."""

    jobs: list[JobView | UnreadableJobView]
    nextToken: str | None = Field(
        default=None,
        description="For the next page; absent on the last. A page that has one may hold fewer "
        "jobs than were asked for, or none, where several filters are given",
    )


class UploadRequest(Body):
    """What is asked for with POST /uploads: a new key of that name, or the key of that content."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"fileName": "recording.dat", "sizeBytes": 45555230}]}
    )

    fileName: Annotated[str, StringConstraints(pattern=FILE_NAME_PATTERN)] | None = Field(
        default=None,
        description="Last part of a new key. Needed without sha256, and not taken with it",
        examples=["recording.dat"],
    )
    sizeBytes: int = Field(ge=1, description="Exact size of the file", examples=[45555230])
    sha256: (
        Annotated[
            list[Annotated[str, StringConstraints(pattern=SHA256_PATTERN)]],
            Field(min_length=1, max_length=MAX_PARTS),
        ]
        | None
    ) = Field(
        default=None,
        description=f"SHA-256, in hexadecimal, of each {PART_BYTES} bytes of the file in their "
        "order; the last may be shorter. The key follows from them, S3 holds the bytes to them, "
        "and what is there under this key is never overwritten",
    )


class UploadKind(StrEnum):
    """How the bytes are sent."""

    SINGLE = "single"
    MULTIPART = "multipart"
    PRESENT = "present"


class UploadPart(BaseModel):
    """One part of a multipart upload."""

    partNumber: int
    offsetBytes: int
    sizeBytes: int
    url: str = Field(description="Send the part's bytes here with PUT, without a token")
    headers: dict[str, str] = Field(description="Headers to send with them")


class UploadView(BaseModel):
    """Where to send a recording's bytes."""

    uploadId: str
    s3Key: str = Field(description="What to submit as s3Key once the upload is done")
    kind: UploadKind = Field(description="present: the content is there, nothing is to be sent")
    url: str | None = Field(
        default=None, description="single: send the file here with PUT, without a token"
    )
    headers: dict[str, str] | None = Field(
        default=None,
        description="single: headers to send with the file. With If-None-Match among them, S3 "
        "answers 412 where the same content has come meanwhile: then all is well",
    )
    parts: list[UploadPart] | None = Field(
        default=None,
        description="multipart: send each part, then POST /uploads/{uploadId}/complete. Parts of "
        "an interrupted upload that have arrived are left out",
    )
    expiresAt: str | None = Field(
        default=None,
        description="When the URLs end at the latest. Storage that refuses one before (403, or 400 "
        "with ExpiredToken) is asked anew by the same POST /uploads",
        json_schema_extra={"format": "date-time"},
    )


class CompletedUpload(BaseModel):
    """A recording that is ready to be submitted."""

    uploadId: str
    s3Key: str
    sizeBytes: int


class Health(BaseModel):
    """The API answers."""

    status: Literal["ok"] = "ok"


def is_job_id(text: str) -> bool:
    """Tell whether a text could be a job's id."""
    return re.fullmatch(JOB_ID_PATTERN.removeprefix("^").removesuffix("$"), text) is not None
