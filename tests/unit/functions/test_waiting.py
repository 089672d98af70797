"""Prefer: wait: who asks for it has the answer in one request, and nobody else pays for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from femo_api import places, waiting
from femo_api.settings import api_settings
from femo_jobs import clients
from femo_jobs.jobs import JobStatus, Outcome
from femo_jobs.table import JobTable

from .conftest import TABLE, Answer, LambdaContext, output_uri, put, result_of

Call = Callable[..., Answer]
Queued = Callable[[str], None]
WAIT = {"Prefer": "wait=20"}


class Clock:
    """Time that passes while somebody sleeps, and what happens in it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []
        self.events: list[tuple[float, Callable[[], object]]] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        for moment, event in list(self.events):
            if moment <= self.now:
                self.events.remove((moment, event))
                event()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    told = Clock()

    class Told:
        sleep = staticmethod(told.sleep)
        monotonic = staticmethod(lambda: told.now)

    monkeypatch.setattr(waiting, "time", Told)
    return told


def ends(table: JobTable, job_id: str) -> None:
    put(output_uri(job_id), result_of(job_id))
    outcome = Outcome(JobStatus.COMPLETED, "2025-06-04T14:31:00.000Z", output_uri(job_id))
    table.settle(job_id, replace(outcome, output_type="events", processing_seconds=45.2))


def taken() -> list[str]:
    """The places that are taken now, as the table has them."""
    row = clients.dynamodb().get_item(
        TableName=TABLE, Key={"jobKey": {"S": "default#places#waiting"}}
    )
    return sorted(name for name in row.get("Item", {}) if name != "jobKey")


def test_a_job_that_ends_in_time_is_answered_at_once_with_its_result(
    call: Call, queued: Queued, recording: str, table: JobTable, clock: Clock
) -> None:
    queued("a")
    clock.events.append((clock.now + 4, lambda: ends(table, "a")))
    answer = call("POST", "/jobs", {"jobId": "a", "s3Key": recording}, headers=WAIT)
    assert (answer.status, answer.body["status"]) == (200, "Completed")
    assert answer.body["result"] == result_of("a")["result"]
    assert answer.headers["preference-applied"] == "wait=20"
    assert taken() == []


def test_a_job_that_takes_longer_is_accepted_as_ever_and_goes_on(
    call: Call, queued: Queued, recording: str, table: JobTable, clock: Clock
) -> None:
    queued("a")
    answer = call("POST", "/jobs", {"jobId": "a", "s3Key": recording}, headers={"Prefer": "wait=7"})
    assert (answer.status, answer.body["status"]) == (202, "Queued")
    assert answer.headers["location"] == "jobs/a"
    assert answer.headers["preference-applied"] == "wait=7"
    assert sum(clock.pauses) == pytest.approx(7)
    # Ever more seldom: some reads of the row, not hundreds
    assert clock.pauses[:-1] == sorted(clock.pauses[:-1])
    assert len(clock.pauses) < 15
    assert taken() == []


def test_a_repeat_waits_for_the_job_that_there_is(
    call: Call, queued: Queued, recording: str, table: JobTable, clock: Clock
) -> None:
    queued("a")
    body = {"jobId": "a", "s3Key": recording}
    call("POST", "/jobs", body)
    clock.events.append((clock.now + 4, lambda: ends(table, "a")))
    answer = call("POST", "/jobs", body, headers=WAIT)
    assert (answer.status, answer.body["status"]) == (200, "Completed")


def test_a_question_for_a_job_waits_for_it_too(
    call: Call, queued: Queued, recording: str, table: JobTable, clock: Clock
) -> None:
    queued("a")
    call("POST", "/jobs", {"jobId": "a", "s3Key": recording})
    clock.events.append((clock.now + 4, lambda: ends(table, "a")))
    answer = call("GET", "/jobs/a", headers=WAIT, resource="/jobs/{jobId}")
    assert (answer.status, answer.body["status"]) == (200, "Completed")
    assert answer.headers["preference-applied"] == "wait=20"


def test_a_job_that_has_ended_is_answered_without_a_wait(
    call: Call, queued: Queued, recording: str, table: JobTable, clock: Clock
) -> None:
    queued("a")
    call("POST", "/jobs", {"jobId": "a", "s3Key": recording})
    ends(table, "a")
    answer = call("GET", "/jobs/a", headers=WAIT, resource="/jobs/{jobId}")
    assert (answer.status, clock.pauses) == (200, [])


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (["wait=20"], 20),
        (["respond-async, wait=10"], 10),
        (["respond-async", "Wait = 10"], 10),
        (['foo="a, wait=3"; bar="x,y", wait="5"'], 5),
        (["wait=5; priority=1, wait=9"], 5),  # the first of two counts
        (["wait=0"], 0),
        ([], None),
        (["respond-async"], None),
        (["waiting=20"], None),
        (["wait"], None),
        (["wait=soon, wait=9"], None),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait=٣"], None),
        (['foo="wait=20'], None),
        (["wait=" + "9" * 2000], None),
        (['"' * 3000 + "wait=9"], None),
    ],
)
def test_a_preference_is_read_as_the_rfc_has_it(prefer: list[str], seconds: int | None) -> None:
    assert waiting.wanted_seconds(prefer) == seconds


