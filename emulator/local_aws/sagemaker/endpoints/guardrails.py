"""What a DeploymentConfig asks of an update: baking, alarms, the old fleet's last minutes.

https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html
"""

from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.sagemaker.errors import ServiceError, ValidationError
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.store import Document


class RollBackError(Exception):
    """The update must go back; the message becomes a FailureReason."""


def check(config: Document) -> None:
    """Refuse what is not served here, and times that cannot be kept.

    Raises
    ------
    ValidationError
        If the deployment's time is shorter than its waits, or it is not all at once.
    """
    if "RollingUpdatePolicy" in config:
        raise ValidationError("A rolling update is not served here: use BlueGreenUpdatePolicy.")
    policy = config.get("BlueGreenUpdatePolicy")
    if policy is None:
        return
    routing = policy["TrafficRoutingConfiguration"]
    if routing["Type"] != "ALL_AT_ONCE":
        raise ValidationError(f"Traffic routing {routing['Type']} is not served here.")
    limit = policy.get("MaximumExecutionTimeoutInSeconds")
    waits = routing["WaitIntervalInSeconds"] + policy.get("TerminationWaitInSeconds", 0)
    if limit is not None and limit <= waits:
        raise ValidationError(
            "MaximumExecutionTimeoutInSeconds must be larger than the total waiting time specified "
            "in TerminationWaitInSeconds and WaitIntervalInSeconds."
        )


class Guardrails:
    """The rules of one update.

    Parameters
    ----------
    service
        Gives the clock and the controls.
    config
        DeploymentConfig; empty without one.
    role
        The role that looks at the alarms.
    """

    def __init__(self, service: Service, config: Document, role: str) -> None:
        self._service = service
        self._role = role
        policy = config.get("BlueGreenUpdatePolicy", {})
        routing = policy.get("TrafficRoutingConfiguration", {})
        alarms = config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
        self._alarms = [alarm["AlarmName"] for alarm in alarms]
        self._bake_seconds = routing.get("WaitIntervalInSeconds", 0)
        self._termination_seconds = policy.get("TerminationWaitInSeconds", 0)
        limit = policy.get("MaximumExecutionTimeoutInSeconds")
        self._limit = limit
        self._deadline = None if limit is None else service.clock.now() + limit

    def check_time(self) -> None:
        """Raise if the deployment took longer than it may.

        Raises
        ------
        RollBackError
            If it did.
        """
        if self._deadline is not None and self._service.clock.now() > self._deadline:
            raise RollBackError(
                "The deployment took longer than MaximumExecutionTimeoutInSeconds "
                f"({self._limit} s)."
            )

    def bake(self) -> None:
        """Watch the alarms while the new fleet has the traffic.

        Raises
        ------
        RollBackError
            If one of them rings.
        """
        seconds = self._bake_seconds if self._service.controls.deploymentWaits else 0
        self._service.clock.wait(
            seconds, lambda: self._service.stopping.is_set() or bool(self._ringing())
        )
        if ringing := self._ringing():
            raise RollBackError(
                f"One or more alarms were in the ALARM state: {', '.join(ringing)}."
            )
        self.check_time()

    def wait_for_termination(self, busy: Callable[[], bool]) -> None:
        """Wait until the old fleet may end."""
        in_full = self._service.controls.deploymentWaits
        self._service.clock.wait(
            self._termination_seconds,
            lambda: self._service.stopping.is_set() or not (in_full or busy()),
        )

    def _ringing(self) -> list[str]:
        if not self._alarms:
            return []
        try:
            client = self._service.roles.client("cloudwatch", self._role)
            answer = client.describe_alarms(AlarmNames=self._alarms)
        except (ClientError, BotoCoreError, ServiceError) as error:
            raise RollBackError(f"The alarms cannot be looked at: {error}") from error
        return [
            alarm["AlarmName"]
            for alarm in answer.get("MetricAlarms", [])
            if alarm["StateValue"] == "ALARM"
        ]
