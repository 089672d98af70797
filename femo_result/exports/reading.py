"""A response, be it typed or as parsed from JSON, and its moments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel
from pydantic_core import PydanticCustomError

from femo_result.base import NAME_PATTERN
from femo_result.response import EventsResponse, MetadataResponse, read_response

__all__ = ["Response", "as_response", "instant_text", "moment", "subject_of"]

Response: TypeAlias = EventsResponse | MetadataResponse | Mapping[str, Any]
"""A completed analysis: typed, or what `femo analyze` prints or `GET /jobs/{jobId}` answers."""


def _pseudonym(text: str) -> str:
    if not re.fullmatch(NAME_PATTERN, text):
        raise PydanticCustomError(
            "subject", "must be 1 to 64 of A-Z a-z 0-9 . _ -, first a letter or digit"
        )
    return text


class _OfSubject(BaseModel):
    """What a job tells beside its response."""

    subjectId: Annotated[str, AfterValidator(_pseudonym)] | None = None  # noqa: N815 - as in the API


def as_response(response: Response) -> EventsResponse | MetadataResponse:
    """Return a response as its model.

    Raises
    ------
    pydantic.ValidationError
        It is no response, or one of a service that is too old, or its ``subjectId`` is none that
        the service would have taken.
    """
    if isinstance(response, EventsResponse | MetadataResponse):
        return response
    source = response.get("source")
    if isinstance(source, Mapping):  # a job leaves out what is not known of its recording
        response = {**response, "source": {"versionId": None, "etag": None, **source}}
    read = read_response(dict(response))
    _OfSubject.model_validate({"subjectId": response.get("subjectId")})
    return read


def subject_of(response: Response) -> str | None:
    """Return the pseudonym of the subject, where a job names one."""
    told = response.get("subjectId") if isinstance(response, Mapping) else None
    return told if isinstance(told, str) else None


def moment(start: str, seconds: float) -> datetime:
    """Return the moment so many seconds behind another, aware and in UTC."""
    return datetime.fromisoformat(start).astimezone(UTC) + timedelta(seconds=seconds)


def instant_text(when: datetime, zone: tzinfo | None = None) -> str:
    """Return a moment as ISO 8601 in milliseconds: in UTC with ``Z``, else with its offset."""
    # Rounded in UTC: sums of local times do not know which of two equal hours they are in
    rounded = when.astimezone(UTC) + timedelta(microseconds=500)
    if zone is not None:
        return rounded.astimezone(zone).isoformat(timespec="milliseconds")
    return rounded.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
