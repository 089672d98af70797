"""Deployments: begun by a person, one at a time by the machine's own lease, and how they ended."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

from femo_jobs.observability import logger
from femo_models import OUTCOMES, Outcome, describe
from femo_models_api import clients, errors
from femo_models_api.contract import DEPLOYMENT_ID_PATTERN, DeploymentStatus
from femo_models_api.registry import arn_of_version, moment
from femo_models_api.settings import Settings

_STATUSES = {"RUNNING": DeploymentStatus.RUNNING, "SUCCEEDED": DeploymentStatus.ENDED}
_VERSION = re.compile(r"model-package/[^/]+/([1-9][0-9]{0,9})$")


def begin(settings: Settings, version: int) -> dict[str, Any]:
    """Start the deployment of an approved version.

    A deployment that is under way gives way to it: the machine's lease has one change the endpoint.

    Raises
    ------
    ApiError
        404 if there is no such version, 409 if it is not approved, 503 if AWS takes no more
        requests at the moment.
    """
    arn = arn_of_version(settings, version)
    if not describe(clients.sagemaker(), arn, ()).approval.is_given:
        raise errors.model_not_approved("version")
    # Random, and so a name that tells nothing and is no other's.
    name = f"api-{secrets.token_hex(16)}"
    started = clients.states().start_execution(
        stateMachineArn=settings.machine_arn,
        name=name,
        input=json.dumps({"modelPackageArn": arn}),
    )
    return {
        "deploymentId": name,
        "version": version,
        "status": str(DeploymentStatus.RUNNING),
        "outcome": None,
        "message": None,
        "startedAt": moment(started["startDate"]),
        "endedAt": None,
    }


def find(settings: Settings, deployment_id: str) -> dict[str, Any]:
    """Return a deployment, whoever has begun it.

    Raises
    ------
    ApiError
        404 if there is none of that id, 503 if AWS takes no more requests at the moment.
    """
    if not re.fullmatch(DEPLOYMENT_ID_PATTERN.strip("^$"), deployment_id):
        raise errors.deployment_not_found()
    arn = settings.machine_arn.replace(":stateMachine:", ":execution:")
    states = clients.states()
    try:
        found = states.describe_execution(executionArn=f"{arn}:{deployment_id}")
    except states.exceptions.ExecutionDoesNotExist as error:
        raise errors.deployment_not_found() from error
    version = _VERSION.search(str(_read(found.get("input")).get("modelPackageArn", "")))
    number = int(version[1]) if version else None
    status = _STATUSES.get(found["status"], DeploymentStatus.FAILED)
    ended = found.get("stopDate")
    return {
        "deploymentId": deployment_id,
        "version": number,
        "status": str(status),
        **_outcome(_read(found.get("output")), number, status),
        "startedAt": moment(found["startDate"]),
        "endedAt": None if ended is None else moment(ended),
    }


def _outcome(
    output: dict[str, Any], version: int | None, status: DeploymentStatus
) -> dict[str, str | None]:
    """Return the outcome in our own words: the machine's can hold SageMaker's, with account ids."""
    if status is not DeploymentStatus.ENDED:
        return {"outcome": None, "message": None}
    try:
        outcome = Outcome(output.get("outcome", ""))
    except ValueError:
        logger.error("outcome not known", reason=str(output.get("outcome"))[:40])
        return {"outcome": None, "message": None}
    words = OUTCOMES[outcome].format(version="of the model" if version is None else version)
    return {"outcome": str(outcome), "message": f"{words[0].upper()}{words[1:]}."}


def _read(document: str | None) -> dict[str, Any]:
    found = json.loads(document or "{}")
    return found if isinstance(found, dict) else {}
