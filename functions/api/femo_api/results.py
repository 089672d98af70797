"""Reads a completed job's result from S3."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from femo_api.errors import Code
from femo_jobs import clients, outcomes
from femo_jobs.configuration import Configuration
from femo_jobs.errors import LocationError
from femo_jobs.jobs import Job
from femo_jobs.locations import Location

URL_SECONDS = 900


class ResultError(Exception):
    """A completed job's result cannot be given."""

    def __init__(self, code: Code) -> None:
        super().__init__(str(code))
        self.code = code


def location(job: Job, settings: Configuration) -> Location:
    """Return where a completed job's result lies.

    Raises
    ------
    ResultError
        That is not where results are written.
    """
    try:
        return outcomes.result_location(job.output_location or "", settings.requests_bucket)
    except LocationError as error:
        raise ResultError(Code.RESULT_UNAVAILABLE) from error


def document(place: Location, limit: int) -> dict[str, Any] | None:
    """Return the container's response, or None where it has more bytes than the limit.

    Raises
    ------
    ResultError
        It is gone or damaged, or cannot be read at the moment.
    """
    try:
        found = outcomes.read_object(place, limit)
    except (BotoCoreError, ClientError) as error:
        raise ResultError(Code.RESULT_UNREACHABLE) from error
    if found is None:
        raise ResultError(Code.RESULT_UNAVAILABLE)
    body, _ = found
    if body is None:
        return None
    response = outcomes.response(body)
    if response is None:
        raise ResultError(Code.RESULT_UNAVAILABLE)
    return response


def address(place: Location) -> str:
    """Return where the response can be fetched without a token, for a quarter of an hour."""
    url: str = clients.s3().generate_presigned_url(
        "get_object",
        Params={"Bucket": place.bucket, "Key": place.key},
        ExpiresIn=URL_SECONDS,
    )
    return url
