"""How many jobs the queue has, how long one takes, and whether one more would still be analysed.

Each instance of the function keeps what it has found for some seconds: at 300 jobs a second a
count for each of them would cost more than the jobs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from femo_api.settings import ApiSettings
from femo_jobs import listing
from femo_jobs.configuration import Configuration
from femo_jobs.jobs import Job, JobStatus
from femo_jobs.open_jobs import count_queue
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
class _Kept:
    """What this instance of the function has found, and until when it holds (monotonic, s)."""

    jobs: int = 0
    jobs_until: float = 0.0
    time: JobTime | None = None
    time_until: float = 0.0


_kept = _Kept()


def forget() -> None:
    """Look anew."""
    global _kept
    _kept = _Kept()


def open_jobs(table: JobTable) -> int:
    """Return how many jobs the queue has, waiting or in work, as of some seconds ago."""
    now = time.monotonic()
    if now >= _kept.jobs_until:
        _kept.jobs = count_queue(table)
        keep = max(COUNT_SECONDS, _kept.jobs / JOBS_COUNTED_A_SECOND)
        _kept.jobs_until = now + min(keep, LONGEST_COUNT_SECONDS)
    return _kept.jobs


def job_time(table: JobTable, api: ApiSettings) -> JobTime:
    """Return how long a job takes: the mean of the newest that are completed.

    It holds all that an instance does for a job, its download among it.
    """
    now = time.monotonic()
    if _kept.time is None or now >= _kept.time_until:
        wanted = listing.Wanted(status=JobStatus.COMPLETED)
        page = listing.newest(table, wanted, limit=MEASURED_JOBS, before=None)
        measured = [
            job.processing_seconds
            for job in page.jobs
            if isinstance(job, Job) and job.processing_seconds is not None
        ]
        _kept.time = (
            JobTime(sum(measured) / len(measured), is_measured=True)
            if measured
            else JobTime(float(api.expected_job_seconds), is_measured=False)
        )
        _kept.time_until = now + MEASURE_SECONDS
    return _kept.time


def seconds_too_many(table: JobTable, settings: Configuration, api: ApiSettings) -> float | None:
    """Return by how much a job that comes now would outwait its time; None where it would not.

    All instances that the template allows are reckoned with, and that they must be started where
    none is kept. As long as they could begin with every open job at once, none is too many: the
    first jobs are what starts them.

    Returns
    -------
    float or None
        Seconds until the backlog is so small that a job sent then would be analysed in time.
    """
    jobs = open_jobs(table)
    if jobs < api.most_jobs_at_once:
        return None
    start = 0 if api.min_instances else START_SECONDS[1]
    wait = start + jobs * job_time(table, api).seconds / api.most_jobs_at_once
    return wait - settings.request_ttl_seconds if wait > settings.request_ttl_seconds else None
