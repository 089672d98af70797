"""GET /jobs with its filters: the right jobs, in order, at a cost that the table's size leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from femo_jobs import clients, listing, outcomes
from femo_jobs.configuration import configuration
from femo_jobs.errors import ConfigurationError
from femo_jobs.jobs import Job, JobRequest, JobStatus, Outcome, new_job
from femo_jobs.keys import (
    BY_RECORDING,
    BY_STATUS,
    BY_SUBJECT,
    BY_TIME,
    OPEN,
    SHARDS,
    TABLE_KEY,
    Keys,
    shard_of,
)
from femo_jobs.table import JobTable
from tests.unit.template.documents import template

from .conftest import RECORDINGS, TABLE, Answer

Call = Callable[..., Answer]


def add(
    table: JobTable,
    *numbers: int,
    subject: Callable[[int], str | None] = lambda _: "s1",
    key: Callable[[int], str] = lambda _: "a.dat",
    expired: Callable[[int], bool] = lambda _: False,
) -> None:
    """Write jobs, each of which is as many seconds newer than number 0 as its number says."""
    requests = []
    for number in numbers:
        request = JobRequest(
            None, f"s3://{RECORDINGS}/{key(number)}", False, False, True, subject(number)
        )
        job = new_job(f"job-{number:04}", request, settings=configuration())
        moment = f"2025-06-04T14:{number // 60:02}:{number % 60:02}.000Z"
        job = replace(job, created_at=moment)
        if expired(number):
            job = replace(
                job,
                status=JobStatus.EXPIRED,
                next_check_at=None,
                completed_at="x",
                error=outcomes.EXPIRED,
            )
        requests.append({"PutRequest": {"Item": job.to_item(table.keys)}})
    for start in range(0, len(requests), 25):
        table.client.batch_write_item(RequestItems={TABLE: requests[start : start + 25]})


def pages(call: Call, limit: int, **query: str) -> Iterator[list[str]]:
    """Yield the ids of a listing, page by page."""
    token: str | None = None
    while True:
        asked = query | {"limit": str(limit)} | ({"nextToken": token} if token else {})
        body = call("GET", "/jobs", query=asked).body
        yield [job["jobId"] for job in body["jobs"]]
        token = body.get("nextToken")
        if token is None:
            return


def listed(call: Call, limit: int = 9, **query: str) -> list[str]:
    return [job_id for page in pages(call, limit, **query) for job_id in page]


def ids(*numbers: int) -> list[str]:
    """The ids of jobs, the newest first."""
    return [f"job-{number:04}" for number in sorted(numbers, reverse=True)]


CASES: list[tuple[dict[str, str], Callable[[int], object]]] = [
    ({}, lambda _: True),
    ({"status": "Expired"}, lambda n: n % 5 == 0),
    ({"subjectId": "s1"}, lambda n: n % 2 == 0),
    ({"s3Key": "b.dat"}, lambda n: n % 3 == 0),
    ({"s3Key": f"s3://{RECORDINGS}/b.dat"}, lambda n: n % 3 == 0),
    ({"from": "2025-06-04T14:00:07Z"}, lambda n: n >= 7),
    ({"to": "2025-06-04T16:00:07+02:00"}, lambda n: n < 7),
    ({"from": "2025-06-04T14:00:07Z", "to": "2025-06-04T14:00:20Z"}, lambda n: 7 <= n < 20),
    ({"status": "Queued", "from": "2025-06-04T14:00:07Z"}, lambda n: n >= 7 and n % 5),
    ({"subjectId": "s1", "to": "2025-06-04T14:00:07Z"}, lambda n: n < 7 and n % 2 == 0),
    ({"subjectId": "s1", "status": "Expired"}, lambda n: n % 10 == 0),
    ({"subjectId": "s1", "s3Key": "b.dat", "status": "Expired"}, lambda n: n % 30 == 0),
    ({"subjectId": "s2"}, lambda _: False),
    ({"from": "2025-06-05T00:00:00Z"}, lambda _: False),
    ({"to": "2025-06-03T00:00:00Z"}, lambda _: False),
]


def test_a_filter_shows_each_of_its_jobs_once_newest_first_and_no_other(
    call: Call, table: JobTable
) -> None:
    """Subject s1 has the even jobs, recording b.dat every third; every fifth has expired."""
    add(
        table,
        *range(30),
        subject=lambda number: None if number % 2 else "s1",
        key=lambda number: "a.dat" if number % 3 else "b.dat",
        expired=lambda number: number % 5 == 0,
    )
    for query, wanted in CASES:
        assert listed(call, **query) == ids(*filter(wanted, range(30))), query


@pytest.mark.parametrize("query", [{}, {"status": "Queued"}, {"subjectId": "s1"}])
def test_jobs_that_come_while_pages_are_turned_neither_repeat_nor_hide_any(
    call: Call, table: JobTable, query: dict[str, str]
) -> None:
    add(table, *range(12))
    seen = []
    for turn, page in enumerate(pages(call, 5, **query)):
        seen += page
        add(table, *range(100 + 10 * turn, 104 + 10 * turn))
    assert seen == ids(*range(12))


def test_a_page_token_belongs_to_its_filters(call: Call, table: JobTable) -> None:
    add(table, *range(3))
    token = call("GET", "/jobs", query={"limit": "1", "subjectId": "s1"}).body["nextToken"]
    for other in (
        {},
        {"subjectId": "s2"},
        {"subjectId": "s1", "status": "Queued"},
        {"subjectId": "s1", "from": "2025-01-01T00:00:00Z"},
        {"s3Key": "s1"},
    ):
        answer = call("GET", "/jobs", query=other | {"nextToken": token})
        assert (answer.status, answer.code) == (400, "invalid_next_token"), other
    assert call("GET", "/jobs", query={"subjectId": "s1", "nextToken": token}).status == 200


def read_by(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> Counter[str]:
    """Return how many calls an action makes, and index entries and rows it reads."""
    client, read = clients.dynamodb(), Counter[str]()
    query, batch = client.query, client.batch_get_item

    def counted_query(**options: Any) -> Any:
        page = query(**options)
        read.update(queries=1, entries=page["ScannedCount"])
        return page

    def counted_batch(**options: Any) -> Any:
        answer = batch(**options)
        read.update(batches=1, rows=len(answer["Responses"][TABLE]))
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(client, "query", counted_query)
        patch.setattr(client, "batch_get_item", counted_batch)
        action()
    return read


def test_a_page_reads_no_more_of_a_large_table(
    call: Call, table: JobTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(table, *range(200))
    for query in (
        {},
        {"status": "Queued"},
        {"subjectId": "s1"},
        {"to": "2025-06-04T14:02:00Z"},
        {"subjectId": "s1", "to": "2025-06-04T14:02:00Z"},
    ):
        asked = query | {"limit": "10"}
        read = read_by(monkeypatch, lambda asked=asked: call("GET", "/jobs", query=asked))
        assert (read["rows"], read["batches"]) == (10, 1), query
        assert read["queries"] <= SHARDS + 2, query
        assert read["entries"] <= 6 * 10, query


def test_a_filter_of_few_in_many_costs_a_page_no_more_and_goes_on(
    call: Call, table: JobTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(table, *range(70), expired=lambda number: number == 3)
    monkeypatch.setattr(listing, "MAX_PAGE", 20)
    monkeypatch.setattr(listing, "MAX_LOOKED_AT", 40)
    query = {"subjectId": "s1", "status": "Expired"}
    read = read_by(monkeypatch, lambda: call("GET", "/jobs", query=query))
    assert (read["rows"], read["batches"]) == (40, 2)
    assert list(pages(call, 5, **query)) == [[], ids(3)]


def test_rows_that_dynamodb_leaves_for_later_are_read_then(
    call: Call, table: JobTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(table, *range(5))
    client = clients.dynamodb()
    batch = client.batch_get_item

    def two_at_a_time(RequestItems: Any) -> Any:  # noqa: N803 - boto3's name
        keys = RequestItems[TABLE]["Keys"]
        answer = batch(RequestItems={TABLE: {"Keys": keys[:2]}})
        left = {TABLE: {"Keys": keys[2:]}} if keys[2:] else {}
        return answer | {"UnprocessedKeys": left}

    monkeypatch.setattr(listing, "_FIRST_PAUSE_SECONDS", 0)
    monkeypatch.setattr(client, "batch_get_item", two_at_a_time)
    assert listed(call, limit=10) == ids(*range(5))


def test_a_table_that_is_too_busy_is_said_so_and_hides_no_job(
    call: Call, table: JobTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(table, 0)
    monkeypatch.setattr(listing, "_FIRST_PAUSE_SECONDS", 0)
    monkeypatch.setattr(
        clients.dynamodb(),
        "batch_get_item",
        lambda RequestItems: {"Responses": {}, "UnprocessedKeys": RequestItems},  # noqa: N803
    )
    answer = call("GET", "/jobs")
    assert (answer.status, answer.code) == (503, "service_busy")
    assert answer.headers["retry-after"]


def test_a_row_that_has_ended_since_leaves_no_gap(
    call: Call, table: JobTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(table, *range(3))
    read = listing._rows

    def without_one(*which: Any) -> Any:
        return {key: row for key, row in read(*which).items() if key != "default#job-0001"}

    monkeypatch.setattr(listing, "_rows", without_one)
    assert listed(call, limit=2) == ids(0, 2)


def test_an_id_that_was_taken_back_and_given_anew_is_shown_in_its_new_place_alone(
    call: Call, table: JobTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index can still hold the row that was taken back."""
    add(table, *range(3))
    stale = ("2025-06-04T14:00:00.500Z#job-0002", "default#job-0002")
    entries = listing._entries

    def and_a_stale_one(*which: Any) -> Iterator[tuple[str, str]]:
        return iter(sorted([*entries(*which), stale], reverse=True))

    monkeypatch.setattr(listing, "_entries", and_a_stale_one)
    assert [job["jobId"] for job in call("GET", "/jobs").body["jobs"]] == ids(0, 1, 2)


