"""What is told of the fast lane: whether it takes jobs, and how soon it answers them."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from femo_api import backlog, lanes
from femo_api.endpoints import look
from femo_api.service_contract import SERVING, EndpointStatus, LaneState, WaitBasis, wait_view
from femo_api.settings import ApiSettings
from femo_jobs.configuration import Configuration
from femo_jobs.errors import TableBusyError
from femo_jobs.fast_lane_limits import COLD_START_SECONDS, FIXED_SECONDS, PATIENCE_SECONDS
from femo_jobs.observability import logger
from femo_jobs.table import JobTable

# In these an endpoint may be on its way to a model that can be proven.
_CHANGING = SERVING - {EndpointStatus.IN_SERVICE} | {EndpointStatus.CREATING}


def describe(table: JobTable, settings: Configuration, api: ApiSettings) -> dict[str, Any]:
    """Return the lane as GET /service shows it."""
    now = state(settings, api)
    return {"state": now and str(now), "expectedWait": _wait(table, now)}


def state(settings: Configuration, api: ApiSettings) -> LaneState | None:
    """Return whether the lane takes jobs; None where that is not known.

    Never cold: whether a container is warm SageMaker does not tell.
    """
    if settings.fast_lane_queue_url is None:
        return LaneState.OFF
    is_proven, status = lanes.known(settings), _status(api.fast_lane_endpoint_name)
    if is_proven is None or status is None:
        return None
    if is_proven:
        return LaneState.READY if status in SERVING else LaneState.OFF
    return LaneState.STARTING if status in _CHANGING else LaneState.OFF


def _status(name: str) -> EndpointStatus | None:
    """Return the endpoint's status; None where SageMaker does not tell.

    The other lane, of which more is told, shall not be missed for it.
    """
    try:
        return look(name).status
    except (BotoCoreError, ClientError) as error:
        logger.exception("fast lane not known", error_type=type(error).__name__)
        return None


def _wait(table: JobTable, now: LaneState | None) -> dict[str, Any]:
    if now is None:
        return wait_view(None, None, WaitBasis.NOT_KNOWN)
    if now is not LaneState.READY:
        return wait_view(None, None, WaitBasis.NO_MODEL)
    try:
        job = backlog.fast_job_time(table)
    except (BotoCoreError, ClientError, TableBusyError) as error:
        logger.exception("fast lane not known", error_type=type(error).__name__)
        return wait_view(None, None, WaitBasis.NOT_KNOWN)
    return wait_view(
        job.seconds if job.is_measured else FIXED_SECONDS,
        PATIENCE_SECONDS + COLD_START_SECONDS + job.seconds,
        WaitBasis.MEASURED if job.is_measured else WaitBasis.MODELLED,
    )
