"""What is in service: the endpoint, and the model package behind it."""

from __future__ import annotations

import re
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from femo_api import errors
from femo_api.contract import SERVING, EndpointStatus
from femo_jobs import clients
from femo_jobs.configuration import Configuration
from femo_jobs.submission import BUSY


def describe(settings: Configuration) -> dict[str, Any]:
    """Return the endpoint's status and the package that it serves, by one question to SageMaker.

    Raises
    ------
    ApiError
        503 if SageMaker throttles or does not answer.
    botocore.exceptions.ClientError
        If the question was refused for another reason.
    """
    try:
        endpoint = clients.sagemaker().describe_endpoint(EndpointName=settings.endpoint_name)
    except BotoCoreError as error:
        raise errors.service_busy() from error
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        if code in BUSY:
            raise errors.service_busy() from error
        # SageMaker has no error of its own for it
        if code == "ValidationException" and "could not find endpoint" in message.lower():
            return _view(EndpointStatus.NOT_DEPLOYED, None)
        raise
    status = EndpointStatus(endpoint["EndpointStatus"])
    if status not in SERVING:
        return _view(status, None)
    return _view(status, package_of(endpoint["EndpointConfigName"], settings.endpoint_name))


def package_of(config_name: str, group: str) -> str | None:
    """Return the package that the deployment machine has named a configuration after.

    Parameters
    ----------
    config_name
        GROUP-vVERSION-HASH-REDRIVE-RETRY, without the version where the model is not registered.
    group
        Model package group, which bears the endpoint's name.
    """
    named = re.fullmatch(
        rf"{re.escape(group)}-v([1-9][0-9]*)-[0-9a-f]{{16}}-[0-9]+-[0-9]+", config_name
    )
    return f"{group}/{named[1]}" if named else None


def _view(status: EndpointStatus, package: str | None) -> dict[str, Any]:
    return {"endpoint": {"status": str(status)}, "modelPackage": package}
