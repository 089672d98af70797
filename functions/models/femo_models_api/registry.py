"""The models as callers see them, and what is decided of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from femo_jobs.jobs import timestamp
from femo_models import Package, arn_of, decide, describe, listed, serving_version
from femo_models_api import clients, errors
from femo_models_api.contract import ApprovalRequest, ModelLane
from femo_models_api.settings import Settings

GAIN = "gain_over_serving_"  # as the training machine names what a package gained
_ENDS = ("_low", "_high")


def newest(settings: Settings, limit: int) -> list[dict[str, Any]]:
    """Return the newest models, newest first, and those that serve however old they are."""
    lanes = _lanes(settings)
    packages = listed(
        clients.sagemaker(),
        settings.package_group,
        limit=limit,
        serving={version for version in lanes.values() if version is not None},
    )
    return [_view(package, settings, lanes) for package in packages]


def decided(
    settings: Settings, version: int, asked: ApprovalRequest, *, user_id: str
) -> dict[str, Any]:
    """Approve or reject a model and return it as it is then.

    A decision that was taken already stays with who took it, and with why.

    Raises
    ------
    ApiError
        404 if there is no such version, 409 if its approval is not the expected one, 503 if AWS
        takes no more requests at the moment.
    """
    arn = arn_of_version(settings, version)
    package = describe(clients.sagemaker(), arn, ())
    status = package.approval.status
    if status != asked.decision:
        if asked.expectedStatus not in (None, status):
            raise errors.approval_changed()
        decide(clients.sagemaker(), arn, asked.decision, user_id=user_id, comment=asked.comment)
        package = describe(clients.sagemaker(), arn, ())
    return _view(package, settings, _lanes(settings))


def arn_of_version(settings: Settings, version: int) -> str:
    """Return the ARN of a version.

    Raises
    ------
    ApiError
        404 if there is none of that number.
    """
    arn = arn_of(clients.sagemaker(), settings.package_group, version)
    if arn is None:
        raise errors.model_not_found()
    return arn


def _lanes(settings: Settings) -> dict[ModelLane, int | None]:
    """Return the version that serves on each lane."""
    names = {
        ModelLane.ASYNCHRONOUS: settings.endpoint_name,
        ModelLane.SERVERLESS: settings.fast_lane_endpoint_name,
    }
    return {
        lane: serving_version(_config_name(name), settings.package_group)
        for lane, name in names.items()
    }


def _config_name(endpoint_name: str) -> str | None:
    try:
        found = clients.sagemaker().describe_endpoint(EndpointName=endpoint_name)
    except ClientError as error:
        # SageMaker has no error of its own for an endpoint that is not there
        told = error.response["Error"]
        if told["Code"] == "ValidationException" and "could not find" in told["Message"].lower():
            return None
        raise
    return found.get("EndpointConfigName")


def _view(
    package: Package, settings: Settings, lanes: Mapping[ModelLane, int | None]
) -> dict[str, Any]:
    approval = package.approval
    return {
        "version": package.version,
        "modelPackage": f"{settings.package_group}/{package.version}",
        "createdAt": moment(package.created),
        "approval": {
            "status": approval.status,
            "userId": approval.user_id,
            "comment": approval.comment,
        },
        "serves": [str(lane) for lane, version in lanes.items() if version == package.version],
        "metrics": _metrics(package),
        "gain": _gain(package),
    }


def _metrics(package: Package) -> dict[str, Any]:
    names = [
        name for name in package.metrics if not name.startswith(GAIN) and not name.endswith(_ENDS)
    ]
    return {
        name: {
            "value": package.metrics[name],
            **dict(zip(("low", "high"), package.interval(name) or (None, None), strict=True)),
        }
        for name in names
    }


def _gain(package: Package) -> dict[str, Any] | None:
    if package.compared_with is None:
        return None
    found = {end: package.metrics.get(f"{GAIN}{end}") for end in ("f1", "low", "high")}
    return {**found, "comparedWith": package.compared_with}


def moment(when: datetime) -> str:
    """Return a time as the API tells it."""
    return timestamp(when.astimezone(UTC))
