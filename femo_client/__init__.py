"""Talk to a deployed FeMo service over HTTP alone: upload, submit, follow, and read the results.

The names below are all that most need; docs/client.md shows them at work. Each is imported when it
is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from femo_client.async_client import AsyncFemoClient
    from femo_client.client import FemoClient
    from femo_client.errors import (
        ApiError,
        BadAnswerError,
        ConfigurationError,
        ConflictError,
        FemoClientError,
        ForbiddenError,
        InvalidRequestError,
        NoAnswerError,
        NoResultError,
        NotFoundError,
        SignInError,
        StillQueuedError,
        ThrottledError,
        UnavailableError,
        UnusableInputError,
    )
    from femo_client.frames import to_dataframe
    from femo_client.jobs import Job, JobError, JobFilters, JobOptions, JobStatus, Page
    from femo_client.service import Service, WarmUp
    from femo_client.sign_in import Credentials

_HOMES = {
    "ApiError": "errors",
    "AsyncFemoClient": "async_client",
    "BadAnswerError": "errors",
    "ConfigurationError": "errors",
    "ConflictError": "errors",
    "Credentials": "sign_in",
    "FemoClient": "client",
    "FemoClientError": "errors",
    "ForbiddenError": "errors",
    "InvalidRequestError": "errors",
    "Job": "jobs",
    "JobError": "jobs",
    "JobFilters": "jobs",
    "JobOptions": "jobs",
    "JobStatus": "jobs",
    "NoAnswerError": "errors",
    "NoResultError": "errors",
    "NotFoundError": "errors",
    "Page": "jobs",
    "Service": "service",
    "SignInError": "errors",
    "StillQueuedError": "errors",
    "ThrottledError": "errors",
    "UnavailableError": "errors",
    "UnusableInputError": "errors",
    "WarmUp": "service",
    "to_dataframe": "frames",
}

__all__ = [
    "ApiError",
    "AsyncFemoClient",
    "BadAnswerError",
    "ConfigurationError",
    "ConflictError",
    "Credentials",
    "FemoClient",
    "FemoClientError",
    "ForbiddenError",
    "InvalidRequestError",
    "Job",
    "JobError",
    "JobFilters",
    "JobOptions",
    "JobStatus",
    "NoAnswerError",
    "NoResultError",
    "NotFoundError",
    "Page",
    "Service",
    "SignInError",
    "StillQueuedError",
    "ThrottledError",
    "UnavailableError",
    "UnusableInputError",
    "WarmUp",
    "to_dataframe",
]


def __getattr__(name: str) -> Any:  # PEP 562
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
