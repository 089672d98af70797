"""Waits with a caller for the end of a job, as ``Prefer: wait`` asks for it (RFC 7240).

https://www.rfc-editor.org/rfc/rfc7240#section-4.3
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from femo_api import places
from femo_jobs.aws_faults import passes
from femo_jobs.errors import UnreadableRowError
from femo_jobs.jobs import Job, JobStatus
from femo_jobs.observability import logger
from femo_jobs.table import JobTable

MAX_WAIT_SECONDS = 20
"""Of the 29 s that API Gateway and the function have: what is left queues the job and answers."""

ANSWER_SECONDS = 5.0  # for the last look, and to read the result from S3
FIRST_LOOK_SECONDS = 0.1
LONGEST_LOOK_SECONDS = 2.0
LOOKS_GROW_BY = 1.5

_LONGEST_HEADER = 1000
# Commas stand between preferences, but not inside a quoted string. One that never ends holds all
# that follows.
_PREFERENCE = re.compile(r'(?:[^",]|"(?:\\.|[^"\\])*(?:"|\\?$))+')


@dataclass(frozen=True)
class Patience:
    """How long a caller's request waits."""

    seconds: int  # from the request's arrival; what is told with Preference-Applied
    until: float  # on the monotonic clock (s)


def wanted_seconds(prefer: Iterable[str]) -> int | None:
    """Return the wait that the headers ``Prefer`` ask for; None where none does, or unreadably.

    Of a preference that is given twice the first counts, as the RFC has it.
    """
    header = ",".join(prefer)
    if len(header) > _LONGEST_HEADER:
        return None
    for preference in _PREFERENCE.findall(header):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            seconds = value.strip().strip('"')
            return int(seconds) if seconds.isascii() and seconds.isdecimal() else None
    return None


def patience(prefer: Iterable[str], context: Any) -> Patience | None:
    """Return how long a request that has just come may wait; None for not at all.

    Parameters
    ----------
    prefer
        The request's headers of that name.
    context
        Lambda's, which knows how long the function may still run; None where there is none.
    """
    wanted = wanted_seconds(prefer)
    if not wanted:
        return None
    left = float(MAX_WAIT_SECONDS)
    if context is not None:
        left = min(left, context.get_remaining_time_in_millis() / 1000 - ANSWER_SECONDS)
    seconds = min(wanted, int(left))
    return Patience(seconds, time.monotonic() + seconds) if seconds > 0 else None


def follow(
    job: Job, table: JobTable, patience: Patience | None, *, most_waiting: int
) -> tuple[Job, dict[str, str]]:
    """Wait for a job's end.

    Parameters
    ----------
    job
        As it was accepted or read.
    patience
        None to not wait at all.
    most_waiting
        How many requests may wait at once, this one among them.

    Returns
    -------
    Job
        As it is at the end; as it was where it has not ended.
    dict of str to str
        Headers of the answer: what was applied, and nothing where there was no place to wait in.
    """
    if patience is None:
        return job, {}
    applied = {"Preference-Applied": f"wait={patience.seconds}"}
    if job.status is not JobStatus.QUEUED or time.monotonic() >= patience.until:
        return job, applied
    place = places.take(table, most_waiting)
    if place is None:
        return job, {}
    try:
        return _at_its_end(job, table, patience.until), applied
    except (BotoCoreError, ClientError, UnreadableRowError) as error:
        # The job is accepted, whatever becomes of looking at it.
        logger.exception("waiting broke off", job_id=job.job_id, error_type=type(error).__name__)
        return job, {}
    finally:
        places.leave(table, place)


def _now(job: Job, table: JobTable) -> Job:
    """Return a job as it is; as it was, where the table fails for now and is asked again."""
    try:
        return table.get(job.job_id) or job
    except (BotoCoreError, ClientError) as error:
        if not passes(error):
            raise
        logger.warning("table fails for now", job_id=job.job_id, error_type=type(error).__name__)
        return job


def _at_its_end(job: Job, table: JobTable, until: float) -> Job:
    pause = FIRST_LOOK_SECONDS
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(pause * LOOKS_GROW_BY, LONGEST_LOOK_SECONDS)
        job = _now(job, table)
        if job.status is not JobStatus.QUEUED:
            break
    return job
