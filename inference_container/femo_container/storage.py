"""Objects from S3 to disk in parallel ranges, of one version, within limits; and back."""

from __future__ import annotations

import functools
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ContainerError, RequestError, StorageError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

__all__ = ["ObjectName", "ObjectVersion", "download", "find", "s3_client", "upload"]

RANGE_BYTES = 16 * 1024**2
RANGES_AT_ONCE = 8
BLOCK_BYTES = 1024**2
QUEUED_BLOCKS = 32
"""Received and not yet written: the default would hold 250 MB where the disk is slow."""
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
KEY_MOST_BYTES = 1024
DISK_RESERVE_BYTES = 256 * 1024**2
"""Left free beside a recording, for the other jobs' temporary files and for the system."""


@dataclass(frozen=True)
class ObjectName:
    """Where an object lies."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str, *, default_bucket: str | None = None) -> ObjectName:
        """Split an ``s3://bucket/key`` URI, or take a plain key in the default bucket.

        Raises
        ------
        RequestError
            If there is no key, or no bucket for it.
        """
        if text.startswith("s3://"):
            bucket, _, key = text.removeprefix("s3://").partition("/")
        else:
            bucket, key = default_bucket or "", text
        if not key:
            raise _not_a_location("there is no key")
        if not bucket:
            raise _not_a_location("there is no bucket, and no recordings bucket is configured")
        if not BUCKET_NAME.fullmatch(bucket):
            # The SDK would take an ARN here and go where that points.
            raise _not_a_location("the bucket has no possible name")
        if len(key.encode(errors="replace")) > KEY_MOST_BYTES:
            raise _not_a_location(f"the key has more than {KEY_MOST_BYTES} bytes")
        return cls(bucket, key)

    @property
    def uri(self) -> str:
        """The ``s3://`` form."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class ObjectVersion:
    """What an object was when it was looked at."""

    name: ObjectName
    size: int  # bytes
    etag: str  # as S3 writes it: with its quotation marks
    version_id: str | None = None  # None where the bucket keeps no versions
    is_asked_by_version: bool = False  # to be fetched by its version, not as the current one

    @property
    def source(self) -> dict[str, str | None]:
        """How a result names it."""
        return {"s3Key": self.name.uri, "versionId": self.version_id, "etag": self.etag}


