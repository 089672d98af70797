"""How many jobs the queue has, how long one takes, and whether one more would still be analysed.

Each instance of the function keeps what it has found for some seconds: at 300 jobs a second a
count for each of them would cost more than the jobs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from femo_api.settings import ApiSettings
from femo_jobs import listing
from femo_jobs.configuration import Configuration
from femo_jobs.fast_lane_limits import PATIENCE_SECONDS, USED_SECONDS
from femo_jobs.jobs import Job, JobStatus, Lane
from femo_jobs.open_jobs import count_fast_lane, count_queue
from femo_jobs.table import JobTable

START_SECONDS = (216, 600)
"""Least and most time in which an instance starts from zero: 216 to 346 s are published, with and
without the image at hand, and the template's parameters reckon with 5 to 10 minutes."""

COUNT_SECONDS = 5.0
JOBS_COUNTED_A_SECOND = 2000
"""A count is kept the longer, the more it has cost: at any size it takes an instance some 20 read
units a second (about 80 bytes an entry, half a unit for 4 KB)."""
LONGEST_COUNT_SECONDS = 60.0
MEASURE_SECONDS = 60.0
MEASURED_JOBS = 25


@dataclass(frozen=True)
class JobTime:
    """How long one job takes on one of an instance's places."""

    seconds: float
    is_measured: bool  # on the newest jobs; else it is what the template expects


@dataclass
class _Count:
    """A count of jobs, and until when it holds (monotonic, s)."""

    jobs: int = 0
    until: float = 0.0

    def now(self, table: JobTable, count: Callable[[JobTable], int]) -> int:
        now = time.monotonic()
        if now >= self.until:
            self.jobs = count(table)
            keep = max(COUNT_SECONDS, self.jobs / JOBS_COUNTED_A_SECOND)
            self.until = now + min(keep, LONGEST_COUNT_SECONDS)
        return self.jobs


@dataclass
class _Kept:
    """What this instance of the function has found."""

    queue: _Count = field(default_factory=_Count)
    fast_lane: _Count = field(default_factory=_Count)
    seconds: dict[Lane, float] = field(default_factory=dict)  # means of those that are measured
    seconds_until: float = 0.0


_kept = _Kept()


def forget() -> None:
    """Look anew."""
    global _kept
    _kept = _Kept()


def queue_jobs(table: JobTable) -> int:
    """Return how many jobs the queue has, waiting or in work, as of some seconds ago."""
    return _kept.queue.now(table, count_queue)


def job_time(table: JobTable, api: ApiSettings) -> JobTime:
    """Return how long a job takes an instance, its download among it.

    By those of the newest that are completed which the queue has had: the fast lane's are small,
    and its processors others.
    """
    measured = _measured_seconds(table).get(Lane.ASYNCHRONOUS)
    if measured is None:
        return JobTime(float(api.expected_job_seconds), is_measured=False)
    return JobTime(measured, is_measured=True)


def fast_job_time(table: JobTable) -> JobTime:
    """Return how long a job takes the fast lane, likewise; the most it may promise without one."""
    measured = _measured_seconds(table).get(Lane.SERVERLESS)
    if measured is None:
        return JobTime(USED_SECONDS, is_measured=False)
    return JobTime(measured, is_measured=True)


def _measured_seconds(table: JobTable) -> dict[Lane, float]:
    now = time.monotonic()
    if now >= _kept.seconds_until:
        wanted = listing.Wanted(status=JobStatus.COMPLETED)
        page = listing.newest(table, wanted, limit=MEASURED_JOBS, before=None)
        found: dict[Lane, list[float]] = {}
        for job in page.jobs:
            if isinstance(job, Job) and job.processing_seconds is not None:
                found.setdefault(job.lane or Lane.ASYNCHRONOUS, []).append(job.processing_seconds)
        _kept.seconds = {lane: sum(each) / len(each) for lane, each in found.items()}
        _kept.seconds_until = now + MEASURE_SECONDS
    return _kept.seconds


def takes_place_in_fast_lane(table: JobTable, api: ApiSettings) -> bool:
    """Take a place among the jobs that the fast lane gets to in time; False where there is none.

    Asked where the queue is full: one job more than these would be sent on to it, however many
    came. Those that each instance of the function has let in since its last count are counted by
    itself.
    """
    jobs = _kept.fast_lane.now(table, count_fast_lane)
    seconds = fast_job_time(table).seconds
    if jobs * seconds >= PATIENCE_SECONDS * api.fast_lane_concurrency:
        return False
    _kept.fast_lane.jobs += 1
    return True


def seconds_too_many(table: JobTable, settings: Configuration, api: ApiSettings) -> float | None:
    """Return by how much a job that the queue gets now would outwait its time; None if not.

    All instances that the template allows are reckoned with, and that they must be started where
    none is kept. As long as they could begin with every job of the queue at once, none is too
    many: the first jobs are what starts them.

    Returns
    -------
    float or None
        Seconds until the backlog is so small that a job sent then would be analysed in time.
    """
    jobs = queue_jobs(table)
    if jobs < api.most_jobs_at_once:
        return None
    start = 0 if api.min_instances else START_SECONDS[1]
    wait = start + jobs * job_time(table, api).seconds / api.most_jobs_at_once
    return wait - settings.request_ttl_seconds if wait > settings.request_ttl_seconds else None
