"""What both clients make of trouble: told with all that is known, or sat out, and done once."""

from __future__ import annotations

import json
import pickle
from typing import Any

import httpx
import pytest

from femo_client import (
    ApiError,
    BadAnswerError,
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    NoAnswerError,
    NotFoundError,
    SignInError,
    StillQueuedError,
    ThrottledError,
    UnavailableError,
)

from .conftest import Connect
from .service import Service, answering, in_turn, job, refusal


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


@pytest.mark.parametrize("fault", [502, 503, 504, 429, httpx.ConnectError, httpx.ReadTimeout])
def test_a_job_that_runs_is_not_given_up_because_the_network_is_down_for_a_while(
    connect: Connect, fault: Any
) -> None:
    more_than_any_attempts = 23
    faults = iter([fault] * more_than_any_attempts)

    def answer(_request: httpx.Request) -> httpx.Response:
        trouble = next(faults, None)
        if isinstance(trouble, int):
            return httpx.Response(trouble, json=refusal("x"))
        if trouble is not None:
            raise trouble("x")
        return httpx.Response(200, json=job("Completed"))

    told: list[ApiError] = []
    with connect(Service({"GET /dev/jobs/a": answer})) as client:
        assert client.wait("a", on_trouble=told.append).status == "Completed"
    assert len(told) > 1
    assert {error.status for error in told} == {fault if isinstance(fault, int) else 0}


def test_a_sign_in_that_must_be_renewed_without_a_network_does_not_end_a_wait(
    connect: Connect,
) -> None:
    faults = iter([True] * 12)

    def answer(request: httpx.Request) -> httpx.Response:
        if next(faults, False):
            raise httpx.ConnectError("no route")
        if request.url.host == "auth.example":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3600})
        return httpx.Response(200, json=job("Completed"))

    with connect(answer) as client:
        assert client.wait("a").status == "Completed"


def test_a_service_in_trouble_is_given_the_time_that_it_asks_for_while_a_job_is_followed(
    connect: Connect, pauses: list[float]
) -> None:
    answer = in_turn((503, refusal("x")), (200, job("Completed")), Retry_After="90")
    with connect(Service({"GET /dev/jobs/a": answer})) as client:
        assert client.wait("a", timeout_seconds=900).status == "Completed"
    assert pauses == [90.0]


def test_a_wait_without_an_answer_ends_at_its_time_and_tells_why(connect: Connect) -> None:
    def unreachable(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    with connect(unreachable) as client, pytest.raises(StillQueuedError, match="no route") as error:
        client.wait("a", timeout_seconds=0)
    assert isinstance(error.value.__cause__, NoAnswerError)


@pytest.mark.parametrize(
    ("status", "kind"), [(401, SignInError), (404, NotFoundError), (500, UnavailableError)]
)
def test_what_does_not_pass_ends_a_wait_at_once(
    connect: Connect, status: int, kind: type[ApiError]
) -> None:
    service = Service({"GET /dev/jobs/a": answering(status, refusal("x"))})
    with connect(service) as client, pytest.raises(kind):
        client.wait("a")


def test_an_answer_that_is_lost_while_the_service_waits_is_asked_for_again_and_counted_once(
    connect: Connect,
) -> None:
    lost = (504, refusal("timeout"))
    service = Service({"POST /dev/jobs": in_turn(lost, (200, job("Completed")))})
    with connect(service) as client:
        assert client.submit("k", wait_seconds=20).status == "Completed"
    first, second = service.asked("/dev/jobs")
    assert first.content == second.content
