"""The functions' settings, read once from their environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial

from femo_jobs.errors import ConfigurationError


def text_of(environment: Mapping[str, str], name: str) -> str:
    """Return a variable of the environment.

    Raises
    ------
    ConfigurationError
        If it is missing or empty.
    """
    value = environment.get(name, "")
    if not value:
        raise ConfigurationError(f"the environment variable {name} is not set")
    return value


def number_of(environment: Mapping[str, str], name: str) -> int:
    """Return a variable of the environment that is a whole number.

    Raises
    ------
    ConfigurationError
        If it is missing or no such number.
    """
    value = text_of(environment, name)
    if not value.isdecimal():
        raise ConfigurationError(f"the environment variable {name} is not a whole number")
    return int(value)


@dataclass(frozen=True)
class Configuration:
    """What the template tells a function."""

    jobs_table_name: str
    recordings_bucket: str
    additional_recordings_bucket: str | None
    requests_bucket: str
    endpoint_name: str
    max_recording_bytes: int
    request_ttl_seconds: int
    invocation_timeout_seconds: int
    job_retention_seconds: int

    @property
    def admitted_buckets(self) -> frozenset[str]:
        """Names of the buckets whose recordings may be analysed."""
        return frozenset(
            name for name in (self.recordings_bucket, self.additional_recordings_bucket) if name
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Configuration:
        """Read the settings from environment variables.

        Raises
        ------
        ConfigurationError
            If a variable is missing or is not a number where one is needed.
        """

        text, number = partial(text_of, environment), partial(number_of, environment)
        return cls(
            jobs_table_name=text("JOBS_TABLE_NAME"),
            recordings_bucket=text("RECORDINGS_BUCKET_NAME"),
            additional_recordings_bucket=environment.get("ADDITIONAL_RECORDINGS_BUCKET_NAME")
            or None,
            requests_bucket=text("REQUESTS_BUCKET_NAME"),
            endpoint_name=text("ENDPOINT_NAME"),
            max_recording_bytes=number("MAX_RECORDING_MEGABYTES") * 1024 * 1024,
            request_ttl_seconds=number("REQUEST_TTL_SECONDS"),
            invocation_timeout_seconds=number("INVOCATION_TIMEOUT_SECONDS"),
            job_retention_seconds=number("JOB_RETENTION_DAYS") * 86400,
        )


@cache
def configuration() -> Configuration:
    """Return this function's settings."""
    return Configuration.from_environment(os.environ)
