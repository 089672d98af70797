"""Which jobs promise an answer within the limits of a serverless endpoint: size and options.

The figures are cautious: a job that is sent there and takes too long costs its caller a minute,
one that is sent to the queue at most the start of an instance. docs/fast_lane.md has the table.
"""

from __future__ import annotations

from femo_jobs.jobs import JobRequest

REQUEST_SECONDS = 60.0
"""https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html (also 4 MB of answer
and 5 GB of disk, of which the recording takes its size)."""

USED_SECONDS = 0.5 * REQUEST_SECONDS
"""The share that the model may promise: as much again for a slow network or processor."""

FIXED_SECONDS = 2.0
"""Request, look at the object, model in memory; estimated."""

PATIENCE_SECONDS = 30.0
"""How long a job may have waited for its turn: the fast lane is full, and the queue's instances
are not."""

COLD_START_SECONDS = 15.0
"""Of a container that is not there yet: 5 to 15 s are estimated for this image."""

DOWNLOAD_BYTES_PER_SECOND = 25e6
"""From S3 into the container. Half of what Lambda's network gives at the least (400 to 700 Mbit/s
in public measurements); AWS states none for serverless inference."""

ANALYSIS_BYTES_PER_SECOND = 30e6
"""Six tenths of what one quiet core gives for the slower format (v2, 51 MB/s: 0.86 U an hour by
`python -m bench.engine --threads 1`), for a slower one. At half of it again the largest recording
that is taken still ends within the minute."""

ANSWER_LIMIT_BYTES = 4 * 1024 * 1024

ANSWER_BYTES_PER_BYTE = 8e-3
"""Five times what a synthetic hour gives (`femo analyze`: 40 KB, of 24.4 MB as v2) without its
overview, for a recording with that many more movements."""

OVERVIEW_BYTES = 256 * 1024
"""Of the overview in a result, which its description bounds (docs/result.md)."""

FULL_INTERVALS_FACTOR = 2.0
"""Intervals of which all are listed made that answer larger by 3 %; as many again is a bound."""


def seconds_for(size_bytes: int) -> float:
    """Return how long the answer to a recording of a size takes at most, in s, once warm."""
    per_byte = 1 / DOWNLOAD_BYTES_PER_SECOND + 1 / ANALYSIS_BYTES_PER_SECOND
    return FIXED_SECONDS + size_bytes * per_byte


def answer_bytes_for(size_bytes: int, *, full_intervals: bool) -> float:
    """Return how large the answer to a recording of a size is at most."""
    factor = FULL_INTERVALS_FACTOR if full_intervals else 1.0
    return size_bytes * ANSWER_BYTES_PER_BYTE * factor + OVERVIEW_BYTES


def promises(request: JobRequest, size_bytes: int) -> bool:
    """Say whether a job promises an answer within the limits of the fast lane."""
    full = request.include_full_intervals
    is_small = answer_bytes_for(size_bytes, full_intervals=full) <= ANSWER_LIMIT_BYTES
    return is_small and seconds_for(size_bytes) <= USED_SECONDS
