"""The fast lane's own changes of a row: one try, entered once and left once."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace

from femo_jobs.configuration import Configuration
from femo_jobs.jobs import FIRST_CHECK_SECONDS, Job, JobStatus, Lane, deadline_from
from femo_jobs.table import NEXT_LOOK, JobTable

TRY_SECONDS = 150
"""From the beginning of a try until it is over, whatever became of it: longer than the function
that makes it can run (its Timeout in template.yaml), so that nobody takes its job away before."""


def enter(table: JobTable, job: Job, *, output_location: str, failure_location: str) -> Job | None:
    """Claim a job for its one try; None where somebody else was faster.

    Parameters
    ----------
    output_location, failure_location
        Where its outcome will lie.
    """
    entered = replace(
        job,
        output_location=output_location,
        failure_location=failure_location,
        next_check_at=int(time.time()) + TRY_SECONDS,
    )
    done = table.update(
        job.job_id,
        f"SET outputLocation = :output, failureLocation = :failure, {NEXT_LOOK}",
        "#status = :queued AND submissionId = :mine AND lane = :lane"
        " AND attribute_not_exists(outputLocation)",
        {
            ":output": output_location,
            ":failure": failure_location,
            **table.next_look(entered),
            ":mine": job.submission_id,
            ":lane": str(Lane.SERVERLESS),
            ":queued": str(JobStatus.QUEUED),
        },
    )
    return entered if done else None


def leave(table: JobTable, job: Job, settings: Configuration) -> Job | None:
    """Take a job out of the fast lane for the queue, once: None where it has left already.

    The try is no attempt that counts. What may still come of it is told as another's, and not
    recorded: the job's next outcome is the queue's.
    """
    now = int(time.time())
    left = replace(
        job,
        submission_id=uuid.uuid4().hex,
        submission_at=now,
        lane=Lane.ASYNCHRONOUS,
        deadline=deadline_from(now, settings),
        next_check_at=now + FIRST_CHECK_SECONDS,
        output_location=None,
        failure_location=None,
    )
    done = table.update(
        job.job_id,
        "SET submissionId = :mine, submissionAt = :now, lane = :queue, deadline = :deadline,"
        f" {NEXT_LOOK} REMOVE outputLocation, failureLocation",
        "#status = :queued AND submissionId = :theirs AND lane = :lane",
        {
            ":mine": left.submission_id,
            ":now": now,
            ":queue": str(Lane.ASYNCHRONOUS),
            ":deadline": left.deadline,
            **table.next_look(left),
            ":theirs": job.submission_id,
            ":lane": str(Lane.SERVERLESS),
            ":queued": str(JobStatus.QUEUED),
        },
    )
    return left if done else None
