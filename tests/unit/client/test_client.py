"""Both clients of the API: what a program that uses them would notice if they broke."""

from __future__ import annotations

import inspect
import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

import femo_client
from femo_client import (
    ApiError,
    AsyncFemoClient,
    BadAnswerError,
    ConfigurationError,
    ConflictError,
    FemoClient,
    FemoClientError,
    ForbiddenError,
    InvalidRequestError,
    JobStatus,
    NoAnswerError,
    NoResultError,
    NotFoundError,
    SignInError,
    StillQueuedError,
    ThrottledError,
    UnavailableError,
    UnusableInputError,
)
from femo_result import EventsResult
from tests.unit.result.examples import events_response, events_result

from .conftest import Connect
from .service import CREDENTIALS, URL, Service, answering, blocking, in_turn, job, refusal


def test_one_token_serves_many_requests_and_is_sent_as_a_bearer(connect: Connect) -> None:
    service = Service({"GET /dev/jobs/a": answering(200, job())})
    with connect(service) as client:
        client.job("a")
        client.job("a")
    assert len(service.asked("/oauth2/token")) == 1
    assert service.requests[-1].headers["Authorization"] == "Bearer token-1"


def test_a_token_about_to_expire_is_renewed_before_it_is_used(connect: Connect) -> None:
    service = Service({"GET /dev/jobs/a": answering(200, job())}, expires_in=10)
    with connect(service) as client:
        client.job("a")
        client.job("a")
        assert client.token() == "token-3"
    assert service.requests[-2].headers["Authorization"] == "Bearer token-2"


def test_a_token_that_was_given_is_used_as_it_is_and_none_is_asked_for(connect: Connect) -> None:
    service = Service({"GET /dev/jobs/a": answering(200, job())})
    with connect(service, "mine") as client:
        client.job("a")
        assert client.token() == "mine"
    (asked,) = service.requests
    assert asked.headers["Authorization"] == "Bearer mine"


def test_threads_that_need_a_token_at_once_ask_for_one_together() -> None:
    together = threading.Barrier(4)
    service = Service({"GET /dev/jobs/a": answering(200, job())})
    with blocking(service) as client, ThreadPoolExecutor(4) as pool:

        def ask(_: int) -> None:
            together.wait(10)
            client.job("a")

        list(pool.map(ask, range(4)))
    assert len(service.asked("/oauth2/token")) == 1


def test_a_request_of_ones_own_can_be_signed_with_the_clients_token() -> None:
    service = Service({"GET /dev/openapi.json": answering(200, {})})
    transport = httpx.MockTransport(service)
    with blocking(service) as client, httpx.Client(transport=transport, auth=client.auth) as http:
        assert http.get(f"{URL}/openapi.json").is_success
    assert service.requests[-1].headers["Authorization"] == "Bearer token-1"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequestError),
        (401, SignInError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, ConflictError),
        (413, InvalidRequestError),
        (422, InvalidRequestError),
        (429, ThrottledError),
        (500, UnavailableError),
        (503, UnavailableError),
    ],
)
def test_a_refusal_is_of_a_class_of_its_own_and_tells_all_that_the_service_says(
    connect: Connect, status: int, kind: type[ApiError]
) -> None:
    body = refusal("some_code", "Some words.", field="s3Key")
    service = Service({"POST /dev/jobs": answering(status, body, x_amzn_RequestId="r-1")})
    with connect(service) as client, pytest.raises(kind, match="Some words") as error:
        client.submit("k", job_id="a")
    told = error.value
    assert (told.status, told.code, told.field) == (status, "some_code", "s3Key")
    assert told.request_id == "r-1"
    copy = pickle.loads(pickle.dumps(told))
    assert (type(copy), str(copy), copy.code) == (kind, "Some words.", "some_code")


def test_who_let_the_id_be_chosen_is_told_it_with_the_error(connect: Connect) -> None:
    service = Service({"POST /dev/jobs": answering(500, refusal("internal_error"))})
    with connect(service) as client, pytest.raises(UnavailableError) as error:
        client.submit("k")
    sent = json.loads(service.asked("/dev/jobs")[0].content)["jobId"]
    assert sent in error.value.__notes__[0]


