"""What is in service: the endpoint, the model package behind it, its lanes; and warming them up."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from femo_api import backlog, errors
from femo_api.service_contract import (
    SERVING,
    EndpointStatus,
    LaneState,
    WaitBasis,
    WarmUpEffect,
)
from femo_api.settings import ApiSettings
from femo_jobs import clients
from femo_jobs.configuration import Configuration
from femo_jobs.errors import TableBusyError
from femo_jobs.observability import logger
from femo_jobs.submission import BUSY
from femo_jobs.table import JobTable

VARIANT = "AllTraffic"  # the deployment machine's one


@dataclass(frozen=True)
class Endpoint:
    """The endpoint, as SageMaker describes it."""

    status: EndpointStatus
    config_name: str | None = None
    current_instances: int | None = None  # None where it is not told
    desired_instances: int | None = None

    @property
    def serves(self) -> bool:
        """Whether a model answers."""
        return self.status in SERVING

    @property
    def state(self) -> LaneState | None:
        """How soon it can begin with a job; None where that is not told."""
        if not self.serves:
            return LaneState.OFF
        if self.current_instances is None or self.desired_instances is None:
            return None
        if self.current_instances:
            return LaneState.READY
        return LaneState.STARTING if self.desired_instances else LaneState.COLD


def describe(table: JobTable, settings: Configuration, api: ApiSettings) -> dict[str, Any]:
    """Return what serves, by one question to SageMaker, and what waits for it.

    Raises
    ------
    ApiError
        503 if SageMaker throttles or does not answer.
    botocore.exceptions.ClientError
        If the question was refused for another reason.
    """
    endpoint = look(settings)
    load = _load(table, api)
    package = None
    if endpoint.serves and endpoint.config_name is not None:
        package = package_of(endpoint.config_name, settings.endpoint_name)
    lane = {
        "state": endpoint.state and str(endpoint.state),
        "currentInstances": endpoint.current_instances,
        "desiredInstances": endpoint.desired_instances,
        "expectedWait": _wait(endpoint, load, api),
    }
    return {
        "endpoint": {"status": str(endpoint.status)},
        "modelPackage": package,
        "lanes": {"asynchronous": lane},
        "backlog": {"openJobs": load[0] if load else None},
    }


def warm_up(settings: Configuration) -> dict[str, Any]:
    """Ask for an instance where there is none. Safe to repeat.

    It sets one in place of none and nothing else, which lies within what scaling may choose, and
    scaling takes it away again when no job comes. While scaling or a deployment changes the
    endpoint, SageMaker refuses it: then an instance is on its way, or will be when a job comes.

    Raises
    ------
    ApiError
        503 if no model is in service, or SageMaker throttles or does not answer.
    botocore.exceptions.ClientError
        If it was refused for another reason.
    """
    endpoint = look(settings)
    if not endpoint.serves:
        raise errors.model_not_deployed("There is nothing to warm up")
    found = _ask_for_one(settings) if _is_cold(endpoint) else endpoint
    if found is None:
        return _warmed(LaneState.STARTING, WarmUpEffect.STARTED)
    runs = found.state is LaneState.READY
    return _warmed(found.state, WarmUpEffect.ALREADY_WARM if runs else WarmUpEffect.UNDER_WAY)


def _ask_for_one(settings: Configuration) -> Endpoint | None:
    """Ask for one instance; the endpoint as it is where something else has been faster.

    That is scaling, a deployment or another request: SageMaker refuses two changes at once.
    """
    try:
        clients.sagemaker().update_endpoint_weights_and_capacities(
            EndpointName=settings.endpoint_name,
            DesiredWeightsAndCapacities=[{"VariantName": VARIANT, "DesiredInstanceCount": 1}],
        )
    except BotoCoreError as error:
        raise errors.service_busy() from error
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in BUSY:
            raise errors.service_busy() from error
        if code != "ValidationException" or _is_cold(now := look(settings)):
            raise
        return now
    return None


def _is_cold(endpoint: Endpoint) -> bool:
    return endpoint.status is EndpointStatus.IN_SERVICE and endpoint.state is LaneState.COLD


def look(settings: Configuration) -> Endpoint:
    """Return the endpoint as it is now.

    Raises
    ------
    ApiError
        503 if SageMaker throttles or does not answer.
    botocore.exceptions.ClientError
        If the question was refused for another reason.
    """
    try:
        found = clients.sagemaker().describe_endpoint(EndpointName=settings.endpoint_name)
    except BotoCoreError as error:
        raise errors.service_busy() from error
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        if code in BUSY:
            raise errors.service_busy() from error
        # SageMaker has no error of its own for it
        if code == "ValidationException" and "could not find endpoint" in message.lower():
            return Endpoint(EndpointStatus.NOT_DEPLOYED)
        raise
    variant: Any = next(iter(found.get("ProductionVariants", [])), {})
    return Endpoint(
        EndpointStatus(found["EndpointStatus"]),
        found["EndpointConfigName"],
        variant.get("CurrentInstanceCount"),
        variant.get("DesiredInstanceCount"),
    )


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


def _load(table: JobTable, api: ApiSettings) -> tuple[int, backlog.JobTime] | None:
    """Return the open jobs and how long one takes; None where the table does not tell."""
    try:
        return backlog.open_jobs(table), backlog.job_time(table, api)
    except (BotoCoreError, ClientError, TableBusyError) as error:
        logger.exception("backlog not known", error_type=type(error).__name__)
        return None


def _wait(
    endpoint: Endpoint, load: tuple[int, backlog.JobTime] | None, api: ApiSettings
) -> dict[str, Any]:
    if not endpoint.serves:
        return _wait_view(None, None, WaitBasis.NO_MODEL)
    if load is None or endpoint.state is None:
        return _wait_view(None, None, WaitBasis.NOT_KNOWN)
    jobs, job = load
    soonest, latest = {
        LaneState.COLD: backlog.START_SECONDS,
        LaneState.STARTING: (0, backlog.START_SECONDS[1]),
    }.get(endpoint.state, (0, 0))
    running = max(endpoint.current_instances or 0, 1)
    most = max(running, api.max_instances)
    return _wait_view(
        soonest + job.seconds * (1 + jobs / (most * api.jobs_per_instance)),
        latest + job.seconds * (1 + jobs / (running * api.jobs_per_instance)),
        WaitBasis.MEASURED if job.is_measured else WaitBasis.CONFIGURED,
    )


def _wait_view(least: float | None, most: float | None, basis: WaitBasis) -> dict[str, Any]:
    return {
        "fromSeconds": None if least is None else math.floor(least),
        "toSeconds": None if most is None else math.ceil(most),
        "basis": str(basis),
    }


def _warmed(state: LaneState | None, effect: WarmUpEffect) -> dict[str, Any]:
    lane = {"state": state and str(state), "effect": str(effect)}
    return {"lanes": {"asynchronous": lane}}
