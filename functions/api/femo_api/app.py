"""The routes, and how every error finds its one shape."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from femo_api import (
    contract,
    documentation,
    errors,
    paging,
    recordings,
    serving,
    submitting,
    uploads,
    views,
)
from femo_api.errors import Code
from femo_jobs import listing
from femo_jobs.configuration import configuration
from femo_jobs.errors import TableBusyError, UnreadableRowError
from femo_jobs.jobs import JobStatus
from femo_jobs.observability import count, logger
from femo_jobs.table import job_table


async def _refuse_what_would_be_overlooked(request: Request) -> None:
    """Refuse query parameters and body fields that would otherwise be dropped without a word.

    Raises
    ------
    ApiError
        422 if a parameter is not one of the route's, or a parameter or field is repeated.
    """
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in known:
            raise errors.unknown_parameter(_shown(name), known)
        if times > 1:
            raise errors.repeated_parameter(name)
    if request.scope["route"].body_field is not None:
        # What is no JSON is refused by its content type, after this.
        with suppress(ValueError, RecursionError):
            json.loads(await request.body() or b"null", object_pairs_hook=_each_once)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for name, times in Counter(name for name, _ in pairs).items():
        if times > 1:
            raise errors.repeated_field(_shown(name))
    return dict(pairs)


def _shown(name: str) -> str | None:
    """Return a name that is the caller's own text, where it is harmless and short."""
    return name if contract.is_field_name(name) else None


app = FastAPI(
    title="FeMo Cloud",
    openapi_url=None,
    version="1.0.0",
    description="Finds the fetal movements in FeMo belt recordings. Every route but /health "
    "needs an access token with the scope jobs/read or jobs/write.",
    docs_url=None,
    redoc_url=None,
    redirect_slashes=False,
    dependencies=[Depends(_refuse_what_would_be_overlooked)],
)


@app.get("/health", responses=documentation.responses(token=False), tags=["service"])
async def health() -> contract.Health:
    """Say that the API answers. Needs no token."""
    return contract.Health()


@app.get("/openapi.json", include_in_schema=False)
async def openapi_document(request: Request) -> JSONResponse:
    """Return this API's description. Scope jobs/read."""
    return JSONResponse(documentation.describe(app, base_path(request)))


@app.get(
    "/service",
    response_model=contract.ServiceView,
    responses=documentation.responses(Code.SERVICE_BUSY),
    openapi_extra=documentation.needs("jobs/read"),
    tags=["service"],
)
async def describe_service() -> JSONResponse:
    """Tell which model is in service. Scope jobs/read.

    A job names the one that answered it, which may be an earlier one.
    """
    return JSONResponse(serving.describe(configuration()))


@app.post(
    "/jobs",
    status_code=HTTPStatus.ACCEPTED,
    response_model=contract.JobView,
    responses=documentation.SUBMITTED
    | documentation.responses(
        *documentation.BODY,
        Code.INVALID_S3_KEY,
        Code.EMPTY_RECORDING,
        Code.RECORDING_NOT_FOUND,
        Code.RECORDING_TOO_LARGE,
        Code.JOB_ID_CONFLICT,
        Code.MODEL_NOT_DEPLOYED,
        Code.SERVICE_BUSY,
        Code.SUBMISSION_UNCERTAIN,
        Code.UNREADABLE_JOB,
    ),
    openapi_extra=documentation.needs("jobs/write"),
    tags=["jobs"],
)
async def submit_job(submission: contract.JobSubmission) -> JSONResponse:
    """Submit a recording for analysis. Scope jobs/write. Safe to repeat.

    A repeat has the same jobId, s3Key, subjectId and options, and the recording the same content
    (its ETag); requestTime is no part of it. Anything else under a jobId that is taken is a
    conflict.
    """
    accepted = submitting.accept(submission, job_table(), configuration())
    count("JobsAccepted" if accepted.is_new else "JobsRepeated")
    logger.info(
        "job accepted" if accepted.is_new else "job repeated",
        job_id=accepted.job.job_id,
        size_bytes=accepted.job.recording_bytes,
    )
    if not accepted.is_new:
        return JSONResponse(views.full(accepted.job, configuration()))
    # Relative, and so right under any stage name or domain.
    return JSONResponse(
        views.summary(accepted.job),
        HTTPStatus.ACCEPTED,
        {"Location": f"jobs/{accepted.job.job_id}"},
    )


