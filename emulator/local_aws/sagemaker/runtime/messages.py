"""What the container is sent, and what is told of how an invocation ended."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local_aws.sagemaker.arns import REGION
from local_aws.sagemaker.store import Document, QueuedInvocation

ID_HEADER = "X-Amzn-SageMaker-Inference-Id"
# What an instance worked on when SageMaker ended it: nothing is written and nobody is told
LOST = "Lost"


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended.

    Parameters
    ----------
    status
        ``Completed``, ``Failed``, ``Expired`` or ``Lost``.
    reason
        ``failureReason`` of the message.
    content_type, body
        What the container answered, if it did.
    response_status
        HTTP status of that answer.
    """

    status: str
    reason: str | None = None
    content_type: str = "application/json"
    body: bytes | None = None
    response_status: int | None = None


def container_headers(request: Document) -> dict[str, str]:
    """Return the headers that the container sees."""
    headers = {
        "Content-Type": request.get("ContentType", "application/octet-stream"),
        "Accept": request.get("Accept", "*/*"),
        ID_HEADER: request["InferenceId"],
    }
    if "CustomAttributes" in request:
        headers["X-Amzn-SageMaker-Custom-Attributes"] = request["CustomAttributes"]
    return headers


def message(invocation: QueuedInvocation, outcome: Outcome, moment: float) -> Document:
    """Return the SNS message of an outcome, as AWS publishes it."""
    request = invocation.document
    parameters: dict[str, Any] = {
        "accept": request.get("Accept", "*/*"),
        "contentType": request.get("ContentType", "application/octet-stream"),
        "endpointName": invocation.endpoint,
        "inputLocation": request["InputLocation"],
    }
    if "CustomAttributes" in request:
        parameters["customAttributes"] = request["CustomAttributes"]
    document: Document = {
        "awsRegion": REGION,
        "eventTime": _iso(moment),
        "receivedTime": _iso(invocation.received),
        "invocationStatus": outcome.status,
        "requestParameters": parameters,
        "inferenceId": request["InferenceId"],
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    if outcome.status == "Completed":
        document["responseParameters"] = {
            "contentType": outcome.content_type,
            "outputLocation": request["OutputLocation"],
        }
    else:
        document["failureReason"] = outcome.reason
        if "FailureLocation" in request:
            document["responseParameters"] = {"failureLocation": request["FailureLocation"]}
    return document


def _iso(moment: float) -> str:
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
