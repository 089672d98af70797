"""Looks after open jobs: settles them from S3, queues what was left behind, gives up at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum

from botocore.exceptions import BotoCoreError, ClientError

from femo_jobs import clients, fast_lane, outcomes
from femo_jobs.attempts import conclude, queue
from femo_jobs.aws_faults import passes
from femo_jobs.configuration import Configuration
from femo_jobs.errors import ForeignResultError, LocationError, UnreadableRowError
from femo_jobs.jobs import (
    CHECK_SECONDS,
    LONGEST_CHECK_SECONDS,
    Job,
    JobStatus,
    Lane,
    Outcome,
    Settlement,
    timestamp,
)
from femo_jobs.observability import logger
from femo_jobs.open_jobs import overdue, overdue_unreadable
from femo_jobs.table import JobTable
from femo_sweeper.backlog import Backlog

UNREADABLE_CHECK_SECONDS = 3600
WORKERS = clients.CONNECTIONS
"""Jobs that are looked at side by side: nearly all the time that one takes is waiting for AWS."""


class Look(StrEnum):
    """What came of a look at one job: the field of the report that counts it."""

    SETTLED = "settled"
    RESUBMITTED = "resubmitted"
    POSTPONED = "postponed"
    REPEATED = "repeated"
    UNREADABLE = "unreadable"
    FAILED = "failed"
    NOTHING = "nothing"  # settled meanwhile, or another's


@dataclass
class Sweep:
    """What one run has done."""

    looked_at: int = 0
    settled: int = 0
    resubmitted: int = 0
    postponed: int = 0
    repeated: int = 0  # tried again after a fault that passes
    unreadable: int = 0  # rows that this version of the code cannot read
    failed: int = 0
    is_complete: bool = True  # False where the time was up before the jobs were

    def count(self, look: Look) -> None:
        """Add what came of a look."""
        self.looked_at += 1
        if look is not Look.NOTHING:
            setattr(self, look, getattr(self, look) + 1)


def sweep(table: JobTable, settings: Configuration, *, has_time: Callable[[], bool]) -> Sweep:
    """Look at every open job whose time has come, the longest overdue first.

    Parameters
    ----------
    has_time
        Asked before each job: whether there is time for one more. What is left waits for the
        next run.
    """
    now = int(time.time())
    done = Sweep()
    sweeper = _Sweeper(table, settings, Backlog(settings.endpoint_name, now))
    clients.warm_up()
    with ThreadPoolExecutor(WORKERS) as pool:
        for look, job_ids in (
            (sweeper.look_at_unreadable, overdue_unreadable(table, now)),
            (sweeper.look_at, overdue(table, now)),
        ):
            _side_by_side(pool, look, job_ids, done, has_time)
    done.failed += sweeper.backlog.is_unavailable
    return done


def _side_by_side(
    pool: ThreadPoolExecutor,
    look: Callable[[str], Look],
    job_ids: Iterator[str],
    done: Sweep,
    has_time: Callable[[], bool],
) -> None:
    """Begin with the jobs in their order, never more of them than there are workers.

    So none waits in the pool that the time does not suffice for, and none of a later page is read
    before it can be begun.
    """
    running: set[Future[Look]] = set()
    for job_id in _found(job_ids, done):
        if len(running) == WORKERS:
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                done.count(future.result())
        if not has_time():
            done.is_complete = False
            break
        running.add(pool.submit(_guarded, look, job_id))
    for future in running:
        done.count(future.result())


def _found(job_ids: Iterator[str], done: Sweep) -> Iterator[str]:
    """Yield the ids until DynamoDB fails for now: what is left is due at the next run, too.

    The other ids of this run are looked at all the same, and what was done is told.
    """
    try:
        yield from job_ids
    except (BotoCoreError, ClientError) as error:
        if not passes(error):
            raise
        logger.exception("open jobs not found", error_type=type(error).__name__)
        done.failed += 1
        done.is_complete = False


def _guarded(look: Callable[[str], Look], job_id: str) -> Look:
    try:
        return look(job_id)
    except Exception as error:
        # One job's trouble is not the others'. It stays due, and the next run tries again.
        logger.exception("job not swept", job_id=job_id, error_type=type(error).__name__)
        return Look.FAILED


@dataclass(frozen=True)
class _Sweeper:
    """One run: how it looks at a job. Threads do so at the same time."""

    table: JobTable
    settings: Configuration
    backlog: Backlog

    def look_at(self, job_id: str) -> Look:
        try:
            job = self.table.get(job_id)
        except UnreadableRowError as error:
            return self._set_aside(job_id, error)
        if job is None or job.status is not JobStatus.QUEUED:
            return Look.NOTHING  # the index lags behind the table
        now = int(time.time())
        outcome = self._outcome(job, now)
        if outcome is not None:
            settlement = conclude(job, outcome, self.table, self.settings)
            return {Settlement.SETTLED: Look.SETTLED, Settlement.REPEATED: Look.REPEATED}.get(
                settlement, Look.NOTHING
            )
        # The fast lane's one try is over by its first look
        is_left_behind = job.output_location is None or job.lane is Lane.SERVERLESS
        if is_left_behind and self._queue(job):
            return Look.RESUBMITTED
        self.table.postpone(job, _next_look(job, now))
        return Look.POSTPONED

    def look_at_unreadable(self, job_id: str) -> Look:
        """Look at a row that was set aside: this may be another version of the code."""
        try:
            job = self.table.get(job_id)
        except UnreadableRowError as error:
            return self._set_aside(job_id, error)
        if job is not None:
            self.table.postpone(job, int(time.time()))  # among the open jobs, due at once
        return Look.NOTHING

    def _set_aside(self, job_id: str, error: UnreadableRowError) -> Look:
        self.table.set_aside(job_id, int(time.time()) + UNREADABLE_CHECK_SECONDS)
        logger.error("row cannot be read", job_id=job_id, why=error.why)
        return Look.UNREADABLE

    def _outcome(self, job: Job, now: int) -> Outcome | None:
        """Return how a job or its attempt has ended, or None where it goes on."""
        try:
            outcome = outcomes.from_s3(job, requests_bucket=self.settings.requests_bucket)
        except (LocationError, ForeignResultError) as error:
            logger.exception("outcome not ours", job_id=job.job_id, error_type=type(error).__name__)
            return Outcome(JobStatus.FAILED, timestamp(), error=outcomes.OUTCOME_MISPLACED)
        if outcome is not None:
            return outcome
        if now >= job.deadline:
            late = outcomes.EXPIRED if job.output_location else outcomes.NOT_QUEUED
            return Outcome(JobStatus.EXPIRED, timestamp(), error=late)
        if job.lane is Lane.SERVERLESS:
            return None
        if job.output_location is not None and self.backlog.has_lost(job.submission_at):
            return Outcome(JobStatus.FAILED, timestamp(), error=outcomes.LOST)
        return None

    def _queue(self, job: Job) -> bool:
        """Queue a job that an attempt has left behind; False where that is not possible now."""
        if job.lane is Lane.SERVERLESS:
            claimed = fast_lane.leave(self.table, job, self.settings)
        else:
            claimed = self.table.take_over(job)
        return claimed is not None and queue(claimed, self.table, self.settings)


def _next_look(job: Job, now: int) -> int:
    """Return when to look again: ever more seldom, but at the deadline for the last time."""
    waited = now - job.submission_at
    interval = min(max(waited // 2, CHECK_SECONDS), LONGEST_CHECK_SECONDS)
    return max(min(now + interval, job.deadline), now + 1)
