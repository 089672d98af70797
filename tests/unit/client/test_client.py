"""Both clients of the API: what a program that uses them would notice if they broke."""

from __future__ import annotations

import inspect
import json
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

import femo_client
from femo_client import (
    AsyncFemoClient,
    BadAnswerError,
    FemoClient,
    FemoClientError,
    JobStatus,
    NoResultError,
    StillQueuedError,
    UnavailableError,
    UnusableInputError,
)
from femo_result import EventsResult
from tests.unit.result.examples import events_response, events_result

from .conftest import Connect
from .service import Service, answering, job, refusal


@pytest.mark.parametrize("job_id", ["../jobs", "", "a/b", "a?limit=1", "a#b", "..", "a" * 65, "ä"])
def test_an_id_never_becomes_another_address(connect: Connect, job_id: str) -> None:
    service = Service({})
    with connect(service) as client:
        for ask in (client.job, client.wait, client.result):
            with pytest.raises(UnusableInputError, match="1 to 64"):
                ask(job_id)
    assert not service.requests


def test_each_option_of_a_job_reaches_the_service_and_none_that_was_not_given(
    connect: Connect,
) -> None:
    in_berlin = datetime(2026, 3, 1, 2, tzinfo=timezone(timedelta(hours=1)))
    service = Service({"POST /dev/jobs": answering(202, job())})
    with connect(service) as client:
        client.submit("k", job_id="a", subject="S-017", remove_hiccups=True, extract_events=False,
                      include_full_intervals=True,
                      request_time=in_berlin)  # fmt: skip
        client.submit("k", job_id="a")
    every, bare = (json.loads(sent.content) for sent in service.asked("/dev/jobs"))
    plain = {"jobId": "a", "s3Key": "k", "removeHiccups": False, "includeFullIntervals": False,
             "extractEvents": True}  # fmt: skip
    assert bare == plain
    assert every == {**plain, "removeHiccups": True, "includeFullIntervals": True,
                     "extractEvents": False, "subjectId": "S-017",
                     "requestTime": "2026-03-01T01:00:00.000Z"}  # fmt: skip


def test_a_time_without_a_zone_is_refused_before_it_is_taken_for_another(connect: Connect) -> None:
    service = Service({})
    naive = datetime(2026, 3, 1)
    with connect(service) as client:
        with pytest.raises(UnusableInputError, match="time zone"):
            client.submit("k", request_time=naive)
        with pytest.raises(UnusableInputError, match="time zone"):
            list(client.jobs(from_=naive))
    assert not service.requests


def test_a_job_is_typed_and_what_only_a_newer_service_tells_is_not_lost(connect: Connect) -> None:
    body = job(
        "Completed",
        createdAt="2026-03-01T01:00:00.000Z",
        newer={"b": 1},
        output_type="x",
        completedTimeStamp="2026-03-01T01:00:09.500Z",
        processing_time_seconds=2.5,
    )
    with connect(Service({"GET /dev/jobs/a": answering(200, body)})) as client:
        found = client.job("a")
    assert found.status is JobStatus.COMPLETED
    assert found.created_at == datetime(2026, 3, 1, 1, tzinfo=UTC)
    assert found.completed_at is not None
    assert (found.completed_at - found.created_at).total_seconds() == 9.5
    assert found.as_json() == body


def test_a_status_that_only_a_newer_service_knows_ends_a_wait_with_the_job(
    connect: Connect,
) -> None:
    states = iter([job("Paused"), job("Cancelled", completedTimeStamp="2026-03-01T01:00:09.500Z")])
    service = Service({"GET /dev/jobs/a": lambda _: httpx.Response(200, json=next(states))})
    with connect(service) as client:
        assert client.wait("a").status == "Cancelled"


def test_waiting_ends_with_the_job_and_not_before(connect: Connect) -> None:
    statuses = iter(["Queued", "Queued", "Failed"])
    service = Service(
        {"GET /dev/jobs/a": lambda _request: httpx.Response(200, json=job(next(statuses)))}
    )
    seen: list[Any] = []
    with connect(service) as client:
        ended = client.wait("a", on_poll=lambda job: seen.append(job.status))
        assert ended.status == "Failed"
        assert client.wait(ended) is ended
    assert seen == ["Queued", "Queued", "Failed"]


