"""What is in service: the endpoint, the model package behind it, its lanes; and warming them up."""

from __future__ import annotations

import re
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from femo_api import backlog, errors, serverless
from femo_api.endpoints import Endpoint, look
from femo_api.service_contract import EndpointStatus, LaneState, WaitBasis, WarmUpEffect, wait_view
from femo_api.settings import ApiSettings
from femo_jobs import clients
from femo_jobs.configuration import Configuration
from femo_jobs.errors import TableBusyError
from femo_jobs.observability import logger
from femo_jobs.table import JobTable

VARIANT = "AllTraffic"  # the deployment machine's one


def describe(table: JobTable, settings: Configuration, api: ApiSettings) -> dict[str, Any]:
    """Return what serves, by a question to SageMaker for each endpoint, and what waits for it.

    Raises
    ------
    botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError
        If the question was refused, or not answered.
    """
    endpoint = look(settings.endpoint_name)
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
        "lanes": {"asynchronous": lane, "serverless": serverless.describe(table, settings, api)},
        "backlog": {"openJobs": load[0] if load else None},
    }


def warm_up(settings: Configuration, api: ApiSettings) -> dict[str, Any]:
    """Ask for an instance where there is none. Safe to repeat.

    It sets one in place of none and nothing else, which lies within what scaling may choose, and
    scaling takes it away again when no job comes. While scaling or a deployment changes the
    endpoint, SageMaker refuses it: then an instance is on its way, or will be when a job comes.

    For the serverless lane nothing is done: a container of it starts with the job that needs one,
    in seconds, and AWS does not say for how long it is kept. A request to have one started would
    be paid for like a job, and need the permission to analyse.

    Raises
    ------
    ApiError
        503 if no model is in service.
    botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError
        If it was refused for another reason, or not answered.
    """
    endpoint = look(settings.endpoint_name)
    if not endpoint.serves:
        raise errors.model_not_deployed("There is nothing to warm up")
    found = _ask_for_one(settings) if _is_cold(endpoint) else endpoint
    if found is None:
        return _warmed(settings, api, LaneState.STARTING, WarmUpEffect.STARTED)
    runs = found.state is LaneState.READY
    effect = WarmUpEffect.ALREADY_WARM if runs else WarmUpEffect.UNDER_WAY
    return _warmed(settings, api, found.state, effect)


def _ask_for_one(settings: Configuration) -> Endpoint | None:
    """Ask for one instance; the endpoint as it is where something else has been faster.

    That is scaling, a deployment or another request: SageMaker refuses two changes at once.
    """
    try:
        clients.sagemaker().update_endpoint_weights_and_capacities(
            EndpointName=settings.endpoint_name,
            DesiredWeightsAndCapacities=[{"VariantName": VARIANT, "DesiredInstanceCount": 1}],
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code != "ValidationException" or _is_cold(now := look(settings.endpoint_name)):
            raise
        return now
    return None


def _is_cold(endpoint: Endpoint) -> bool:
    return endpoint.status is EndpointStatus.IN_SERVICE and endpoint.state is LaneState.COLD


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
    """Return the queue's jobs and how long one takes; None where the table does not tell."""
    try:
        return backlog.queue_jobs(table), backlog.job_time(table, api)
    except (BotoCoreError, ClientError, TableBusyError) as error:
        logger.exception("backlog not known", error_type=type(error).__name__)
        return None


def _wait(
    endpoint: Endpoint, load: tuple[int, backlog.JobTime] | None, api: ApiSettings
) -> dict[str, Any]:
    if not endpoint.serves:
        return wait_view(None, None, WaitBasis.NO_MODEL)
    if load is None or endpoint.state is None:
        return wait_view(None, None, WaitBasis.NOT_KNOWN)
    jobs, job = load
    soonest, latest = {
        LaneState.COLD: backlog.START_SECONDS,
        LaneState.STARTING: (0, backlog.START_SECONDS[1]),
    }.get(endpoint.state, (0, 0))
    running = max(endpoint.current_instances or 0, 1)
    most = max(running, api.max_instances)
    return wait_view(
        soonest + job.seconds * (1 + jobs / (most * api.jobs_in_hand)),
        latest + job.seconds * (1 + jobs / (running * api.jobs_in_hand)),
        WaitBasis.MEASURED if job.is_measured else WaitBasis.CONFIGURED,
    )


def _warmed(
    settings: Configuration, api: ApiSettings, state: LaneState | None, effect: WarmUpEffect
) -> dict[str, Any]:
    fast = serverless.state(settings, api)
    return {
        "lanes": {
            "asynchronous": {"state": state and str(state), "effect": str(effect)},
            "serverless": {
                "state": fast and str(fast),
                "effect": str(WarmUpEffect.NOTHING_TO_DO),
            },
        }
    }
