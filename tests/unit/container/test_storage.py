"""Whose fault it is when S3 does not give what was asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from femo_container import storage
from femo_container.errors import ContainerError, RequestError, StorageError

from .harness import Bucket

NAME = storage.ObjectName("recordings", "night.dat")


@pytest.fixture(autouse=True)
def client(s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    storage.s3_client.cache_clear()
    yield storage.s3_client()
    storage.s3_client.cache_clear()


def error_of(call: Any, *arguments: Any, **options: Any) -> ContainerError:
    with pytest.raises(ContainerError) as caught:
        call(*arguments, **options)
    return caught.value


@pytest.mark.parametrize(
    ("service_code", "http_status", "status", "code"),
    [
        ("404", 404, 404, "recording_not_found"),
        ("403", 403, 403, "recording_forbidden"),
        ("InvalidObjectState", 403, 409, "recording_archived"),
        ("400", 400, 503, "storage_unavailable"),
        ("ExpiredToken", 400, 500, "storage_credentials"),
        ("SlowDown", 503, 503, "storage_unavailable"),
        ("TooManyRequests", 429, 503, "storage_unavailable"),
        ("InternalError", 500, 503, "storage_unavailable"),
    ],
)
def test_what_s3_answers_becomes_the_callers_fault_or_ours(
    client: Any, service_code: str, http_status: int, status: int, code: str
) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("head_object", service_code, http_status_code=http_status)
        error = error_of(storage.find, NAME, most_bytes=10)
        stub.assert_no_pending_responses()
    assert (error.status, error.code) == (status, code)
    assert isinstance(error, RequestError if status < 500 else StorageError)


@pytest.mark.parametrize("size", [100, 40 * 1024**2])
def test_a_recording_replaced_between_look_and_download_is_not_mixed(
    bucket: Bucket, tmp_path: Path, size: int
) -> None:
    bucket.put("a.dat", b"x" * size)
    version = storage.find(storage.ObjectName(bucket.name, "a.dat"), most_bytes=2**30)
    bucket.put("a.dat", b"y" * size)
    error = error_of(storage.download, version, tmp_path / "a")
    assert (error.status, error.code) == (409, "recording_changed")


@pytest.mark.parametrize("size", [100, 40 * 1024**2])
def test_a_version_arrives_whole_though_it_was_replaced_before_and_during_the_download(
    bucket: Bucket, tmp_path: Path, size: int
) -> None:
    bucket.client.put_bucket_versioning(
        Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"}
    )
    bucket.put("a.dat", b"x" * size)
    head = bucket.client.head_object(Bucket=bucket.name, Key="a.dat")
    bucket.put("a.dat", b"y" * (size + 1))
    name = storage.ObjectName(bucket.name, "a.dat")
    version = storage.find(name, most_bytes=2**30, version_id=head["VersionId"], etag=head["ETag"])
    bucket.put("a.dat", b"z" * size)
    storage.download(version, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"x" * size


def test_a_recording_that_does_not_fit_on_the_disk_is_our_fault_and_not_begun(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("a.dat", b"x" * 1000)
    version = storage.find(storage.ObjectName(bucket.name, "a.dat"), most_bytes=2**30)
    full = shutil.disk_usage(tmp_path)._replace(free=storage.DISK_RESERVE_BYTES)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    error = error_of(storage.download, version, tmp_path / "a")
    assert (error.status, error.code) == (507, "insufficient_storage")
    assert not (tmp_path / "a").exists()


def test_an_empty_recording_arrives_as_an_empty_file(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("empty.dat", b"")
    version = storage.find(storage.ObjectName(bucket.name, "empty.dat"), most_bytes=10)
    storage.download(version, tmp_path / "empty")
    assert (tmp_path / "empty").stat().st_size == 0
