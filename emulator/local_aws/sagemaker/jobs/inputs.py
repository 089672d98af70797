"""A job's share of its input data, as SageMaker distributes it over hosts."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local_aws.sagemaker.arns import S3Location
from local_aws.sagemaker.containers.objects import download_keys, list_keys
from local_aws.sagemaker.errors import ContainerError


def share(keys: Sequence[str], host: int, hosts: int, *, sharded: bool) -> list[str]:
    """Return the keys that one host gets.

    Parameters
    ----------
    keys
        All keys below the prefix.
    host, hosts
        Number of the host, from 0, and how many there are.
    sharded
        Whether each host gets its own part (ShardedByS3Key); a part may be empty.
    """
    ordered = sorted(keys)
    return ordered[host::hosts] if sharded else ordered


def download_input(
    s3: Any, uri: str, data_type: str, folder: Path, host: int, hosts: int, *, sharded: bool
) -> None:
    """Write one host's share of an input into a folder.

    Raises
    ------
    ContainerError
        If there is nothing at the URI, or it may not be read; worded as a FailureReason.
    """
    location = S3Location.parse(uri)
    try:
        if data_type == "ManifestFile":
            prefix, keys = _manifest(s3, location)
        else:
            prefix, keys = location, list_keys(s3, location)
        if not keys:
            raise ContainerError(f"ClientError: Data download failed: No S3 objects found at {uri}")
        download_keys(s3, prefix, share(keys, host, hosts, sharded=sharded), folder)
    except ClientError as error:
        raise ContainerError(f"ClientError: Data download failed: {uri}: {error}") from error


def _manifest(s3: Any, location: S3Location) -> tuple[S3Location, list[str]]:
    body = s3.get_object(Bucket=location.bucket, Key=location.key)["Body"].read()
    try:
        entries = json.loads(body)
        prefix = S3Location.parse(entries[0]["prefix"])
        names = [str(name) for name in entries[1:]]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ContainerError(
            f"ClientError: Data download failed: {location} is not a manifest file "
            '([{"prefix": "s3://..."}, "key", ...])'
        ) from error
    if prefix.key and not prefix.key.endswith("/"):
        prefix = S3Location(prefix.bucket, prefix.key + "/")
    return prefix, [prefix.key + name for name in names]
