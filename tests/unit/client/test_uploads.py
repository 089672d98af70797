"""Uploads by both clients: every byte once, whatever breaks on the way."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path

import anyio
import httpx
import pytest

from femo_client import ApiError, AsyncFemoClient, BadAnswerError, UnusableInputError

from .conftest import Connect
from .service import CREDENTIALS, SINGLE, URL, Service, answering, blocking, job


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "Möller 2. Nacht.dat"
    path.write_bytes(b"a recording")
    return path


def in_parts(*sizes: int) -> Service:
    """A service that takes a file in parts, at /0, /1 and so on."""
    parts = [
        {"offsetBytes": sum(sizes[:number]), "sizeBytes": size, "headers": {"a": str(number)},
         "url": f"https://s3.example/{number}"}
        for number, size in enumerate(sizes)
    ]  # fmt: skip
    begun = {"uploadId": "u", "s3Key": "k", "kind": "multipart", "parts": parts}
    return Service(
        {
            "POST /dev/uploads": answering(201, begun),
            "POST /dev/uploads/u/complete": answering(200, {}),
            **{f"PUT /{number}": answering(200, {}) for number in range(len(sizes))},
        }
    )


def test_every_byte_of_a_large_recording_is_sent_to_its_part(
    connect: Connect, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 10
    path = tmp_path / "night.dat"
    path.write_bytes(content)
    service = in_parts(1000, 1560)
    arrived: list[int] = []
    with connect(service) as client:
        assert client.upload(path, on_bytes=arrived.append) == "k"
    assert service.asked("/0")[0].content + service.asked("/1")[0].content == content
    assert sum(arrived) == len(content)
    assert json.loads(service.asked("/dev/uploads")[0].content) == {
        "sizeBytes": 2560,
        "sha256": [hashlib.sha256(content).hexdigest()],
    }
    assert "Authorization" not in service.asked("/0")[0].headers
    assert service.asked("/1")[0].headers["a"] == "1"
    assert service.requests[-1].url.path.endswith("/complete")


def test_a_file_of_any_name_is_uploaded_and_its_name_goes_nowhere(
    connect: Connect, recording: Path
) -> None:
    service = Service({"POST /dev/uploads": answering(201, SINGLE), "PUT /put": answering(200, {}),
                       "POST /dev/jobs": answering(202, job())})  # fmt: skip
    with connect(service) as client:
        client.submit_file(recording, job_id="a", subject="S-017")
    assert service.asked("/put")[0].headers["If-None-Match"] == "*"
    assert service.asked("/put")[0].content == b"a recording"
    (submitted,) = service.asked("/dev/jobs")
    assert json.loads(submitted.content)["s3Key"] == SINGLE["s3Key"]
    assert submitted.headers["Prefer"] == "wait=20"
    for request in service.requests:
        assert b"Nacht" not in request.content + str(request.url).encode()


def test_what_is_there_already_is_not_sent_again_and_counts_as_arrived(
    connect: Connect, recording: Path
) -> None:
    present = {"uploadId": "u", "s3Key": "k", "kind": "present"}
    arrived: list[int] = []
    with connect(Service({"POST /dev/uploads": answering(200, present)})) as client:
        assert client.upload(recording, on_bytes=arrived.append) == "k"
    assert sum(arrived) == 11


def test_a_content_that_came_from_elsewhere_meanwhile_is_a_success(
    connect: Connect, recording: Path
) -> None:
    service = Service({"POST /dev/uploads": answering(201, SINGLE), "PUT /put": answering(412, {})})
    with connect(service) as client:
        assert client.upload(recording) == SINGLE["s3Key"]


def test_an_interrupted_upload_sends_what_is_missing_alone(
    connect: Connect, recording: Path
) -> None:
    part = {"offsetBytes": 2, "sizeBytes": 9, "url": "https://s3.example/put", "headers": {}}
    begun = {"uploadId": "u", "s3Key": "k", "kind": "multipart", "parts": [part]}
    service = in_parts()
    service.answers |= {"POST /dev/uploads": answering(201, begun), "PUT /put": answering(200, {})}
    arrived: list[int] = []
    with connect(service) as client:
        client.upload(recording, on_bytes=arrived.append)
    assert service.asked("/put")[0].content == b"recording"
    assert arrived == [2, 9]


@pytest.mark.parametrize(
    "refused", [(403, ""), (400, "<Error><Code>ExpiredToken</Code></Error>")], ids=str
)
def test_an_upload_whose_urls_have_run_out_is_begun_again(
    connect: Connect, recording: Path, refused: tuple[int, str]
) -> None:
    answers = iter([refused, (200, "")])

    def put(_request: httpx.Request) -> httpx.Response:
        status, text = next(answers)
        return httpx.Response(status, text=text)

    service = Service(
        {
            "POST /dev/uploads": answering(201, SINGLE),
            "PUT /put": put,
        }
    )
    with connect(service) as client:
        assert client.upload(recording) == SINGLE["s3Key"]
    assert len(service.asked("/dev/uploads")) == 2


def test_an_upload_that_is_refused_for_good_is_not_begun_for_ever(
    connect: Connect, recording: Path
) -> None:
    refused = "<Error><Code>AccessDenied</Code></Error>"
    service = Service(
        {
            "POST /dev/uploads": answering(201, SINGLE),
            "PUT /put": lambda _request: httpx.Response(403, text=refused),
        }
    )
    with connect(service) as client, pytest.raises(ApiError) as error:
        client.upload(recording)
    assert (error.value.status, error.value.code) == (403, "AccessDenied")
    assert len(service.asked("/dev/uploads")) == 2


def test_an_empty_file_is_refused_before_anything_is_sent(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "empty.dat").touch()
    service = Service({})
    with connect(service) as client, pytest.raises(UnusableInputError, match="empty"):
        client.upload(tmp_path / "empty.dat")
    assert not service.requests


def test_an_upload_that_is_not_described_is_an_error_and_no_traceback(
    connect: Connect, recording: Path
) -> None:
    service = Service({"POST /dev/uploads": answering(201, {"kind": "multipart"})})
    with connect(service) as client, pytest.raises(BadAnswerError, match="parts"):
        client.upload(recording)


def test_after_a_part_that_is_refused_for_good_nothing_more_is_sent(
    connect: Connect, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("femo_client.uploads._PARALLEL_PARTS", 1)
    service = in_parts(2, 2, 2, 2, 3)
    service.answers["PUT /0"] = lambda _: httpx.Response(400, text="<Code>BadDigest</Code>")
    with connect(service) as client, pytest.raises(ApiError, match="has changed") as error:
        client.upload(recording)
    assert error.value.code == "BadDigest"
    assert service.requests[-1] is service.asked("/0")[0]


@pytest.mark.timeout(15)  # the pause is one of 20 s
def test_who_interrupts_an_upload_does_not_sit_through_the_pauses_of_its_parts(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # with pauses as they are
    asked = threading.Event()

    def busy(_request: httpx.Request) -> httpx.Response:
        asked.set()
        return httpx.Response(503, headers={"Retry-After": "20"})

    def interrupt(_count: int) -> None:
        asked.wait(10)
        raise KeyboardInterrupt

    service = in_parts(2, 9)
    service.answers["PUT /1"] = busy
    with blocking(service) as client, pytest.raises(KeyboardInterrupt):
        client.upload(recording, on_bytes=interrupt)
    assert not service.asked("/dev/uploads/u/complete")


def test_a_task_that_is_cancelled_stops_its_upload_and_completes_nothing(recording: Path) -> None:
    service = in_parts(2, 9)

    async def upload() -> bool:
        scope = anyio.CancelScope()

        async def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/1":
                scope.cancel()
                await anyio.sleep_forever()
            return service(request)

        transport = httpx.MockTransport(answer)
        async with AsyncFemoClient(URL, CREDENTIALS, transport=transport) as client:
            with scope:
                await client.upload(recording)
        return scope.cancelled_caught

    assert anyio.run(upload)
    assert not service.asked("/dev/uploads/u/complete")