@app.get(
    "/jobs",
    response_model=contract.JobList,
    responses=documentation.responses(
        Code.INVALID_NEXT_TOKEN,
        Code.INVALID_FIELD,
        Code.INVALID_S3_KEY,
        Code.REPEATED_PARAMETER,
        Code.SERVICE_BUSY,
    ),
    openapi_extra=documentation.needs("jobs/read"),
    tags=["jobs"],
)
async def list_jobs(
    status: Annotated[JobStatus | None, Query(description="Only jobs of this status")] = None,
    subject_id: Annotated[
        contract.SubjectId | None, Query(alias="subjectId", description="Only this subject's jobs")
    ] = None,
    s3_key: Annotated[
        str | None,
        Query(
            alias="s3Key",
            min_length=1,
            max_length=1100,
            description="Only jobs of this recording, named as for POST /jobs",
        ),
    ] = None,
    created_from: Annotated[
        contract.Instant | None,
        Query(alias="from", description="Only jobs created at this ISO 8601 time or later"),
    ] = None,
    created_to: Annotated[
        contract.Instant | None,
        Query(alias="to", description="Only jobs created before this ISO 8601 time"),
    ] = None,
    limit: Annotated[
        int, Query(ge=1, le=listing.MAX_PAGE, description="Jobs a page, at most")
    ] = 25,
    next_token: Annotated[
        str | None,
        Query(alias="nextToken", description="From the page before, with the same filters"),
    ] = None,
) -> JSONResponse:
    """List jobs, newest first. Scope jobs/read. Filters can be combined.

    The listing follows new jobs with a short delay; GET /jobs/{jobId} does not.
    """
    if created_from is not None and created_to is not None and created_from >= created_to:
        raise errors.invalid_field("to", "must be later than from")
    settings = configuration()
    wanted = listing.Wanted(
        status=status,
        subject_id=subject_id,
        recording_uri=None if s3_key is None else recordings.locate(s3_key, settings).uri,
        created_from=created_from,
        created_to=created_to,
    )
    before = paging.decode(next_token, wanted) if next_token is not None else None
    page = listing.newest(job_table(), wanted, limit=limit, before=before)
    body: dict[str, Any] = {"jobs": [views.listed(job) for job in page.jobs]}
    if page.last is not None:
        body["nextToken"] = paging.encode(page.last, wanted)
    return JSONResponse(body)


@app.get(
    "/jobs/{jobId}",
    response_model=contract.JobView,
    responses=documentation.responses(Code.JOB_NOT_FOUND, Code.UNREADABLE_JOB),
    openapi_extra=documentation.needs("jobs/read"),
    tags=["jobs"],
)
async def get_job(jobId: str) -> JSONResponse:  # noqa: N803 - the contract's own name
    """Return a job, with its result once it is completed. Scope jobs/read."""
    job = job_table().get(jobId) if contract.is_job_id(jobId) else None
    if job is None:
        raise errors.job_not_found()
    return JSONResponse(views.full(job, configuration()))


@app.post(
    "/uploads",
    status_code=HTTPStatus.CREATED,
    response_model=contract.UploadView,
    responses=documentation.UPLOAD
    | documentation.responses(*documentation.BODY, Code.RECORDING_TOO_LARGE),
    openapi_extra=documentation.needs("jobs/write"),
    tags=["uploads"],
)
async def create_upload(request: contract.UploadRequest) -> JSONResponse:
    """Ask where to send a recording. Scope jobs/write.

    With sha256, the recording's key follows from its content: the same content again is the same
    recording and need not be sent, and an interrupted upload goes on where it ended.
    """
    view = uploads.begin(request, configuration())
    if view["kind"] == contract.UploadKind.PRESENT:
        logger.info("upload not needed", size_bytes=request.sizeBytes)
        return JSONResponse(view)
    logger.info("upload begun", size_bytes=request.sizeBytes, parts=len(view.get("parts", [None])))
    return JSONResponse(view, HTTPStatus.CREATED)


