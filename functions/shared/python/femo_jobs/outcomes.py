"""Reads the outcome of an inference from what SageMaker has written into S3."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from typing import Any

from botocore.exceptions import ClientError

from femo_jobs import clients
from femo_jobs.errors import ForeignResultError, LocationError
from femo_jobs.jobs import Job, JobError, JobStatus, Outcome, ResultSummary, timestamp
from femo_jobs.locations import Location
from femo_result.errors.jobs import JobCode

MAX_PARSED_BYTES = 32 * 1024 * 1024  # a larger result is kept, but not looked into
MAX_FAILURE_BYTES = 64 * 1024
MAX_QUOTED_OBJECTS = 8
MAX_MESSAGE_LENGTH = 500

_DECODER = json.JSONDecoder()
_ESCAPED = re.compile(r'\\(["\\])')
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PACKAGE = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,62}/[1-9][0-9]{0,9}")
_OUTPUT_TYPES = frozenset({"events", "metadata"})

PROCESSING_FAILED = JobError.of(JobCode.PROCESSING_FAILED)
RESULT_UNREADABLE = JobError.of(JobCode.RESULT_UNREADABLE)
EXPIRED = JobError.of(JobCode.EXPIRED)
NOT_QUEUED = JobError.of(JobCode.NOT_QUEUED)
LOST = JobError.of(JobCode.LOST)
OUTCOME_MISPLACED = JobError.of(JobCode.OUTCOME_MISPLACED)
RECORDING_CHANGED = JobError(
    JobCode.RECORDING_CHANGED,
    "The recording that was analysed is not the one that was submitted. Submit it again under a "
    "new jobId.",
    "s3Key",
)


def completed(
    output_location: str, *, requests_bucket: str, job: Job | None = None
) -> Outcome | None:
    """Return the outcome that a result object tells, or None where there is no such object.

    Parameters
    ----------
    job
        Whose result it has to be, and of whose recording.

    Raises
    ------
    LocationError
        If the location is not among our results.
    ForeignResultError
        If the result is another job's.
    """
    location = result_location(output_location, requests_bucket)
    found = read_object(location, MAX_PARSED_BYTES)
    if found is None:
        return None
    body, size = found
    if body is None:
        return Outcome(
            JobStatus.COMPLETED, timestamp(), output_location=output_location, result_bytes=size
        )
    document = response(body)
    if document is None:
        return Outcome(
            JobStatus.FAILED, timestamp(), output_location=output_location, error=RESULT_UNREADABLE
        )
    if job is not None:
        if document.get("jobId") != job.job_id:
            raise ForeignResultError("the result is another job's")
        if _is_of_another_recording(document, job):
            return Outcome(
                JobStatus.FAILED,
                timestamp(),
                output_location=output_location,
                error=RECORDING_CHANGED,
            )
    output_type = document.get("output_type")
    completed_at = document.get("completedTimeStamp")
    return Outcome(
        JobStatus.COMPLETED,
        completed_at if isinstance(completed_at, str) and len(completed_at) < 40 else timestamp(),
        output_location=output_location,
        processing_seconds=_duration(document.get("processing_time_seconds")),
        output_type=output_type if output_type in _OUTPUT_TYPES else None,
        model_package=_model_package(document["result"]),
        result_bytes=size,
        summary=_summary(document["result"]),
    )


def failed(failure_location: str | None, *, requests_bucket: str) -> Outcome | None:
    """Return the outcome that a failure object tells, or None where there is no such object.

    The container's own words are passed on where they have the shape of our errors, also inside
    SageMaker's. Whatever else stands there is SageMaker's and may hold account ids.

    Raises
    ------
    LocationError
        If the location is not among our failures.
    """
    if failure_location is None:
        return None
    found = read_object(_ours(failure_location, requests_bucket, "failures/"), MAX_FAILURE_BYTES)
    if found is None:
        return None
    return Outcome(
        JobStatus.FAILED,
        timestamp(),
        failure_location=failure_location,
        error=_container_error(found[0]) or PROCESSING_FAILED,
    )


def from_s3(job: Job, *, requests_bucket: str) -> Outcome | None:
    """Return the outcome of a queued job that S3 shows, or None where it shows none yet."""
    if job.output_location is None:
        return None
    return completed(job.output_location, requests_bucket=requests_bucket, job=job) or failed(
        job.failure_location, requests_bucket=requests_bucket
    )


def result_location(uri: str, requests_bucket: str) -> Location:
    """Return where a result lies.

    Raises
    ------
    LocationError
        If that is not where results are written.
    """
    return _ours(uri, requests_bucket, "results/")


def read_object(location: Location, limit: int) -> tuple[bytes | None, int] | None:
    """Return an object's bytes (None above ``limit``) and size, or None where it is missing."""
    try:
        answer = clients.s3().get_object(Bucket=location.bucket, Key=location.key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return None
        raise
    size = answer["ContentLength"]
    with answer["Body"] as stream:
        return (stream.read() if size <= limit else None), size


def response(body: bytes) -> dict[str, Any] | None:
    """Return the container's response with its ``result``; None where it is damaged.

    What a job is settled as and what its caller is told are read here alike: no job is completed
    whose result could not be given.
    """
    try:
        document = json.loads(body)
        # Python reads what no JSON may hold, NaN and halves of characters, and cannot send it.
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get("result"), dict):
        return None
    return document


