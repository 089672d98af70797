"""Entry point of the completion function: each SNS record on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from femo_completion.notification import Notification
from femo_completion.settling import record
from femo_jobs.configuration import configuration
from femo_jobs.errors import JobsError
from femo_jobs.jobs import Settlement
from femo_jobs.observability import count, instrumented, logger
from femo_jobs.table import job_table

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SMOKE_PREFIX = "smoke-"  # inferences of the deployment machine, which have no row


class UnrecordedMessagesError(JobsError):
    """Some of an event's messages could not be recorded."""


@instrumented
def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Record the messages of one event.

    Every message is tried. Were some not recorded, the whole event fails: Lambda repeats it,
    which the recorded ones do not mind, and keeps it in the dead-letter queue in the end.

    Raises
    ------
    UnrecordedMessagesError
        If a message is malformed, or the table or S3 failed.
    """
    records = event["Records"]
    causes = []
    for entry in records:
        try:
            _record(entry["Sns"]["Message"])
        except Exception as error:
            count("MessagesNotRecorded")
            logger.exception("message not recorded", error_type=type(error).__name__)
            causes.append(error)
    if causes:
        raise UnrecordedMessagesError(
            f"{len(causes)} of {len(records)} messages could not be recorded"
        ) from causes[0]


def _record(text: str) -> None:
    notification = Notification.parse(text)
    settlement = record(notification, job_table(), configuration())
    if settlement is Settlement.UNKNOWN_JOB:
        if notification.job_id.startswith(SMOKE_PREFIX):
            return
        # The row is written before inference is asked for: this job is not ours, or has been
        # deleted since. Nothing would be gained by trying again.
        count("MessagesOfUnknownJobs")
    elif settlement is Settlement.OTHER_ATTEMPT:
        count("MessagesOfOtherAttempts")
    logger.info(
        "message recorded",
        job_id=notification.job_id,
        invocation_status=str(notification.status),
        settled=str(settlement),
    )
