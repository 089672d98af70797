"""The serverless endpoint: one request, and what its answer means for the job."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from femo_jobs.jobs import Job
from femo_jobs.submission import custom_attributes

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

ANSWER_SECONDS = 75
"""A request has 60 s in the container; the rest is the start of a cold one, and the way."""

_NOT_FINAL = frozenset({408, 429})  # the container's time or room, not the recording


class Verdict(StrEnum):
    """What an answer means."""

    ANSWERED = "answered"
    REFUSED = "refused"  # by the container, for what is in the request or its recording
    NOT_SERVED = "not served"  # throttled, too slow, broken, not there: another may serve it


@dataclass(frozen=True)
class Reply:
    """What came of a request.

    Parameters
    ----------
    body
        The container's own words, where it had any.
    status
        HTTP status of the container's answer, or of SageMaker's where the container gave none;
        0 for no answer.
    code
        SageMaker's name of the error, or the SDK's.
    """

    verdict: Verdict
    body: bytes = b""
    content_type: str = "application/json"
    status: int = 0
    code: str = ""


def ask(endpoint_name: str, job: Job, body: bytes) -> Reply:
    """Send one job's request, once: a repeat would be a second analysis."""
    try:
        answer = _client().invoke_endpoint(
            EndpointName=endpoint_name,
            Body=body,
            ContentType="application/json",
            Accept="application/json",
            InferenceId=job.inference_id,
            CustomAttributes=custom_attributes(job),
        )
        return Reply(
            Verdict.ANSWERED, answer["Body"].read(), answer.get("ContentType", ""), status=200
        )
    except BotoCoreError as error:
        return Reply(Verdict.NOT_SERVED, code=type(error).__name__)
    except ClientError as error:
        return _meaning(error)


def _meaning(error: ClientError) -> Reply:
    code = error.response["Error"]["Code"]
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    if code != "ModelError":
        return Reply(Verdict.NOT_SERVED, status=status, code=code)
    original = int(str(error.response.get("OriginalStatusCode", 0)))
    words = str(error.response.get("OriginalMessage", "")).encode()
    is_final = 400 <= original < 500 and original not in _NOT_FINAL
    verdict = Verdict.REFUSED if is_final else Verdict.NOT_SERVED
    return Reply(verdict, words, status=original, code=code)


@cache
def _client() -> SageMakerRuntimeClient:
    import boto3
    from botocore.config import Config

    once = Config(
        connect_timeout=3,
        read_timeout=ANSWER_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 1},
    )
    return boto3.client("sagemaker-runtime", config=once)