@pytest.mark.parametrize("prefer", ["wait=soon", "wait=0", "respond-async", 'x="', "é=1"])
def test_a_preference_that_is_not_ours_changes_nothing(
    call: Call, queued: Queued, recording: str, clock: Clock, prefer: str
) -> None:
    queued("a")
    answer = call("POST", "/jobs", {"jobId": "a", "s3Key": recording}, headers={"Prefer": prefer})
    assert (answer.status, clock.pauses) == (202, [])
    assert "preference-applied" not in answer.headers


@pytest.mark.parametrize(
    ("asked", "left_milliseconds", "applied"),
    [(60, 29_000, 20), (20, 14_900, 9), (3, 29_000, 3)],
)
def test_what_is_applied_is_told_and_leaves_time_to_answer(
    call: Call,
    queued: Queued,
    recording: str,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    asked: int,
    left_milliseconds: int,
    applied: int,
) -> None:
    monkeypatch.setattr(LambdaContext, "remaining_milliseconds", left_milliseconds)
    queued("a")
    headers = {"Prefer": f"wait={asked}"}
    answer = call("POST", "/jobs", {"jobId": "a", "s3Key": recording}, headers=headers)
    assert answer.headers["preference-applied"] == f"wait={applied}"
    assert sum(clock.pauses) == pytest.approx(applied)


def test_who_comes_when_all_places_are_taken_is_not_held_up(
    call: Call, queued: Queued, recording: str, table: JobTable, clock: Clock
) -> None:
    most = api_settings().places_to_wait
    held = [places.take(table, most) for _ in range(most)]
    assert None not in held
    assert len(taken()) == most
    queued("a")
    answer = call("POST", "/jobs", {"jobId": "a", "s3Key": recording}, headers=WAIT)
    assert (answer.status, clock.pauses) == (202, [])
    assert "preference-applied" not in answer.headers


def test_a_place_is_taken_by_one_and_found_wherever_it_is_free(table: JobTable) -> None:
    held = [places.take(table, 16) for _ in range(16)]
    assert {place.number for place in held if place} == set(range(16))
    assert places.take(table, 16) is None
    assert held[5] is not None
    places.leave(table, held[5])
    again = places.take(table, 16)
    assert again is not None
    assert again.number == held[5].number
    places.leave(table, held[5])  # late, and no more its own
    assert places.take(table, 16) is None


def test_a_place_costs_two_writes_at_most(table: JobTable, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    update = table.client.update_item

    def counted(**request: Any) -> Any:
        calls.append(request["UpdateExpression"])
        return update(**request)

    monkeypatch.setattr(table.client, "update_item", counted)
    for number in range(9):
        calls.clear()
        place = places.take(table, 8)
        assert (place is None) == (number == 8)
        assert len(calls) <= (1 if number == 8 else 2)
    assert row_bytes() < 1024


def row_bytes() -> int:
    """Size of the row with the most places that the template admits (64), as DynamoDB counts."""
    name, number = len("p63"), (len(str(10**15)) + 1) // 2 + 1
    return len("jobKey") + len("default#places#waiting") + 64 * (name + number)


def test_a_function_that_was_killed_holds_its_place_no_longer_than_it_could_have_lived(
    table: JobTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert places.take(table, 1)
    now = time.time()
    monkeypatch.setattr(places.time, "time", lambda: now + 29)
    assert places.take(table, 1) is None
    monkeypatch.setattr(places.time, "time", lambda: now + places.LEASE_SECONDS + 2)
    assert places.take(table, 1)


def test_where_nobody_shall_wait_nothing_is_asked_of_the_table(
    call: Call,
    queued: Queued,
    recording: str,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAX_WAITING_REQUESTS", "0")
    api_settings.cache_clear()
    queued("a")
    answer = call("POST", "/jobs", {"jobId": "a", "s3Key": recording}, headers=WAIT)
    assert (answer.status, clock.pauses, taken()) == (202, [], [])


def test_a_table_that_fails_while_a_request_waits_loses_nothing_of_the_job(
    call: Call,
    queued: Queued,
    recording: str,
    table: JobTable,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queued("a")

    def break_off() -> None:
        raise ReadTimeoutError(endpoint_url="x")

    clock.events.append((clock.now + 1, break_off))
    answer = call("POST", "/jobs", {"jobId": "a", "s3Key": recording}, headers=WAIT)
    assert (answer.status, answer.headers["location"]) == (202, "jobs/a")
    assert "preference-applied" not in answer.headers
    job = table.get("a")
    assert job is not None
    assert job.is_queued_for_inference
    assert taken() == []


def test_the_row_of_places_is_no_job(call: Call, table: JobTable) -> None:
    places.take(table, 1)
    assert call("GET", "/jobs").body["jobs"] == []
    assert call("GET", "/jobs/places", resource="/jobs/{jobId}").status == 404
