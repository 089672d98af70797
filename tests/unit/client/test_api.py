"""The API's client: what a user of `femo submit` would notice if it broke."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from femo_client.api import ApiError, Credentials, JobsApi, UnusableInputError
from femo_result import EventsResult
from tests.unit.result.examples import events_response, events_result

URL = "https://api.example/dev"
CREDENTIALS = Credentials("https://auth.example/oauth2/token", "id", "secret")
Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("femo_client.answers._FIRST_RETRY_SECONDS", 0.0)
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
        {"offsetBytes": 0, "sizeBytes": 1000, "url": "https://s3.example/1", "headers": {"a": "1"}},
        {"offsetBytes": 1000, "sizeBytes": 1560, "url": "https://s3.example/2", "headers": {}},
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
        "sizeBytes": 2560,
        "sha256": [hashlib.sha256(content).hexdigest()],
    }
    assert "Authorization" not in service.asked("/1")[0].headers
    assert service.asked("/1")[0].headers["a"] == "1"
    assert service.requests[-1].url.path.endswith("/complete")


SINGLE = {
    "uploadId": "u",
    "s3Key": "uploads/u/recording.dat",
    "kind": "single",
    "url": "https://s3.example/put?signed",
    "headers": {"If-None-Match": "*"},
}


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "Möller 2. Nacht.dat"
    path.write_bytes(b"a recording")
    return path


def test_a_file_of_any_name_is_uploaded_and_its_name_goes_nowhere(recording: Path) -> None:
    service = Service({"POST /dev/uploads": answering(201, SINGLE), "PUT /put": answering(200, {})})
    with service.client() as api:
        assert api.upload(recording) == SINGLE["s3Key"]
    assert service.asked("/put")[0].headers["If-None-Match"] == "*"
    assert service.asked("/put")[0].content == b"a recording"
    for request in service.requests:
        assert b"Nacht" not in request.content + str(request.url).encode()


def test_what_is_there_already_is_not_sent_again_and_counts_as_arrived(recording: Path) -> None:
    present = {"uploadId": "u", "s3Key": "k", "kind": "present"}
    service = Service({"POST /dev/uploads": answering(200, present)})
    arrived: list[int] = []
    with service.client() as api:
        assert api.upload(recording, on_bytes=arrived.append) == "k"
    assert sum(arrived) == 11


def test_a_content_that_came_from_elsewhere_meanwhile_is_a_success(recording: Path) -> None:
    service = Service({"POST /dev/uploads": answering(201, SINGLE), "PUT /put": answering(412, {})})
    with service.client() as api:
        assert api.upload(recording) == SINGLE["s3Key"]


def test_an_interrupted_upload_sends_what_is_missing_alone(recording: Path) -> None:
    part = {"offsetBytes": 2, "sizeBytes": 9, "url": "https://s3.example/put", "headers": {}}
    begun = {"uploadId": "u", "s3Key": "k", "kind": "multipart", "parts": [part]}
    service = Service(
        {
            "POST /dev/uploads": answering(201, begun),
            "PUT /put": answering(200, {}),
            "POST /dev/uploads/u/complete": answering(200, {}),
        }
    )
    arrived: list[int] = []
    with service.client() as api:
        api.upload(recording, on_bytes=arrived.append)
    assert service.asked("/put")[0].content == b"recording"
    assert arrived == [2, 9]


def test_an_upload_whose_urls_have_run_out_is_begun_again(recording: Path) -> None:
    statuses = iter([403, 200])
    service = Service(
        {
            "POST /dev/uploads": answering(201, SINGLE),
            "PUT /put": lambda _request: httpx.Response(next(statuses)),
        }
    )
    with service.client() as api:
        assert api.upload(recording) == SINGLE["s3Key"]
    assert len(service.asked("/dev/uploads")) == 2


def test_an_upload_that_is_refused_for_good_is_not_begun_for_ever(recording: Path) -> None:
    refusal = "<Error><Code>AccessDenied</Code></Error>"
    service = Service(
        {
            "POST /dev/uploads": answering(201, SINGLE),
            "PUT /put": lambda _request: httpx.Response(403, text=refusal),
        }
    )
    with service.client() as api, pytest.raises(ApiError) as error:
        api.upload(recording)
    assert (error.value.status, error.value.code) == (403, "AccessDenied")
    assert len(service.asked("/dev/uploads")) == 2


def test_an_empty_file_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "empty.dat").touch()
    service = Service({})
    with service.client() as api, pytest.raises(UnusableInputError, match="empty"):
        api.upload(tmp_path / "empty.dat")
    assert not service.requests


@pytest.mark.parametrize("job_id", ["../jobs", "", "a/b", "a?limit=1", "a#b", "..", "a" * 65, "ä"])
def test_an_id_never_becomes_another_address(job_id: str) -> None:
    service = Service({})
    with service.client() as api, pytest.raises(UnusableInputError, match="1 to 64"):
        api.status(job_id)
    assert not service.requests


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Make no pauses, but note how long they would have been (s)."""
    noted: list[float] = []
    monkeypatch.setattr("femo_client.api.time.sleep", noted.append)
    return noted


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("asked", ["5", "Wed, 01 Jan 2200 00:00:00 GMT", "nonsense", ""])
def test_a_service_that_asks_for_time_is_given_it(
    pauses: list[float], status: int, asked: str
) -> None:
    answers = iter([status, 200])

    def answer(_request: httpx.Request) -> httpx.Response:
        body = {"error": {"code": "service_busy", "message": "x"}, "status": "Queued"}
        return httpx.Response(next(answers), json=body, headers={"Retry-After": asked})

    service = Service({"GET /dev/jobs/a": answer})
    with service.client() as api:
        if "2200" in asked:
            # longer than a caller would want to sit through
            with pytest.raises(ApiError) as error:
                api.status("a")
            assert error.value.retry_after
            assert error.value.retry_after > 1e6
            assert not pauses
        else:
            assert api.status("a")["status"] == "Queued"
            assert pauses == [5.0 if asked == "5" else 0.0]


