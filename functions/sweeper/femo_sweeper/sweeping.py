"""Looks after open jobs: settles them from S3, queues what was left behind, gives up at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from femo_jobs import outcomes
from femo_jobs.configuration import Configuration
from femo_jobs.errors import (
    EndpointBusyError,
    EndpointUnavailableError,
    JobsError,
    SubmissionUncertainError,
)
from femo_jobs.jobs import (
    CHECK_SECONDS,
    LONGEST_CHECK_SECONDS,
    Job,
    JobStatus,
    JobTable,
    Outcome,
    Settlement,
    timestamp,
)
from femo_jobs.observability import logger
from femo_jobs.submission import submit


@dataclass
class Sweep:
    """What one run has done."""

    looked_at: int = 0
    settled: int = 0
    resubmitted: int = 0
    postponed: int = 0
    failed: int = 0
    is_complete: bool = True  # False where the time was up before the jobs were


def sweep(table: JobTable, settings: Configuration, *, has_time: Callable[[], bool]) -> Sweep:
    """Look at every open job whose time has come.

    Parameters
    ----------
    has_time
        Asked before each job: whether there is time for one more. What is left waits for the
        next run.
    """
    done = Sweep()
    for job_id in table.overdue(int(time.time())):
        if not has_time():
            done.is_complete = False
            break
        done.looked_at += 1
        try:
            _see_to(job_id, table, settings, done)
        except (BotoCoreError, ClientError, JobsError) as error:
            # One job's trouble is not the others'. It stays due, and the next run tries again.
            done.failed += 1
            logger.exception("job not swept", job_id=job_id, error_type=type(error).__name__)
    return done


def _see_to(job_id: str, table: JobTable, settings: Configuration, done: Sweep) -> None:
    job = table.get(job_id)
    if job is None or job.status is not JobStatus.QUEUED:
        return  # the index lags behind the table
    now = int(time.time())
    outcome = outcomes.from_s3(job, requests_bucket=settings.requests_bucket)
    if outcome is None and now >= job.deadline:
        error = outcomes.EXPIRED if job.is_queued_for_inference else outcomes.NOT_QUEUED
        outcome = Outcome(JobStatus.EXPIRED, timestamp(), error=error)
    if outcome is not None:
        if table.settle(job_id, outcome) is Settlement.SETTLED:
            done.settled += 1
        return
    if job.is_queued_for_inference or not _queued(job, table, settings):
        table.postpone(job, _next_look(job, now))
        done.postponed += 1
    else:
        done.resubmitted += 1


def _queued(job: Job, table: JobTable, settings: Configuration) -> bool:
    """Queue a job that an attempt has left behind; False where that is not possible now."""
    claimed = table.take_over(job)
    if claimed is None:
        return False
    try:
        submission = submit(claimed, settings)
    except (EndpointUnavailableError, EndpointBusyError, SubmissionUncertainError) as error:
        logger.info("job not queued", job_id=job.job_id, error_type=type(error).__name__)
        return False
    table.record_submission(
        claimed,
        output_location=submission.output_location,
        failure_location=submission.failure_location,
        settings=settings,
    )
    return True


def _next_look(job: Job, now: int) -> int:
    """Return when to look again: ever more seldom, but at the deadline for the last time."""
    waited = now - job.submission_at
    interval = min(max(waited // 2, CHECK_SECONDS), LONGEST_CHECK_SECONDS)
    return max(min(now + interval, job.deadline), now + 1)
