"""The bodies of requests and answers about models, as the OpenAPI document shows them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from femo_http.bodies import Body
from femo_models import Decision, Outcome

# Neither control characters nor what separates lines: SageMaker takes one line
COMMENT_PATTERN = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\S[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
DEPLOYMENT_ID_PATTERN = r"^[A-Za-z0-9_-]{1,80}$"
PATTERNS_IN_WORDS = {COMMENT_PATTERN: "must be one line of text that says something"}
MOST_MODELS = 50
LARGEST_VERSION = 2**31 - 1


class ModelLane(StrEnum):
    """A way by which jobs are answered."""

    ASYNCHRONOUS = "asynchronous"
    SERVERLESS = "serverless"


ApprovalStatus = Literal["Approved", "Rejected", "PendingManualApproval"]


class ApprovalView(BaseModel):
    """What has been decided of a model."""

    status: ApprovalStatus
    userId: str | None = Field(
        description="Who decided, by a pseudonym (`sub` of the user pool); null where nobody has, "
        "or it was not decided here"
    )
    comment: str | None = Field(description="Why; null where nothing was said")


class MetricView(BaseModel):
    """A figure of a model, measured on recordings that it had not been trained on."""

    value: float
    low: float | None = Field(description="Lower end of its interval (95 %); null without one")
    high: float | None = Field(description="Upper end of its interval (95 %); null without one")


class GainView(BaseModel):
    """What a model gained over the one that served while it was trained, paired by subject."""

    f1: float | None = Field(description="In F1; null where it was not measured")
    low: float | None = Field(description="Lower end of its interval (95 %)")
    high: float | None = Field(description="Upper end of its interval (95 %)")
    comparedWith: str | None = Field(description="That model, as GROUP/VERSION")


class ModelView(BaseModel):
    """One version of the model."""

    version: int
    modelPackage: str = Field(
        description="As jobs name it: GROUP/VERSION", examples=["femo-prod/7"]
    )
    createdAt: str = Field(json_schema_extra={"format": "date-time"})
    approval: ApprovalView
    serves: list[ModelLane] = Field(
        description="The lanes on which it answers jobs; empty for none"
    )
    metrics: dict[str, MetricView] = Field(
        description="By their names, such as f1, sensitivity and precision; empty where none were "
        "measured"
    )
    gain: GainView | None = Field(description="Null where there was nothing to compare it with")


class ModelList(BaseModel):
    """The newest versions, newest first, and those that serve however old they are."""

    models: list[ModelView]


class ApprovalRequest(Body):
    """What is decided with POST /models/{version}/approval."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"decision": "Approved", "comment": "Held against 7 on 40 new nights."}]
        }
    )

    decision: Annotated[Decision, Field(strict=False)] = Field(
        description="Approved puts the model into service, unless it was approved already; "
        "Rejected takes nothing out of service"
    )
    comment: Annotated[
        str, StringConstraints(min_length=1, max_length=500, pattern=COMMENT_PATTERN)
    ] = Field(description="Why, in one line. It is kept with the model; no names of patients")
    expectedStatus: ApprovalStatus | None = Field(
        default=None,
        description="What the model's approval was when the decision was taken: what somebody has "
        "decided otherwise since is left alone, and answered with 409",
    )


class DeploymentRequest(Body):
    """What is asked for with POST /deployments."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 7}]})

    version: int = Field(ge=1, le=LARGEST_VERSION, description="An approved version of the model")


class DeploymentStatus(StrEnum):
    """Whether a deployment has ended."""

    RUNNING = "Running"
    ENDED = "Ended"
    FAILED = "Failed"


class DeploymentView(BaseModel):
    """A deployment."""

    deploymentId: str
    version: int | None = Field(
        description="Of the model; null where it is none that is registered"
    )
    status: DeploymentStatus = Field(
        description="Running, also while it waits for its turn; Ended with an outcome; Failed "
        "without one: what served goes on serving, and the operator is told"
    )
    outcome: Outcome | None = Field(
        description="DEPLOYED: it serves. ROLLED_BACK: the old model serves. NOT_ROLLED_BACK: it "
        "serves, though it could not be proven. WITHDRAWN: none serves. SUPERSEDED: a newer "
        "deployment took its place. REFUSED: it may not serve. Null until it has ended"
    )
    message: str | None = Field(description="The outcome in words; null until it has ended")
    startedAt: str = Field(json_schema_extra={"format": "date-time"})
    endedAt: str | None = Field(
        json_schema_extra={"format": "date-time"}, description="Null before"
    )
