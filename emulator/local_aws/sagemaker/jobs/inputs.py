"""A job's input data, whole on each of its hosts (FullyReplicated)."""

from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local_aws.sagemaker.arns import S3Location
from local_aws.sagemaker.containers.objects import download_keys, list_keys
from local_aws.sagemaker.errors import ContainerError


def download_input(s3: Any, uri: str, folder: Path) -> None:
    """Write what lies below a prefix into a folder.

    Raises
    ------
    ContainerError
        If there is nothing at the URI, or it may not be read; worded as a FailureReason.
    """
    location = S3Location.parse(uri)
    try:
        keys = list_keys(s3, location)
        if not keys:
            raise ContainerError(f"ClientError: Data download failed: No S3 objects found at {uri}")
        download_keys(s3, location, keys, folder)
    except ClientError as error:
        raise ContainerError(f"ClientError: Data download failed: {uri}: {error}") from error