@functools.cache
def s3_client() -> S3Client:
    """The process's S3 client; endpoint, region, credentials and attempts are the SDK's own."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=5,
        read_timeout=30,
        max_pool_connections=RANGES_AT_ONCE + 2,
        retries={"mode": "standard"},
    )
    return boto3.client("s3", config=config)


def find(
    name: ObjectName, *, most_bytes: int, version_id: str | None = None, etag: str | None = None
) -> ObjectVersion:
    """Look an object up.

    Parameters
    ----------
    name : ObjectName
    most_bytes : int
        The largest size accepted.
    version_id : str, optional
        This very version of it, whichever is the current one.
    etag : str, optional
        Only if this is still its ETag.

    Raises
    ------
    RequestError
        404 no such object, 403 not ours to read, 409 ``recording_changed``: it has another ETag,
        413 larger than ``most_bytes``.
    StorageError
        S3 did not answer as it should.
    """
    wanted: dict[str, Any] = {"Bucket": name.bucket, "Key": name.key}
    if version_id is not None:
        wanted["VersionId"] = version_id
    if etag is not None:
        wanted["IfMatch"] = etag
    with _answers():
        head = s3_client().head_object(**wanted)
    found = ObjectVersion(
        name,
        int(head["ContentLength"]),
        head["ETag"],
        head.get("VersionId", version_id),
        version_id is not None,
    )
    if etag is not None and found.etag != etag:
        raise _changed()  # where S3's like does not know If-Match
    if found.size > most_bytes:
        raise RequestError(
            f"the recording has {found.size} bytes, more than the {most_bytes} accepted",
            code="recording_too_large",
            status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            field="s3Key",
        )
    return found


def download(version: ObjectVersion, path: Path) -> None:
    """Fetch exactly this version into a file, several ranges at once.

    Raises
    ------
    RequestError
        404 it was deleted meanwhile, 409 it was replaced meanwhile, 403 not ours to read.
    StorageError
        The disk has no room for it, or S3 did not answer as it should.
    """
    from boto3.s3.transfer import TransferConfig
    from s3transfer.manager import TransferManager
    from s3transfer.subscribers import BaseSubscriber

    free = shutil.disk_usage(path.parent).free
    if free < version.size + DISK_RESERVE_BYTES:
        raise StorageError(
            f"the recording needs {version.size} bytes of disk and "
            f"{free} are free, of which {DISK_RESERVE_BYTES} are kept: try again later",
            code="insufficient_storage",
            status=HTTPStatus.INSUFFICIENT_STORAGE,
        )

    class Pinned(BaseSubscriber):
        """Tells the transfer size and ETag: no second HEAD, and every range with If-Match."""

        def on_queued(self, future: Any, **_: Any) -> None:
            future.meta.provide_transfer_size(version.size)
            future.meta.provide_object_etag(version.etag)

    config = TransferConfig(
        multipart_threshold=1,  # a small one, too, goes by range: only ranges have If-Match
        multipart_chunksize=RANGE_BYTES,
        max_concurrency=RANGES_AT_ONCE,
        max_io_queue=QUEUED_BLOCKS,
        io_chunksize=BLOCK_BYTES,
    )
    name = version.name
    which = {"VersionId": version.version_id} if version.is_asked_by_version else {}
    with _answers(), TransferManager(s3_client(), config) as transfers:
        transfers.download(
            name.bucket, name.key, str(path), extra_args=which, subscribers=[Pinned()]
        ).result()
    if (arrived := path.stat().st_size) != version.size:
        raise StorageError(
            f"{arrived} of {version.size} bytes arrived from S3: try again",
            code="incomplete_download",
            status=HTTPStatus.BAD_GATEWAY,
        )


def upload(path: Path, name: ObjectName) -> None:
    """Store a small file as an object, in one request.

    Raises
    ------
    RequestError, StorageError
        As for :func:`download`.
    """
    with _answers(), path.open("rb") as file:
        s3_client().put_object(Bucket=name.bucket, Key=name.key, Body=file)


@contextmanager
def _answers() -> Iterator[None]:
    """Turn what S3 and its client raise into our errors, by whose fault it is."""
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
    from s3transfer.exceptions import S3DownloadFailedError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        raise _translate(error) from error
    except ParamValidationError as error:
        raise _not_a_location("S3 could not hold such a bucket and key") from error
    except S3DownloadFailedError as error:
        # What s3transfer makes of a 412 in the middle of a ranged download.
        raise _changed() from error
    except (BotoCoreError, HTTPError) as error:
        raise StorageError(
            "S3 could not be reached, or broke off its answer: try again later",
            code="storage_unavailable",
            status=HTTPStatus.SERVICE_UNAVAILABLE,
        ) from error


def _translate(error: Any) -> ContainerError:
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code == "InvalidObjectState":
        return RequestError(
            "the recording is archived: restore the object, then submit it again",
            code="recording_archived", status=HTTPStatus.CONFLICT, field="s3Key",
        )  # fmt: skip
    if code == "NoSuchBucket":
        return RequestError(
            "there is no such bucket",
            code="recording_not_found", status=HTTPStatus.NOT_FOUND, field="s3Key",
        )  # fmt: skip
    if status == HTTPStatus.NOT_FOUND or code == "NoSuchKey":
        return RequestError(
            "there is no such recording, or no longer: upload it before the job is submitted",
            code="recording_not_found", status=HTTPStatus.NOT_FOUND, field="s3Key",
        )  # fmt: skip
    if status == HTTPStatus.PRECONDITION_FAILED:
        return _changed()
    if code in {"ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"}:
        return StorageError(
            "the service's credentials are not accepted by S3: try again later",
            code="storage_credentials",
        )
    if status == HTTPStatus.FORBIDDEN:
        return RequestError(
            "the recording does not exist, or the service may not read it",
            code="recording_forbidden", status=HTTPStatus.FORBIDDEN, field="s3Key",
        )  # fmt: skip
    # A 400 too: bucket and key have been checked, so that it is about our own signature or token.
    return StorageError(
        "S3 answered with an error of its own: try again later",
        code="storage_unavailable",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
    )


def _not_a_location(why: str) -> RequestError:
    return RequestError(
        f"{why}: give s3://bucket/key, or a key in the recordings bucket",
        code="invalid_s3_key",
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        field="s3Key",
    )


def _changed() -> RequestError:
    return RequestError(
        "the recording was replaced after the job was submitted: submit it again under a new "
        "jobId once it is complete",
        code="recording_changed",
        status=HTTPStatus.CONFLICT,
        field="s3Key",
    )
