"""Alarms on metric math: accepted, so that a template deploys, and told to be without effect."""

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

ALARM = "AWS::CloudWatch::Alarm"
REASON = "it never changes state by itself (metric math); SetAlarmState works on the others"


def apply() -> None:
    """Let alarms on metric math through; MiniStack rolls a template with one back."""
    handler = provisioners._RESOURCE_HANDLERS[ALARM]
    create, update, delete = handler["create"], handler["update"], handler["delete"]

    def create_alarm(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        if not properties.get("Metrics"):
            return create(logical_id, properties, stack_name)
        name = properties.get("AlarmName") or provisioners._physical_name(stack_name, logical_id)
        _report(logical_id)
        return name, _attributes(name)

    def update_alarm(
        name: str, old: dict[str, Any], new: dict[str, Any], *arguments: Any, **named: Any
    ) -> Any:
        if new.get("Metrics"):
            return name, _attributes(name)
        return update(name, old, new, *arguments, **named)

    def delete_alarm(name: str, properties: dict[str, Any]) -> None:
        if not properties.get("Metrics"):
            delete(name, properties)

    handler |= {"create": create_alarm, "update": update_alarm, "delete": delete_alarm}


def _attributes(name: str) -> dict[str, str]:
    return {"Arn": f"arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}"}


def _report(logical_id: str) -> None:
    """Append to the list of what was accepted without effect, a JSON object a line."""
    path = os.environ.get("LOCAL_AWS_INERT_FILE")
    if path:
        line = {"resource": logical_id, "type": ALARM, "why": REASON}
        with Path(path).open("a") as file:
            file.write(json.dumps(line) + "\n")
