"""Finds and counts open jobs: those that have been accepted and have no outcome yet.

Their index holds no others, and keys alone: what is read grows with the open jobs, not the table.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from femo_jobs.keys import OPEN, TABLE_KEY, job_id_of
from femo_jobs.rows import marshal
from femo_jobs.table import JobTable

_PAGE = 250  # a run that is short of time has not read much more than it looked at


def overdue(table: JobTable, now: int) -> Iterator[str]:
    """Yield the ids of the open jobs whose next look is due, longest overdue first.

    Parameters
    ----------
    now
        s since the epoch.
    """
    streams = [_due(table, partition, now) for partition in table.keys.all_of_open()]
    for _, job_id in heapq.merge(*streams):
        yield job_id


def overdue_unreadable(table: JobTable, now: int) -> Iterator[str]:
    """Yield the ids of the rows that were set aside and are due, longest overdue first."""
    for _, job_id in _due(table, table.keys.of_unreadable(), now):
        yield job_id


def count_queue(table: JobTable) -> int:
    """Return how many open jobs are the queue's, as the index has it.

    It follows the table with a delay. Those of the fast lane need no instance.
    """
    return _count(table, table.keys.all_of_queue())


def count_fast_lane(table: JobTable) -> int:
    """Return how many open jobs are in the fast lane, likewise."""
    return _count(table, table.keys.all_of_fast_lane())


def _count(table: JobTable, partitions: list[str]) -> int:
    def count(partition: str) -> int:
        pages = _pages(
            table,
            Select="COUNT",
            KeyConditionExpression=f"{OPEN.partition} = :partition",
            ExpressionAttributeValues=marshal({":partition": partition}),
        )
        return sum(page["Count"] for page in pages)

    with ThreadPoolExecutor(len(partitions)) as pool:  # the wait is that for one of them
        return sum(pool.map(count, partitions))


def _due(table: JobTable, partition: str, now: int) -> Iterator[tuple[int, str]]:
    for page in _pages(
        table,
        KeyConditionExpression=f"{OPEN.partition} = :partition AND {OPEN.order} <= :now",
        ExpressionAttributeValues=marshal({":partition": partition, ":now": now}),
        Limit=_PAGE,
    ):
        for item in page["Items"]:
            yield int(item[OPEN.order]["N"]), job_id_of(item[TABLE_KEY]["S"])


def _pages(table: JobTable, **query: Any) -> Iterator[Any]:
    start: dict[str, Any] = {}
    while True:
        page = table.client.query(TableName=table.name, IndexName=OPEN.name, **query, **start)
        yield page
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
