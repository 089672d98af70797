"""The AWS clients, one of each for the life of the function."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from femo_jobs.clients import sagemaker

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

__all__ = ["sagemaker", "states"]


@cache
def states() -> SFNClient:
    """Return the client of the deployment machine."""
    import boto3
    from botocore.config import Config

    # Each deployment has a name of its own: to start one again is no second one.
    patience = Config(
        connect_timeout=3, read_timeout=8, retries={"mode": "standard", "total_max_attempts": 3}
    )
    return boto3.client("stepfunctions", config=patience)
