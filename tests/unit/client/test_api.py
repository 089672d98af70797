"""The API's client: what a user of `femo submit` would notice if it broke."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from femo_client.api import ApiError, Credentials, JobsApi

URL = "https://api.example/dev"
CREDENTIALS = Credentials("https://auth.example/oauth2/token", "id", "secret")
Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("femo_client.api._FIRST_RETRY_SECONDS", 0.0)
    monkeypatch.setattr("femo_client.api._FIRST_POLL_SECONDS", 0.0)


class Service:
    """Answers in place of the network and remembers what it was asked."""

    def __init__(self, answers: dict[str, Answer], *, expires_in: int = 3600) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = answers
        self._expires_in = expires_in

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.host == "auth.example":
            token = f"token-{len(self.asked('/oauth2/token'))}"
            return httpx.Response(200, json={"access_token": token, "expires_in": self._expires_in})
        return self._answers[f"{request.method} {request.url.path}"](request)

    def asked(self, path: str) -> list[httpx.Request]:
        return [request for request in self.requests if request.url.path == path]

    def client(self) -> JobsApi:
        return JobsApi(URL, CREDENTIALS, transport=httpx.MockTransport(self))


def answering(status: int, body: Any) -> Answer:
    return lambda _request: httpx.Response(status, json=body)


def test_one_token_serves_many_requests_and_is_sent_as_a_bearer() -> None:
    service = Service({"GET /dev/jobs/a": answering(200, {"status": "Queued"})})
    with service.client() as api:
        api.status("a")
        api.status("a")
    assert len(service.asked("/oauth2/token")) == 1
    assert service.requests[-1].headers["Authorization"] == "Bearer token-1"


def test_a_token_about_to_expire_is_renewed_before_it_is_used() -> None:
    service = Service({"GET /dev/jobs/a": answering(200, {"status": "Queued"})}, expires_in=10)
    with service.client() as api:
        api.status("a")
        api.status("a")
    assert service.requests[-1].headers["Authorization"] == "Bearer token-2"


def test_a_refusal_carries_the_services_own_code_and_words() -> None:
    refusal = {"error": {"code": "recording_not_found", "message": "There is no such recording."}}
    service = Service({"POST /dev/jobs": answering(404, refusal)})
    with service.client() as api, pytest.raises(ApiError, match="no such recording") as error:
        api.submit({"jobId": "a", "s3Key": "k"})
    assert (error.value.status, error.value.code) == (404, "recording_not_found")


def test_a_refusal_that_is_not_ours_is_an_error_and_no_traceback() -> None:
    service = Service({"GET /dev/jobs/a": lambda _request: httpx.Response(404, text="<html>")})
    with service.client() as api, pytest.raises(ApiError) as error:
        api.status("a")
    assert error.value.status == 404


def test_a_throttled_request_is_sent_again() -> None:
    answers = iter([429, 200])
    service = Service(
        {
            "GET /dev/jobs/a": lambda _request: httpx.Response(
                next(answers), json={"error": {"code": "x", "message": "x"}, "status": "Queued"}
            )
        }
    )
    with service.client() as api:
        assert api.status("a")["status"] == "Queued"


def test_a_service_that_cannot_be_reached_is_named() -> None:
    def unreachable(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with (
        JobsApi(URL, CREDENTIALS, transport=httpx.MockTransport(unreachable)) as api,
        pytest.raises(ApiError, match=r"auth\.example"),
    ):
        api.status("a")


def test_every_byte_of_a_large_recording_is_sent_to_its_part(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10
    path = tmp_path / "night.dat"
    path.write_bytes(content)
    parts = [
        {"offsetBytes": 0, "sizeBytes": 1000, "url": "https://s3.example/1"},
        {"offsetBytes": 1000, "sizeBytes": 1560, "url": "https://s3.example/2"},
    ]
    begun = {"uploadId": "u", "s3Key": "uploads/u/night.dat", "kind": "multipart", "parts": parts}
    service = Service(
        {
            "POST /dev/uploads": answering(201, begun),
            "PUT /1": answering(200, {}),
            "PUT /2": answering(200, {}),
            "POST /dev/uploads/u/complete": answering(200, {"s3Key": begun["s3Key"]}),
        }
    )
    arrived: list[int] = []
    with service.client() as api:
        assert api.upload(path, on_bytes=arrived.append) == "uploads/u/night.dat"
    assert service.asked("/1")[0].content + service.asked("/2")[0].content == content
    assert sum(arrived) == len(content)
    assert json.loads(service.asked("/dev/uploads")[0].content) == {
        "fileName": "night.dat",
        "sizeBytes": 2560,
    }
    assert "Authorization" not in service.asked("/1")[0].headers
    assert service.requests[-1].url.path.endswith("/complete")


def test_waiting_ends_with_the_job_and_not_before() -> None:
    statuses = iter(["Queued", "Queued", "Failed"])
    service = Service(
        {"GET /dev/jobs/a": lambda _request: httpx.Response(200, json={"status": next(statuses)})}
    )
    with service.client() as api:
        assert api.wait("a")["status"] == "Failed"


def test_waiting_gives_up_at_its_time_and_says_that_the_job_goes_on() -> None:
    service = Service({"GET /dev/jobs/a": answering(200, {"status": "Queued"})})
    with service.client() as api, pytest.raises(ApiError, match="it goes on"):
        api.wait("a", timeout_seconds=0)