def test_a_refusal_that_is_not_ours_is_an_error_and_no_traceback(connect: Connect) -> None:
    service = Service({"GET /dev/jobs/a": lambda _request: httpx.Response(404, text="<html>")})
    with connect(service) as client, pytest.raises(NotFoundError) as error:
        client.job("a")
    assert error.value.code == "http_error"


def test_a_throttled_request_is_sent_again(connect: Connect) -> None:
    service = Service({"GET /dev/jobs/a": in_turn((429, refusal("x")), (200, job()))})
    with connect(service) as client:
        assert client.job("a").status == "Queued"


def test_a_service_that_cannot_be_reached_is_named_after_some_attempts(
    connect: Connect, pauses: list[float]
) -> None:
    def unreachable(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with connect(unreachable) as client, pytest.raises(NoAnswerError, match=r"auth\.example"):
        client.job("a")
    assert len(pauses) == 4
    with connect(unreachable) as client, pytest.raises(NoAnswerError, match=r"auth\.example"):
        client.token()


@pytest.mark.parametrize("job_id", ["../jobs", "", "a/b", "a?limit=1", "a#b", "..", "a" * 65, "ä"])
def test_an_id_never_becomes_another_address(connect: Connect, job_id: str) -> None:
    service = Service({})
    with connect(service) as client:
        for ask in (client.job, client.wait, client.result):
            with pytest.raises(UnusableInputError, match="1 to 64"):
                ask(job_id)
    assert not service.requests


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("asked", ["5", "Wed, 01 Jan 2200 00:00:00 GMT", "nonsense", ""])
def test_a_service_that_asks_for_time_is_given_it(
    connect: Connect, pauses: list[float], status: int, asked: str
) -> None:
    answer = in_turn((status, refusal("service_busy")), (200, job()), Retry_After=asked)
    with connect(Service({"GET /dev/jobs/a": answer})) as client:
        if "2200" in asked:
            # longer than a caller would want to sit through
            with pytest.raises(ApiError) as error:
                client.job("a")
            assert error.value.retry_after
            assert error.value.retry_after > 1e6
            assert not pauses
        else:
            assert client.job("a").status == "Queued"
            assert pauses == [5.0 if asked == "5" else 0.0]


@pytest.mark.parametrize("fault", [502, 503, httpx.ReadTimeout, httpx.RemoteProtocolError])
def test_what_must_not_be_done_twice_is_not_sent_twice(connect: Connect, fault: Any) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        if isinstance(fault, int):
            return httpx.Response(fault, json=refusal("x"), headers={"Retry-After": "1"})
        raise fault("x")

    service = Service({"POST /dev/service/warm-up": answer})
    with connect(service) as client, pytest.raises(ApiError):
        client.warm_up()
    assert len(service.asked("/dev/service/warm-up")) == 1


@pytest.mark.parametrize("fault", [429, httpx.ConnectError, httpx.ConnectTimeout])
def test_what_was_not_taken_up_is_sent_again_whatever_it_asks_for(
    connect: Connect, fault: Any
) -> None:
    lanes = {"asynchronous": {"state": "starting", "effect": "started"},
             "serverless": {"state": "ready", "effect": "nothing_to_do"}}  # fmt: skip
    answers = iter([fault, None])

    def answer(_request: httpx.Request) -> httpx.Response:
        trouble = next(answers)
        if trouble is None:
            return httpx.Response(202, json={"lanes": lanes})
        if isinstance(trouble, int):
            return httpx.Response(trouble, json=refusal("throttled"))
        raise trouble("x")

    with connect(Service({"POST /dev/service/warm-up": answer})) as client:
        assert client.warm_up().lanes.asynchronous.effect == "started"


def test_a_stack_without_a_model_is_told_at_once(connect: Connect, pauses: list[float]) -> None:
    body = refusal("model_not_deployed", "No model.")
    service = Service({"POST /dev/jobs": answering(503, body, Retry_After="60")})
    with connect(service) as client, pytest.raises(UnavailableError) as error:
        client.submit("k", job_id="a")
    assert (error.value.code, error.value.retry_after) == ("model_not_deployed", 60.0)
    assert len(service.asked("/dev/jobs")) == 1
    assert not pauses


def test_a_token_that_was_revoked_is_renewed_once(connect: Connect) -> None:
    unauthorized = (401, refusal("unauthorized"))
    service = Service({"GET /dev/jobs/a": in_turn((200, job()), unauthorized, (200, job()))})
    with connect(service) as client:
        client.job("a")
        client.job("a")
    assert service.requests[-1].headers["Authorization"] == "Bearer token-2"


def test_a_token_without_the_scope_is_not_renewed_for_ever(connect: Connect) -> None:
    service = Service({"POST /dev/jobs": answering(401, refusal("unauthorized"))})
    with connect(service) as client, pytest.raises(SignInError):
        client.submit("k", job_id="a")
    assert len(service.asked("/dev/jobs")) == 1


def test_a_refused_sign_in_is_told_as_such(connect: Connect) -> None:
    refuse = answering(400, {"error": "invalid_client"})
    with connect(refuse) as client:
        for ask in (client.service, client.token):
            with pytest.raises(SignInError, match="refused the sign-in") as error:
                ask()
            assert error.value.code == "invalid_client"


@pytest.mark.parametrize("body", ["", "[]", "<html>", '"x"', '{"expires_in": 5}', "{"])
def test_an_answer_that_is_none_of_ours_is_an_error_and_no_traceback(
    connect: Connect, body: str
) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text=body)

    with connect(answer) as client, pytest.raises(BadAnswerError):
        client.job("a")
    paths = ("GET /dev/jobs/a", "GET /dev/jobs", "GET /dev/service", "POST /dev/jobs")
    with connect(Service(dict.fromkeys(paths, answer))) as client:
        asks = (lambda: client.job("a"), lambda: next(client.pages()), client.service,
                lambda: client.submit("k"))  # fmt: skip
        for ask in asks:
            with pytest.raises(BadAnswerError) as error:
                ask()
            assert (error.value.code, error.value.status) == ("bad_answer", 0)


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


