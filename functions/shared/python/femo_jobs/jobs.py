"""The job table: one row a job, written before inference is asked for, settled once."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from femo_jobs import clients
from femo_jobs.configuration import Configuration, configuration
from femo_jobs.errors import UnreadableRowError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STATUS_INDEX = "by-status-and-time"
OPEN_INDEX = "open-by-deadline"
OPEN_SHARD = "open"

FIRST_CHECK_SECONDS = 120  # a job that is not queued by then was left behind by a crash
CHECK_SECONDS = 300  # first look for the result of a queued job of which no message came
LONGEST_CHECK_SECONDS = 3600
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
    recording_bytes: int | None = None
    recording_etag: str | None = None
    recording_version: str | None = None
    check_at: int | None = None  # s since the epoch, next look by the sweeper; None once settled
    output_location: str | None = None
    failure_location: str | None = None
    completed_at: str | None = None  # ISO 8601, UTC, milliseconds
    processing_seconds: float | None = None
    output_type: str | None = None
    result_bytes: int | None = None
    error: JobError | None = None

    @property
    def is_queued_for_inference(self) -> bool:
        """Whether SageMaker has taken the job."""
        return self.output_location is not None

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
            If a field is missing, or is not what this version of the code writes.
        """
        try:
            return cls._from_item(item)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UnreadableRowError(item["jobId"]["S"]) from error

    @classmethod
    def _from_item(cls, item: Mapping[str, Any]) -> Self:
        row = {name: _unmarshal_value(value) for name, value in item.items()}

        def whole(name: str) -> int | None:
            return int(row[name]) if name in row else None

        return cls(
            job_id=row["jobId"],
            status=JobStatus(row["status"]),
            created_at=row["createdAt"],
            request=JobRequest(
                request_time=row.get("requestTime"),
                recording_uri=row["recordingUri"],
                remove_hiccups=row["removeHiccups"],
                include_full_intervals=row["includeFullIntervals"],
                extract_events=row["extractEvents"],
            ),
            submission_id=row["submissionId"],
            submission_at=int(row["submissionAt"]),
            deadline=int(row["deadline"]),
            expires_at=int(row["expiresAt"]),
            recording_bytes=whole("recordingBytes"),
            recording_etag=row.get("recordingETag"),
            recording_version=row.get("recordingVersion"),
            check_at=whole("checkAt"),
            output_location=row.get("outputLocation"),
            failure_location=row.get("failureLocation"),
            completed_at=row.get("completedAt"),
            processing_seconds=(
                float(row["processingSeconds"]) if "processingSeconds" in row else None
            ),
            output_type=row.get("outputType"),
            result_bytes=whole("resultBytes"),
            error=(
                JobError(row["errorCode"], row["errorMessage"], row.get("errorField"))
                if "errorCode" in row
                else None
            ),
        )


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
    result_bytes: int | None = None
    error: JobError | None = None


class Settlement(StrEnum):
    """What became of an attempt to settle a job."""

    SETTLED = "settled"
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
        """Return the job of that id as it is now."""
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
            check_at=now + FIRST_CHECK_SECONDS,
        )
        done = self._update(
            job.job_id,
            "SET submissionId = :mine, submissionAt = :now, checkAt = :check",
            "#status = :queued AND submissionId = :theirs AND attribute_not_exists(outputLocation)",
            {
                ":mine": claimed.submission_id,
                ":now": now,
                ":check": claimed.check_at,
                ":theirs": job.submission_id,
                ":queued": str(JobStatus.QUEUED),
            },
        )
        return claimed if done else None

    def record_submission(
        self,
        job: Job,
        *,
        output_location: str,
        failure_location: str | None,
        settings: Configuration,
    ) -> Job:
        """Note where the outcome of a queued job will be.

        The job may have been settled in the meantime: then the row stays as it is.
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
            ":queued": str(JobStatus.QUEUED),
        }
        expression = "SET outputLocation = :output, deadline = :deadline, checkAt = :check"
        if failure_location is not None:
            expression += ", failureLocation = :failure"
            values[":failure"] = failure_location
        self._update(job.job_id, expression, "#status = :queued", values)
        return queued

    def withdraw(self, job: Job) -> bool:
        """Delete a row whose job was refused, unless another attempt has taken it over."""
        with _Condition() as condition:
            self._client.delete_item(
                TableName=self._name,
                Key=_marshal({"jobId": job.job_id}),
                ConditionExpression="submissionId = :mine AND attribute_not_exists(outputLocation)"
                " AND #status = :queued",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=_marshal(
                    {":mine": job.submission_id, ":queued": str(JobStatus.QUEUED)}
                ),
            )
        return condition.held

    def settle(self, job_id: str, outcome: Outcome) -> Settlement:
        """Write the outcome of a job, once: a job that has one keeps it."""
        values = {
            "status": str(outcome.status),
            "outputLocation": outcome.output_location,
            "failureLocation": outcome.failure_location,
            **_outcome_values(outcome),
        }
        present = {name: value for name, value in values.items() if value is not None}
        assignments = ", ".join(f"#{name} = :{name}" for name in present)
        done = self._update(
            job_id,
            f"SET {assignments} REMOVE openShard, checkAt",
            "#status = :queued",
            {f":{name}": value for name, value in present.items()}
            | {":queued": str(JobStatus.QUEUED)},
            {f"#{name}": name for name in present},
        )
        if done:
            return Settlement.SETTLED
        return Settlement.ALREADY_SETTLED if self.get(job_id) else Settlement.UNKNOWN_JOB

    def postpone(self, job: Job, check_at: int) -> None:
        """Have the sweeper look at a job again at ``check_at`` (s since the epoch)."""
        self._update(
            job.job_id,
            "SET checkAt = :check",
            "#status = :queued",
            {":check": check_at, ":queued": str(JobStatus.QUEUED)},
        )

    def overdue(self, now: int) -> Iterator[str]:
        """Yield the ids of the open jobs whose next look is due, longest overdue first."""
        start: dict[str, Any] = {}
        while True:
            page = self._client.query(
                TableName=self._name,
                IndexName=OPEN_INDEX,
                KeyConditionExpression="openShard = :open AND checkAt <= :now",
                ExpressionAttributeValues=_marshal({":open": OPEN_SHARD, ":now": now}),
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
    if "N" in value:
        return float(value["N"])
    return value["BOOL"] if "BOOL" in value else value["S"]
