"""The bodies of what is told of the service itself, as the OpenAPI document shows them."""

from __future__ import annotations

from enum import StrEnum

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
    """How soon a lane can begin with a job."""

    OFF = "off"
    COLD = "cold"
    STARTING = "starting"
    READY = "ready"


class WaitBasis(StrEnum):
    """Where an expected wait comes from, or why there is none."""

    MEASURED = "measured"
    CONFIGURED = "configured"
    NO_MODEL = "no_model"
    NOT_KNOWN = "not_known"


class WaitView(BaseModel):
    """How long a job that is sent now may take until it ends. No promise."""

    fromSeconds: int | None = Field(
        description="With every instance that may run, started in the shortest time. Null where "
        "basis is no_model or not_known"
    )
    toSeconds: int | None = Field(
        description="With the instances that run, or one, started in the longest time. Null where "
        "basis is no_model or not_known"
    )
    basis: WaitBasis = Field(
        description="measured: by the newest completed jobs; configured: by ExpectedJobSeconds, as "
        "no job has been completed; no_model: none is in service; not_known: SageMaker does not "
        "tell the instances, or the open jobs could not be counted"
    )


class LaneView(BaseModel):
    """One of the ways in which jobs are analysed."""

    state: LaneState | None = Field(
        description="off: takes no job; cold: no instance, and the first job starts one; "
        "starting: one is on its way; ready: an instance runs. Null where SageMaker does not tell"
    )
    currentInstances: int | None = Field(description="That run; null where not told")
    desiredInstances: int | None = Field(description="That are asked for; null where not told")
    expectedWait: WaitView


class LanesView(BaseModel):
    """Every lane of the service, by its name."""

    asynchronous: LaneView


class BacklogView(BaseModel):
    """What is to be done."""

    openJobs: int | None = Field(
        description="Jobs that wait or are analysed, as of some seconds ago (up to a minute where "
        "there are very many); null where they could not be counted"
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


class WarmLaneView(BaseModel):
    """A lane after a request to warm it up."""

    state: LaneState | None = Field(description="As in GET /service, now")
    effect: WarmUpEffect = Field(
        description="started: an instance was asked for by this request. already_warm and "
        "under_way had no effect: an instance runs, or one is on its way or the endpoint changes"
    )


class WarmLanesView(BaseModel):
    """Every lane that can be warmed up, by its name."""

    asynchronous: WarmLaneView


class WarmUpView(BaseModel):
    """What a request to warm up has done."""

    lanes: WarmLanesView
