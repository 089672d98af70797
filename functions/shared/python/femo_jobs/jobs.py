"""The job table: one row a job, written before inference is asked for, settled once."""

from __future__ import annotations

import hashlib
import json
import math
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self, TypeVar

from botocore.exceptions import ClientError

from femo_jobs import clients
from femo_jobs.configuration import Configuration, configuration
from femo_jobs.errors import UnreadableRowError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_Value = TypeVar("_Value")

STATUS_INDEX = "by-status-and-time"
OPEN_INDEX = "open-by-deadline"
OPEN_SHARD = "open"
UNREADABLE_SHARD = "unreadable"  # open rows that this version of the code cannot read

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


@dataclass(frozen=True)
class JobRequest:
    """What a caller asked for, with the defaults applied."""

    request_time: str | None  # ISO 8601, UTC, milliseconds
    recording_uri: str  # s3://bucket/key
    remove_hiccups: bool
    include_full_intervals: bool
    extract_events: bool

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
        ]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()


@dataclass(frozen=True)
class JobError:
    """Why a job has no result, in words that its caller may read."""

    code: str
    message: str
    field: str | None = None


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
    last_fault: str | None = None  # code of the passing fault that ended the attempt before
    recording_bytes: int | None = None
    recording_etag: str | None = None
    recording_version: str | None = None
    check_at: int | None = None  # s since the epoch, next look by the sweeper; None once settled
    output_location: str | None = None
    failure_location: str | None = None
    completed_at: str | None = None  # ISO 8601, UTC, milliseconds
    processing_seconds: float | None = None
    output_type: str | None = None
    model_package: str | None = None  # GROUP/VERSION of the package that answered
    result_bytes: int | None = None
    error: JobError | None = None

    @property
    def is_queued_for_inference(self) -> bool:
        """Whether SageMaker has taken the job, for this attempt or for an earlier one."""
        return self.output_location is not None or self.attempts > 1

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

    def to_item(self) -> dict[str, Any]:
        """Return the row as DynamoDB takes it."""
        values: dict[str, Any] = {
            "jobId": self.job_id,
            "status": str(self.status),
            "createdAt": self.created_at,
            "listingKey": self.listing_key,
            "requestTime": self.request.request_time,
            "recordingUri": self.request.recording_uri,
            "removeHiccups": self.request.remove_hiccups,
            "includeFullIntervals": self.request.include_full_intervals,
            "extractEvents": self.request.extract_events,
            "requestDigest": self.request.digest(),
            "submissionId": self.submission_id,
            "submissionAt": self.submission_at,
            "deadline": self.deadline,
            "expiresAt": self.expires_at,
            "attempts": self.attempts,
            "lastFault": self.last_fault,
            "recordingBytes": self.recording_bytes,
            "recordingETag": self.recording_etag,
            "recordingVersion": self.recording_version,
            "checkAt": self.check_at,
            "openShard": OPEN_SHARD if self.check_at is not None else None,
            "outputLocation": self.output_location,
            "failureLocation": self.failure_location,
            **_outcome_values(self),
        }
        return _marshal({name: value for name, value in values.items() if value is not None})

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        """Read a row.

        Raises
        ------
        UnreadableRowError
            If a value is missing, of another type, or an unknown status: the row was damaged, or
            written by another version of the code.
        """
        row = _Row(item)
        code = row.optional_text("errorCode")
        return cls(
            job_id=row.text("jobId"),
            status=row.status("status"),
            created_at=row.text("createdAt"),
            request=JobRequest(
                request_time=row.optional_text("requestTime"),
                recording_uri=row.text("recordingUri"),
                remove_hiccups=row.flag("removeHiccups"),
                include_full_intervals=row.flag("includeFullIntervals"),
                extract_events=row.flag("extractEvents"),
            ),
            submission_id=row.text("submissionId"),
            submission_at=row.whole("submissionAt"),
            deadline=row.whole("deadline"),
            expires_at=row.whole("expiresAt"),
            attempts=row.optional_whole("attempts") or 0,
            last_fault=row.optional_text("lastFault"),
            recording_bytes=row.optional_whole("recordingBytes"),
            recording_etag=row.optional_text("recordingETag"),
            recording_version=row.optional_text("recordingVersion"),
            check_at=row.optional_whole("checkAt"),
            output_location=row.optional_text("outputLocation"),
            failure_location=row.optional_text("failureLocation"),
            completed_at=row.optional_text("completedAt"),
            processing_seconds=row.optional_number("processingSeconds"),
            output_type=row.optional_text("outputType"),
            model_package=row.optional_text("modelPackage"),
            result_bytes=row.optional_whole("resultBytes"),
            error=(
                JobError(code, row.text("errorMessage"), row.optional_text("errorField"))
                if code is not None
                else None
            ),
        )


