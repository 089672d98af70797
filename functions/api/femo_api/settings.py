"""The settings that the API alone has."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from femo_jobs.configuration import number_of, text_of

AHEAD = 1
"""Jobs that an instance has in hand beyond those that it analyses: the next is downloaded."""


@dataclass(frozen=True)
class ApiSettings:
    """What the template tells the API of waiting, and of the endpoints' size."""

    places_to_wait: int  # requests that wait for their job at once; 0: none does
    min_instances: int
    max_instances: int
    jobs_per_instance: int  # that one analyses at once
    expected_job_seconds: int  # of one job, until some have been measured
    fast_lane_endpoint_name: str
    fast_lane_concurrency: int  # jobs that the fast lane answers at once
    token_url: str  # where access tokens are given

    @property
    def most_jobs_at_once(self) -> int:
        """How many jobs the whole fleet has in hand at once."""
        return self.max_instances * self.jobs_in_hand

    @property
    def jobs_in_hand(self) -> int:
        """How many jobs one instance has at once, by whose time in it its rate is reckoned."""
        return self.jobs_per_instance + AHEAD

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ApiSettings:
        """Read the settings from environment variables.

        Raises
        ------
        ConfigurationError
            If a variable is missing or is not a number.
        """
        return cls(
            places_to_wait=number_of(environment, "MAX_WAITING_REQUESTS"),
            min_instances=number_of(environment, "MIN_INSTANCES"),
            max_instances=number_of(environment, "MAX_INSTANCES"),
            jobs_per_instance=number_of(environment, "CONCURRENT_JOBS_PER_INSTANCE"),
            expected_job_seconds=number_of(environment, "EXPECTED_JOB_SECONDS"),
            fast_lane_endpoint_name=text_of(environment, "FAST_LANE_ENDPOINT_NAME"),
            fast_lane_concurrency=number_of(environment, "FAST_LANE_CONCURRENCY"),
            token_url=text_of(environment, "TOKEN_URL"),
        )


@cache
def api_settings() -> ApiSettings:
    """Return this function's settings."""
    return ApiSettings.from_environment(os.environ)