def test_waiting_gives_up_at_its_time_and_says_that_the_job_goes_on(connect: Connect) -> None:
    service = Service({"GET /dev/jobs/a": answering(200, job())})
    with connect(service) as client:
        with pytest.raises(StillQueuedError, match="it goes on"):
            client.wait("a", timeout_seconds=0)
        with pytest.raises(TimeoutError):
            client.wait("a", 0)


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"Preference-Applied": "wait=20"}, 2.0),  # it is no short job, or an instance must start
        ({"Preference-Applied": "respond-async, wait=10"}, 1.0),
        ({}, 0.0),  # it has not waited: the job may be a short one
        ({"Preference-Applied": "nonsense"}, 0.0),
        ({"Retry-After": "5"}, 5.0),
        ({"Retry-After": "3600"}, 20.0),
    ],
)
def test_a_job_that_outlasts_the_wait_is_asked_for_as_the_service_wants_it(
    connect: Connect, pauses: list[float], headers: dict[str, str], pause: float
) -> None:
    service = Service(
        {
            "POST /dev/jobs": lambda _: httpx.Response(202, json=job(), headers=headers),
            "GET /dev/jobs/a": answering(200, job("Completed")),
        }
    )
    with connect(service) as client:
        ended = client.wait(client.submit("k", job_id="a", wait_seconds=900))
    assert ended.status == "Completed"
    assert pauses == [pause]
    assert service.asked("/dev/jobs")[0].headers["Prefer"] == "wait=20"


def test_who_does_not_want_to_wait_is_not_held_up(connect: Connect) -> None:
    service = Service({"POST /dev/jobs": answering(202, job())})
    with connect(service) as client:
        client.submit("k")
    assert "Prefer" not in service.asked("/dev/jobs")[0].headers


def test_pages_are_asked_for_when_they_are_come_to(connect: Connect) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params.get("nextToken", "0"))
        jobs = [{"jobId": f"{number}-{one}", "status": "Failed"} for one in range(number)]
        more = {"nextToken": str(number + 1)} if number < 2 else {}
        return httpx.Response(200, json={"jobs": jobs, **more})

    service = Service({"GET /dev/jobs": answer})
    with connect(service) as client:
        jobs = client.jobs(
            status=JobStatus.FAILED, subject="S-017", recording="a b.dat", page_size=2,
            from_=datetime(2026, 1, 1, tzinfo=UTC), to="2026-02-01T00:00:00Z",
        )  # fmt: skip
        assert not service.asked("/dev/jobs")
        assert next(jobs).job_id == "1-0"  # the first page is empty though there are more
        assert len(service.asked("/dev/jobs")) == 2
        assert [job.job_id for job in jobs] == ["2-0", "2-1"]
        assert next(client.pages(next_token="2")).next_token is None
    first, second, *_ = service.asked("/dev/jobs")
    filters = {"status": "Failed", "subjectId": "S-017", "s3Key": "a b.dat", "limit": "2",
               "from": "2026-01-01T00:00:00.000Z", "to": "2026-02-01T00:00:00Z"}  # fmt: skip
    assert dict(first.url.params) == filters
    assert dict(second.url.params) == {**filters, "nextToken": "1"}


def test_a_job_that_the_service_cannot_read_takes_no_other_from_the_list(connect: Connect) -> None:
    unreadable = {"jobId": "b", **refusal("unreadable_job")}
    service = Service({"GET /dev/jobs": answering(200, {"jobs": [unreadable, job("Completed")]})})
    with connect(service) as client:
        first, second = client.jobs()
    assert first.status is None
    assert first.error is not None
    assert first.error.code == "unreadable_job"
    assert second.status == "Completed"


def test_what_is_in_service_is_typed(connect: Connect) -> None:
    wait = {"fromSeconds": 1, "toSeconds": 9, "basis": "measured"}
    lane = {"state": "cold", "currentInstances": 0, "desiredInstances": None, "expectedWait": wait}
    body = {"endpoint": {"status": "InService"}, "modelPackage": None, "backlog": {"openJobs": 3},
            "lanes": {"asynchronous": lane,
                      "serverless": {"state": None, "expectedWait": wait}}}  # fmt: skip
    with connect(Service({"GET /dev/service": answering(200, body)})) as client:
        service = client.service()
    assert service.lanes.asynchronous.expected_wait is not None
    assert service.lanes.asynchronous.expected_wait.to_seconds == 9
    assert (service.backlog.open_jobs, service.endpoint.status) == (3, "InService")


def completed(**further: Any) -> dict[str, Any]:
    return job("Completed", output_type="events", **further)


LARGE = completed(resultUrl="https://s3.example/result")


