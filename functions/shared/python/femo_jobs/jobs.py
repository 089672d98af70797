"""A job: what was asked for, where it stands, how it ended; and as a row of the table."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from femo_jobs.configuration import Configuration
from femo_jobs.keys import (
    BY_RECORDING,
    BY_STATUS,
    BY_SUBJECT,
    BY_TIME,
    DEFAULT_KEYS,
    OPEN,
    TABLE_KEY,
    Keys,
    shard_of,
)
from femo_jobs.rows import Row, marshal
from femo_result.errors.jobs import JobCode

FIRST_CHECK_SECONDS = 120  # a job that is not queued by then was left behind by a crash
CHECK_SECONDS = 300  # first look for the result of a queued job of which no message came
LONGEST_CHECK_SECONDS = 900  # a job that SageMaker has lost is found about as soon
MESSAGE_SLACK_SECONDS = 900  # from the end of an inference to its message, generously


class JobStatus(StrEnum):
    """Where a job stands. All but QUEUED are final."""

    QUEUED = "Queued"
    COMPLETED = "Completed"
    FAILED = "Failed"
    EXPIRED = "Expired"


class Lane(StrEnum):
    """Which endpoint answers a job. It changes nothing for the caller."""

    SERVERLESS = "serverless"
    ASYNCHRONOUS = "asynchronous"


@dataclass(frozen=True)
class JobRequest:
    """What a caller asked for, with the defaults applied."""

    request_time: str | None  # ISO 8601, UTC, milliseconds
    recording_uri: str  # s3://bucket/key
    remove_hiccups: bool
    include_full_intervals: bool
    extract_events: bool
    subject_id: str | None = None  # pseudonym

    def digest(self) -> str:
        """Return the fingerprint by which a repeated request is known.

        The time of the request is no part of it: whoever sends a request again, sends it later.
        It is computed anew where two requests are compared, so that rows whose stored fingerprint
        held more are known as well.
        """
        values = [
            self.recording_uri,
            self.remove_hiccups,
            self.include_full_intervals,
            self.extract_events,
            self.subject_id,
        ]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()


@dataclass(frozen=True)
class JobError:
    """Why a job has no result, in words that its caller may read."""

    code: str
    message: str
    field: str | None = None

    @classmethod
    def of(cls, code: JobCode) -> Self:
        """Return an error in the catalogue's own words."""
        return cls(str(code), code.sentence)


@dataclass(frozen=True)
class ResultSummary:
    """What a listing tells of a result, judged time first."""

    duration_seconds: float
    judged_seconds: float
    movement_count: int | None  # None where nothing could be judged
    movements_per_judged_hour: float | None  # None where too little was judged for a rate


