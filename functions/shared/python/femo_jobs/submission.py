"""Queues a job for inference: its request into S3, then InvokeEndpointAsync."""

from __future__ import annotations

import json
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from femo_jobs import clients
from femo_jobs.aws_faults import THROTTLED, name_of, passes
from femo_jobs.configuration import Configuration
from femo_jobs.errors import (
    EndpointBusyError,
    EndpointUnavailableError,
    SubmissionUncertainError,
)
from femo_jobs.jobs import Job

_UNCERTAIN_STATUS = 500


@dataclass(frozen=True)
class Submission:
    """Where SageMaker will write the outcome."""

    output_location: str
    failure_location: str | None


def custom_attributes(job: Job) -> str:
    """Return what SageMaker shall echo in its message: which job, and which attempt at it.

    Visible ASCII, of which SageMaker takes 1024 characters.
    """
    return f"job={job.job_id};attempt={job.attempts}"


def request_key(job_id: str) -> str:
    """Return the key of a job's request in the requests bucket."""
    return f"requests/{job_id}.json"


def write_request(job: Job, settings: Configuration) -> tuple[str, bytes]:
    """Write what the container is asked into S3; return where (URI), and the text.

    Raises
    ------
    botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError
        If S3 does not take it.
    """
    body: dict[str, str | bool] = {
        "jobId": job.job_id,
        "s3Key": job.request.recording_uri,
        "removeHiccups": job.request.remove_hiccups,
        "includeFullIntervals": job.request.include_full_intervals,
        "extractEvents": job.request.extract_events,
    }
    if job.request.request_time is not None:
        body["requestTime"] = job.request.request_time
    if job.recording_version is not None:
        body["versionId"] = job.recording_version
    if job.recording_etag is not None:
        body["etag"] = job.recording_etag
    key, text = request_key(job.job_id), json.dumps(body).encode()
    clients.s3().put_object(
        Bucket=settings.requests_bucket, Key=key, Body=text, ContentType="application/json"
    )
    return f"s3://{settings.requests_bucket}/{key}", text


def submit(job: Job, settings: Configuration) -> Submission:
    """Queue a job. Its row must exist, and the caller's attempt must own it.

    Raises
    ------
    EndpointUnavailableError
        If no model is deployed. The job is not queued.
    EndpointBusyError
        If SageMaker throttles, or S3 does not take the request for now. The job is not queued.
    SubmissionUncertainError
        If the answer was lost or a server error: the job may be queued or not.
    botocore.exceptions.ClientError
        If the request was refused for another reason. The job is not queued.
    """
    try:
        location, _ = write_request(job, settings)
    except (BotoCoreError, ClientError) as error:
        if passes(error):
            raise EndpointBusyError(f"S3 fails for now: {name_of(error)}") from error
        raise
    try:
        answer = clients.sagemaker_runtime().invoke_endpoint_async(
            EndpointName=settings.endpoint_name,
            InputLocation=location,
            InferenceId=job.inference_id,
            CustomAttributes=custom_attributes(job),
            ContentType="application/json",
            Accept="application/json",
            RequestTTLSeconds=settings.request_ttl_seconds,
            InvocationTimeoutSeconds=settings.invocation_timeout_seconds,
        )
    except BotoCoreError as error:
        raise SubmissionUncertainError(f"no answer: {type(error).__name__}") from error
    except ClientError as error:
        raise _meaning(error) from error
    return Submission(answer["OutputLocation"], answer.get("FailureLocation"))


def _meaning(error: ClientError) -> Exception:
    code = error.response["Error"]["Code"]
    message = error.response["Error"].get("Message", "")
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    if code in THROTTLED:
        return EndpointBusyError(f"SageMaker throttles: {code}")
    if status >= _UNCERTAIN_STATUS:
        return SubmissionUncertainError(f"SageMaker failed: {code}")
    # SageMaker has no error of its own for a missing endpoint. Its words are "Endpoint X of
    # account Y not found."; one that is being made or removed is described alike.
    if code in ("ValidationError", "ValidationException") and "endpoint" in message.lower():
        return EndpointUnavailableError("the endpoint is missing or not in service")
    return error
