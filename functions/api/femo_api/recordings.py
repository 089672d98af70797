"""Finds the recording that a caller names and checks that it can be analysed."""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import ClientError

from femo_api import errors
from femo_jobs import clients
from femo_jobs.configuration import Configuration
from femo_jobs.errors import LocationError
from femo_jobs.locations import Location, recording_location


@dataclass(frozen=True)
class Recording:
    """A recording that exists."""

    location: Location
    size_bytes: int
    etag: str
    version: str | None


def locate(text: str, settings: Configuration) -> Location:
    """Return the location that ``s3Key`` names.

    Raises
    ------
    ApiError
        422 if it names none, or one that is not admitted.
    """
    try:
        return recording_location(
            text,
            default_bucket=settings.recordings_bucket,
            admitted=settings.admitted_buckets,
        )
    except LocationError as error:
        raise errors.ApiError(
            errors.Code.INVALID_S3_KEY,
            f"s3Key cannot be used: {error}.",
            field="s3Key",
        ) from error


def find(location: Location, settings: Configuration) -> Recording:
    """Return the recording at a location.

    Raises
    ------
    ApiError
        404 if there is none, 413 if it is too large, 422 if it is empty.
    """
    try:
        head = clients.s3().head_object(Bucket=location.bucket, Key=location.key)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        # 403: a bucket that was admitted, but whose owner does not let us read. Of our own bucket
        # it is a fault of ours, and the recording may well be there.
        denied = code in ("403", "AccessDenied") and location.bucket != settings.recordings_bucket
        if denied or code in ("404", "NoSuchKey"):
            raise errors.recording_not_found() from error
        raise
    size = head["ContentLength"]
    if size == 0:
        raise errors.ApiError(
            errors.Code.EMPTY_RECORDING,
            "The recording is empty.",
            field="s3Key",
        )
    if size > settings.max_recording_bytes:
        raise errors.recording_too_large(settings.max_recording_bytes, "s3Key")
    return Recording(location, size, head["ETag"], head.get("VersionId"))
