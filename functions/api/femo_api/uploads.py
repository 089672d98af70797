"""Uploads of recordings straight into S3, by URLs that are signed for one key and one size.

An upload that is asked for by name gets a key of its own. One that is asked for by content gets
the key of that content: each piece's URL is signed with its SHA-256, so that S3 takes no other
bytes, and nothing that is there is written anew.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from femo_api import errors
from femo_api.contract import PART_BYTES, UploadKind, UploadRequest
from femo_jobs import clients
from femo_jobs.configuration import Configuration
from femo_jobs.jobs import timestamp

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import (
        CompletedPartTypeDef,
        PartTypeDef,
    )

LARGEST_SINGLE_BYTES = 64 * 1024 * 1024
SINGLE_URL_SECONDS = 3600
# Not longer: a signature ends with the function's own credentials.
PART_URL_SECONDS = 6 * 3600
PREFIX = "uploads/"
CONTENT_FILE_NAME = "recording.dat"  # one for all, so that a content has one key

# 22 random characters, or 43 that follow from the content; then the declared size: it travels in
# the id, so that completing can hold the upload to it without a table of uploads.
_RANDOM_CHARACTERS, _CONTENT_CHARACTERS = 22, 43
_UPLOAD_ID = re.compile(
    rf"([A-Za-z0-9_-]{{{_RANDOM_CHARACTERS}}}|[A-Za-z0-9_-]{{{_CONTENT_CHARACTERS}}})"
    r"\.([1-9][0-9]{0,12})",
    re.ASCII,
)
# Another request has completed it in the meantime: then the object is there.
_DONE_ELSEWHERE = frozenset({"NoSuchUpload", "PreconditionFailed", "ConditionalRequestConflict"})


@dataclass(frozen=True)
class _Piece:
    """A stretch of a recording that is sent by one request."""

    number: int  # from 1
    offset: int  # bytes
    size: int  # bytes
    sha256: bytes | None

    def parameters(self) -> dict[str, Any]:
        """Return what S3 holds the bytes to."""
        # The length is signed: S3 refuses a body of another size.
        held: dict[str, Any] = {"ContentLength": self.size}
        if self.sha256 is not None:
            held["ChecksumSHA256"] = base64.b64encode(self.sha256).decode()
        return held

    def headers(self) -> dict[str, str]:
        """Return the headers that are signed beside those that HTTP clients send anyhow."""
        checksum = self.parameters().get("ChecksumSHA256")
        return {"x-amz-checksum-sha256": checksum} if checksum else {}


def begin(request: UploadRequest, settings: Configuration) -> dict[str, Any]:
    """Return where to send a recording's bytes, or that they are there.

    Raises
    ------
    ApiError
        413 if the recording is larger than this service takes, 422 if the request names neither
        a file nor a content, or both, or has not one hash for each part.
    """
    if request.sizeBytes > settings.max_recording_bytes:
        raise errors.recording_too_large(settings.max_recording_bytes, "sizeBytes")
    hashes = _hashes(request)
    name = secrets.token_urlsafe(16) if hashes is None else _content_name(hashes)
    upload_id = f"{name}.{request.sizeBytes}"
    key = f"{PREFIX}{upload_id}/{request.fileName or CONTENT_FILE_NAME}"
    view = {"uploadId": upload_id, "s3Key": key}
    if hashes is not None and _found(upload_id, settings):
        return view | {"kind": str(UploadKind.PRESENT)}
    pieces = list(_pieces(request.sizeBytes, hashes))
    return view | (
        _single(key, pieces[0], settings)
        if len(pieces) == 1
        else _multipart(upload_id, key, pieces, settings)
    )


def complete(upload_id: str, settings: Configuration) -> dict[str, Any]:
    """Put the parts of a multipart upload together. May be repeated.

    Raises
    ------
    ApiError
        404 if there is no such upload, 409 if parts are missing.
    """
    match = _UPLOAD_ID.fullmatch(upload_id)
    if not match:
        raise errors.upload_not_found()
    found = _found(upload_id, settings)
    if found is None:
        _put_together(upload_id, int(match[2]), settings)
        found = _found(upload_id, settings)
    if found is None:
        raise errors.upload_not_found()
    key, size = found
    return {"uploadId": upload_id, "s3Key": key, "sizeBytes": size}


def _hashes(request: UploadRequest) -> list[bytes] | None:
    if request.sha256 is None:
        if request.fileName is None:
            raise errors.missing_field("fileName")
        return None
    if request.fileName is not None:
        raise errors.invalid_field(
            "fileName", "is not taken together with sha256: the key follows from the content"
        )
    parts = math.ceil(request.sizeBytes / PART_BYTES)
    if len(request.sha256) != parts:
        raise errors.invalid_field(
            "sha256", f"a file of {request.sizeBytes} bytes has {parts} parts of {PART_BYTES} bytes"
        )
    return [bytes.fromhex(digest) for digest in request.sha256]


def _content_name(hashes: list[bytes]) -> str:
    digest = hashlib.sha256(b"".join(hashes)).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _pieces(size: int, hashes: list[bytes] | None) -> Iterator[_Piece]:
    step = size if hashes is None and size <= LARGEST_SINGLE_BYTES else PART_BYTES
    for index, offset in enumerate(range(0, size, step)):
        yield _Piece(
            number=index + 1,
            offset=offset,
            size=min(step, size - offset),
            sha256=hashes[index] if hashes is not None else None,
        )


def _single(key: str, piece: _Piece, settings: Configuration) -> dict[str, Any]:
    parameters, headers = piece.parameters(), piece.headers()
    if piece.sha256 is not None:
        parameters["IfNoneMatch"] = headers["If-None-Match"] = "*"
    url = clients.s3().generate_presigned_url(
        "put_object",
        Params={"Bucket": settings.recordings_bucket, "Key": key, **parameters},
        ExpiresIn=SINGLE_URL_SECONDS,
    )
    return {
        "kind": str(UploadKind.SINGLE),
        "url": url,
        "headers": headers,
        "expiresAt": _in(SINGLE_URL_SECONDS),
    }


def _multipart(
    upload_id: str, key: str, pieces: list[_Piece], settings: Configuration
) -> dict[str, Any]:
    """Return the parts that are still to be sent, of an upload that is open or of a new one."""
    s3, bucket = clients.s3(), settings.recordings_bucket
    by_content = pieces[0].sha256 is not None
    opened = next(_open_uploads(upload_id, settings), None) if by_content else None
    if opened is None:
        checks: dict[str, Any] = {"ChecksumAlgorithm": "SHA256"} if by_content else {}
        s3_upload_id = s3.create_multipart_upload(Bucket=bucket, Key=key, **checks)["UploadId"]
        received = {}
    else:
        s3_upload_id = opened[1]
        received = {part["PartNumber"]: part["Size"] for part in _parts(*opened, settings)}
    parts = [
        {
            "partNumber": piece.number,
            "offsetBytes": piece.offset,
            "sizeBytes": piece.size,
            "url": s3.generate_presigned_url(
                "upload_part",
                Params={
                    "Bucket": bucket,
                    "Key": key,
                    "UploadId": s3_upload_id,
                    "PartNumber": piece.number,
                    **piece.parameters(),
                },
                ExpiresIn=PART_URL_SECONDS,
            ),
            "headers": piece.headers(),
        }
        for piece in pieces
        if received.get(piece.number) != piece.size
    ]
    return {
        "kind": str(UploadKind.MULTIPART),
        "parts": parts,
        "expiresAt": _in(PART_URL_SECONDS),
    }


def _open_uploads(upload_id: str, settings: Configuration) -> Iterator[tuple[str, str]]:
    """Yield the key and S3's own id of each multipart upload of this id, the oldest first."""
    listing = clients.s3().list_multipart_uploads(
        Bucket=settings.recordings_bucket, Prefix=f"{PREFIX}{upload_id}/"
    )
    for upload in listing.get("Uploads", []):
        yield upload["Key"], upload["UploadId"]


