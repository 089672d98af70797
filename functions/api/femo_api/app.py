"""The routes, and how every error finds its one shape."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from femo_api import contract, documentation, errors, paging, submitting, uploads, views
from femo_jobs.configuration import configuration
from femo_jobs.jobs import JobStatus, job_table
from femo_jobs.observability import count, logger

app = FastAPI(
    title="FeMo Cloud",
    openapi_url=None,
    version="1.0.0",
    description="Finds the fetal movements in FeMo belt recordings. Every route but /health "
    "needs an access token with the scope jobs/read or jobs/write.",
    docs_url=None,
    redoc_url=None,
    redirect_slashes=False,
)


@app.get("/health", tags=["service"])
async def health() -> contract.Health:
    """Say that the API answers. Needs no token."""
    return contract.Health()


@app.get("/openapi.json", include_in_schema=False)
async def openapi_document(request: Request) -> JSONResponse:
    """Return this API's description. Scope jobs/read."""
    return JSONResponse(documentation.describe(app, base_path(request)))


@app.post(
    "/jobs",
    status_code=HTTPStatus.ACCEPTED,
    response_model=contract.JobView,
    responses=documentation.SUBMITTED | documentation.responses(400, 404, 409, 413, 422, 503),
    openapi_extra=documentation.needs("jobs/write"),
    tags=["jobs"],
)
async def submit_job(submission: contract.JobSubmission) -> JSONResponse:
    """Submit a recording for analysis. Scope jobs/write. Safe to repeat."""
    accepted = submitting.accept(submission, job_table(), configuration())
    count("JobsAccepted" if accepted.is_new else "JobsRepeated")
    logger.info(
        "job accepted" if accepted.is_new else "job repeated",
        job_id=accepted.job.job_id,
        size_bytes=accepted.job.recording_bytes,
    )
    if not accepted.is_new:
        return JSONResponse(views.full(accepted.job))
    # Relative, and so right under any stage name or domain.
    return JSONResponse(
        views.summary(accepted.job),
        HTTPStatus.ACCEPTED,
        {"Location": f"jobs/{accepted.job.job_id}"},
    )


@app.get(
    "/jobs",
    response_model=contract.JobList,
    responses=documentation.responses(400, 422),
    openapi_extra=documentation.needs("jobs/read"),
    tags=["jobs"],
)
async def list_jobs(
    status: Annotated[JobStatus | None, Query(description="Only jobs of this status")] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="Jobs a page")] = 25,
    next_token: Annotated[
        str | None, Query(alias="nextToken", description="From the page before")
    ] = None,
) -> JSONResponse:
    """List jobs, newest first. Scope jobs/read."""
    before = paging.decode(next_token, status) if next_token is not None else None
    found = job_table().newest(status=status, limit=limit + 1, before=before)
    page: dict[str, Any] = {"jobs": [views.summary(job) for job in found[:limit]]}
    if len(found) > limit:
        page["nextToken"] = paging.encode(found[limit - 1].listing_key, status)
    return JSONResponse(page)


@app.get(
    "/jobs/{jobId}",
    response_model=contract.JobView,
    responses=documentation.responses(404),
    openapi_extra=documentation.needs("jobs/read"),
    tags=["jobs"],
)
async def get_job(jobId: str) -> JSONResponse:  # noqa: N803 - the contract's own name
    """Return a job, with its result once it is completed. Scope jobs/read."""
    job = job_table().get(jobId) if contract.is_job_id(jobId) else None
    if job is None:
        raise errors.job_not_found()
    return JSONResponse(views.full(job))


@app.post(
    "/uploads",
    status_code=HTTPStatus.CREATED,
    response_model=contract.UploadView,
    responses=documentation.responses(400, 413, 422),
    openapi_extra=documentation.needs("jobs/write"),
    tags=["uploads"],
)
async def create_upload(request: contract.UploadRequest) -> JSONResponse:
    """Ask where to send a new recording. Scope jobs/write."""
    view = uploads.begin(request, configuration())
    logger.info(
        "upload begun", size_bytes=request.sizeBytes, parts=len(view.get("parts") or [None])
    )
    return JSONResponse(view, HTTPStatus.CREATED)


@app.post(
    "/uploads/{uploadId}/complete",
    response_model=contract.CompletedUpload,
    responses=documentation.responses(404, 409),
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
            await internal_error()(scope, receive, send)


app.add_middleware(_FailureGuard)


def base_path(request: Request) -> str:
    """Return what stands before our routes in the address that was called: the stage."""
    event = request.scope.get("aws.event", {})
    path = str(event.get("requestContext", {}).get("path", ""))
    return path.removesuffix(request.url.path) if path.endswith(request.url.path) else ""


@app.exception_handler(errors.ApiError)
async def _answer_api_error(_request: Request, error: errors.ApiError) -> JSONResponse:
    logger.info("request refused", code=error.code, http_status=error.status.value)
    return JSONResponse(error.body(), error.status, error.headers)


@app.exception_handler(RequestValidationError)
async def _answer_invalid_request(_request: Request, error: RequestValidationError) -> JSONResponse:
    refusal = _refusal(error)
    logger.info("request refused", code=refusal.code, http_status=refusal.status.value)
    return JSONResponse(refusal.body(), refusal.status)


@app.exception_handler(HTTPException)
async def _answer_http_error(_request: Request, error: HTTPException) -> JSONResponse:
    code, message = {
        HTTPStatus.BAD_REQUEST: ("malformed_json", "The body is not valid JSON."),
        HTTPStatus.NOT_FOUND: ("no_such_route", "There is no such route."),
        HTTPStatus.METHOD_NOT_ALLOWED: (
            "method_not_allowed",
            "This route does not have that method.",
        ),
    }.get(HTTPStatus(error.status_code), ("bad_request", "The request cannot be served."))
    return JSONResponse(errors.error_body(code, message), error.status_code, error.headers)


def internal_error() -> JSONResponse:
    """Return the answer to a request that we have failed."""
    return JSONResponse(
        errors.error_body(
            "internal_error",
            "The service failed. Send the same request again; if it stays, tell the operator "
            "the time of this request.",
        ),
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )


def _refusal(error: RequestValidationError) -> errors.ApiError:
    """Return the first fault as an error. What was sent is not repeated in it."""
    first = error.errors()[0]
    kind, where = first["type"], [str(part) for part in first["loc"]]
    field = ".".join(where[1:]) or None
    if kind == "json_invalid":
        return errors.ApiError(
            HTTPStatus.BAD_REQUEST, "malformed_json", "The body is not valid JSON."
        )
    if where == ["body"]:
        if kind == "missing":
            return errors.ApiError(
                HTTPStatus.BAD_REQUEST, "missing_body", "The request needs a JSON body."
            )
        return errors.ApiError(
            HTTPStatus.BAD_REQUEST,
            "not_an_object",
            "The body must be a JSON object, sent as Content-Type: application/json.",
        )
    if kind == "extra_forbidden":
        # The name is the caller's own text: shown back only where it is harmless and short.
        known_shape = field is not None and contract.is_field_name(field)
        return errors.ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "unknown_field",
            "This field is not known.",
            field=field if known_shape else None,
        )
    if kind == "missing":
        return errors.ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "missing_field", "This field is needed.", field=field
        )
    return errors.ApiError(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_field", f"{first['msg']}.", field=field
    )
