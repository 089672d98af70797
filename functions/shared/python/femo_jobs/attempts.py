"""Ends a job with its outcome, or has it analysed again where the cause of the failure passes."""

from __future__ import annotations

import time
from dataclasses import replace

from femo_jobs.configuration import Configuration
from femo_jobs.errors import (
    EndpointBusyError,
    EndpointUnavailableError,
    SubmissionUncertainError,
)
from femo_jobs.faults import REPEAT_DELAYS_SECONDS, attempts_for
from femo_jobs.jobs import Job, JobError, JobStatus, Outcome, Settlement
from femo_jobs.observability import count, logger
from femo_jobs.submission import submit
from femo_jobs.table import JobTable


def conclude(job: Job, outcome: Outcome, table: JobTable, settings: Configuration) -> Settlement:
    """Record how an attempt ended, unless another attempt or outcome came first.

    Parameters
    ----------
    job
        As it was read: its attempt is the one that ended.
    outcome
        Final, or a failure of a passing cause (:mod:`femo_jobs.faults`): then the job is queued
        again, as often as its cause allows and until its deadline.
    """
    made = max(job.attempts, 1)
    error = outcome.error
    passing = outcome.status is JobStatus.FAILED and error is not None
    if error is None or not passing or made >= attempts_for(error.code) or _is_too_late(job):
        final = outcome if made == 1 else replace(outcome, error=_after(made, error))
        settlement = table.settle(job.job_id, final, submission_id=job.submission_id)
        if settlement is Settlement.SETTLED:
            count(f"Jobs{final.status}")
        return settlement
    delay = REPEAT_DELAYS_SECONDS[min(made, len(REPEAT_DELAYS_SECONDS)) - 1]
    begun = table.begin_attempt(job, fault=error.code, delay_seconds=delay, settings=settings)
    if begun is None:
        return Settlement.OTHER_ATTEMPT
    count("AttemptsRepeated")
    logger.info("job is tried again", job_id=job.job_id, code=error.code, attempt=begun.attempts)
    if delay == 0:
        queue(begun, table, settings)
    return Settlement.REPEATED


def queue(job: Job, table: JobTable, settings: Configuration) -> bool:
    """Ask for the analysis of a job whose attempt is the caller's own.

    Returns
    -------
    bool
        False where that is not possible now, or uncertain: the sweeper tries again.
    """
    try:
        submission = submit(job, settings)
    except (EndpointUnavailableError, EndpointBusyError, SubmissionUncertainError) as error:
        logger.info("job not queued", job_id=job.job_id, error_type=type(error).__name__)
        return False
    table.record_submission(
        job,
        output_location=submission.output_location,
        failure_location=submission.failure_location,
        settings=settings,
    )
    return True


def _is_too_late(job: Job) -> bool:
    return time.time() >= job.deadline


def _after(attempts: int, error: JobError | None) -> JobError | None:
    if error is None:
        return None
    return replace(error, message=f"{error.message} It was tried {attempts} times.")
