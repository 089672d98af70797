"""Looks after open jobs: settles them from S3, queues what was left behind, gives up at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from femo_jobs import outcomes
from femo_jobs.attempts import conclude, queue
from femo_jobs.configuration import Configuration
from femo_jobs.errors import ForeignResultError, LocationError, UnreadableRowError
from femo_jobs.jobs import (
    CHECK_SECONDS,
    LONGEST_CHECK_SECONDS,
    UNREADABLE_SHARD,
    Job,
    JobStatus,
    JobTable,
    Outcome,
    Settlement,
    timestamp,
)
from femo_jobs.observability import logger
from femo_sweeper.backlog import Backlog

UNREADABLE_CHECK_SECONDS = 3600


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


def sweep(table: JobTable, settings: Configuration, *, has_time: Callable[[], bool]) -> Sweep:
    """Look at every open job whose time has come.

    Parameters
    ----------
    has_time
        Asked before each job: whether there is time for one more. What is left waits for the
        next run.
    """
    now = int(time.time())
    done = Sweep()
    sweeper = _Sweeper(table, settings, Backlog(settings.endpoint_name, now), done)
    for look, job_ids in (
        (sweeper.look_at_unreadable, table.overdue(now, shard=UNREADABLE_SHARD)),
        (sweeper.look_at, table.overdue(now)),
    ):
        for job_id in job_ids:
            if not has_time():
                done.is_complete = False
                break
            done.looked_at += 1
            try:
                look(job_id)
            except Exception as error:
                # One job's trouble is not the others'. It stays due, and the next run tries again.
                done.failed += 1
                logger.exception("job not swept", job_id=job_id, error_type=type(error).__name__)
    done.failed += sweeper.backlog.is_unavailable
    return done


@dataclass
class _Sweeper:
    """One run: the jobs that it looks at, one by one."""

    table: JobTable
    settings: Configuration
    backlog: Backlog
    done: Sweep

    def look_at(self, job_id: str) -> None:
        try:
            job = self.table.get(job_id)
        except UnreadableRowError as error:
            self._set_aside(error)
            return
        if job is None or job.status is not JobStatus.QUEUED:
            return  # the index lags behind the table
        now = int(time.time())
        outcome = self._outcome(job, now)
        if outcome is not None:
            settlement = conclude(job, outcome, self.table, self.settings)
            self.done.settled += settlement is Settlement.SETTLED
            self.done.repeated += settlement is Settlement.REPEATED
        elif job.output_location is None and self._queue(job):
            self.done.resubmitted += 1
        else:
            self.table.postpone(job, _next_look(job, now))
            self.done.postponed += 1

    def look_at_unreadable(self, job_id: str) -> None:
        """Look at a row that was set aside: this may be another version of the code."""
        try:
            self.table.get(job_id)
        except UnreadableRowError as error:
            self._set_aside(error)
        else:
            self.table.take_back(job_id, int(time.time()))

    def _set_aside(self, error: UnreadableRowError) -> None:
        self.table.set_aside(error.job_id, int(time.time()) + UNREADABLE_CHECK_SECONDS)
        self.done.unreadable += 1
        logger.error("row cannot be read", job_id=error.job_id, why=error.why)

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
        if job.output_location is not None and self.backlog.has_lost(job.submission_at):
            return Outcome(JobStatus.FAILED, timestamp(), error=outcomes.LOST)
        return None

    def _queue(self, job: Job) -> bool:
        """Queue a job that an attempt has left behind; False where that is not possible now."""
        claimed = self.table.take_over(job)
        return claimed is not None and queue(claimed, self.table, self.settings)


def _next_look(job: Job, now: int) -> int:
    """Return when to look again: ever more seldom, but at the deadline for the last time."""
    waited = now - job.submission_at
    interval = min(max(waited // 2, CHECK_SECONDS), LONGEST_CHECK_SECONDS)
    return max(min(now + interval, job.deadline), now + 1)