class _Row:
    """Reads the values of a row, each of the type that it must have."""

    def __init__(self, item: Mapping[str, Any]) -> None:
        self._values = {name: _unmarshal_value(value) for name, value in item.items()}

    def text(self, name: str) -> str:
        return self._needed(name, self.optional_text(name))

    def optional_text(self, name: str) -> str | None:
        value = self._values.get(name)
        if value is None or isinstance(value, str):
            return value
        raise self._unreadable(f"{name} is not a text")

    def flag(self, name: str) -> bool:
        value = self._needed(name, self._values.get(name))
        if isinstance(value, bool):
            return value
        raise self._unreadable(f"{name} is not true or false")

    def optional_number(self, name: str) -> float | None:
        value = self._values.get(name)
        if value is None or (isinstance(value, float) and math.isfinite(value)):
            return value
        raise self._unreadable(f"{name} is not a number")

    def optional_whole(self, name: str) -> int | None:
        value = self.optional_number(name)
        if value is None or value.is_integer():
            return None if value is None else int(value)
        raise self._unreadable(f"{name} is not a whole number")

    def whole(self, name: str) -> int:
        return self._needed(name, self.optional_whole(name))

    def status(self, name: str) -> JobStatus:
        try:
            return JobStatus(self.text(name))
        except ValueError as error:
            raise self._unreadable(f"{name} is not a status that is known") from error

    def _needed(self, name: str, value: _Value | None) -> _Value:
        if value is None:
            raise self._unreadable(f"{name} is missing")
        return value

    def _unreadable(self, why: str) -> UnreadableRowError:
        return UnreadableRowError(str(self._values.get("jobId", "")), why)


@dataclass(frozen=True)
class UnreadableRow:
    """A row that a listing comes across and cannot read: what its keys alone tell."""

    job_id: str
    status: JobStatus
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
        check_at=now + FIRST_CHECK_SECONDS,
    )


def deadline_from(start: int, settings: Configuration) -> int:
    """Return when a job that is queued at ``start`` (s since the epoch) must have an outcome."""
    return (
        start
        + settings.request_ttl_seconds
        + settings.invocation_timeout_seconds
        + MESSAGE_SLACK_SECONDS
    )