# Keys


def test_the_templates_table_has_the_keys_that_the_functions_build() -> None:
    table = template()["Resources"]["JobTable"]["Properties"]
    indexes = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}
    assert set(indexes) == {i.name for i in (BY_TIME, BY_STATUS, BY_SUBJECT, BY_RECORDING, OPEN)}
    for index in (BY_TIME, BY_STATUS, BY_SUBJECT, BY_RECORDING, OPEN):
        assert indexes[index.name]["KeySchema"] == [
            {"AttributeName": index.partition, "KeyType": "HASH"},
            {"AttributeName": index.order, "KeyType": "RANGE"},
        ]
        # A projected attribute that changes would cost a write for every index that has it
        assert indexes[index.name]["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    assert table["KeySchema"] == [{"AttributeName": TABLE_KEY, "KeyType": "HASH"}]


def test_one_workspace_sees_and_changes_nothing_of_another() -> None:
    own, other = (
        JobTable(clients.dynamodb(), TABLE, Keys(workspace)) for workspace in ("own", "other")
    )
    add(own, 1)
    job = own.get("job-0001")
    assert job
    assert other.get("job-0001") is None
    assert other.add(job)  # the same id, and no conflict
    add(other, 2)
    other.settle("job-0001", Outcome(JobStatus.EXPIRED, "x", error=outcomes.EXPIRED))
    job = own.get("job-0001")
    assert job
    assert job.status is JobStatus.QUEUED
    recording = f"s3://{RECORDINGS}/a.dat"
    for wanted in (
        listing.Wanted(),
        listing.Wanted(status=JobStatus.QUEUED),
        listing.Wanted(subject_id="s1"),
        listing.Wanted(recording_uri=recording),
    ):
        found = listing.newest(own, wanted, limit=10, before=None).jobs
        assert found == [job]


@pytest.mark.parametrize("index", [BY_TIME, BY_STATUS, BY_SUBJECT, BY_RECORDING, OPEN])
def test_every_partition_begins_with_the_workspace(index: Any) -> None:
    request = JobRequest(None, f"s3://{RECORDINGS}/a#b.dat", False, False, True, "s1")
    item = new_job("a", request, settings=configuration()).to_item(Keys("w1"))
    assert item[index.partition]["S"].startswith("w1#")
    assert item[TABLE_KEY]["S"] == "w1#a"


@pytest.mark.parametrize("name", ["", "a#b", "A", "-a", "a" * 33, "a b"])
def test_a_workspace_cannot_be_taken_for_more_of_a_key(name: str) -> None:
    with pytest.raises(ConfigurationError):
        Keys(name)


@pytest.mark.parametrize("form", ["{:08d}", "femo-{:x}", "night-2026-11-{:d}", "{0}-{0}"])
def test_ids_of_any_habit_are_spread_over_the_shards(form: str) -> None:
    shares = Counter(shard_of(form.format(number)) for number in range(16_000))
    assert len(shares) == SHARDS
    assert max(shares.values()) < 1.25 * 16_000 / SHARDS


def test_the_largest_row_is_read_with_one_unit_and_its_keys_are_allowed(table: JobTable) -> None:
    """DynamoDB takes 2,048 bytes of a partition's key and 1,024 of a sort key."""
    key = "k" * 1024
    request = JobRequest(None, f"s3://{RECORDINGS}/{key}", False, False, True, "s" * 64)
    job: Job = replace(
        new_job("j" * 64, request, settings=configuration()),
        recording_version="v" * 64,
        recording_etag='"' + "e" * 34 + '"',
        output_location="o" * 200,
        failure_location="f" * 200,
    )
    item = job.to_item(Keys("w" * 32))
    assert sum(len(name) + len(str(*value.values())) for name, value in item.items()) < 4096
    for index in (BY_TIME, BY_STATUS, BY_SUBJECT, BY_RECORDING):
        assert len(item[index.partition]["S"]) <= 2048
        assert len(item[index.order]["S"]) <= 1024
    assert table.add(job)
