"""POST /uploads and its completion: a recording's way into our bucket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from femo_jobs import clients

from .conftest import RECORDINGS, Answer

Call = Callable[..., Answer]
MEGABYTE = 1024 * 1024


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("femo_api.uploads.PART_BYTES", 5 * MEGABYTE)
    monkeypatch.setattr("femo_api.uploads.LARGEST_SINGLE_BYTES", 10 * MEGABYTE)


def test_a_small_recording_is_sent_with_one_put_of_just_its_size(call: Call) -> None:
    answer = call("POST", "/uploads", {"fileName": "recording.dat", "sizeBytes": 1234})
    assert answer.status == 201
    assert answer.body["kind"] == "single"
    assert answer.body["s3Key"] == f"uploads/{answer.body['uploadId']}/recording.dat"
    url = urlsplit(answer.body["url"])
    signed = parse_qs(url.query)["X-Amz-SignedHeaders"][0].split(";")
    assert url.scheme == "https"
    assert url.hostname == f"{RECORDINGS}.s3.eu-central-1.amazonaws.com"
    assert "content-length" in signed
    assert answer.body["s3Key"] in url.path


def test_two_uploads_of_one_name_do_not_meet(call: Call) -> None:
    body = {"fileName": "recording.dat", "sizeBytes": 1}
    assert (
        call("POST", "/uploads", body).body["s3Key"] != call("POST", "/uploads", body).body["s3Key"]
    )


def begin(call: Call, size: int) -> dict[str, Any]:
    answer = call("POST", "/uploads", {"fileName": "r.dat", "sizeBytes": size})
    assert answer.status == 201
    body: dict[str, Any] = answer.body
    return body


def send(upload: dict[str, Any], number: int) -> None:
    """Send a part as its URL would, but shorter than it was announced is not possible there."""
    part = upload["parts"][number - 1]
    upload_id = parse_qs(urlsplit(part["url"]).query)["uploadId"][0]
    clients.s3().upload_part(
        Bucket=RECORDINGS,
        Key=upload["s3Key"],
        UploadId=upload_id,
        PartNumber=number,
        Body=b"0" * part["sizeBytes"],
    )


def test_a_large_recording_is_sent_in_parts_that_cover_it(call: Call) -> None:
    size = 12 * MEGABYTE + 1
    upload = begin(call, size)
    assert upload["kind"] == "multipart"
    assert "url" not in upload
    at = 0
    for number, part in enumerate(upload["parts"], start=1):
        assert (part["partNumber"], part["offsetBytes"]) == (number, at)
        assert "content-length" in parse_qs(urlsplit(part["url"]).query)["X-Amz-SignedHeaders"][0]
        at += part["sizeBytes"]
    assert at == size


def test_a_complete_upload_becomes_a_recording_and_may_be_completed_again(call: Call) -> None:
    upload = begin(call, 11 * MEGABYTE)
    for number in range(1, len(upload["parts"]) + 1):
        send(upload, number)
    path = f"/uploads/{upload['uploadId']}/complete"
    expected = {
        "uploadId": upload["uploadId"],
        "s3Key": upload["s3Key"],
        "sizeBytes": 11 * MEGABYTE,
    }
    assert call("POST", path).body == expected
    again = call("POST", path)
    assert (again.status, again.body) == (200, expected)
    head = clients.s3().head_object(Bucket=RECORDINGS, Key=upload["s3Key"])
    assert head["ContentLength"] == 11 * MEGABYTE


def test_an_upload_with_a_part_missing_is_not_cut_short(call: Call) -> None:
    upload = begin(call, 11 * MEGABYTE)
    send(upload, 1)
    path = f"/uploads/{upload['uploadId']}/complete"
    answer = call("POST", path)
    assert (answer.status, answer.code) == (409, "upload_incomplete")
    for number in range(2, len(upload["parts"]) + 1):
        send(upload, number)
    assert call("POST", path).status == 200


@pytest.mark.parametrize(
    "upload_id", ["x", "A" * 22 + ".5", "..", "A" * 22 + ".0", "A" * 22, "%2e%2e"]
)
def test_an_unknown_upload_is_not_found(call: Call, upload_id: str) -> None:
    answer = call("POST", f"/uploads/{upload_id}/complete")
    assert (answer.status, answer.code) == (404, "upload_not_found")


def test_a_recording_above_the_limit_is_refused_before_it_is_sent(call: Call) -> None:
    answer = call("POST", "/uploads", {"fileName": "r.dat", "sizeBytes": 100 * MEGABYTE + 1})
    assert (answer.status, answer.code) == (413, "recording_too_large")
    assert answer.body["error"]["field"] == "sizeBytes"


@pytest.mark.parametrize(
    "name", ["", "../r.dat", "a/b.dat", ".hidden", "r.dat\n", "r d.dat", "ü.dat", "a" * 129, 5]
)
def test_a_file_name_that_is_a_path_is_refused(call: Call, name: object) -> None:
    answer = call("POST", "/uploads", {"fileName": name, "sizeBytes": 1})
    assert answer.status == 422
    assert answer.body["error"]["field"] == "fileName"


@pytest.mark.parametrize("size", [0, -1, 1.5, "1", None, True])
def test_a_size_that_is_none_is_refused(call: Call, size: object) -> None:
    answer = call("POST", "/uploads", {"fileName": "r.dat", "sizeBytes": size})
    assert answer.status == 422
    assert answer.body["error"]["field"] == "sizeBytes"
