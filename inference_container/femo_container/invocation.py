"""The request of POST /invocations, as the API function writes it, and the answer to it."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from .errors import RequestError

__all__ = ["InvocationRequest", "completed", "parse"]

JOB_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class InvocationRequest(BaseModel):
    """A job: what to analyse and what to answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    job_id: Annotated[str, StringConstraints(pattern=JOB_ID_PATTERN)] = Field(alias="jobId")
    request_time: AwareDatetime | None = Field(default=None, alias="requestTime")
    s3_key: Annotated[str, StringConstraints(min_length=1, max_length=1100)] = Field(alias="s3Key")
    """``s3://bucket/key``, or a key in the recordings bucket (keys have at most 1024 bytes)."""
    version_id: Annotated[str | None, StringConstraints(min_length=1, max_length=1024)] = Field(
        default=None, alias="versionId"
    )
    """The version of the object that was submitted, where its bucket keeps versions."""
    etag: Annotated[str | None, StringConstraints(min_length=1, max_length=256)] = None
    """ETag of the object that was submitted, as S3 writes it: with its quotation marks."""
    remove_hiccups: bool = Field(default=False, alias="removeHiccups")
    include_full_intervals: bool = Field(default=False, alias="includeFullIntervals")
    extract_events: bool = Field(default=True, alias="extractEvents")


def parse(body: bytes) -> InvocationRequest:
    """Validate a request's body.

    Raises
    ------
    RequestError
        400 if it is not a JSON object, 422 naming the first field at fault.
    """
    try:
        return InvocationRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if not first["loc"]:
        raise RequestError(
            f"the body has to be a JSON object with jobId and s3Key: {first['msg']}",
            code="malformed_request",
            status=HTTPStatus.BAD_REQUEST,
        )
    unknown = first["type"] == "extra_forbidden"
    raise RequestError(
        "this field is not known" if unknown else first["msg"],
        code="unknown_field" if unknown else "invalid_field",
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        field=str(first["loc"][0])[:64],
    )


def completed(
    job_id: str, analysis: dict[str, Any], source: dict[str, Any], *, seconds: float
) -> dict[str, Any]:
    """The answer to a job that went well.

    Parameters
    ----------
    job_id : str
    analysis : dict
        What ``femo_signal.reporting.analysis.analyze_recording`` returned.
    source : dict
        Which object was analysed: ``s3Key`` (URI), ``versionId`` (or None) and ``etag``.
    seconds : float
        From the request's arrival until now.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "jobId": job_id,
        "status": "Completed",
        "processing_time_seconds": round(seconds, 3),
        "output_type": analysis["output_type"],
        "result": analysis["result"],
        "source": source,
        "completedTimeStamp": now,
    }
