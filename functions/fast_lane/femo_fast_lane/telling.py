"""Tells the outcome of a job as SageMaker tells one of the asynchronous endpoint."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from femo_fast_lane.settings import FastLaneSettings
from femo_jobs import clients
from femo_jobs.configuration import Configuration
from femo_jobs.jobs import Job, timestamp
from femo_jobs.submission import custom_attributes, request_key

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


def tell(job: Job, *, is_completed: bool, lane: FastLaneSettings, settings: Configuration) -> None:
    """Publish how the inference of a job ended, on the topic of those that ended so.

    Parameters
    ----------
    is_completed
        Whether the container has answered the request, whatever the job made of that.
    """
    topic = lane.success_topic_arn if is_completed else lane.error_topic_arn
    document = message(job, is_completed=is_completed, lane=lane, settings=settings)
    _client().publish(TopicArn=topic, Message=json.dumps(document))


def message(
    job: Job, *, is_completed: bool, lane: FastLaneSettings, settings: Configuration
) -> dict[str, Any]:
    """Return the message, in the form of an asynchronous endpoint's.

    https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html
    """
    document: dict[str, Any] = {
        "awsRegion": lane.region,
        "eventTime": timestamp(),
        "receivedTime": job.created_at,
        "invocationStatus": "Completed" if is_completed else "Failed",
        "requestParameters": {
            "accept": "application/json",
            "contentType": "application/json",
            "customAttributes": custom_attributes(job),
            "endpointName": lane.endpoint_name,
            "inputLocation": f"s3://{settings.requests_bucket}/{request_key(job.job_id)}",
        },
        "inferenceId": job.inference_id,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    if is_completed:
        document["responseParameters"] = {
            "contentType": "application/json",
            "outputLocation": job.output_location,
        }
    else:
        document["responseParameters"] = {"failureLocation": job.failure_location}
        document["failureReason"] = (
            "ClientError: Received client error from primary. See failureLocation."
        )
    return document


@cache
def _client() -> SNSClient:
    import boto3

    # The function has 120 s in all, of which an answer may take most
    return boto3.client("sns", config=clients.patience())