def test_an_answer_that_is_lost_while_the_service_waits_is_asked_for_again_and_counted_once(
    connect: Connect,
) -> None:
    lost = (504, refusal("timeout"))
    service = Service({"POST /dev/jobs": in_turn(lost, (200, job("Completed")))})
    with connect(service) as client:
        assert client.submit("k", wait_seconds=20).status == "Completed"
    first, second = service.asked("/dev/jobs")
    assert first.content == second.content


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
            client.download_result("a", tmp_path)
        assert path.read_text() == "older"
        assert client.download_result("a", path) == path
    assert json.loads(path.read_bytes())["status"] == "Completed"
    assert list(tmp_path.iterdir()) == [path]


def test_the_environment_says_where_the_service_is(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service({"GET /dev/jobs/a": answering(200, job())})
    transport = httpx.MockTransport(service)
    monkeypatch.setenv("FEMO_API_URL", URL + "/")
    monkeypatch.setenv("FEMO_TOKEN_URL", CREDENTIALS.token_url)
    monkeypatch.setenv("FEMO_CLIENT_ID", "id")
    monkeypatch.setenv("FEMO_CLIENT_SECRET", "secret")
    with FemoClient.from_environment(transport=transport) as client:
        client.job("a")
    assert service.requests[-1].headers["Authorization"] == "Bearer token-1"
    monkeypatch.setenv("FEMO_TOKEN", "mine")
    with FemoClient.from_environment(transport=transport) as client:
        client.job("a")
    assert service.requests[-1].headers["Authorization"] == "Bearer mine"


def test_all_that_the_environment_lacks_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_URL", "TOKEN", "TOKEN_URL", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"FEMO_{name}", raising=False)
    monkeypatch.setenv("FEMO_CLIENT_ID", "id")
    for kind in (FemoClient, AsyncFemoClient):
        with pytest.raises(ConfigurationError) as error:
            kind.from_environment()
        assert error.value.missing == ("FEMO_API_URL", "FEMO_TOKEN_URL", "FEMO_CLIENT_SECRET")
        assert "FEMO_TOKEN in place" in str(error.value)
    monkeypatch.setenv("FEMO_TOKEN", "mine")
    with pytest.raises(ConfigurationError) as error:
        FemoClient.from_environment()
    assert error.value.missing == ("FEMO_API_URL",)
    monkeypatch.setenv("FEMO_API_URL", "api.example")
    with pytest.raises(ConfigurationError, match="https"):
        FemoClient.from_environment()


def test_a_secret_is_not_shown_where_credentials_are() -> None:
    assert "secret" not in repr(CREDENTIALS).replace("client_secret", "")


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
