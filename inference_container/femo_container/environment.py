"""What the environment variables of the container may say, read once and checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from .errors import EnvironmentVariableError

__all__ = ["Environment", "JobEnvironment", "ServerEnvironment", "usable_cores"]

S3_PREFIX_PATTERN = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$"


def _empty_is_unset(value: object) -> object:
    return None if value == "" else value


S3Prefix = Annotated[str, Field(pattern=S3_PREFIX_PATTERN)]
MEBIBYTE = 1024**2
GIBIBYTE = 1024**3


class Environment(BaseModel):
    """Variables that every entry point reads; the field's alias is the variable's name."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    ml_root: Path = Field(default=Path("/opt/ml"), alias="FEMO_ML_ROOT")
    recordings_bucket: Annotated[str | None, BeforeValidator(_empty_is_unset)] = Field(
        default=None, alias="FEMO_RECORDINGS_BUCKET"
    )
    max_recording_bytes: int = Field(
        default=4 * GIBIBYTE, gt=0, alias="MODEL_SERVER_MAX_RECORDING_BYTES"
    )
    """A day of v1 is 2.1 GB; twice that leaves room, and bounds the disk that one job can fill."""

    @classmethod
    def read(cls, variables: Mapping[str, str] | None = None) -> Self:
        """Check the variables.

        Parameters
        ----------
        variables : mapping of str to str, optional
            Instead of ``os.environ``.

        Raises
        ------
        EnvironmentVariableError
            Naming the first variable that is wrong, and why.
        """
        given = os.environ if variables is None else variables
        names = {str(field.alias) for field in cls.model_fields.values()}
        try:
            return cls.model_validate({name: given[name] for name in names & given.keys()})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise EnvironmentVariableError(
                f"environment variable {first['loc'][0]}: {first['msg']}"
            ) from error


class ServerEnvironment(Environment):
    """Variables of ``serve``."""

    host: str = Field(default="0.0.0.0", alias="MODEL_SERVER_HOST")  # noqa: S104
    """SageMaker reaches the container over its own network: all of its addresses."""
    port: int = Field(default=8080, ge=0, le=65535, alias="SAGEMAKER_BIND_TO_PORT")
    workers: int = Field(default=1, ge=1, le=256, alias="MODEL_SERVER_WORKERS")
    """Recordings analysed at once. MaxConcurrentInvocationsPerInstance of an asynchronous endpoint
    has to be one more, which is downloaded meanwhile (see :mod:`.line`)."""
    timeout: float = Field(default=3600.0, gt=0, alias="MODEL_SERVER_TIMEOUT")
    """Seconds from a request's arrival until its job is killed; SageMaker itself waits 3600."""
    grace: float = Field(default=20.0, ge=0, le=24, alias="MODEL_SERVER_GRACE_SECONDS")
    """Seconds that a running job has to finish after SIGTERM; SIGKILL comes after 30."""
    model_package: Annotated[str | None, BeforeValidator(_empty_is_unset)] = Field(
        default=None, max_length=256, alias="FEMO_MODEL_PACKAGE"
    )
    """GROUP/VERSION of the registered package in ``/opt/ml/model``, which each result names."""
    max_request_bytes: int = Field(default=64 * 1024, gt=0, alias="MODEL_SERVER_MAX_REQUEST_BYTES")


class JobEnvironment(Environment):
    """Variables of ``process``."""

    feature_cache: Annotated[S3Prefix | None, BeforeValidator(_empty_is_unset)] = Field(
        default=None, alias="FEATURE_CACHE_URI"
    )
    force_extract: bool = Field(default=False, alias="FORCE_EXTRACT")
    extract_workers: Annotated[int | None, BeforeValidator(_empty_is_unset)] = Field(
        default=None, ge=1, alias="EXTRACT_WORKERS"
    )
    """Recordings analysed at once; by default what cores and free memory allow."""
    minimum_recordings: int = Field(default=2, ge=1, alias="MINIMUM_RECORDINGS")
    """Fewer usable ones fail ``prepare``: grouped cross-validation needs two groups."""


def usable_cores() -> int:
    """Cores that this process may run on, which a container's limits can make fewer."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
