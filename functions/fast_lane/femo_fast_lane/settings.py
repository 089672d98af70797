"""What the template tells this function alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from femo_jobs.errors import ConfigurationError


@dataclass(frozen=True)
class FastLaneSettings:
    """The serverless endpoint, and where outcomes are told."""

    endpoint_name: str
    success_topic_arn: str
    error_topic_arn: str
    region: str


@cache
def fast_lane_settings() -> FastLaneSettings:
    """Return this function's own settings.

    Raises
    ------
    ConfigurationError
        If a variable is missing.
    """
    names = ("FAST_LANE_ENDPOINT_NAME", "SUCCESS_TOPIC_ARN", "ERROR_TOPIC_ARN", "AWS_REGION")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        raise ConfigurationError(f"the environment variable {missing[0]} is not set")
    return FastLaneSettings(*(os.environ[name] for name in names))
