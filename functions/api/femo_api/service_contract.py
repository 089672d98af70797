"""The bodies of what is told of the service itself, as the OpenAPI document shows them."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field


class EndpointStatus(StrEnum):
    """SageMaker's statuses of an endpoint, and that there is none."""

    NOT_DEPLOYED = "NotDeployed"
    OUT_OF_SERVICE = "OutOfService"
    CREATING = "Creating"
    UPDATING = "Updating"
    SYSTEM_UPDATING = "SystemUpdating"
    ROLLING_BACK = "RollingBack"
    IN_SERVICE = "InService"
    DELETING = "Deleting"
    FAILED = "Failed"
    UPDATE_ROLLBACK_FAILED = "UpdateRollbackFailed"


# In these a model answers: while an endpoint changes, the one from before.
SERVING = frozenset(
    {
        EndpointStatus.IN_SERVICE,
        EndpointStatus.UPDATING,
        EndpointStatus.SYSTEM_UPDATING,
        EndpointStatus.ROLLING_BACK,
    }
)


class EndpointView(BaseModel):
    """The endpoint that analyses recordings."""

    status: EndpointStatus = Field(
        description="As SageMaker tells it; NotDeployed where there is no endpoint. A model "
        f"answers in {', '.join(sorted(SERVING))}"
    )


class LaneState(StrEnum):
    """How soon a lane can begin with a job; the serverless one is never cold."""

    OFF = "off"
    COLD = "cold"
    STARTING = "starting"
    READY = "ready"


class WaitBasis(StrEnum):
    """Where an expected wait comes from, or why there is none."""

    MEASURED = "measured"
    CONFIGURED = "configured"
    MODELLED = "modelled"
    NO_MODEL = "no_model"
    NOT_KNOWN = "not_known"


class WaitView(BaseModel):
    """How long a job that is sent now may take until it ends. No promise."""

    fromSeconds: int | None = Field(
        description="asynchronous: with every instance that may run, started in the shortest time; "
        "serverless: in a warm container, at once. Null where basis is no_model or not_known"
    )
    toSeconds: int | None = Field(
        description="asynchronous: with the instances that run, or one, started in the longest "
        "time; serverless: after as long as a job waits there for its turn, in a cold container. "
        "A job that has no turn by then goes by the queue, and takes that lane's time as well. "
        "Null where basis is no_model or not_known"
    )
    basis: WaitBasis = Field(
        description="measured: by the newest completed jobs of this lane; where none of the newest "
        "was: configured, by ExpectedJobSeconds (asynchronous), or modelled, by what a job must "
        "promise to be taken (serverless); no_model: no model serves in this lane; not_known: "
        "SageMaker does not tell the instances or the endpoint, or a table does not answer"
    )


def wait_view(least: float | None, most: float | None, basis: WaitBasis) -> dict[str, Any]:
    """Return an expected wait (s) as a WaitView has it, never narrower than it is."""
    return {
        "fromSeconds": None if least is None else math.floor(least),
        "toSeconds": None if most is None else math.ceil(most),
        "basis": str(basis),
    }


class LaneView(BaseModel):
    """The way of what is large or many: a queue, and instances."""

    state: LaneState | None = Field(
        description="off: takes no job; cold: no instance, and the first job starts one; "
        "starting: one is on its way; ready: an instance runs. Null where SageMaker does not tell"
    )
    currentInstances: int | None = Field(description="That run; null where not told")
    desiredInstances: int | None = Field(description="That are asked for; null where not told")
    expectedWait: WaitView


class ServerlessLaneView(BaseModel):
    """The way of what is small: no instances, an answer in seconds."""

    state: LaneState | None = Field(
        description="off: takes no job; starting: its endpoint is being made or changed, and takes "
        "none yet; ready: takes jobs, and starts a container in seconds where none is warm, which "
        "SageMaker does not tell, so that it is never cold. Null where it is not known. While it "
        "is not ready, every job goes by the asynchronous lane"
    )
    expectedWait: WaitView


class LanesView(BaseModel):
    """Every lane of the service, by its name."""

    asynchronous: LaneView
    serverless: ServerlessLaneView


class BacklogView(BaseModel):
    """What is to be done."""

    openJobs: int | None = Field(
        description="Jobs of the asynchronous lane that wait or are analysed, as of some seconds "
        "ago (up to a minute where there are very many); null where they could not be counted"
    )


class ServiceView(BaseModel):
    """What is in service."""

    endpoint: EndpointView
    modelPackage: str | None = Field(
        description="The registered model that is in service, as GROUP/VERSION. Null where none "
        "is: see endpoint.status, and where a model answers, it was deployed without being "
        "registered",
        examples=["femo-prod/7"],
    )
    lanes: LanesView
    backlog: BacklogView


class WarmUpEffect(StrEnum):
    """What a request to warm up has done."""

    STARTED = "started"
    ALREADY_WARM = "already_warm"
    UNDER_WAY = "under_way"
    NOTHING_TO_DO = "nothing_to_do"


class WarmLaneView(BaseModel):
    """A lane after a request to warm it up."""

    state: LaneState | None = Field(description="As in GET /service, now")
    effect: WarmUpEffect = Field(
        description="started: an instance was asked for by this request. already_warm and "
        "under_way had no effect: an instance runs, or one is on its way or the endpoint changes. "
        "nothing_to_do, always of the serverless lane: a container of it starts with the job that "
        "needs one, in seconds"
    )


class WarmLanesView(BaseModel):
    """Every lane of the service, by its name."""

    asynchronous: WarmLaneView
    serverless: WarmLaneView


class WarmUpView(BaseModel):
    """What a request to warm up has done."""

    lanes: WarmLanesView