class JobTable:
    """The rows, and the few ways in which they may change."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self._client = client
        self._name = name

    def add(self, job: Job) -> bool:
        """Write a new row; False, and nothing is written, where the id is taken."""
        with _Condition() as condition:
            self._client.put_item(
                TableName=self._name,
                Item=job.to_item(),
                ConditionExpression="attribute_not_exists(jobId)",
            )
        return condition.held

    def get(self, job_id: str) -> Job | None:
        """Return the job of that id as it is now.

        Raises
        ------
        UnreadableRowError
            If there is a row that cannot be read.
        """
        answer = self._client.get_item(
            TableName=self._name, Key=_marshal({"jobId": job_id}), ConsistentRead=True
        )
        return Job.from_item(answer["Item"]) if "Item" in answer else None

    def take_over(self, job: Job) -> Job | None:
        """Claim a job whose queueing was left behind; None where somebody else was faster."""
        now = int(time.time())
        claimed = replace(
            job,
            submission_id=uuid.uuid4().hex,
            submission_at=now,
            attempts=max(job.attempts, 1),
            check_at=now + FIRST_CHECK_SECONDS,
        )
        done = self._update(
            job.job_id,
            "SET submissionId = :mine, submissionAt = :now, checkAt = :check, attempts = :attempts",
            "#status = :queued AND submissionId = :theirs AND attribute_not_exists(outputLocation)",
            {
                ":mine": claimed.submission_id,
                ":now": now,
                ":check": claimed.check_at,
                ":attempts": claimed.attempts,
                ":theirs": job.submission_id,
                ":queued": str(JobStatus.QUEUED),
            },
        )
        return claimed if done else None

    def begin_attempt(
        self, job: Job, *, fault: str, delay_seconds: int, settings: Configuration
    ) -> Job | None:
        """Begin another attempt at a job whose last one met a passing fault.

        Parameters
        ----------
        fault
            The code of that fault.
        delay_seconds
            When the sweeper shall queue the job; 0 if the caller does, at once.

        Returns
        -------
        Job or None
            The job as it is now; None where it has an outcome or another attempt already.
        """
        now = int(time.time())
        begun = replace(
            job,
            submission_id=uuid.uuid4().hex,
            submission_at=now,
            attempts=max(job.attempts, 1) + 1,
            last_fault=fault,
            deadline=deadline_from(now + delay_seconds, settings),
            check_at=now + (delay_seconds or FIRST_CHECK_SECONDS),
            output_location=None,
            failure_location=None,
        )
        done = self._update(
            job.job_id,
            "SET submissionId = :mine, submissionAt = :now, attempts = :attempts,"
            " lastFault = :fault, deadline = :deadline, checkAt = :check"
            " REMOVE outputLocation, failureLocation",
            "#status = :queued AND submissionId = :theirs",
            {
                ":mine": begun.submission_id,
                ":now": now,
                ":attempts": begun.attempts,
                ":fault": fault,
                ":deadline": begun.deadline,
                ":check": begun.check_at,
                ":theirs": job.submission_id,
                ":queued": str(JobStatus.QUEUED),
            },
        )
        return begun if done else None

    def record_submission(
        self,
        job: Job,
        *,
        output_location: str,
        failure_location: str | None,
        settings: Configuration,
    ) -> Job:
        """Note where the outcome of a queued job will be.

        The job may have been settled, or another attempt begun, in the meantime: then the row
        stays as it is.
        """
        now = int(time.time())
        queued = replace(
            job,
            output_location=output_location,
            failure_location=failure_location,
            deadline=deadline_from(now, settings),
            check_at=now + CHECK_SECONDS,
        )
        values: dict[str, Any] = {
            ":output": output_location,
            ":deadline": queued.deadline,
            ":check": queued.check_at,
            ":mine": job.submission_id,
            ":queued": str(JobStatus.QUEUED),
        }
        expression = "SET outputLocation = :output, deadline = :deadline, checkAt = :check"
        if failure_location is not None:
            expression += ", failureLocation = :failure"
            values[":failure"] = failure_location
        condition = "#status = :queued AND submissionId = :mine"
        self._update(job.job_id, expression, condition, values)
        return queued

    def withdraw(self, job: Job) -> bool:
        """Delete a row whose job was refused, unless it was taken before or has been since."""
        with _Condition() as condition:
            self._client.delete_item(
                TableName=self._name,
                Key=_marshal({"jobId": job.job_id}),
                ConditionExpression="submissionId = :mine AND attribute_not_exists(outputLocation)"
                " AND attempts = :first AND #status = :queued",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=_marshal(
                    {":mine": job.submission_id, ":first": 1, ":queued": str(JobStatus.QUEUED)}
                ),
            )
        return condition.held

    def settle(
        self, job_id: str, outcome: Outcome, *, submission_id: str | None = None
    ) -> Settlement:
        """Write the outcome of a job, once: a job that has one keeps it.

        Parameters
        ----------
        submission_id
            Of the attempt that ended so: an older one does not settle the job.
        """
        values = {
            "status": str(outcome.status),
            "outputLocation": outcome.output_location,
            "failureLocation": outcome.failure_location,
            **_outcome_values(outcome),
        }
        present = {name: value for name, value in values.items() if value is not None}
        assignments = ", ".join(f"#{name} = :{name}" for name in present)
        values = {f":{name}": value for name, value in present.items()}
        values[":queued"] = str(JobStatus.QUEUED)
        condition = "#status = :queued"
        if submission_id is not None:
            condition += " AND submissionId = :attempt"
            values[":attempt"] = submission_id
        done = self._update(
            job_id,
            f"SET {assignments} REMOVE openShard, checkAt",
            condition,
            values,
            {f"#{name}": name for name in present},
        )
        return Settlement.SETTLED if done else self._why_not_settled(job_id)

    def _why_not_settled(self, job_id: str) -> Settlement:
        job = self.get(job_id)
        if job is None:
            return Settlement.UNKNOWN_JOB
        if job.status is JobStatus.QUEUED:
            return Settlement.OTHER_ATTEMPT
        return Settlement.ALREADY_SETTLED

    def postpone(self, job: Job, check_at: int) -> None:
        """Have the sweeper look at a job again at ``check_at`` (s since the epoch)."""
        self._update(
            job.job_id,
            "SET checkAt = :check",
            "#status = :queued",
            {":check": check_at, ":queued": str(JobStatus.QUEUED)},
        )

    def set_aside(self, job_id: str, check_at: int) -> None:
        """Take an open row that cannot be read out of the open jobs, and look again later.

        Nothing else of it is changed: another version of the code may be able to read it.
        """
        self._move(job_id, UNREADABLE_SHARD, check_at)

    def take_back(self, job_id: str, check_at: int) -> None:
        """Count a row that can be read again among the open jobs."""
        self._move(job_id, OPEN_SHARD, check_at)

    def _move(self, job_id: str, shard: str, check_at: int) -> None:
        with _Condition():  # one that was settled since belongs to neither
            self._client.update_item(
                TableName=self._name,
                Key=_marshal({"jobId": job_id}),
                UpdateExpression="SET openShard = :shard, checkAt = :check",
                ConditionExpression="attribute_exists(openShard)",
                ExpressionAttributeValues=_marshal({":shard": shard, ":check": check_at}),
            )

    def overdue(self, now: int, *, shard: str = OPEN_SHARD) -> Iterator[str]:
        """Yield the ids of the open jobs whose next look is due, longest overdue first.

        Parameters
        ----------
        shard
            ``UNREADABLE_SHARD`` for those that were set aside.
        """
        start: dict[str, Any] = {}
        while True:
            page = self._client.query(
                TableName=self._name,
                IndexName=OPEN_INDEX,
                KeyConditionExpression="openShard = :open AND checkAt <= :now",
                ExpressionAttributeValues=_marshal({":open": shard, ":now": now}),
                **start,
            )
            yield from (item["jobId"]["S"] for item in page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def newest(
        self, *, status: JobStatus | None, limit: int, before: str | None
    ) -> list[Job | UnreadableRow]:
        """Return jobs, each once, newest first. Rows that cannot be read stay in their place.

        The index follows the table with a delay: a job that has just changed may be shown as it
        was, or be missing for a moment.

        Parameters
        ----------
        status
            Only jobs of this status; of any where None.
        limit
            How many at most.
        before
            Only jobs whose ``listing_key`` sorts below this one.
        """
        found: dict[str, Job | UnreadableRow] = {}
        # Open jobs are asked for first. One that settles in between is then found twice rather
        # than not at all, and stands as settled.
        for wanted in [status] if status else sorted(JobStatus, key=_is_final):
            for job in self._newest_of(wanted, limit, before):
                known = found.get(job.job_id)
                if known is None or (_is_final(job.status) and not _is_final(known.status)):
                    found[job.job_id] = job
        return sorted(found.values(), key=lambda job: job.listing_key, reverse=True)[:limit]

    def _newest_of(
        self, status: JobStatus, limit: int, before: str | None
    ) -> list[Job | UnreadableRow]:
        condition, values = "#status = :status", {":status": str(status)}
        if before is not None:
            condition += " AND listingKey < :before"
            values[":before"] = before
        found: list[Job | UnreadableRow] = []
        start: dict[str, Any] = {}
        while len(found) < limit:
            page = self._client.query(
                TableName=self._name,
                IndexName=STATUS_INDEX,
                KeyConditionExpression=condition,
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=_marshal(values),
                ScanIndexForward=False,
                Limit=limit - len(found),
                **start,
            )
            found += [_listed(item, status) for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        return found

    def _update(
        self,
        job_id: str,
        expression: str,
        condition: str,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> bool:
        with _Condition() as kept:
            self._client.update_item(
                TableName=self._name,
                Key=_marshal({"jobId": job_id}),
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#status": "status", **(names or {})},
                ExpressionAttributeValues=_marshal(values),
            )
        return kept.held


class _Condition:
    """Tells whether the condition of the write inside it held; other errors pass."""

    held = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, ClientError):
            return False
        self.held = error.response["Error"]["Code"] != "ConditionalCheckFailedException"
        return not self.held


def job_table() -> JobTable:
    """Return this function's job table."""
    return JobTable(clients.dynamodb(), configuration().jobs_table_name)


