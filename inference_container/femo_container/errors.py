"""The one exception family of the container: each says which answer or exit it leads to."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

__all__ = [
    "COULD_NOT_LOAD",
    "ContainerError",
    "ContractError",
    "EnvironmentVariableError",
    "RequestError",
    "ServiceError",
    "Stopped",
    "StorageError",
    "WorkerLostError",
    "WorkersFailedError",
]

COULD_NOT_LOAD = "worker_could_not_load"


class ContainerError(Exception):
    """A fault that the container names itself, as a code and a line that a caller may see.

    Attributes
    ----------
    status : int
        The HTTP status that answers it.
    code : str
        Stable, machine-readable name (lower case, underscores).
    field : str or None
        The request's field at fault, where there is one.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        field: str | None = None,
    ) -> None:
        super().__init__(" ".join(message.split()))
        self.code = code
        self.status = int(status)
        self.field = field

    def body(self) -> dict[str, Any]:
        """The JSON body that answers it: ``{"error": {"code", "message", "field"?}}``."""
        error = {"code": self.code, "message": str(self)}
        if self.field is not None:
            error["field"] = self.field
        return {"error": error}


class RequestError(ContainerError):
    """The caller's fault: a 4xx answer."""


class ServiceError(ContainerError):
    """Our fault: a 5xx answer, or a job that ends with a non-zero status."""


class StorageError(ServiceError):
    """S3, or the disk below us, did not do its part."""


class WorkerLostError(ServiceError):
    """The process that was working on a job ended before it answered."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="worker_lost")


class WorkersFailedError(ServiceError):
    """No worker can be loaded: every job would meet the same fault."""


class EnvironmentVariableError(ServiceError):
    """An environment variable holds what it may not."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="invalid_environment")


class ContractError(ServiceError):
    """A file of SageMaker's contract (configuration, channel, input) is missing or malformed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="invalid_job_input")


class Stopped(SystemExit):
    """SIGTERM arrived: the job ends now. A SystemExit, which asyncio lets through as well."""
