"""POST /uploads and its completion: a recording's way into our bucket."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from femo_jobs import clients
from tests.unit.template.documents import template

from .conftest import RECORDINGS, Answer, put

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


def test_a_plain_upload_needs_no_headers_but_those_that_every_client_sends(call: Call) -> None:
    for size in (1234, 11 * MEGABYTE):
        upload = begin(call, size)
        assert all(not piece["headers"] for piece in upload.get("parts", [upload]))


# Keyed by content


def hashes(content: bytes) -> list[str]:
    step = 5 * MEGABYTE
    return [
        hashlib.sha256(content[at : at + step]).hexdigest() for at in range(0, len(content), step)
    ]


def begin_content(call: Call, content: bytes, status: int = 201) -> dict[str, Any]:
    answer = call("POST", "/uploads", {"sizeBytes": len(content), "sha256": hashes(content)})
    assert answer.status == status
    body: dict[str, Any] = answer.body
    return body


def signed_headers(url: str) -> set[str]:
    return set(parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"][0].split(";"))


def send_content(upload: dict[str, Any], content: bytes, *numbers: int) -> None:
    for part in upload["parts"]:
        if not numbers or part["partNumber"] in numbers:
            at = part["offsetBytes"]
            clients.s3().upload_part(
                Bucket=RECORDINGS,
                Key=upload["s3Key"],
                UploadId=parse_qs(urlsplit(part["url"]).query)["uploadId"][0],
                PartNumber=part["partNumber"],
                Body=content[at : at + part["sizeBytes"]],
            )


def test_one_content_has_one_key_and_another_content_another(call: Call) -> None:
    keys = [begin_content(call, content)["s3Key"] for content in (b"a", b"a", b"b", b"ab")]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert keys[0] == f"uploads/{begin_content(call, b'a')['uploadId']}/recording.dat"


def test_the_key_of_a_content_takes_that_content_alone_and_once(call: Call) -> None:
    upload = begin_content(call, b"a recording")
    checksum = base64.b64encode(hashlib.sha256(b"a recording").digest()).decode()
    assert upload["headers"] == {"x-amz-checksum-sha256": checksum, "If-None-Match": "*"}
    assert signed_headers(upload["url"]) >= {
        "content-length",
        "if-none-match",
        "x-amz-checksum-sha256",
    }


def test_each_part_of_a_content_takes_its_own_bytes_alone(call: Call) -> None:
    content = bytes(11 * MEGABYTE)
    upload = begin_content(call, content)
    for part, digest in zip(upload["parts"], hashes(content), strict=True):
        checksum = base64.b64encode(bytes.fromhex(digest)).decode()
        assert part["headers"] == {"x-amz-checksum-sha256": checksum}
        assert "x-amz-checksum-sha256" in signed_headers(part["url"])


def test_what_is_there_already_is_not_uploaded_again(call: Call) -> None:
    upload = begin_content(call, b"a recording")
    put(f"s3://{RECORDINGS}/{upload['s3Key']}", b"a recording")
    again = begin_content(call, b"a recording", status=200)
    assert again == {
        "uploadId": upload["uploadId"],
        "s3Key": upload["s3Key"],
        "kind": "present",
    }


def test_an_interrupted_upload_goes_on_where_it_ended(call: Call) -> None:
    content = b"x" * (12 * MEGABYTE)
    first = begin_content(call, content)
    send_content(first, content, 1, 3)
    second = begin_content(call, content)
    assert second["uploadId"] == first["uploadId"]
    assert [part["partNumber"] for part in second["parts"]] == [2]
    send_content(second, content)
    assert begin_content(call, content)["parts"] == []
    done = call("POST", f"/uploads/{first['uploadId']}/complete")
    assert (done.status, done.body["s3Key"]) == (200, first["s3Key"])
    stored = clients.s3().get_object(Bucket=RECORDINGS, Key=first["s3Key"])["Body"].read()
    assert stored == content
    assert begin_content(call, content, status=200)["kind"] == "present"


def test_two_who_send_one_content_at_once_both_succeed(call: Call) -> None:
    content = b"y" * (11 * MEGABYTE)
    first = begin_content(call, content)
    other = clients.s3().create_multipart_upload(Bucket=RECORDINGS, Key=first["s3Key"])["UploadId"]
    send_content(first, content)
    path = f"/uploads/{first['uploadId']}/complete"
    assert [call("POST", path).status, call("POST", path).status] == [200, 200]
    still_open = clients.s3().list_multipart_uploads(Bucket=RECORDINGS)["Uploads"]
    assert [upload["UploadId"] for upload in still_open] == [other]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"sizeBytes": 1}, "fileName"),
        ({"sizeBytes": 1, "fileName": "r.dat", "sha256": ["0" * 64]}, "fileName"),
        ({"sizeBytes": 1, "sha256": []}, "sha256"),
        ({"sizeBytes": 1, "sha256": "0" * 64}, "sha256"),
        ({"sizeBytes": 1, "sha256": ["0" * 63]}, "sha256.0"),
        ({"sizeBytes": 1, "sha256": ["A" * 64]}, "sha256.0"),
        ({"sizeBytes": 1, "sha256": ["../" + "0" * 61]}, "sha256.0"),
        ({"sizeBytes": 1, "sha256": [None]}, "sha256.0"),
        ({"sizeBytes": 1, "sha256": ["0" * 64] * 2}, "sha256"),
        ({"sizeBytes": 6 * MEGABYTE, "sha256": ["0" * 64]}, "sha256"),
        ({"sizeBytes": 1, "sha256": ["0" * 64] * 161}, "sha256"),
    ],
)
def test_a_content_that_is_wrongly_described_is_refused(
    call: Call, body: dict[str, Any], field: str
) -> None:
    answer = call("POST", "/uploads", body)
    assert answer.status == 422
    assert answer.body["error"]["field"] == field


def test_the_largest_recording_can_be_described_within_a_request() -> None:
    from femo_api import contract
    from femo_http import entry

    largest = template()["Parameters"]["MaxRecordingMegabytes"]["MaxValue"] * MEGABYTE
    assert largest <= contract.MAX_PARTS * contract.PART_BYTES
    body = json.dumps({"sizeBytes": largest, "sha256": ["0" * 64] * contract.MAX_PARTS})
    assert len(body) < entry.MAX_BODY_CHARACTERS


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
    "upload_id",
    [
        "x",
        "A" * 22 + ".5",
        "..",
        "A" * 22 + ".0",
        "A" * 22,
        "%2e%2e",
        "A" * 43 + ".5",
        "A" * 30 + ".5",
        "A" * 22 + ".٥",
    ],
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


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_addresses_are_signed_for_the_hosts_that_the_console_may_talk_to(
    monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    """CloudFormation's RegionalDomainName names the region in every region."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    s3 = clients.s3.__wrapped__()
    signed = s3.generate_presigned_url("get_object", Params={"Bucket": "results", "Key": "a"})
    assert urlsplit(signed).netloc == f"results.s3.{region}.amazonaws.com"
