"""Uploads of recordings straight into S3, by URLs that are signed for one key and one size."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from femo_api import errors
from femo_api.contract import UploadKind, UploadRequest
from femo_jobs import clients
from femo_jobs.configuration import Configuration
from femo_jobs.jobs import timestamp

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART_BYTES = 32 * 1024 * 1024
LARGEST_SINGLE_BYTES = 64 * 1024 * 1024
SINGLE_URL_SECONDS = 3600
# Not longer: a signature ends with the function's own credentials.
PART_URL_SECONDS = 6 * 3600
PREFIX = "uploads/"

# 22 random characters, then the declared size: it travels in the id, so that completing can
# hold the upload to it without a table of uploads.
_UPLOAD_ID = re.compile(r"([A-Za-z0-9_-]{22})\.([1-9][0-9]{0,12})")


def begin(request: UploadRequest, settings: Configuration) -> dict[str, Any]:
    """Return where to send a recording's bytes.

    Raises
    ------
    ApiError
        413 if the recording is larger than this service takes.
    """
    if request.sizeBytes > settings.max_recording_bytes:
        raise errors.recording_too_large(settings.max_recording_bytes, "sizeBytes")
    upload_id = f"{secrets.token_urlsafe(16)}.{request.sizeBytes}"
    key = f"{PREFIX}{upload_id}/{request.fileName}"
    view: dict[str, Any] = {"uploadId": upload_id, "s3Key": key}
    if request.sizeBytes <= LARGEST_SINGLE_BYTES:
        # The length is signed: S3 refuses a body of another size.
        url = clients.s3().generate_presigned_url(
            "put_object",
            Params={
                "Bucket": settings.recordings_bucket,
                "Key": key,
                "ContentLength": request.sizeBytes,
            },
            ExpiresIn=SINGLE_URL_SECONDS,
        )
        return view | {
            "kind": str(UploadKind.SINGLE),
            "url": url,
            "expiresAt": _in(SINGLE_URL_SECONDS),
        }
    s3_upload_id = clients.s3().create_multipart_upload(Bucket=settings.recordings_bucket, Key=key)[
        "UploadId"
    ]
    parts = []
    for number, offset in enumerate(range(0, request.sizeBytes, PART_BYTES), start=1):
        size = min(PART_BYTES, request.sizeBytes - offset)
        url = clients.s3().generate_presigned_url(
            "upload_part",
            Params={
                "Bucket": settings.recordings_bucket,
                "Key": key,
                "UploadId": s3_upload_id,
                "PartNumber": number,
                "ContentLength": size,
            },
            ExpiresIn=PART_URL_SECONDS,
        )
        parts.append({"partNumber": number, "offsetBytes": offset, "sizeBytes": size, "url": url})
    return view | {
        "kind": str(UploadKind.MULTIPART),
        "parts": parts,
        "expiresAt": _in(PART_URL_SECONDS),
    }


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
    size = int(match[2])
    s3, bucket = clients.s3(), settings.recordings_bucket
    open_uploads = s3.list_multipart_uploads(Bucket=bucket, Prefix=f"{PREFIX}{upload_id}/")
    for upload in open_uploads.get("Uploads", []):
        key, s3_upload_id = upload["Key"], upload["UploadId"]
        parts: list[CompletedPartTypeDef] = []
        received = 0
        for page in s3.get_paginator("list_parts").paginate(
            Bucket=bucket, Key=key, UploadId=s3_upload_id
        ):
            for part in page.get("Parts", []):
                parts.append({"PartNumber": part["PartNumber"], "ETag": part["ETag"]})
                received += part["Size"]
        if received != size:
            raise errors.ApiError(
                HTTPStatus.CONFLICT,
                "upload_incomplete",
                f"{received} of {size} bytes have arrived. Send the missing parts, "
                "then complete the upload again.",
            )
        try:
            s3.complete_multipart_upload(
                Bucket=bucket,
                Key=key,
                UploadId=s3_upload_id,
                MultipartUpload={"Parts": parts},
            )
        except ClientError as error:
            # Another request has completed it in the meantime: then the object is there.
            if error.response["Error"]["Code"] != "NoSuchUpload":
                raise
    return _ready(upload_id, settings)


def _ready(upload_id: str, settings: Configuration) -> dict[str, Any]:
    listing = clients.s3().list_objects_v2(
        Bucket=settings.recordings_bucket, Prefix=f"{PREFIX}{upload_id}/", MaxKeys=1
    )
    for found in listing.get("Contents", []):
        return {"uploadId": upload_id, "s3Key": found["Key"], "sizeBytes": found["Size"]}
    raise errors.upload_not_found()


def _in(seconds: int) -> str:
    return timestamp(datetime.now(UTC) + timedelta(seconds=seconds))