def _parts(key: str, s3_upload_id: str, settings: Configuration) -> list[PartTypeDef]:
    pages = (
        clients.s3()
        .get_paginator("list_parts")
        .paginate(Bucket=settings.recordings_bucket, Key=key, UploadId=s3_upload_id)
    )
    return [part for page in pages for part in page.get("Parts", [])]


def _put_together(upload_id: str, size: int, settings: Configuration) -> None:
    """Complete the open upload of this id of which every byte has arrived, if any is open.

    Two of one content may be open, where two callers began at once.
    """
    most: int | None = None
    for key, s3_upload_id in _open_uploads(upload_id, settings):
        parts = _parts(key, s3_upload_id, settings)
        received = sum(part["Size"] for part in parts)
        if received != size:
            most = max(most or 0, received)
            continue
        try:
            clients.s3().complete_multipart_upload(
                Bucket=settings.recordings_bucket,
                Key=key,
                UploadId=s3_upload_id,
                MultipartUpload={"Parts": [_named(part) for part in parts]},
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _DONE_ELSEWHERE:
                raise
        return
    if most is not None:
        raise errors.upload_incomplete(most, size)


def _named(part: PartTypeDef) -> CompletedPartTypeDef:
    named: CompletedPartTypeDef = {"PartNumber": part["PartNumber"], "ETag": part["ETag"]}
    if "ChecksumSHA256" in part:
        named["ChecksumSHA256"] = part["ChecksumSHA256"]
    return named


def _found(upload_id: str, settings: Configuration) -> tuple[str, int] | None:
    """Return the key and size in bytes of the recording that an upload became, if it did."""
    listing = clients.s3().list_objects_v2(
        Bucket=settings.recordings_bucket, Prefix=f"{PREFIX}{upload_id}/", MaxKeys=1
    )
    for found in listing.get("Contents", []):
        return found["Key"], found["Size"]
    return None


def _in(seconds: int) -> str:
    return timestamp(datetime.now(UTC) + timedelta(seconds=seconds))