def _is_final(status: JobStatus) -> bool:
    return status is not JobStatus.QUEUED


def _listed(item: Mapping[str, Any], status: JobStatus) -> Job | UnreadableRow:
    try:
        return Job.from_item(item)
    except UnreadableRowError as error:
        return UnreadableRow(error.job_id, status, item["listingKey"]["S"])


def _outcome_values(source: Job | Outcome) -> dict[str, Any]:
    error = source.error
    return {
        "completedAt": source.completed_at,
        "processingSeconds": source.processing_seconds,
        "outputType": source.output_type,
        "modelPackage": source.model_package,
        "resultBytes": source.result_bytes,
        "errorCode": error.code if error else None,
        "errorMessage": error.message if error else None,
        "errorField": error.field if error else None,
    }


def _marshal(values: Mapping[str, str | int | float | bool]) -> dict[str, Any]:
    """Return values in DynamoDB's notation.

    boto3's own serializer would do, but takes Decimals for numbers and costs its import.
    """
    return {name: _marshal_value(value) for name, value in values.items()}


def _marshal_value(value: str | int | float | bool) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": repr(value)}
    return {"S": value}


def _unmarshal_value(value: Mapping[str, Any]) -> Any:
    """Return a value of the types that our rows have; None for NULL, and others as they are."""
    if "N" in value:
        return float(value["N"])
    for kind in ("S", "BOOL"):
        if kind in value:
            return value[kind]
    return None if "NULL" in value else value
