"""The job table: one row a job, written before inference is asked for, settled once."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from femo_jobs import clients
from femo_jobs.aws_faults import name_of, passes
from femo_jobs.configuration import Configuration, configuration
from femo_jobs.jobs import (
    CHECK_SECONDS,
    FIRST_CHECK_SECONDS,
    Job,
    JobStatus,
    Lane,
    Outcome,
    Settlement,
    deadline_from,
    outcome_values,
)
from femo_jobs.keys import BY_STATUS, DEFAULT_KEYS, OPEN, TABLE_KEY, Keys, shard_of
from femo_jobs.observability import logger
from femo_jobs.rows import marshal

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


NEXT_LOOK = f"{OPEN.order} = :check, {OPEN.partition} = :open"
"""Assigns when the sweeper looks at an open job, and the partition in which it finds it.

Both are always written together, with the values of :meth:`JobTable.next_look`, and a change of
lane in the same update: so no open job is ever in the partition of no lane, and one that another
version of the code has left in the wrong one is put right.
"""


class JobTable:
    """The rows, and the few ways in which they may change."""

    def __init__(self, client: DynamoDBClient, name: str, keys: Keys = DEFAULT_KEYS) -> None:
        self.client = client
        self.name = name
        self.keys = keys

    def add(self, job: Job) -> bool:
        """Write a new row; False, and nothing is written, where the id is taken."""
        with _Condition() as condition:
            self.client.put_item(
                TableName=self.name,
                Item=job.to_item(self.keys),
                ConditionExpression=f"attribute_not_exists({TABLE_KEY})",
            )
        return condition.held

    def get(self, job_id: str) -> Job | None:
        """Return the job of that id as it is now.

        Raises
        ------
        UnreadableRowError
            If there is a row that cannot be read.
        """
        answer = self.client.get_item(
            TableName=self.name, Key=self._key(job_id), ConsistentRead=True
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
            lane=Lane.ASYNCHRONOUS,
            next_check_at=now + FIRST_CHECK_SECONDS,
        )
        done = self.update(
            job.job_id,
            f"SET submissionId = :mine, submissionAt = :now, {NEXT_LOOK},"
            " attempts = :attempts, lane = :lane",
            "#status = :queued AND submissionId = :theirs AND attribute_not_exists(outputLocation)",
            {
                ":mine": claimed.submission_id,
                ":now": now,
                **self.next_look(claimed),
                ":attempts": claimed.attempts,
                ":lane": str(Lane.ASYNCHRONOUS),
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
            lane=Lane.ASYNCHRONOUS,
            last_fault=fault,
            deadline=deadline_from(now + delay_seconds, settings),
            next_check_at=now + (delay_seconds or FIRST_CHECK_SECONDS),
            output_location=None,
            failure_location=None,
        )
        done = self.update(
            job.job_id,
            "SET submissionId = :mine, submissionAt = :now, attempts = :attempts,"
            f" lane = :lane, lastFault = :fault, deadline = :deadline, {NEXT_LOOK}"
            " REMOVE outputLocation, failureLocation",
            "#status = :queued AND submissionId = :theirs",
            {
                ":mine": begun.submission_id,
                ":now": now,
                ":attempts": begun.attempts,
                ":lane": str(Lane.ASYNCHRONOUS),
                ":fault": fault,
                ":deadline": begun.deadline,
                **self.next_look(begun),
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
        stays as it is. So it does where DynamoDB fails for now: the job is queued all the same, its
        message names these places too, and where none comes the sweeper queues it again.
        """
        now = int(time.time())
        queued = replace(
            job,
            output_location=output_location,
            failure_location=failure_location,
            deadline=deadline_from(now, settings),
            next_check_at=now + CHECK_SECONDS,
        )
        values: dict[str, Any] = {
            ":output": output_location,
            ":deadline": queued.deadline,
            **self.next_look(queued),
            ":mine": job.submission_id,
            ":queued": str(JobStatus.QUEUED),
        }
        expression = f"SET outputLocation = :output, deadline = :deadline, {NEXT_LOOK}"
        if failure_location is not None:
            expression += ", failureLocation = :failure"
            values[":failure"] = failure_location
        condition = "#status = :queued AND submissionId = :mine"
        try:
            self.update(job.job_id, expression, condition, values)
        except (BotoCoreError, ClientError) as error:
            if not passes(error):
                raise
            logger.warning("queueing not noted", job_id=job.job_id, error_code=name_of(error))
            return job
        return queued

    def withdraw(self, job: Job) -> bool:
        """Delete a row whose job was refused, unless it was taken before or has been since."""
        with _Condition() as condition:
            self.client.delete_item(
                TableName=self.name,
                Key=self._key(job.job_id),
                ConditionExpression="submissionId = :mine AND attribute_not_exists(outputLocation)"
                " AND attempts = :first AND #status = :queued",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=marshal(
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
            BY_STATUS.partition: self.keys.of_status(outcome.status, shard_of(job_id)),
            "outputLocation": outcome.output_location,
            "failureLocation": outcome.failure_location,
            **outcome_values(outcome),
        }
        present = {name: value for name, value in values.items() if value is not None}
        assignments = ", ".join(f"#{name} = :{name}" for name in present)
        values = {f":{name}": value for name, value in present.items()}
        values[":queued"] = str(JobStatus.QUEUED)
        condition = "#status = :queued"
        if submission_id is not None:
            condition += " AND submissionId = :attempt"
            values[":attempt"] = submission_id
        done = self.update(
            job_id,
            f"SET {assignments} REMOVE {OPEN.partition}, {OPEN.order}",
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

    def postpone(self, job: Job, next_check_at: int) -> None:
        """Have the sweeper look at a job again at ``next_check_at`` (s since the epoch).

        Another attempt that has begun since has a look of its own.
        """
        self.update(
            job.job_id,
            f"SET {NEXT_LOOK}",
            "#status = :queued AND submissionId = :mine",
            {
                **self.next_look(replace(job, next_check_at=next_check_at)),
                ":mine": job.submission_id,
                ":queued": str(JobStatus.QUEUED),
            },
        )

    def set_aside(self, job_id: str, next_check_at: int) -> None:
        """Take an open row that cannot be read out of the open jobs, and look again later.

        Nothing else of it is changed: another version of the code may be able to read it.
        """
        with _Condition():  # one that was settled since is not open
            self.client.update_item(
                TableName=self.name,
                Key=self._key(job_id),
                UpdateExpression=f"SET {NEXT_LOOK}",
                ConditionExpression=f"attribute_exists({OPEN.partition})",
                ExpressionAttributeValues=marshal(
                    {":open": self.keys.of_unreadable(), ":check": next_check_at}
                ),
            )

    def next_look(self, job: Job) -> dict[str, Any]:
        """Return the values of ``NEXT_LOOK`` for an open job, as its lane and next look are."""
        return {":check": job.next_check_at, ":open": job.open_partition(self.keys)}

    def _key(self, job_id: str) -> dict[str, Any]:
        return marshal({TABLE_KEY: self.keys.job(job_id)})

    def update(
        self,
        job_id: str,
        expression: str,
        condition: str,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> bool:
        """Change a row where a condition holds; False where it does not, and nothing is changed."""
        with _Condition() as kept:
            self.client.update_item(
                TableName=self.name,
                Key=self._key(job_id),
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#status": "status", **(names or {})},
                ExpressionAttributeValues=marshal(values),
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
