"""Settles the job that a message is about."""

from __future__ import annotations

from femo_completion.notification import InvocationStatus, Notification
from femo_jobs import outcomes
from femo_jobs.attempts import conclude
from femo_jobs.configuration import Configuration
from femo_jobs.errors import ForeignResultError, LocationError, NotificationError
from femo_jobs.jobs import Job, JobStatus, Outcome, Settlement, timestamp
from femo_jobs.table import JobTable


def record(notification: Notification, table: JobTable, settings: Configuration) -> Settlement:
    """Write the outcome that a message tells into the table, or have the job analysed again.

    Only the current attempt of a job settles it: the others' messages come late, and their
    results lie elsewhere.

    Raises
    ------
    NotificationError
        If the message names places that are not the job's, or a result that is not there (yet):
        the message is tried again, and kept in the dead-letter queue if it stays so.
    UnreadableRowError
        If the job's row cannot be read: likewise.
    """
    job = table.get(notification.job_id)
    if job is None:
        return Settlement.UNKNOWN_JOB
    if job.status is not JobStatus.QUEUED:
        return Settlement.ALREADY_SETTLED
    if notification.inference_id != job.inference_id:
        return Settlement.OTHER_ATTEMPT
    try:
        outcome = _outcome(notification, job, settings.requests_bucket)
    except (LocationError, ForeignResultError) as error:
        raise NotificationError(f"the message names a foreign place: {error}") from error
    return conclude(job, outcome, table, settings)


def _outcome(notification: Notification, job: Job, requests_bucket: str) -> Outcome:
    if notification.status is InvocationStatus.COMPLETED:
        place = _agreed(notification.output_location, job.output_location)
        if place is None:
            raise NotificationError("the message of a completed inference has no outputLocation")
        outcome = outcomes.completed(place, requests_bucket=requests_bucket, job=job)
        if outcome is None:
            raise NotificationError("the result that the message names is not in S3")
        return outcome
    if notification.status is InvocationStatus.EXPIRED:
        return Outcome(JobStatus.EXPIRED, timestamp(), error=outcomes.EXPIRED)
    place = _agreed(notification.failure_location, job.failure_location)
    told = outcomes.failed(place, requests_bucket=requests_bucket)
    return told or Outcome(
        JobStatus.FAILED,
        timestamp(),
        failure_location=place,
        error=outcomes.PROCESSING_FAILED,
    )


def _agreed(told: str | None, known: str | None) -> str | None:
    """Return the place of an outcome, from the message or from the row, which may lack it.

    The message can be quicker than the row, and SageMaker may leave the place out.
    """
    if told is not None and known is not None and told != known:
        raise NotificationError("the message names another place than SageMaker gave for the job")
    return told or known
