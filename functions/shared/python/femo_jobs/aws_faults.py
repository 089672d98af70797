"""Which faults of an AWS call pass by themselves: the same call may succeed in a moment."""

from __future__ import annotations

from http import HTTPStatus

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
)

__all__ = ["THROTTLED", "name_of", "passes"]

THROTTLED = frozenset(
    {
        # What botocore's standard mode takes for throttling (botocore/retries/standard.py)
        "BandwidthLimitExceeded", "EC2ThrottledException", "LimitExceededException",
        "PriorRequestNotComplete", "ProvisionedThroughputExceededException",
        "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "SlowDown",
        "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException",
        "TransactionInProgressException",
        # KMS behind SNS and SQS
        "KMSThrottling", "KMSThrottlingException", "KmsThrottled",
    }
)  # fmt: skip
"""Names of refusals for the rate of requests, whatever HTTP status they come with: DynamoDB's and
SageMaker's is 400. A HEAD has no name, only its status. What was refused so has not been done."""

_NOT_IN_TIME = frozenset({"RequestTimeout", "RequestTimeoutException"})


def name_of(error: BotoCoreError | ClientError) -> str:
    """Return AWS's name of a fault, or the SDK's own."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "")) or type(error).__name__
    return type(error).__name__


def passes(error: BotoCoreError | ClientError) -> bool:
    """Say whether a fault passes: AWS was busy, failed itself, or could not be reached.

    The SDK has tried the call again already, where the client's settings let it.
    """
    if isinstance(error, BotoCoreError):
        return isinstance(error, ConnectionError | HTTPClientError | IncompleteReadError)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    too_many = status == HTTPStatus.TOO_MANY_REQUESTS
    return (
        name_of(error) in THROTTLED | _NOT_IN_TIME
        or too_many
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )
