"""What the service says to requests and recordings that it cannot use."""

from __future__ import annotations

import functools
import hashlib
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from femo_client import FemoClient

from .conftest import Stack

pytestmark = pytest.mark.integration

Call = Callable[..., httpx.Response]


@pytest.fixture
def call(stack: Stack, api: FemoClient) -> Call:
    def send(method: str, path: str, **request: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {api.token()}", **request.pop("headers", {})}
        return httpx.request(
            method, stack.outputs["ApiUrl"] + path, headers=headers, timeout=60, **request
        )

    return send


def code(response: httpx.Response) -> str:
    """The error's code; every error body has this one shape."""
    body = response.json()
    assert set(body) == {"error"}, body
    assert set(body["error"]) <= {"code", "message", "field"}
    assert body["error"]["message"]
    return body["error"]["code"]


@pytest.mark.parametrize("token", [None, "Bearer nonsense", "Bearer e30.e30.e30"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/jobs"), ("POST", "/jobs"), ("GET", "/jobs/x"), ("POST", "/uploads")],
)
def test_no_route_but_health_answers_without_a_valid_token(
    stack: Stack, method: str, path: str, token: str | None
) -> None:
    headers = {"Authorization": token} if token else {}
    response = httpx.request(method, stack.outputs["ApiUrl"] + path, headers=headers, json={})
    assert (response.status_code, code(response)) == (401, "unauthorized")
    assert httpx.get(stack.outputs["ApiUrl"] + "/health").status_code == 200


def test_a_tampered_token_is_refused(stack: Stack, api: FemoClient) -> None:
    head, payload, signature = api.token().split(".")
    forged = f"{head}.{payload}.{signature[:-6]}AAAAAA"
    response = httpx.get(
        stack.outputs["ApiUrl"] + "/jobs", headers={"Authorization": f"Bearer {forged}"}
    )
    assert (response.status_code, code(response)) == (401, "unauthorized")


def test_a_token_that_may_only_read_cannot_submit_or_upload(stack: Stack) -> None:
    reader = stack.credentials(scopes=("jobs/read",))
    with FemoClient(stack.outputs["ApiUrl"], reader) as api:
        next(api.pages())
        for path in ("/jobs", "/uploads"):
            response = httpx.post(
                stack.outputs["ApiUrl"] + path,
                headers={"Authorization": f"Bearer {api.token()}"},
                json={"fileName": "recording.dat", "sizeBytes": 1},
            )
            assert (response.status_code, code(response)) == (401, "unauthorized")
            assert "scope" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"jobId": "a"}, 422),
        ({"jobId": "-a", "s3Key": "k"}, 422),
        ({"jobId": "a" * 65, "s3Key": "k"}, 422),
        ({"jobId": "../a", "s3Key": "k"}, 422),
        ({"jobId": "a", "s3Key": ""}, 422),
        ({"jobId": "a", "s3Key": "../k"}, 422),
        ({"jobId": "a", "s3Key": "/etc/passwd"}, 422),
        ({"jobId": "a", "s3Key": "a//b"}, 422),
        ({"jobId": "a", "s3Key": "s3://another-bucket/k"}, 422),
        ({"jobId": "a", "s3Key": "https://example.org/k"}, 422),
        ({"jobId": "a", "s3Key": "k", "surprise": 1}, 422),
        ({"jobId": "a", "s3Key": "k", "removeHiccups": "yes"}, 422),
        ({"jobId": "a", "s3Key": "k", "requestTime": "yesterday"}, 422),
        ([], 400),
    ],
)
def test_a_malformed_job_is_refused_and_leaves_nothing(call: Call, body: Any, status: int) -> None:
    response = call("POST", "/jobs", json=body)
    assert (response.status_code, bool(code(response))) == (status, True)
    assert call("GET", "/jobs/a").status_code == 404


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"\xff\xfe", b"[" * 5000])
def test_a_body_that_is_no_json_object_is_refused(call: Call, content: bytes) -> None:
    response = call("POST", "/jobs", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    code(response)


def test_a_body_of_ten_megabytes_is_refused_at_once(call: Call) -> None:
    response = call("POST", "/jobs", json={"jobId": "a", "s3Key": "k" * 10_000_000})
    assert (response.status_code, code(response)) == (413, "request_too_large")


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/jobs"), ("DELETE", "/jobs/x"), ("OPTIONS", "/jobs"), ("GET", "/nowhere")],
)
def test_an_unknown_method_or_route_is_refused_without_showing_the_token(
    stack: Stack, api: FemoClient, call: Call, method: str, path: str
) -> None:
    response = call(method, path)
    assert response.status_code in {403, 404}  # 403 where API Gateway takes the token for its own
    assert code(response) in {"request_refused", "no_such_route"}
    assert api.token()[:20] not in response.text
    anonymous = httpx.request(method, stack.outputs["ApiUrl"] + path)
    assert (anonymous.status_code, code(anonymous)) == (404, "no_such_route")


