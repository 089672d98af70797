"""Jobs and pages of them, as the API tells of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self, TypedDict

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from femo_client.errors import BadAnswerError, UnusableInputError

__all__ = [
    "JOB_ID",
    "Answer",
    "Job",
    "JobError",
    "JobFilters",
    "JobOptions",
    "JobSource",
    "JobStatus",
    "Page",
    "check_job_id",
    "instant",
]

JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class JobStatus(StrEnum):
    """What has become of a job; a newer service may bring further ones, as plain text."""

    QUEUED = "Queued"
    COMPLETED = "Completed"
    FAILED = "Failed"
    EXPIRED = "Expired"


_TERMINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.EXPIRED})


class JobOptions(TypedDict, total=False):
    """What may be said of a job beside its recording.

    Attributes
    ----------
    job_id : str
        The key by which a repeated submission is known; a new one where none is given.
    subject : str
        Pseudonym of the woman whose recording it is, never a name.
    remove_hiccups : bool
        Take bouts of hiccups out of the movements.
    include_full_intervals : bool
        In metadata, list each onset interval.
    extract_events : bool
        The events (the default), or else metadata.
    request_time : datetime.datetime
        When it was asked for, with a time zone.
    """

    job_id: str
    subject: str | None
    remove_hiccups: bool
    include_full_intervals: bool
    extract_events: bool
    request_time: datetime


class JobFilters(TypedDict, total=False):
    """Which jobs to list; filters can be combined.

    Attributes
    ----------
    status : JobStatus or str
        Only jobs of this status.
    subject : str
        Only jobs of this subject.
    recording : str
        Only jobs of this recording: its ``s3_key`` or ``s3://`` URI.
    from_, to : datetime.datetime or str
        Only jobs created at this time or later, and before that one; with a time zone.
    """

    status: JobStatus | str | None
    subject: str | None
    recording: str | None
    from_: datetime | str | None
    to: datetime | str | None


class Answer(BaseModel):
    """What the API answers; what only a newer service tells is in `as_json` alone."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, populate_by_name=True
    )

    _body: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _keep_body(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        made = handler(data)
        if isinstance(data, dict):
            made._body = data
        return made

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """Return an answer's JSON object as this.

        Raises
        ------
        BadAnswerError
            It is none.
        """
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            fault = error.errors(include_input=False)[0]
            place = ".".join(str(part) for part in fault["loc"])
            raise BadAnswerError(
                f"the answer is no {cls.__name__}: {place}: {fault['msg']}"
            ) from error

    def as_json(self) -> dict[str, Any]:
        """Return what the service answered, word for word."""
        return self._body


class JobSource(Answer):
    """Which object in S3 was submitted, and alone is analysed."""

    s3_key: str = Field(alias="s3Key")
    version_id: str | None = None
    etag: str | None = None


class JobError(Answer):
    """Why a job has no result."""

    code: str
    message: str
    field: str | None = None


class Job(Answer):
    """A job. What does not apply to its status is None.

    Attributes
    ----------
    status : JobStatus or str or None
        None only in a listing, of a job that this version of the service cannot read: then
        ``error.code`` is ``unreadable_job``.
    s3_key : str or None
        The recording, as an ``s3://`` URI.
    completed_at : datetime.datetime or None
        When it ended, in whatever way.
    processing_seconds : float or None
        How long the analysis took (s).
    lane : str or None
        Which endpoint answers it; changes nothing else.
    result_url : str or None
        Where the whole response can be fetched without a token, until `result_url_expires_at`.
    """

    job_id: str
    status: JobStatus | str | None = Field(default=None, union_mode="left_to_right")
    created_at: AwareDatetime | None = None
    request_time: AwareDatetime | None = None
    s3_key: str | None = Field(default=None, alias="s3Key")
    source: JobSource | None = None
    subject_id: str | None = None
    remove_hiccups: bool | None = None
    include_full_intervals: bool | None = None
    extract_events: bool | None = None
    completed_at: AwareDatetime | None = Field(default=None, alias="completedTimeStamp")
    processing_seconds: float | None = Field(default=None, alias="processing_time_seconds")
    output_type: str | None = Field(default=None, alias="output_type")
    model_package: str | None = None
    lane: str | None = None
    result_location: str | None = None
    result_url: str | None = Field(default=None, repr=False)  # as good as a password while it lasts
    result_url_expires_at: AwareDatetime | None = None
    error: JobError | None = None

    _pause_seconds: float = PrivateAttr(default=0.0)

    @property
    def has_ended(self) -> bool:
        """Whether nothing will become of it any more."""
        return self.status in _TERMINAL or self.completed_at is not None

    def asked_again_in(self, seconds: float) -> Self:
        """Note when the service wants to be asked again (s), and return this."""
        self._pause_seconds = seconds
        return self

    @property
    def pause_seconds(self) -> float:
        """How long to wait before the service is asked for it again (s)."""
        return self._pause_seconds


class Page(Answer):
    """Some jobs, newest first, without their results.

    Attributes
    ----------
    jobs : tuple of Job
        May be fewer than were asked for, or none, though there are more.
    next_token : str or None
        For the next page; None on the last.
    """

    jobs: tuple[Job, ...]
    next_token: str | None = None


def check_job_id(text: str) -> str:
    """Return a job's id as it is.

    Raises
    ------
    UnusableInputError
        It is not one that a job can have.
    """
    if not JOB_ID.fullmatch(text):
        raise UnusableInputError(
            "a job's id is 1 to 64 of A-Z a-z 0-9 . _ -, first a letter or digit"
        )
    return text


def instant(time: datetime | str) -> str:
    """Return a time as the API takes it; text as it is.

    Raises
    ------
    UnusableInputError
        It has no time zone.
    """
    if isinstance(time, str):
        return time
    if time.tzinfo is None:
        raise UnusableInputError(f"{time.isoformat()} has no time zone: which instant is it?")
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
