"""Lists jobs newest first, at a cost that the page sets and the table's size does not.

An index holds keys alone: a page is found there, its partitions merged by time, and its rows are
then read from the table, as they are now.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from femo_jobs.errors import TableBusyError, UnreadableRowError
from femo_jobs.jobs import Job, JobStatus, UnreadableRow
from femo_jobs.keys import (
    BY_RECORDING,
    BY_STATUS,
    BY_SUBJECT,
    BY_TIME,
    SHARDS,
    TABLE_KEY,
    Index,
    Keys,
    job_id_of,
)
from femo_jobs.rows import marshal
from femo_jobs.table import JobTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_PAGE = 100  # also what one BatchGetItem reads
MAX_LOOKED_AT = 400
"""Rows that one page looks at, where a filter is not part of the key it is found by."""

_READS = 4
_FIRST_PAUSE_SECONDS = 0.05
# Beside every time and listing key, which begin with a year of four digits.
_BEGINNING, _END = "0", "A"


@dataclass(frozen=True)
class Wanted:
    """Which jobs are listed; None admits any."""

    status: JobStatus | None = None
    subject_id: str | None = None
    recording_uri: str | None = None
    created_from: str | None = None  # ISO 8601, UTC, milliseconds; inclusive
    created_to: str | None = None  # likewise; exclusive

    def admits(self, job: Job | UnreadableRow) -> bool:
        """Say whether a row is wanted that was found by one of these."""
        if self.status is not None and job.status is not self.status:
            return False
        if isinstance(job, UnreadableRow):
            return self.subject_id is None or self.recording_uri is None
        request = job.request
        return (self.subject_id is None or request.subject_id == self.subject_id) and (
            self.recording_uri is None or request.recording_uri == self.recording_uri
        )

    @property
    def needs_a_look(self) -> bool:
        """Whether rows must be read to know which of those that are found are wanted."""
        named = (self.status, self.subject_id, self.recording_uri)
        return sum(name is not None for name in named) > 1

    def place(self, keys: Keys) -> tuple[Index, list[str]]:
        """Return the index that holds the fewest others, and the partitions to read of it."""
        if self.recording_uri is not None:
            return BY_RECORDING, [keys.of_recording(self.recording_uri)]
        if self.subject_id is not None:
            return BY_SUBJECT, [keys.of_subject(self.subject_id)]
        if self.status is not None:
            return BY_STATUS, keys.all_of_status(self.status)
        return BY_TIME, keys.all_of_time()


@dataclass(frozen=True)
class Page:
    """Jobs, newest first."""

    jobs: list[Job | UnreadableRow]
    last: str | None  # listing key after which the next page begins; None on the last page


def newest(table: JobTable, wanted: Wanted, *, limit: int, before: str | None) -> Page:
    """Return a page of jobs, newest first. Rows that cannot be read stay in their place.

    The index follows the table with a delay: a job that has just been added may be missing for a
    moment. What is shown of a job is as it is now.

    Parameters
    ----------
    limit
        How many jobs at most, up to MAX_PAGE. There are fewer on the last page, and where
        MAX_LOOKED_AT rows held no more of those that are wanted: the next page goes on there.
    before
        Only jobs whose ``listing_key`` sorts below this one. New rows do not change what
        follows it.

    Raises
    ------
    TableBusyError
        If DynamoDB leaves rows out, time and again.
    """
    found: list[Job | UnreadableRow] = []
    last: str | None = None
    step = MAX_PAGE if wanted.needs_a_look else limit
    entries = _entries(table, wanted, step, before)
    following = next(entries, None)
    looked_at = 0
    while following is not None and len(found) < limit and looked_at < MAX_LOOKED_AT:
        chunk = [following, *itertools.islice(entries, step - 1)]
        following = next(entries, None)
        looked_at += len(chunk)
        rows = _rows(table.client, table.name, [job_key for _, job_key in chunk])
        for listing_key, job_key in chunk:
            if len(found) == limit:
                following = (listing_key, job_key)
                break
            last = listing_key
            row = rows.get(job_key, {})
            if row.get(BY_TIME.order) != {"S": listing_key}:
                continue  # it has gone since, or its id has been taken anew
            job = _listed(row, job_key, listing_key)
            if wanted.admits(job):
                found.append(job)
    return Page(found, last if following is not None else None)


def _entries(
    table: JobTable, wanted: Wanted, step: int, before: str | None
) -> Iterator[tuple[str, str]]:
    """Yield listing key and table key of the jobs of an index, newest first."""
    index, partitions = wanted.place(table.keys)
    low = wanted.created_from or _BEGINNING
    high = min(before or _END, wanted.created_to or _END)
    if low > high:  # DynamoDB refuses such a range
        return
    # One more than a page tells whether there is a next one. Of several partitions each holds its
    # share, by chance somewhat more, and is asked again where that is not enough.
    size = step + 1 if len(partitions) == 1 else (step + 1) * 3 // (2 * SHARDS) + 4

    def read(partition: str, start: dict[str, Any]) -> Any:
        return table.client.query(
            TableName=table.name,
            IndexName=index.name,
            KeyConditionExpression=(
                f"{index.partition} = :partition AND {index.order} BETWEEN :low AND :high"
            ),
            ExpressionAttributeValues=marshal(
                {":partition": partition, ":low": low, ":high": high}
            ),
            ScanIndexForward=False,
            Limit=size,
            **start,
        )

    with ThreadPoolExecutor(len(partitions)) as pool:  # the wait is that for one of them
        pages = list(pool.map(lambda partition: read(partition, {}), partitions))
    streams = [
        _of_partition(partition, page, read)
        for partition, page in zip(partitions, pages, strict=True)
    ]
    for listing_key, job_key in heapq.merge(*streams, reverse=True):
        if listing_key != before:  # BETWEEN includes it
            yield listing_key, job_key


def _of_partition(
    partition: str, page: Any, read: Callable[[str, dict[str, Any]], Any]
) -> Iterator[tuple[str, str]]:
    while True:
        for item in page["Items"]:
            yield item[BY_TIME.order]["S"], item[TABLE_KEY]["S"]
        if "LastEvaluatedKey" not in page:
            return
        page = read(partition, {"ExclusiveStartKey": page["LastEvaluatedKey"]})


def _rows(client: DynamoDBClient, name: str, job_keys: list[str]) -> dict[str, Any]:
    """Read rows by their keys: BatchGetItem may leave some for another time."""
    rows: dict[str, Any] = {}
    # DynamoDB refuses a key that is named twice, as one is whose id has been taken anew
    waiting: Any = [marshal({TABLE_KEY: job_key}) for job_key in dict.fromkeys(job_keys)]
    for again in range(_READS):
        if again:
            time.sleep(_FIRST_PAUSE_SECONDS * 2**again)
        answer = client.batch_get_item(
            RequestItems={name: {"Keys": waiting, "ConsistentRead": True}}
        )
        rows |= {item[TABLE_KEY]["S"]: item for item in answer["Responses"].get(name, [])}
        left = answer.get("UnprocessedKeys", {})
        if name not in left:
            return rows
        waiting = left[name]["Keys"]
    raise TableBusyError(f"{len(waiting)} rows were not read in {_READS} times")


def _listed(item: dict[str, Any], job_key: str, listing_key: str) -> Job | UnreadableRow:
    try:
        return Job.from_item(item)
    except UnreadableRowError:
        status = item.get("status", {}).get("S")
        known = JobStatus(status) if status in list(JobStatus) else None
        return UnreadableRow(job_id_of(job_key), known, listing_key)