@app.post(
    "/uploads/{uploadId}/complete",
    response_model=contract.CompletedUpload,
    responses=documentation.responses(Code.UPLOAD_NOT_FOUND, Code.UPLOAD_INCOMPLETE),
    openapi_extra=documentation.needs("jobs/write"),
    tags=["uploads"],
)
async def complete_upload(uploadId: str) -> JSONResponse:  # noqa: N803 - the contract's own name
    """Put a multipart upload together once every part is sent. Scope jobs/write. No body."""
    return JSONResponse(uploads.complete(uploadId, configuration()))


class _FailureGuard:
    """Answers a request that we have failed, and logs why.

    FastAPI's own handler of last resort raises the exception again, for the server to log it:
    with its message, which may hold what a caller has sent.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            count("RequestsFailed")
            logger.exception("request failed", error_type=type(error).__name__)
            await _answer(errors.internal_error())(scope, receive, send)


app.add_middleware(_FailureGuard)


def base_path(request: Request) -> str:
    """Return what stands before our routes in the address that was called: the stage."""
    event = request.scope.get("aws.event", {})
    path = str(event.get("requestContext", {}).get("path", ""))
    return path.removesuffix(request.url.path) if path.endswith(request.url.path) else ""


@app.exception_handler(errors.ApiError)
async def _answer_api_error(_request: Request, error: errors.ApiError) -> JSONResponse:
    logger.info("request refused", code=error.code, http_status=error.status.value)
    return _answer(error)


@app.exception_handler(UnreadableRowError)
async def _answer_unreadable_row(_request: Request, error: UnreadableRowError) -> JSONResponse:
    count("RowsUnreadable")
    logger.error("row cannot be read", job_id=error.job_id)
    return _answer(errors.unreadable_job())


@app.exception_handler(TableBusyError)
async def _answer_busy_table(_request: Request, _error: TableBusyError) -> JSONResponse:
    return _answer(errors.service_busy())


@app.exception_handler(RequestValidationError)
async def _answer_invalid_request(_request: Request, error: RequestValidationError) -> JSONResponse:
    refusal = _refusal(error)
    logger.info("request refused", code=refusal.code, http_status=refusal.status.value)
    return _answer(refusal)


@app.exception_handler(HTTPException)
async def _answer_http_error(_request: Request, error: HTTPException) -> JSONResponse:
    code, message = {
        HTTPStatus.BAD_REQUEST: (Code.MALFORMED_JSON, "The body is not valid JSON."),
        HTTPStatus.NOT_FOUND: (Code.NO_SUCH_ROUTE, "There is no such route."),
        HTTPStatus.METHOD_NOT_ALLOWED: (
            Code.METHOD_NOT_ALLOWED,
            "This route does not have that method.",
        ),
    }.get(HTTPStatus(error.status_code), (Code.BAD_REQUEST, "The request cannot be served."))
    return JSONResponse(errors.error_body(code, message), error.status_code, error.headers)


def _answer(error: errors.ApiError) -> JSONResponse:
    return JSONResponse(error.body(), error.status, error.headers)


def _refusal(error: RequestValidationError) -> errors.ApiError:
    """Return the first fault as an error. What was sent is not repeated in it."""
    first = error.errors()[0]
    kind, where = first["type"], [str(part) for part in first["loc"]]
    field = ".".join(where[1:]) or None
    if kind == "json_invalid":
        return errors.ApiError(
            HTTPStatus.BAD_REQUEST, Code.MALFORMED_JSON, "The body is not valid JSON."
        )
    if where == ["body"]:
        if kind == "missing":
            return errors.ApiError(
                HTTPStatus.BAD_REQUEST, Code.MISSING_BODY, "The request needs a JSON body."
            )
        return errors.ApiError(
            HTTPStatus.BAD_REQUEST,
            Code.NOT_AN_OBJECT,
            "The body must be a JSON object, sent as Content-Type: application/json.",
        )
    if kind == "extra_forbidden":
        return errors.unknown_field(_shown(field) if field else None)
    if kind == "missing":
        return errors.missing_field(field)
    if kind == "string_pattern_mismatch":
        return errors.invalid_field(field, contract.PATTERNS_IN_WORDS[first["ctx"]["pattern"]])
    return errors.invalid_field(field, first["msg"])