@dataclass(frozen=True)
class Job:
    """One row of the table."""

    job_id: str
    status: JobStatus
    created_at: str  # ISO 8601, UTC, milliseconds
    request: JobRequest
    submission_id: str  # which attempt to queue the job owns the row
    submission_at: int  # s since the epoch, when that attempt began
    deadline: int  # s since the epoch; past it a job without an outcome has expired
    expires_at: int  # s since the epoch, when the table drops the row
    attempts: int = 1  # how often the analysis was asked for; 0: by a version that did not count
    lane: Lane | None = None  # None: by a version that knew one alone
    last_fault: str | None = None  # code of the passing fault that ended the attempt before
    recording_bytes: int | None = None
    recording_etag: str | None = None
    recording_version: str | None = None
    next_check_at: int | None = (
        None  # s since the epoch, next look by the sweeper; None once settled
    )
    output_location: str | None = None
    failure_location: str | None = None
    completed_at: str | None = None  # ISO 8601, UTC, milliseconds
    processing_seconds: float | None = None
    output_type: str | None = None
    model_package: str | None = None  # GROUP/VERSION of the package that answered
    result_bytes: int | None = None
    summary: ResultSummary | None = None  # None: by a version that kept none
    error: JobError | None = None

    @property
    def is_queued_for_inference(self) -> bool:
        """Whether the job was handed over, for this attempt or for an earlier one.

        One for the fast lane is from the beginning: who finds it left behind sends it on.
        """
        is_handed_over = self.output_location is not None or self.lane is Lane.SERVERLESS
        return is_handed_over or self.attempts > 1

    @property
    def inference_id(self) -> str:
        """What SageMaker calls the current attempt."""
        return self.submission_id if self.attempts else self.job_id

    @property
    def source(self) -> dict[str, str | None]:
        """Which object was submitted, as a result names the one that was analysed."""
        return {
            "s3Key": self.request.recording_uri,
            "versionId": self.recording_version,
            "etag": self.recording_etag,
        }

    @property
    def listing_key(self) -> str:
        """Sort key of the listing: unique, and in the order of creation."""
        return f"{self.created_at}#{self.job_id}"

    def open_partition(self, keys: Keys = DEFAULT_KEYS) -> str:
        """Return the partition of the open jobs that it belongs to: its lane's.

        A lane that this version of the code does not know is taken for the queue: an instance
        too many is cheaper than one that is taken away under a job.
        """
        shard = shard_of(self.job_id)
        return keys.of_fast_lane(shard) if self.lane is Lane.SERVERLESS else keys.of_queue(shard)

    def to_item(self, keys: Keys = DEFAULT_KEYS) -> dict[str, Any]:
        """Return the row as DynamoDB takes it, with its keys in the table and in each index."""
        values: dict[str, Any] = {
            **self._keys(keys),
            "jobId": self.job_id,
            "status": str(self.status),
            "createdAt": self.created_at,
            "requestTime": self.request.request_time,
            "recordingUri": self.request.recording_uri,
            "removeHiccups": self.request.remove_hiccups,
            "includeFullIntervals": self.request.include_full_intervals,
            "extractEvents": self.request.extract_events,
            "subjectId": self.request.subject_id,
            "requestDigest": self.request.digest(),
            "submissionId": self.submission_id,
            "submissionAt": self.submission_at,
            "deadline": self.deadline,
            "expiresAt": self.expires_at,
            "attempts": self.attempts,
            "lane": None if self.lane is None else str(self.lane),
            "lastFault": self.last_fault,
            "recordingBytes": self.recording_bytes,
            "recordingETag": self.recording_etag,
            "recordingVersion": self.recording_version,
            "outputLocation": self.output_location,
            "failureLocation": self.failure_location,
            **outcome_values(self),
        }
        return marshal({name: value for name, value in values.items() if value is not None})

    def _keys(self, keys: Keys) -> dict[str, str | int | None]:
        shard, subject = shard_of(self.job_id), self.request.subject_id
        return {
            TABLE_KEY: keys.job(self.job_id),
            BY_TIME.order: self.listing_key,
            BY_TIME.partition: keys.of_time(shard),
            BY_STATUS.partition: keys.of_status(self.status, shard),
            BY_SUBJECT.partition: None if subject is None else keys.of_subject(subject),
            BY_RECORDING.partition: keys.of_recording(self.request.recording_uri),
            OPEN.partition: None if self.next_check_at is None else self.open_partition(keys),
            OPEN.order: self.next_check_at,
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        """Read a row.

        Raises
        ------
        UnreadableRowError
            If a value is missing, of another type, or an unknown status: the row was damaged, or
            written by another version of the code.
        """
        row = Row(item)
        code = row.optional_text("errorCode")
        return cls(
            job_id=row.text("jobId"),
            status=_status(row),
            created_at=row.text("createdAt"),
            request=JobRequest(
                request_time=row.optional_text("requestTime"),
                recording_uri=row.text("recordingUri"),
                remove_hiccups=row.flag("removeHiccups"),
                include_full_intervals=row.flag("includeFullIntervals"),
                extract_events=row.flag("extractEvents"),
                subject_id=row.optional_text("subjectId"),
            ),
            submission_id=row.text("submissionId"),
            submission_at=row.whole("submissionAt"),
            deadline=row.whole("deadline"),
            expires_at=row.whole("expiresAt"),
            attempts=row.optional_whole("attempts") or 0,
            lane=_lane(row),
            last_fault=row.optional_text("lastFault"),
            recording_bytes=row.optional_whole("recordingBytes"),
            recording_etag=row.optional_text("recordingETag"),
            recording_version=row.optional_text("recordingVersion"),
            next_check_at=row.optional_whole(OPEN.order),
            output_location=row.optional_text("outputLocation"),
            failure_location=row.optional_text("failureLocation"),
            completed_at=row.optional_text("completedAt"),
            processing_seconds=row.optional_number("processingSeconds"),
            output_type=row.optional_text("outputType"),
            model_package=row.optional_text("modelPackage"),
            result_bytes=row.optional_whole("resultBytes"),
            summary=_summary(row),
            error=(
                JobError(code, row.text("errorMessage"), row.optional_text("errorField"))
                if code is not None
                else None
            ),
        )


def _status(row: Row) -> JobStatus:
    try:
        return JobStatus(row.text("status"))
    except ValueError as error:
        raise row.unreadable("status is not a status that is known") from error


def _lane(row: Row) -> Lane | None:
    name = row.optional_text("lane")
    return Lane(name) if name in set(Lane) else None


def _summary(row: Row) -> ResultSummary | None:
    duration = row.optional_number("durationSeconds")
    judged = row.optional_number("judgedSeconds")
    if duration is None or judged is None:
        return None
    return ResultSummary(
        duration,
        judged,
        row.optional_whole("movementCount"),
        row.optional_number("movementsPerJudgedHour"),
    )


@dataclass(frozen=True)
class UnreadableRow:
    """A row that a listing comes across and cannot read."""

    job_id: str
    status: JobStatus | None  # None where it is not one that is known
    listing_key: str


@dataclass(frozen=True)
class Outcome:
    """How a job ended."""

    status: JobStatus
    completed_at: str  # ISO 8601, UTC, milliseconds
    output_location: str | None = None
    failure_location: str | None = None
    processing_seconds: float | None = None
    output_type: str | None = None
    model_package: str | None = None  # GROUP/VERSION of the package that answered
    result_bytes: int | None = None
    summary: ResultSummary | None = None
    error: JobError | None = None


class Settlement(StrEnum):
    """What became of an attempt to settle a job."""

    SETTLED = "settled"
    REPEATED = "queued again"
    OTHER_ATTEMPT = "another attempt"
    ALREADY_SETTLED = "already settled"
    UNKNOWN_JOB = "unknown job"


def timestamp(moment: datetime | None = None) -> str:
    """Return a moment (default: now) as ISO 8601 in UTC, to the millisecond."""
    moment = (moment or datetime.now(UTC)).astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def new_job(
    job_id: str,
    request: JobRequest,
    *,
    settings: Configuration,
    recording_bytes: int | None = None,
    recording_etag: str | None = None,
    recording_version: str | None = None,
    lane: Lane = Lane.ASYNCHRONOUS,
) -> Job:
    """Return the row of a job that is about to be queued."""
    now = int(time.time())
    return Job(
        job_id=job_id,
        status=JobStatus.QUEUED,
        created_at=timestamp(),
        request=request,
        submission_id=uuid.uuid4().hex,
        submission_at=now,
        deadline=deadline_from(now, settings),
        expires_at=now + settings.job_retention_seconds,
        recording_bytes=recording_bytes,
        recording_etag=recording_etag,
        recording_version=recording_version,
        next_check_at=now + FIRST_CHECK_SECONDS,
        lane=lane,
    )


def deadline_from(start: int, settings: Configuration) -> int:
    """Return when a job that is queued at ``start`` (s since the epoch) must have an outcome."""
    return (
        start
        + settings.request_ttl_seconds
        + settings.invocation_timeout_seconds
        + MESSAGE_SLACK_SECONDS
    )


def outcome_values(source: Job | Outcome) -> dict[str, Any]:
    """Return the attributes of a row that tell how its job ended; None where one does not apply."""
    error, summary = source.error, source.summary
    return {
        "completedAt": source.completed_at,
        "processingSeconds": source.processing_seconds,
        "outputType": source.output_type,
        "modelPackage": source.model_package,
        "resultBytes": source.result_bytes,
        "durationSeconds": summary.duration_seconds if summary else None,
        "judgedSeconds": summary.judged_seconds if summary else None,
        "movementCount": summary.movement_count if summary else None,
        "movementsPerJudgedHour": summary.movements_per_judged_hour if summary else None,
        "errorCode": error.code if error else None,
        "errorMessage": error.message if error else None,
        "errorField": error.field if error else None,
    }