def test_a_stack_without_a_model_is_told_at_once(pauses: list[float]) -> None:
    refusal = {"error": {"code": "model_not_deployed", "message": "No model."}}
    service = Service(
        {
            "POST /dev/jobs": lambda _request: httpx.Response(
                503, json=refusal, headers={"Retry-After": "60"}
            )
        }
    )
    with service.client() as api, pytest.raises(ApiError) as error:
        api.submit({"jobId": "a", "s3Key": "k"})
    assert (error.value.code, error.value.retry_after) == ("model_not_deployed", 60.0)
    assert len(service.asked("/dev/jobs")) == 1


def test_a_token_that_was_revoked_is_renewed_once() -> None:
    statuses = iter([200, 401, 200, 401])
    service = Service(
        {
            "GET /dev/jobs/a": lambda _request: httpx.Response(
                next(statuses),
                json={"status": "Queued", "error": {"code": "unauthorized", "message": "x"}},
            )
        }
    )
    with service.client() as api:
        api.status("a")
        api.status("a")
    assert service.requests[-1].headers["Authorization"] == "Bearer token-2"


def test_a_token_without_the_scope_is_not_renewed_for_ever() -> None:
    refusal = {"error": {"code": "unauthorized", "message": "x"}}
    service = Service({"POST /dev/jobs": answering(401, refusal)})
    with service.client() as api, pytest.raises(ApiError) as error:
        api.submit({"jobId": "a", "s3Key": "k"})
    assert error.value.status == 401
    assert len(service.asked("/dev/jobs")) == 1


def test_a_refused_sign_in_is_told_as_such() -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"error": "invalid_client"})

    with (
        JobsApi(URL, CREDENTIALS, transport=httpx.MockTransport(refuse)) as api,
        pytest.raises(ApiError, match="refused the sign-in") as error,
    ):
        api.status("a")
    assert error.value.code == "invalid_client"


@pytest.mark.parametrize("body", ["", "[]", "<html>", '"x"', '{"expires_in": 5}', "{"])
def test_an_answer_that_is_none_of_ours_is_an_error_and_no_traceback(body: str) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text=body)

    with (
        JobsApi(URL, CREDENTIALS, transport=httpx.MockTransport(answer)) as api,
        pytest.raises(ApiError) as error,
    ):
        api.status("a")
    assert error.value.code == "bad_answer"
    service = Service({"GET /dev/jobs/a": answer})
    if body != '{"expires_in": 5}':
        with service.client() as api, pytest.raises(ApiError) as error:
            api.status("a")
        assert error.value.code == "bad_answer"