def _is_of_another_recording(document: dict[str, Any], job: Job) -> bool:
    """Say whether a response names another content than the one that was submitted."""
    source = document.get("source")
    etag = source.get("etag") if isinstance(source, dict) else None
    return etag is not None and job.recording_etag is not None and etag != job.recording_etag


def _model_package(result: dict[str, Any]) -> str | None:
    """Return the model package that a result names, or None where it names none."""
    model = result.get("model")
    package = model.get("package") if isinstance(model, dict) else None
    return package if isinstance(package, str) and _PACKAGE.fullmatch(package) else None


def _summary(result: dict[str, Any]) -> ResultSummary | None:
    """Return what a listing tells of a result; None where it does not say what was judged."""
    recording, counted = result.get("recording"), result.get("summary")
    if not isinstance(recording, dict):
        return None
    duration = _duration(recording.get("duration_seconds"))
    judged = _duration(recording.get("judged_seconds"))
    if not duration or judged is None:
        return None
    count = _duration(result.get("movement_count"))
    rate = counted.get("kicks_per_analysed_hour") if isinstance(counted, dict) else None
    return ResultSummary(duration, judged, None if count is None else int(count), _duration(rate))


def _container_error(body: bytes | None) -> JobError | None:
    if body is None:
        return None
    text = body.decode(errors="replace")
    # SageMaker quotes the answer of a container in a sentence of its own, escaped or as it is
    for form in (text, _ESCAPED.sub(r"\1", text)):
        for start in itertools.islice(re.finditer(r"\{", form), MAX_QUOTED_OBJECTS):
            with contextlib.suppress(ValueError, RecursionError):
                document, _ = _DECODER.raw_decode(form, start.start())
                if (error := _job_error(document)) is not None:
                    return error
    return None


def _job_error(document: dict[str, Any]) -> JobError | None:
    error = document.get("error")
    if not isinstance(error, dict):
        return None
    code, message, field = error.get("code"), error.get("message"), error.get("field")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return None
    if not isinstance(message, str) or not message.strip():
        return None
    return JobError(
        code,
        _one_line(message),
        _one_line(field)[:64] if isinstance(field, str) and field else None,
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:MAX_MESSAGE_LENGTH]


def _ours(uri: str, bucket: str, prefix: str) -> Location:
    location = Location.parse(uri)
    if location.bucket != bucket or not location.key.startswith(prefix):
        raise LocationError(f"not an object under {prefix} of the requests bucket")
    return location


def _duration(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        return None
    return float(value)
