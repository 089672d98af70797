"""Which lane a new job takes, and how it is handed to the fast one."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from femo_jobs import clients, fast_lane
from femo_jobs.configuration import Configuration
from femo_jobs.fast_lane_limits import promises
from femo_jobs.jobs import Job, JobRequest, Lane
from femo_jobs.observability import count, logger
from femo_jobs.table import JobTable

KNOWN_SECONDS = 15.0
"""How long it is believed that the fast lane serves, or does not: where it has gone, the function
that finds that out sends the job on."""


@dataclass
class _Known:
    """What was read last."""

    serves: bool | None = None  # None: the table did not tell
    until: float = 0.0  # s on the monotonic clock


_known = _Known()


def choose(request: JobRequest, size_bytes: int, settings: Configuration) -> Lane:
    """Return the lane that a new job tries first.

    Parameters
    ----------
    size_bytes
        Of the recording.
    """
    if settings.fast_lane_queue_url is None or not promises(request, size_bytes):
        return Lane.ASYNCHRONOUS
    return Lane.SERVERLESS if serves(settings) else Lane.ASYNCHRONOUS


def serves(settings: Configuration) -> bool:
    """Say whether the deployment machine has proven a fast lane; not where that is not known."""
    return known(settings) is True


def known(settings: Configuration) -> bool | None:
    """Return whether it has, as it was lately; None where the table does not tell."""
    if settings.deployment_table_name is None:
        return False
    if time.monotonic() >= _known.until:
        _known.serves = _look(settings.deployment_table_name, settings.endpoint_name)
        _known.until = time.monotonic() + KNOWN_SECONDS
    return _known.serves


def offer(job: Job, table: JobTable, settings: Configuration) -> Job | None:
    """Hand a job to the fast lane.

    Returns
    -------
    Job or None
        The job, for the queue, where it is none of the fast lane's or could not be handed over;
        None where the fast lane has it.
    """
    if job.lane is not Lane.SERVERLESS or settings.fast_lane_queue_url is None:
        return job
    try:
        clients.sqs().send_message(
            QueueUrl=settings.fast_lane_queue_url,
            MessageBody=json.dumps({"jobId": job.job_id, "submissionId": job.submission_id}),
        )
    except (BotoCoreError, ClientError) as error:
        count("FastLaneNotReached")
        logger.warning("fast lane not reached", job_id=job.job_id, error_type=type(error).__name__)
        # The message may have come through all the same: whoever changes the row first has the job
        return fast_lane.leave(table, job, settings)
    return None


def forget() -> None:
    """Look anew at the next job."""
    _known.until = 0.0


def _look(table_name: str, endpoint_name: str) -> bool | None:
    try:
        answer = clients.dynamodb().get_item(
            TableName=table_name,
            Key={"id": {"S": endpoint_name}},
            ProjectionExpression="fastLane",
        )
    except (BotoCoreError, ClientError) as error:
        # The queue takes every job
        logger.warning("fast lane not known", error_type=type(error).__name__)
        return None
    return "fastLane" in answer.get("Item", {})
