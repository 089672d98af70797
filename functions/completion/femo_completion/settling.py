"""Settles the job that a message is about."""

from __future__ import annotations

from dataclasses import replace

from femo_completion.notification import InvocationStatus, Notification
from femo_jobs import outcomes
from femo_jobs.errors import LocationError, NotificationError
from femo_jobs.jobs import JobStatus, JobTable, Outcome, Settlement, timestamp


def record(notification: Notification, table: JobTable, *, requests_bucket: str) -> Settlement:
    """Write the outcome that a message tells into the table.

    Raises
    ------
    NotificationError
        If the message names places that are not ours, or a result that is not there (yet): the
        message is tried again, and kept in the dead-letter queue if it stays so.
    """
    try:
        outcome = _outcome(notification, requests_bucket)
    except LocationError as error:
        raise NotificationError(f"the message names a foreign place: {error}") from error
    return table.settle(notification.job_id, outcome)


def _outcome(notification: Notification, requests_bucket: str) -> Outcome:
    if notification.status is InvocationStatus.COMPLETED:
        if notification.output_location is None:
            raise NotificationError("the message of a completed inference has no outputLocation")
        outcome = outcomes.completed(notification.output_location, requests_bucket=requests_bucket)
        if outcome is None:
            raise NotificationError("the result that the message names is not in S3")
        return outcome
    if notification.status is InvocationStatus.EXPIRED:
        return Outcome(JobStatus.EXPIRED, timestamp(), error=outcomes.EXPIRED)
    told = outcomes.failed(notification.failure_location, requests_bucket=requests_bucket)
    if told is not None:
        return told
    return replace(
        Outcome(JobStatus.FAILED, timestamp(), error=outcomes.PROCESSING_FAILED),
        failure_location=notification.failure_location,
    )
