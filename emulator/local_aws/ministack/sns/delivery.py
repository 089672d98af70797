"""SNS to Lambda as on AWS: asynchronous, retried, with both dead-letter ways out.

MiniStack invokes the function once and drops a failure. AWS hands the message to Lambda's
asynchronous queue (two retries, then the function's on-failure destination); what cannot be
handed over at all goes to the subscription's own dead-letter queue.
"""

import json
import logging
from typing import Any

from ministack.services import lambda_svc, sns

from local_aws.ministack.lambda_functions import async_invocations
from local_aws.ministack.private_names import PrivateName

logger = logging.getLogger(__name__)

PRIVATE_NAMES = (
    PrivateName(
        "services.sns",
        "_deliver_to_lambda",
        ("endpoint", "envelope", "topic_arn", "sub_arn", "msg_id"),
    ),
    PrivateName("services.sns", "_deliver_to_sqs", ("endpoint", "envelope", "raw", "raw_message")),
    PrivateName("services.sns", "_topics"),
    PrivateName("services.lambda_svc", "_get_func_record_for_ref"),
)


def apply() -> None:
    """Replace MiniStack's one direct call."""
    sns._deliver_to_lambda = deliver


def deliver(endpoint: str, envelope: str, topic_arn: str, subscription_arn: str, *_: Any) -> None:
    """Queue one message for a function, or for the subscription's dead-letter queue."""
    function, _config, name = lambda_svc._get_func_record_for_ref(endpoint)
    if function:
        record = {
            "EventVersion": "1.0",
            "EventSubscriptionArn": subscription_arn,
            "EventSource": "aws:sns",
            "Sns": json.loads(envelope),
        }
        async_invocations.invoke(function, {"Records": [record]})
        return
    queue_arn = _dead_letter_queue(topic_arn, subscription_arn)
    if queue_arn is None:
        logger.error("SNS message to the missing function %s is lost: no dead-letter queue", name)
        return
    logger.warning("SNS message to the missing function %s goes to %s", name, queue_arn)
    sns._deliver_to_sqs(queue_arn, envelope, False, envelope, topic_arn=topic_arn)


def _dead_letter_queue(topic_arn: str, subscription_arn: str) -> str | None:
    topic = sns._topics.get(topic_arn) or {}
    for subscription in topic.get("subscriptions", []):
        if subscription.get("arn") == subscription_arn:
            policy = (subscription.get("attributes") or {}).get("RedrivePolicy")
            if policy:
                parsed = json.loads(policy) if isinstance(policy, str) else policy
                target: str | None = parsed.get("deadLetterTargetArn")
                return target
    return None
