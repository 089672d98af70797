"""A rule starts a state machine with the role of its target, as on AWS.

MiniStack asks for no permission. An event that may not be handed over goes to the target's
dead-letter queue, with attributes that say why.
"""

import json
import logging
from typing import Any

from ministack.core.arn import parse_arn
from ministack.services import eventbridge, sqs

from local_aws.ministack.iam.authorization import refusal_of_role
from local_aws.ministack.private_names import PrivateName

logger = logging.getLogger(__name__)

PRIVATE_NAMES = (
    PrivateName("core.arn", "parse_arn"),
    PrivateName("services.eventbridge", "_dispatch_to_sqs", ("spec", "payload")),
    PrivateName("services.eventbridge", "_invoke_target", ("target", "event", "rule", "view")),
    PrivateName("services.eventbridge", "_pattern_event_view", ("event",)),
    PrivateName("services.sqs", "_queue_by_arn"),
)


def apply() -> None:
    """Ask for permission before an event is handed over."""
    invoke_target = eventbridge._invoke_target

    def invoke(
        target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None
    ) -> None:
        refusal = refusal_of_target(target, rule)
        if refusal is None:
            invoke_target(target, event, rule, view)
        else:
            keep(target, event, rule, refusal)

    eventbridge._invoke_target = invoke


def refusal_of_target(target: dict[str, Any], rule: dict[str, Any]) -> str | None:
    """Return why a rule may not start a target, or None. Others than machines have no role."""
    if ":states:" not in target["Arn"]:
        return None
    return refusal_of_role(
        target.get("RoleArn", ""),
        "events.amazonaws.com",
        rule.get("Arn", ""),
        ("states:StartExecution", target["Arn"]),
    )


def keep(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], refusal: str) -> None:
    """Put an event into the dead-letter queue of the target that could not take it.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    queue_arn = target.get("DeadLetterConfig", {}).get("Arn", "")
    queue = sqs._queue_by_arn(queue_arn) if queue_arn else None
    if queue is None:
        logger.error("An event for %s is lost: %s", target["Arn"], refusal)
        return
    logger.warning("An event for %s goes to %s: %s", target["Arn"], queue_arn, refusal)
    payload = json.dumps(eventbridge._pattern_event_view(event).event_with_detail())
    eventbridge._dispatch_to_sqs(parse_arn(queue_arn), payload)
    attributes = {
        "RULE_ARN": rule.get("Arn", ""),
        "TARGET_ARN": target["Arn"],
        "ERROR_CODE": "NO_PERMISSIONS",
        "ERROR_MESSAGE": refusal,
    }
    queue["messages"][-1]["message_attributes"] = {
        name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
    }
