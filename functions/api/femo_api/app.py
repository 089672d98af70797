"""The routes, and how every error finds its one shape."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from femo_api import (
    contract,
    documentation,
    errors,
    forms,
    paging,
    recordings,
    refusals,
    service_contract,
    serving,
    submitting,
    uploads,
    views,
    waiting,
)
from femo_api.errors import Code
from femo_api.settings import api_settings
from femo_http.documentation import BODY, needs, operation_id, responses
from femo_http.refusals import refuse_what_would_be_overlooked
from femo_jobs import listing
from femo_jobs.configuration import configuration
from femo_jobs.jobs import JobStatus
from femo_jobs.observability import count, logger
from femo_jobs.table import job_table

Prefer = Annotated[
    list[str] | None,
    Header(
        alias="Prefer",
        description="RFC 7240. wait=N: hold the answer back until the job has ended, for at most N "
        f"seconds and at most {waiting.MAX_WAIT_SECONDS}. Other preferences, and a wait that is "
        "no whole number, are ignored",
        examples=[["wait=20"]],
    ),
]


app = FastAPI(
    title="FeMo Cloud",
    openapi_url=None,
    version="1.0.0",
    description=documentation.INTRODUCTION,
    openapi_tags=documentation.TAGS,
    generate_unique_id_function=operation_id,
    docs_url=None,
    redoc_url=None,
    redirect_slashes=False,
    dependencies=[Depends(refuse_what_would_be_overlooked)],
)


@app.get("/health", responses=responses(token=False), tags=["service"])
async def get_health() -> contract.Health:
    """Say that the API answers. Needs no token."""
    return contract.Health()


@app.get(
    "/openapi.json",
    response_model=dict[str, Any],
    responses=responses(token=False),
    tags=["service"],
)
async def get_description(request: Request) -> JSONResponse:
    """Return this description of the API (OpenAPI 3.1). Needs no token."""
    return JSONResponse(documentation.document(base_path(request), api_settings().token_url))


@app.get(
    "/service",
    response_model=service_contract.ServiceView,
    responses=responses(Code.SERVICE_BUSY),
    openapi_extra=needs("jobs/read"),
    tags=["service"],
)
async def get_service() -> JSONResponse:
    """Tell which model is in service, how soon, and how much there is to do. Scope jobs/read.

    A job names the model that answered it, which may be an earlier one, and the lane it took.
    """
    return JSONResponse(serving.describe(job_table(), configuration(), api_settings()))


@app.post(
    "/service/warm-up",
    status_code=HTTPStatus.ACCEPTED,
    response_model=service_contract.WarmUpView,
    responses=responses(Code.MODEL_NOT_DEPLOYED, Code.SERVICE_BUSY),
    openapi_extra=needs("service/write"),
    tags=["service"],
)
async def warm_up_service() -> JSONResponse:
    """Have an instance started where there is none. Scope service/write. No body. Safe to repeat.

    It runs until scaling finds that no job comes, about as long as ScaleInCooldownSeconds and a
    quarter of an hour, and costs as much as with a job. The serverless lane needs no warming up.
    """
    view = serving.warm_up(configuration(), api_settings())
    logger.info("warm-up asked for", status=view["lanes"]["asynchronous"]["effect"])
    return JSONResponse(view, HTTPStatus.ACCEPTED)


@app.post(
    "/jobs",
    status_code=HTTPStatus.ACCEPTED,
    response_model=contract.JobView,
    responses=documentation.SUBMITTED
    | responses(
        *BODY,
        Code.INVALID_S3_KEY,
        Code.EMPTY_RECORDING,
        Code.RECORDING_NOT_FOUND,
        Code.RECORDING_TOO_LARGE,
        Code.JOB_ID_CONFLICT,
        Code.MODEL_NOT_DEPLOYED,
        Code.BACKLOG_FULL,
        Code.SERVICE_BUSY,
        Code.SUBMISSION_UNCERTAIN,
        Code.UNREADABLE_JOB,
    ),
    openapi_extra=needs("jobs/write"),
    tags=["jobs"],
)
async def submit_job(
    submission: contract.JobSubmission, request: Request, prefer: Prefer = None
) -> JSONResponse:
    """Submit a recording for analysis. Scope jobs/write. Safe to repeat.

    A repeat has the same jobId, s3Key, subjectId and options, and the recording the same content
    (its ETag); requestTime is no part of it. Anything else under a jobId that is taken is a
    conflict. A job that ends while its request waits (Prefer) is answered with 200.
    """
    patience = waiting.patience(prefer or [], request.scope.get("aws.context"))
    table, settings = job_table(), configuration()
    accepted = submitting.accept(submission, table, settings, api_settings())
    count("JobsAccepted" if accepted.is_new else "JobsRepeated")
    logger.info(
        "job accepted" if accepted.is_new else "job repeated",
        job_id=accepted.job.job_id,
        size_bytes=accepted.job.recording_bytes,
    )
    job, applied = waiting.follow(
        accepted.job, table, patience, most_waiting=api_settings().places_to_wait
    )
    if not accepted.is_new or job.status is not JobStatus.QUEUED:
        return JSONResponse(views.full(job, settings), headers=applied)
    # Relative, and so right under any stage name or domain.
    return JSONResponse(
        views.summary(job),
        HTTPStatus.ACCEPTED,
        {"Location": f"jobs/{job.job_id}", **applied},
    )


@app.get(
    "/jobs",
    response_model=contract.JobList,
    responses=responses(
        Code.INVALID_NEXT_TOKEN,
        Code.INVALID_FIELD,
        Code.INVALID_S3_KEY,
        Code.REPEATED_PARAMETER,
        Code.SERVICE_BUSY,
    ),
    openapi_extra=needs("jobs/read"),
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
    responses=documentation.FOUND | responses(Code.JOB_NOT_FOUND, Code.UNREADABLE_JOB),
    openapi_extra=needs("jobs/read"),
    tags=["jobs"],
)
async def get_job(
    jobId: str,  # noqa: N803 - the contract's own name
    request: Request,
    prefer: Prefer = None,
) -> JSONResponse:
    """Return a job, with its result once it is completed. Scope jobs/read."""
    patience = waiting.patience(prefer or [], request.scope.get("aws.context"))
    table = job_table()
    job = table.get(jobId) if contract.is_job_id(jobId) else None
    if job is None:
        raise errors.job_not_found()
    job, applied = waiting.follow(job, table, patience, most_waiting=api_settings().places_to_wait)
    return JSONResponse(views.full(job, configuration()), headers=applied)


@app.get(
    "/jobs/{jobId}/result",
    response_class=Response,
    responses=documentation.RESULT
    | responses(
        Code.JOB_NOT_FOUND,
        Code.UNREADABLE_JOB,
        Code.NOT_ACCEPTABLE,
        Code.JOB_NOT_COMPLETED,
        Code.RESULT_TOO_LARGE,
        Code.RESULT_OF_ANOTHER_VERSION,
        Code.RESULT_UNAVAILABLE,
        Code.RESULT_UNREACHABLE,
        Code.SERVICE_BUSY,
    ),
    openapi_extra=needs("jobs/read"),
    tags=["jobs"],
)
async def get_result(
    jobId: str,  # noqa: N803 - the contract's own name
    accept: Annotated[
        list[str] | None,
        Header(include_in_schema=False),  # OpenAPI tells it by the forms of the answer
    ] = None,
) -> Response:
    """Return a completed job's result as JSON, as a table or as FHIR. Scope jobs/read.

    Accept chooses: application/json (the whole response, and what is given where nothing is asked
    for), text/csv (a summary, then all that happened) or application/fhir+json (a Bundle of R4).

    JSON that is too large to be sent here is answered with 303 and its address in S3, which
    needs no token: do not send it yours.
    """
    form = forms.wanted(accept or [])
    job = job_table().get(jobId) if contract.is_job_id(jobId) else None
    if job is None:
        raise errors.job_not_found()
    return forms.give(job, form, configuration())


@app.post(
    "/uploads",
    status_code=HTTPStatus.CREATED,
    response_model=contract.UploadView,
    responses=documentation.UPLOAD | responses(*BODY, Code.RECORDING_TOO_LARGE),
    openapi_extra=needs("jobs/write"),
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
    responses=responses(Code.UPLOAD_NOT_FOUND, Code.UPLOAD_INCOMPLETE),
    openapi_extra=needs("jobs/write"),
    tags=["uploads"],
)
async def complete_upload(uploadId: str) -> JSONResponse:  # noqa: N803 - the contract's own name
    """Put a multipart upload together once every part is sent. Scope jobs/write. No body."""
    return JSONResponse(uploads.complete(uploadId, configuration()))


def base_path(request: Request) -> str:
    """Return what stands before our routes in the address that was called: the stage."""
    event = request.scope.get("aws.event", {})
    path = str(event.get("requestContext", {}).get("path", ""))
    return path.removesuffix(request.url.path) if path.endswith(request.url.path) else ""


refusals.install(app)
