"""What the template tells the function."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from femo_jobs.configuration import text_of

APPROVERS = "modelApprovers"
"""The user pool's group of those who may approve and deploy, as the template names it."""


@dataclass(frozen=True)
class Settings:
    """Where the models and what deploys them are."""

    package_group: str
    endpoint_name: str
    fast_lane_endpoint_name: str
    machine_arn: str  # of the deployment state machine

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings from environment variables.

        Raises
        ------
        ConfigurationError
            If a variable is missing.
        """
        return cls(
            package_group=text_of(environment, "MODEL_PACKAGE_GROUP_NAME"),
            endpoint_name=text_of(environment, "ENDPOINT_NAME"),
            fast_lane_endpoint_name=text_of(environment, "FAST_LANE_ENDPOINT_NAME"),
            machine_arn=text_of(environment, "DEPLOYMENT_STATE_MACHINE_ARN"),
        )


@cache
def settings() -> Settings:
    """Return this function's settings."""
    return Settings.from_environment(os.environ)