def test_a_result_is_read_with_its_types(connect: Connect) -> None:
    body = completed(result=events_result())
    with connect(Service({"GET /dev/jobs/a": answering(200, body)})) as client:
        result = client.result("a")
        assert client.result(client.job("a")) == result
    assert isinstance(result, EventsResult)
    assert result.movements is not None
    assert result.movements[0].probability == 0.9


def test_a_result_that_is_too_large_for_the_answer_is_fetched_without_the_token(
    connect: Connect,
) -> None:
    service = Service(
        {
            "GET /dev/jobs/a": answering(200, LARGE),
            "GET /result": answering(200, events_response()),
        }
    )
    with connect(service) as client:
        assert client.result("a").movement_count == 1
    assert "Authorization" not in service.asked("/result")[0].headers


def test_a_job_that_was_kept_until_its_address_ran_out_still_has_its_result(
    connect: Connect, tmp_path: Path
) -> None:
    service = Service(
        {
            "GET /dev/jobs/a": answering(200, LARGE),
            "GET /old": lambda _: httpx.Response(403, text="<Error><Code>AccessDenied</Code>"),
            "GET /result": answering(200, events_response()),
        }
    )
    with connect(service) as client:
        old = client.job("a").model_copy(update={"result_url": "https://s3.example/old"})
        assert client.result(old).movement_count == 1
        client.download_result(old, tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_bytes()) == events_response()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (job(), "no_result"),
        (job("Failed", **refusal("not_a_recording")), "not_a_recording"),
        (completed(result=None, resultUrl="https://s3.example/result",
                   **refusal("result_unavailable")), "result_unavailable"),
        (completed(result={}), "bad_answer"),
        (job("Completed", output_type="other", result={"a": 1}), "bad_answer"),
    ],
)  # fmt: skip
def test_a_job_without_a_readable_result_says_why(
    connect: Connect, body: dict[str, Any], code: str
) -> None:
    kind = BadAnswerError if code == "bad_answer" else NoResultError
    service = Service({"GET /dev/jobs/a": answering(200, body)})
    with connect(service) as client, pytest.raises(kind) as error:
        client.result("a")
    assert error.value.code == code


def test_a_download_that_fails_leaves_what_was_there(connect: Connect, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("older")
    folder = tmp_path / "folder"
    folder.mkdir()
    service = Service(
        {
            "GET /dev/jobs/a": answering(200, LARGE),
            "GET /result": answering(500, {}),
            "GET /dev/jobs/b": answering(200, job("Failed", **refusal("x"))),
        }
    )
    with connect(service) as client:
        with pytest.raises(UnavailableError):
            client.download_result("a", path)
        with pytest.raises(NoResultError):
            client.download_result("b", path)
        service.answers["GET /result"] = answering(200, events_response())
        with pytest.raises(OSError, match="directory"):
            client.download_result("a", folder)
        assert path.read_text() == "older"
        assert client.download_result("a", path) == path
    assert json.loads(path.read_bytes())["status"] == "Completed"
    assert sorted(tmp_path.iterdir()) == [path, folder]


def test_a_download_replaces_no_pipe_and_no_link(connect: Connect, tmp_path: Path) -> None:
    service = Service(
        {"GET /dev/jobs/a": answering(200, LARGE), "GET /result": answering(200, events_response())}
    )
    link, pipe, circle = (tmp_path / name for name in ("link", "pipe", "circle"))
    link.symlink_to("real.json")
    circle.symlink_to("circle")
    os.mkfifo(pipe)
    with connect(service) as client:
        assert client.download_result("a", link) == link
        for other in (pipe, circle):
            with pytest.raises(OSError, match="no regular file"):
                client.download_result("a", other)
    assert (link.is_symlink(), pipe.is_fifo(), circle.is_symlink()) == (True, True, True)
    assert json.loads((tmp_path / "real.json").read_bytes())["status"] == "Completed"


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    def face(kind: type) -> dict[str, list[Any]]:
        functions = inspect.getmembers(kind, callable)
        return {
            name: [(one.name, one.kind, one.default) for one in
                   inspect.signature(function).parameters.values()]
            for name, function in functions if not name.startswith("_")
        }  # fmt: skip

    assert face(FemoClient) == face(AsyncFemoClient)
    assert {"submit_file", "wait", "jobs", "result", "download_result"} <= set(face(FemoClient))


def test_every_name_of_the_face_can_be_had_and_every_error_is_of_one_family() -> None:
    for name in femo_client.__all__:
        made = getattr(femo_client, name)
        assert name in dir(femo_client)
        if name.endswith("Error") and name != "JobError":
            assert issubclass(made, FemoClientError)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = femo_client.no_such_name
