"""The AWS clients, one of each for the life of the function."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_sqs import SQSClient

# boto3 takes longer to import than all the rest together, and not every request needs it: it is
# imported with the first client.


CONNECTIONS = 16  # that a client keeps, and so how many threads it serves without waiting


@cache
def dynamodb() -> DynamoDBClient:
    """Return the client of the job table."""
    import boto3

    return boto3.client("dynamodb", config=patience())


@cache
def s3() -> S3Client:
    """Return the client of the buckets."""
    import boto3
    from botocore.config import Config

    # Signed URLs name the bucket's own region only in the virtual style, in us-east-1 only if asked
    # to. The global name that they bear otherwise redirects for a new bucket's first day, which is
    # not signed, and is none of the hosts that the console's page may talk to.
    regional = Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
    )
    return boto3.client("s3", config=patience().merge(regional))


@cache
def sagemaker_runtime() -> SageMakerRuntimeClient:
    """Return the client of the inference endpoint."""
    import boto3
    from botocore.config import Config

    # A second InvokeEndpointAsync would queue the job a second time: no retries inside the SDK.
    once = Config(
        connect_timeout=3,
        read_timeout=15,
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=CONNECTIONS,
    )
    return boto3.client("sagemaker-runtime", config=once)


@cache
def sagemaker() -> SageMakerClient:
    """Return the client that describes the endpoint. The largest of all: only who asks waits."""
    import boto3

    return boto3.client("sagemaker", config=patience())


@cache
def sqs() -> SQSClient:
    """Return the client of the fast lane's queue."""
    import boto3

    return boto3.client("sqs", config=patience())


@cache
def cloudwatch() -> Any:
    """Return the client of the endpoint's metrics."""
    import boto3

    return boto3.client("cloudwatch", config=patience())


def warm_up() -> None:
    """Make the clients now: that is slow, and two threads must not make the same one."""
    dynamodb()
    s3()
    sagemaker_runtime()


def patience() -> Config:
    """Return how long a call may take, and how often it is tried."""
    from botocore.config import Config

    # The API has 29 s in all: a call that hangs must leave time to answer.
    return Config(
        connect_timeout=3,
        read_timeout=8,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=CONNECTIONS,
    )