def test_a_recording_that_does_not_exist_is_not_accepted(call: Call, job_id: str) -> None:
    response = call("POST", "/jobs", json={"jobId": job_id, "s3Key": "uploads/none.dat"})
    assert (response.status_code, code(response)) == (404, "recording_not_found")
    assert call("GET", f"/jobs/{job_id}").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1000",
        "limit=1&limit=2",
        "status=Nope",
        "nextToken=forged",
        "nextToken=",
        "nexttoken=x",
        "page=2",
    ],
)
def test_a_malformed_listing_is_refused(call: Call, query: str) -> None:
    response = call("GET", f"/jobs?{query}")
    assert response.status_code in {400, 422}
    code(response)


def test_an_upload_larger_than_the_limit_is_refused_before_a_byte_is_sent(call: Call) -> None:
    response = call("POST", "/uploads", json={"fileName": "a.dat", "sizeBytes": 10**13})
    assert (response.status_code, code(response)) == (413, "recording_too_large")


def test_the_key_of_a_content_takes_no_other_bytes_and_is_not_written_twice(call: Call) -> None:
    content = uuid.uuid4().bytes
    body = {"sizeBytes": len(content), "sha256": [hashlib.sha256(content).hexdigest()]}
    begun = call("POST", "/uploads", json=body).json()
    put = functools.partial(httpx.put, begun["url"], timeout=60)

    assert put(content=bytes(len(content)), headers=begun["headers"]).status_code == 400
    assert put(content=content).status_code == 403  # without the headers that are signed
    assert put(content=content, headers=begun["headers"]).status_code == 200
    assert put(content=content, headers=begun["headers"]).status_code == 412
    again = call("POST", "/uploads", json=body)
    assert (again.status_code, again.json()["kind"]) == (200, "present")


@pytest.mark.parametrize("name", ["../a.dat", "a/b.dat", "", "a\nb.dat", "x" * 200])
def test_an_upload_under_a_name_with_path_tricks_is_refused(call: Call, name: str) -> None:
    assert call("POST", "/uploads", json={"fileName": name, "sizeBytes": 1}).status_code == 422


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\x00", "not_a_recording"),
        (b"2024-06-10 06:13:20;1;2;3\n" * 1000, "not_a_recording"),
        (bytes(range(256)) * 40, "not_a_recording"),
    ],
    ids=["one byte", "text", "binary"],
)
def test_a_file_that_is_no_recording_fails_its_job_with_a_reason(
    deployed: Stack, api: FemoClient, job_id: str, tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / "broken.dat"
    path.write_bytes(content)
    api.submit(api.upload(path), job_id=job_id)
    job = api.wait(job_id).as_json()
    assert (job["status"], job["error"]["code"]) == ("Failed", expected)
    assert "Traceback" not in job["error"]["message"]
    assert "000000000000" not in str(job["error"])
