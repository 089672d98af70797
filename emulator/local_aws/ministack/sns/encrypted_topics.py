"""Encrypted topics: their key is kept, and who publishes needs its use.

MiniStack drops a topic's key from a template, and asks nobody for permission to use it.
"""

from typing import Any
from urllib.parse import parse_qs

from ministack.core import router
from ministack.services import kms, sns
from ministack.services.cloudformation import provisioners

from local_aws.ministack.iam.authorization import refusal_of_caller
from local_aws.ministack.private_names import PrivateName

PRIVATE_NAMES = (
    PrivateName("core.router", "extract_access_key_id", ("headers", "query_params")),
    PrivateName("services.cloudformation.provisioners", "_RESOURCE_HANDLERS", kind=dict),
    PrivateName("services.kms", "_resolve_key", ("key_id_or_arn",)),
    PrivateName("services.sns", "_error", ("code", "message", "status")),
    PrivateName("services.sns", "_p", ("params", "key")),
    PrivateName("services.sns", "_topics"),
    PrivateName("services.sns", "handle_request", ("method", "path", "headers", "body")),
)

# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")
PUBLISHING = ("Publish", "PublishBatch")


def apply() -> None:
    """Keep the key of a topic in a template, and look at every message to an encrypted topic."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::SNS::Topic"]
    create, update = handler["create"], handler["update"]
    handle = sns.handle_request

    def create_topic(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        created = create(logical_id, properties, stack_name)
        _keep_key(created[0], properties)
        return created

    def update_topic(
        arn: str, old: dict[str, Any], new: dict[str, Any], *arguments: Any, **named: Any
    ) -> Any:
        updated = update(arn, old, new, *arguments, **named)
        _keep_key(updated[0] if isinstance(updated, tuple) else arn, new)
        return updated

    async def handle_request(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, Any],
    ) -> Any:
        parameters = query_params | parse_qs(body.decode(errors="replace"))
        if sns._p(parameters, "Action") in PUBLISHING:
            topic = sns._p(parameters, "TopicArn") or sns._p(parameters, "TargetArn")
            caller = router.extract_access_key_id(headers, query_params)
            if refusal := refusal_of_publisher(topic, caller):
                return sns._error("KMSAccessDenied", refusal, 400)
        return await handle(method, path, headers, body, query_params)

    handler["create"], handler["update"] = create_topic, update_topic
    sns.handle_request = handle_request


def refusal_of_publisher(topic_arn: str, caller: str) -> str | None:
    """Return why a caller may not use the key of a topic, or None if it may or there is none.

    The key that AWS manages for SNS is everybody's in the account.
    """
    topic = sns._topics.get(topic_arn) or {}
    key = kms._resolve_key(topic.get("attributes", {}).get("KmsMasterKeyId"))
    if key is None:
        return None
    refusals = (refusal_of_caller(caller, action, key["Arn"]) for action in ACTIONS)
    return next((refusal for refusal in refusals if refusal), None)


def _keep_key(topic_arn: str, properties: dict[str, Any]) -> None:
    attributes = sns._topics[topic_arn]["attributes"]
    attributes.pop("KmsMasterKeyId", None)
    if "KmsMasterKeyId" in properties:
        attributes["KmsMasterKeyId"] = properties["KmsMasterKeyId"]
