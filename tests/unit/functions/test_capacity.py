"""At the load that is declared no partition of the table's indexes is hot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.table_units import entry_writes, item_bytes, query_units, rows_units, write_units
from femo_jobs import clients
from femo_jobs.configuration import configuration
from femo_jobs.jobs import JobRequest, JobStatus, Outcome, new_job
from femo_jobs.keys import BY_RECORDING, BY_STATUS, BY_SUBJECT, BY_TIME, OPEN, SHARDS
from femo_jobs.table import JobTable

from .conftest import RECORDINGS, TABLE, failure_uri, output_uri

JOBS_A_SECOND = 300
PARTITION_WRITES = 1000  # AWS's limit
RESERVE = 3  # of the limit, at most a third is used


def test_300_jobs_a_second_leave_every_partition_a_reserve(table: JobTable) -> None:
    request = JobRequest(None, f"s3://{RECORDINGS}/a.dat", False, False, True, "S-017")
    job = new_job("a", request, settings=configuration())
    steps: list[Callable[[], object]] = [
        lambda: table.add(job),
        lambda: table.record_submission(
            job,
            output_location=output_uri("a"),
            failure_location=failure_uri("a"),
            settings=configuration(),
        ),
        lambda: table.settle("a", Outcome(JobStatus.COMPLETED, "x", output_uri("a"))),
    ]
    indexes = (BY_TIME, BY_STATUS, BY_SUBJECT, BY_RECORDING, OPEN)
    writes = dict.fromkeys(indexes, 0)
    before: dict[str, Any] = {}
    for step in steps:
        step()
        key = {"jobKey": {"S": "default#a"}}
        after = clients.dynamodb().get_item(TableName=TABLE, Key=key)["Item"]
        for index in indexes:
            writes[index] += entry_writes(before, after, (index.partition, index.order))
        before = after
    # The record of the submission moves the next look: deleted and put
    assert writes == {BY_TIME: 1, BY_STATUS: 3, BY_SUBJECT: 1, BY_RECORDING: 1, OPEN: 4}
    for index in (BY_TIME, BY_STATUS, OPEN):
        assert writes[index] * JOBS_A_SECOND / SHARDS <= PARTITION_WRITES / RESERVE, index
    # These have no shards: all of the load may be one subject's, or of one recording
    for index in (BY_SUBJECT, BY_RECORDING):
        assert writes[index] * JOBS_A_SECOND <= PARTITION_WRITES / RESERVE, index


@pytest.mark.parametrize(
    ("before", "after", "writes"),
    [
        ({}, {"p": {"S": "x"}, "o": {"N": "1"}}, 1),
        ({"p": {"S": "x"}, "o": {"N": "1"}}, {"p": {"S": "x"}, "o": {"N": "1"}, "q": {"S": ""}}, 0),
        ({"p": {"S": "x"}, "o": {"N": "1"}}, {"p": {"S": "x"}, "o": {"N": "2"}}, 2),
        ({"p": {"S": "x"}, "o": {"N": "1"}}, {"o": {"N": "1"}}, 1),
        ({}, {"p": {"S": "x"}}, 0),
    ],
)
def test_an_index_is_written_by_aws_rules(before: Any, after: Any, writes: int) -> None:
    assert entry_writes(before, after, ("p", "o")) == writes


def test_units_are_counted_by_aws_rules() -> None:
    row = {"a": {"S": "x" * 99}}
    assert item_bytes(row) == 100
    assert item_bytes({"n": {"N": "1764000000"}, "b": {"BOOL": True}}) == 1 + 6 + 1 + 1
    assert query_units([]) == 0.5
    assert query_units([row] * 40) == 0.5
    assert query_units([row] * 41) == 1.0
    assert rows_units([row] * 3) == 3
    assert write_units({}, {"a": {"S": "x" * 1024}}) == 2
