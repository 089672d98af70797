"""What SageMaker tells of an endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from femo_api.service_contract import SERVING, EndpointStatus, LaneState
from femo_jobs import clients


@dataclass(frozen=True)
class Endpoint:
    """An endpoint, as SageMaker describes it."""

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


def look(name: str) -> Endpoint:
    """Return the endpoint of that name as it is now.

    Raises
    ------
    botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError
        If the question was refused, or not answered.
    """
    try:
        found = clients.sagemaker().describe_endpoint(EndpointName=name)
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
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