def test_an_error_names_the_field_at_fault() -> None:
    refusal = {"error": {"code": "invalid_field", "message": "x", "field": "requestTime"}}
    service = Service({"POST /dev/jobs": answering(422, refusal)})
    with service.client() as api, pytest.raises(ApiError) as error:
        api.submit({"jobId": "a", "s3Key": "k"})
    assert error.value.field == "requestTime"


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
    pauses: list[float], headers: dict[str, str], pause: float
) -> None:
    queued = {"jobId": "a", "status": "Queued"}
    service = Service(
        {
            "POST /dev/jobs": lambda _: httpx.Response(202, json=queued, headers=headers),
            "GET /dev/jobs/a": answering(200, {"jobId": "a", "status": "Completed"}),
        }
    )
    seen: list[str] = []
    with service.client() as api:
        job = api.submit_and_wait(
            {"jobId": "a", "s3Key": "k"}, on_poll=lambda job: seen.append(job["status"])
        )
    assert job["status"] == "Completed"
    assert seen == ["Queued", "Completed"]
    assert pauses == [pause]
    assert service.asked("/dev/jobs")[0].headers["Prefer"] == "wait=20"


def test_an_answer_that_is_lost_while_the_service_waits_is_asked_for_again_and_counted_once(
    pauses: list[float],
) -> None:
    statuses = iter([504, 200])
    body = {"error": {"code": "timeout", "message": "x"}, "jobId": "a", "status": "Completed"}
    service = Service({"POST /dev/jobs": lambda _: httpx.Response(next(statuses), json=body)})
    with service.client() as api:
        assert api.submit_and_wait({"jobId": "a", "s3Key": "k"})["status"] == "Completed"
    first, second = service.asked("/dev/jobs")
    assert first.content == second.content


def test_a_request_waits_no_longer_than_its_caller(pauses: list[float]) -> None:
    queued = answering(202, {"jobId": "a", "status": "Queued"})
    service = Service({"POST /dev/jobs": queued, "GET /dev/jobs/a": queued})
    with service.client() as api, pytest.raises(ApiError, match="it goes on"):
        api.submit_and_wait({"jobId": "a", "s3Key": "k"}, timeout_seconds=0)
    assert service.asked("/dev/jobs")[0].headers["Prefer"] == "wait=0"


def test_a_service_is_warmed_up_by_one_request() -> None:
    service = Service({"POST /dev/service/warm-up": answering(202, {"lanes": {}})})
    with service.client() as api:
        assert api.warm_up() == {"lanes": {}}


def test_a_result_is_read_with_its_types() -> None:
    job = {"status": "Completed", "output_type": "events", "result": events_result()}
    with Service({}).client() as api:
        result = api.result(job)
    assert isinstance(result, EventsResult)
    assert result.movements is not None
    assert result.movements[0].probability == 0.9


def test_a_result_that_is_too_large_for_the_answer_is_fetched_without_the_token() -> None:
    service = Service({"GET /result": answering(200, events_response())})
    job = {"status": "Completed", "output_type": "events", "resultUrl": "https://s3.example/result"}
    with service.client() as api:
        assert api.result(job).movement_count == 1
    assert "Authorization" not in service.asked("/result")[0].headers


@pytest.mark.parametrize(
    ("job", "code"),
    [
        ({"status": "Queued"}, "no_result"),
        ({"status": "Failed", "error": {"code": "not_a_recording", "message": "x"}},
         "not_a_recording"),
        ({"status": "Completed", "result": None, "resultUrl": "https://s3.example/result",
          "error": {"code": "result_unavailable", "message": "x"}}, "result_unavailable"),
        ({"status": "Completed", "output_type": "events", "result": {}}, "bad_answer"),
        ({"status": "Completed", "output_type": "other", "result": {"a": 1}}, "bad_answer"),
    ],
)  # fmt: skip
def test_a_job_without_a_readable_result_says_why(job: dict[str, Any], code: str) -> None:
    with Service({}).client() as api, pytest.raises(ApiError) as error:
        api.result(job)
    assert error.value.code == code
