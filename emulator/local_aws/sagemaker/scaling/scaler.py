"""What happens when an alarm calls a scaling policy: capacity, bounds, cool-downs, activities.

https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking.html
"""

import logging
import threading
import uuid
from typing import Any

from local_aws.sagemaker.endpoints.endpoints import SCALABLE_TARGET, Endpoints
from local_aws.sagemaker.errors import ServiceError
from local_aws.sagemaker.scaling.capacities import stepped, tracked
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.store import Document

logger = logging.getLogger(__name__)

POLICY = "scaling-policy"
ACTIVITY = "scaling-activity"
DEFAULT_COOLDOWN_SECONDS = 300


class Scaler:
    """Changes the capacity of scalable targets."""

    def __init__(self, service: Service, endpoints: Endpoints) -> None:
        self._service = service
        self._endpoints = endpoints
        self._lock = threading.Lock()

    def on_alarm(self, call: dict[str, Any]) -> dict[str, Any]:
        """Follow a policy that an alarm calls, and say what came of it.

        Parameters
        ----------
        call
            ``policyArn``, ``alarmName``, ``value`` and ``threshold`` of the alarm, and ``least``:
            instances that are kept, whatever the target's minimum is.
        """
        with self._lock:
            policy = self._service.store.get(POLICY, call["policyArn"])
            if policy is None:
                return {"outcome": "there is no such policy"}
            target = self._service.store.get(SCALABLE_TARGET, policy["ResourceId"])
            capacity = self.capacity(policy["ResourceId"])
            if target is None or capacity is None:
                return {"outcome": "the target is not there, or changes"}
            last = self._last_activity(policy)
            wanted = self._wanted(policy, call, capacity, last)
            wanted = min(max(wanted, target["MinCapacity"]), target["MaxCapacity"])
            if wanted < capacity:
                wanted = max(wanted, min(capacity, call.get("least", 0)))
            if wanted == capacity:
                return {"outcome": "nothing to change"}
            if refusal := self._refusal(policy, target, capacity, wanted, last):
                return {"outcome": refusal}
            cause = (
                f"monitor alarm {call['alarmName']} in state ALARM triggered policy "
                + (policy["PolicyName"])
            )
            return {"outcome": self.scale(policy["ResourceId"], capacity, wanted, cause, policy)}

    def capacity(self, resource: str) -> int | None:
        """Return a target's desired capacity; None while scaling is blocked by an update."""
        _, endpoint, _, _variant = resource.split("/")
        try:
            description = self._endpoints.describe({"EndpointName": endpoint})
        except ServiceError:
            return None
        if description["EndpointStatus"] != "InService":
            return None
        count: int = description["ProductionVariants"][0]["DesiredInstanceCount"]
        return count

    def scale(
        self, resource: str, capacity: int, wanted: int, cause: str, policy: Document | None = None
    ) -> str:
        """Change a target's capacity and keep the activity; return its status message."""
        _, endpoint, _, variant = resource.split("/")
        change = {"VariantName": variant, "DesiredInstanceCount": wanted}
        status = "Successful"
        message = (
            f"Successfully set desired instance count to {wanted}. Change successfully "
            "fulfilled by sagemaker."
        )
        try:
            self._endpoints.update_capacities(
                {"EndpointName": endpoint, "DesiredWeightsAndCapacities": [change]}
            )
        except ServiceError as error:
            status = "Failed"
            message = (
                f"Failed to set desired instance count to {wanted}. Reason: {error.message} "
                f"(Service: AmazonSageMaker; Status Code: {error.status}; Error Code: "
                f"{error.code})"
            )
        moment = int(self._service.clock.now() * 1000) / 1000
        identifier = str(uuid.uuid4())
        activity = {
            "ActivityId": identifier,
            "ServiceNamespace": "sagemaker",
            "ResourceId": resource,
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "Description": f"Setting desired instance count to {wanted}.",
            "Cause": cause,
            "StartTime": moment,
            "EndTime": moment,
            "StatusCode": status,
            "StatusMessage": message,
            "From": capacity,
            "To": wanted,
            "Policy": (policy or {}).get("PolicyARN"),
        }
        self._service.store.insert(ACTIVITY, identifier, activity)
        logger.info("%s: %s (%s)", resource, message, cause)
        return message

    def _wanted(
        self, policy: Document, call: dict[str, Any], capacity: int, last: Document | None
    ) -> int:
        base = capacity
        if last is not None and last["To"] > last["From"] and self._cools(policy, last, "Out"):
            # What was added counts as part of what is asked for now
            base = min(capacity, last["From"])
        if policy["PolicyType"] == "StepScaling":
            config = policy["StepScalingPolicyConfiguration"]
            wanted = stepped(config, base, call["value"] - call["threshold"])
            return max(wanted, capacity) if wanted > base else wanted
        outward = "-AlarmHigh-" in call["alarmName"]
        target = policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
        if not outward:
            return tracked(capacity, call["value"], target, outward=False)
        return max(capacity, tracked(base, call["value"], target, outward=True))

    def _refusal(
        self, policy: Document, target: Document, capacity: int, wanted: int, last: Document | None
    ) -> str | None:
        direction = "Out" if wanted > capacity else "In"
        if target.get("SuspendedState", {}).get(f"DynamicScaling{direction}Suspended"):
            return "scaling is suspended"
        if direction == "In" and last is not None:
            was_in = last["To"] < last["From"]
            if (was_in or policy["PolicyType"] == "StepScaling") and self._cools(
                policy, last, "In"
            ):
                return "it cools down"
        return None

    def _cools(self, policy: Document, last: Document, direction: str) -> bool:
        if policy["PolicyType"] == "StepScaling":
            seconds = policy["StepScalingPolicyConfiguration"].get("Cooldown")
        else:
            config = policy["TargetTrackingScalingPolicyConfiguration"]
            seconds = config.get(f"Scale{direction}Cooldown")
        limit = DEFAULT_COOLDOWN_SECONDS if seconds is None else seconds
        return bool(0 <= self._service.clock.now() - last["EndTime"] < limit)

    def _last_activity(self, policy: Document) -> Document | None:
        done = [
            activity
            for activity in self._service.store.all(ACTIVITY)
            if activity["Policy"] == policy["PolicyARN"] and activity["StatusCode"] == "Successful"
        ]
        return done[-1] if done else None
