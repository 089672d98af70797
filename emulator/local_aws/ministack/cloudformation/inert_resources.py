"""Resource types that the local AWS accepts and does nothing with, so that a template deploys."""

import json
import os
from pathlib import Path
from typing import Any

from ministack.services.cloudformation import provisioners

from local_aws.ministack.private_names import PrivateName

PRIVATE_NAMES = (
    PrivateName("services.cloudformation.provisioners", "_RESOURCE_HANDLERS", kind=dict),
    PrivateName("services.cloudformation.provisioners", "_physical_name"),
)

INERT_TYPES = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "nothing is scaled",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "nothing is scaled",
    "AWS::Budgets::Budget": "nothing is billed",
    "AWS::CloudTrail::Trail": "nothing is recorded",
    "AWS::CloudWatch::AnomalyDetector": "nothing is learned",
    "AWS::CloudWatch::CompositeAlarm": "it never changes state",
    "AWS::CodeDeploy::Application": "functions are replaced at once",
    "AWS::CodeDeploy::DeploymentGroup": "functions are replaced at once",
    "AWS::EC2::EIP": "there is no network",
    "AWS::EC2::FlowLog": "there is no network",
    "AWS::EC2::NatGateway": "there is no network",
    "AWS::EC2::SecurityGroupIngress": "there is no network",
    "AWS::Logs::QueryDefinition": "queries are not run",
    "AWS::SecretsManager::RotationSchedule": "secrets are not rotated",
    "AWS::WAFv2::WebACLAssociation": "requests are not filtered",
    "AWS::XRay::Group": "traces are not kept",
}
METRIC_MATH = "it never changes state by itself (metric math); SetAlarmState works on the others"


def apply() -> None:
    """Register the types, and let alarms on metric math through as inert."""
    for resource_type, reason in INERT_TYPES.items():
        provisioners._RESOURCE_HANDLERS.setdefault(resource_type, _handler(resource_type, reason))

    alarm = provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::Alarm"]
    create, update, delete = alarm["create"], alarm.get("update"), alarm["delete"]
    inert = _handler("AWS::CloudWatch::Alarm", METRIC_MATH)

    def create_alarm(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        kind = inert["create"] if properties.get("Metrics") else create
        return kind(logical_id, properties, stack_name)

    def update_alarm(
        name: str, old: dict[str, Any], new: dict[str, Any], *arguments: Any, **named: Any
    ) -> Any:
        if new.get("Metrics"):
            return name, {"Arn": _arn("AWS::CloudWatch::Alarm", name)}
        assert update is not None
        return update(name, old, new, *arguments, **named)

    def delete_alarm(name: str, properties: dict[str, Any]) -> None:
        if not properties.get("Metrics"):
            delete(name, properties)

    alarm["create"], alarm["delete"] = create_alarm, delete_alarm
    if update is not None:
        alarm["update"] = update_alarm


def _handler(resource_type: str, reason: str) -> dict[str, Any]:
    def create(
        logical_id: str, properties: dict[str, Any], stack_name: str
    ) -> tuple[str, dict[str, str]]:
        name = properties.get("AlarmName") or provisioners._physical_name(stack_name, logical_id)
        _report(logical_id, resource_type, reason)
        return name, {"Arn": _arn(resource_type, name), "Id": name}

    def update(
        name: str, _old: dict[str, Any], _new: dict[str, Any], *_: Any, **__: Any
    ) -> tuple[str, dict[str, str]]:
        return name, {"Arn": _arn(resource_type, name), "Id": name}

    def delete(_name: str, _properties: dict[str, Any]) -> None:
        return None

    return {"create": create, "update": update, "delete": delete}


def _arn(resource_type: str, name: str) -> str:
    _, service, kind = resource_type.lower().split("::")
    return f"arn:aws:{service}:us-east-1:000000000000:{kind}:{name}"


def _report(logical_id: str, resource_type: str, reason: str) -> None:
    """Append to the list that the supervisor shows after a deployment."""
    path = os.environ.get("LOCAL_AWS_INERT_FILE")
    if path:
        line = {"resource": logical_id, "type": resource_type, "why": reason}
        with Path(path).open("a") as file:
            file.write(json.dumps(line) + "\n")
