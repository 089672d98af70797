"""Gives a result in the form that its reader asks for: JSON, a table, or FHIR."""

from __future__ import annotations

import json
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import mimeparse
from fastapi import Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from femo_api import results
from femo_api.errors import ApiError, Code
from femo_jobs.jobs import Job, JobStatus
from femo_jobs.observability import count, logger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from femo_jobs.configuration import Configuration

MOST_SENT_BYTES = 4 * 1024 * 1024
"""Of an answer as Lambda passes it on, as JSON in JSON, of which it takes 6 MB."""

MOST_READ_BYTES = 32 * 1024 * 1024
"""Of a result that is turned into another form: with all intervals, a night has 2 MB."""

VARY = {"Vary": "Accept"}
# A result is of one person: no cache between her reader and us may keep it.
_HEADERS = VARY | {"Cache-Control": "private, no-store"}


class Form(StrEnum):
    """The media types that a result is given in, the least wanted first."""

    FHIR = "application/fhir+json"
    CSV = "text/csv"
    JSON = "application/json"


_SUFFIXES = {Form.JSON: "json", Form.CSV: "csv", Form.FHIR: "fhir.json"}


def wanted(accept: Iterable[str]) -> Form:
    """Return the form that the headers ``Accept`` ask for; JSON where there is none.

    Raises
    ------
    ApiError
        406 where it is one that a result is not given in.
    """
    header = ", ".join(accept) or "*/*"
    try:
        return Form(mimeparse.best_match(list(Form), header))
    except ValueError as error:
        raise ApiError(Code.NOT_ACCEPTABLE, headers=VARY) from error


def give(job: Job, form: Form, settings: Configuration) -> Response:
    """Answer with a job's result.

    Raises
    ------
    ApiError
        409 where the job has none, 410 or 503 where it is gone or cannot be read, 406 where it
        cannot be given in this form.
    """
    if job.status is not JobStatus.COMPLETED:
        raise ApiError(
            Code.JOB_NOT_COMPLETED,
            f"The job has no result: it is {job.status}. GET /jobs/{{jobId}} tells more.",
            headers=VARY,
        )
    try:
        place = results.location(job, settings)
        document = results.document(place, MOST_READ_BYTES)
    except results.ResultError as error:
        count("ResultsNotRead")
        logger.error("result cannot be read", job_id=job.job_id, code=error.code)
        waits = {"Retry-After": "5"} if error.code.waits else {}
        raise ApiError(error.code, headers=VARY | waits) from error
    text = None if document is None else _written(document, form, job)
    if text is not None and len(json.dumps(text)) <= MOST_SENT_BYTES:
        name = f'attachment; filename="{job.job_id}.{_SUFFIXES[form]}"'
        headers = _HEADERS | {"Content-Disposition": name}
        return Response(text, media_type=form, headers=headers)
    if form is not Form.JSON:
        raise ApiError(Code.RESULT_TOO_LARGE, headers=VARY)
    return RedirectResponse(results.address(place), HTTPStatus.SEE_OTHER, _HEADERS)


def _written(document: dict[str, Any], form: Form, job: Job) -> str:
    if form is Form.JSON:
        return json.dumps(document, ensure_ascii=False, allow_nan=False)
    # Their models take a while to be made, which no other request should wait for.
    from femo_result.exports import csv_of, fhir_of

    whole = document if job.request.subject_id is None else {
        **document, "subjectId": job.request.subject_id
    }  # fmt: skip
    try:
        return csv_of(whole) if form is Form.CSV else json.dumps(fhir_of(whole))
    except ValidationError as error:
        logger.info("result cannot be converted", job_id=job.job_id, faults=error.error_count())
        raise ApiError(Code.RESULT_OF_ANOTHER_VERSION, headers=VARY) from error
