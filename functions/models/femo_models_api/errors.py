"""The errors of models and deployments, beside those of every route."""

from __future__ import annotations

from femo_http.errors import ApiError, Code

__all__ = [
    "approval_changed",
    "deployment_not_found",
    "model_not_approved",
    "model_not_found",
    "not_an_approver",
]


def model_not_found() -> ApiError:
    """No version of that number."""
    return ApiError(Code.MODEL_NOT_FOUND)


def model_not_approved(field: str | None) -> ApiError:
    """The version is waiting for its approval, or was rejected."""
    return ApiError(Code.MODEL_NOT_APPROVED, field=field)


def approval_changed() -> ApiError:
    """Another state than the one that the decision was taken upon."""
    return ApiError(Code.APPROVAL_CHANGED, field="expectedStatus")


def not_an_approver() -> ApiError:
    """Whoever has signed in is not of the group that may do this."""
    return ApiError(Code.NOT_AN_APPROVER)


def deployment_not_found() -> ApiError:
    """No deployment of that id."""
    return ApiError(Code.DEPLOYMENT_NOT_FOUND)
