"""The errors that AWS's service answers with."""


class ServiceError(Exception):
    """An error answer of the service.

    Parameters
    ----------
    code
        AWS's name of it, such as ``ValidationException`` or ``ResourceNotFound``.
    message
        What is wrong, for the caller.
    status
        HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class ValidationError(ServiceError):
    """The request is not what the API takes, or names something that is not there."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)


class ResourceInUseError(ServiceError):
    """A name is taken, or a resource is busy."""

    def __init__(self, message: str) -> None:
        super().__init__("ResourceInUse", message)


class ResourceNotFoundError(ServiceError):
    """A job or package that does not exist."""

    def __init__(self, message: str) -> None:
        super().__init__("ResourceNotFound", message)


class ResourceLimitExceededError(ServiceError):
    """The account's quota of instances does not suffice."""

    def __init__(self, message: str) -> None:
        super().__init__("ResourceLimitExceeded", message)


class AccessDeniedError(ServiceError):
    """The caller's policies do not allow the action."""

    def __init__(self, message: str) -> None:
        super().__init__("AccessDeniedException", message, 403)


class ContainerError(Exception):
    """A container did not do what it was started for; the message becomes a FailureReason."""
