"""The one exception family of femo_client.

::

    FemoClientError
    ├── ConfigurationError       how to reach the service is not told, or not whole
    ├── UnusableInputError       what was given cannot be sent; nothing was
    └── ApiError                 asking the service came to nothing
        ├── InvalidRequestError    400, 413, 422 and whatever else of 4xx has no class here
        ├── SignInError            401: no valid token or not the scope; or the client was refused
        ├── ForbiddenError         403: no such route, or S3 refuses the address
        ├── NotFoundError          404
        ├── ConflictError          409: the same id for something else
        ├── ThrottledError         429
        ├── UnavailableError       5xx
        ├── NoAnswerError          nobody answered
        ├── BadAnswerError         an answer that is none of this service's
        ├── StillQueuedError       the job was not seen to end in the time given
        └── NoResultError          the job has no result; its code says why
"""

from __future__ import annotations

__all__ = [
    "ApiError",
    "BadAnswerError",
    "ConfigurationError",
    "ConflictError",
    "FemoClientError",
    "ForbiddenError",
    "InvalidRequestError",
    "NoAnswerError",
    "NoResultError",
    "NotFoundError",
    "SignInError",
    "StillQueuedError",
    "ThrottledError",
    "UnavailableError",
    "UnusableInputError",
    "class_of_status",
]


class FemoClientError(Exception):
    """Whatever this package raises; its message says what is wrong, in one line.

    Attributes
    ----------
    code : str
        Stable, for programs.
    """

    code = "client_error"


class ConfigurationError(FemoClientError):
    """How to reach the service is not told, or not whole.

    Attributes
    ----------
    missing : tuple of str
        Names of the environment's variables that would be needed.
    """

    code = "not_configured"

    def __init__(self, message: str, missing: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.missing = missing


class UnusableInputError(FemoClientError, ValueError):
    """What was given cannot be sent; nothing was."""

    code = "unusable_input"


class ApiError(FemoClientError):
    """The service refused a request or could not serve it.

    Attributes
    ----------
    status : int
        HTTP status; 0 where no answer came, or where it is not the answer's status that is wrong.
    code : str
        The error body's code.
    field : str or None
        The field at fault, where the service names one.
    request_id : str or None
        The service's own id of the request, by which its logs tell of it.
    retry_after : float or None
        Time after which the service wants to be asked again (s), where it says so.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.field = field
        self.request_id = request_id
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[object, ...]:
        # An exception is copied from `args`, which are the message alone.
        return (_rebuilt, (type(self), self.args, self.__dict__))


class InvalidRequestError(ApiError):
    """The request itself is at fault."""


class SignInError(ApiError):
    """The client is not known, or its token is not valid or lacks the scope."""


class ForbiddenError(ApiError):
    """There is no such route, or S3 refuses an address that is not, or no longer, signed for it."""


class NotFoundError(ApiError):
    """There is no such thing."""


class ConflictError(ApiError):
    """The same job id has been used for something else."""


class ThrottledError(ApiError):
    """More was asked for than may be."""


class UnavailableError(ApiError):
    """The service cannot serve at the moment."""


class NoAnswerError(ApiError):
    """Nobody answered. What was asked for may have been done all the same."""

    def __init__(self, message: str) -> None:
        super().__init__(0, "no_answer", message)


class BadAnswerError(ApiError):
    """An answer that is none of this service's, or one of a service that is too old."""

    def __init__(self, message: str, *, request_id: str | None = None) -> None:
        super().__init__(0, "bad_answer", message, request_id=request_id)


class StillQueuedError(ApiError, TimeoutError):
    """The job was not seen to end in the time given. It goes on."""

    def __init__(self, message: str) -> None:
        super().__init__(0, "still_queued", message)


class NoResultError(ApiError):
    """The job has no result; `code` is that of its own error, ``no_result`` where it has none."""

    def __init__(self, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(0, code, message, field=field)


_BY_STATUS = {
    401: SignInError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    429: ThrottledError,
}


def class_of_status(status: int) -> type[ApiError]:
    """Return the class of an answer's HTTP status, which is that of an error."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 400 <= status < 500:
        return InvalidRequestError
    return UnavailableError if status >= 500 else ApiError


def _rebuilt(
    kind: type[ApiError], arguments: tuple[object, ...], facts: dict[str, object]
) -> ApiError:
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    error.__dict__.update(facts)
    return error
