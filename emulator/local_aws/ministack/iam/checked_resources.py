"""What IAM is asked about a request, where MiniStack leaves out what AWS looks at.

A log group's permissions are granted on ``log-group:NAME:*``, the form that AWS documents for all
but tagging; a metric's on a namespace; DescribeAlarms, where alarms are named, on them.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
"""

import json
from typing import Any
from urllib.parse import parse_qs

from ministack.core import iam_actions

from local_aws.ministack.private_names import PrivateName

PRIVATE_NAMES = (
    PrivateName(
        "core.iam_actions",
        "extract_resource_arn",
        ("service", "method", "path", "headers", "body", "query_params", "region", "account_id"),
    ),
    PrivateName(
        "core.iam_actions", "request_tag_context", ("service", "iam_action", "body", "params")
    ),
)


def apply() -> None:
    """Name a log's stream, an alarm, and a metric's namespace."""
    extract_resource_arn = iam_actions.extract_resource_arn
    request_tag_context = iam_actions.request_tag_context

    def extract(service: str, *arguments: Any, **named: Any) -> str:
        arn: str = extract_resource_arn(service, *arguments, **named)
        if service == "logs":
            return with_stream(arn, arguments[3])
        return with_alarm(arn, *arguments[3:]) if service == "monitoring" else arn

    def context(service: str, action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = request_tag_context(service, action, body, params)
        if action == "cloudwatch:PutMetricData":
            found |= {"cloudwatch:namespace": namespace(body)}
        return found

    iam_actions.extract_resource_arn = extract
    iam_actions.request_tag_context = context


def with_stream(arn: str, body: bytes) -> str:
    """Return what a request for a log group is checked on; its stream may be without a name."""
    if not arn.partition(":log-group:")[2] or arn.endswith("*") or ":log-stream:" in arn:
        return arn
    return f"{arn}:log-stream:{json.loads(body or b'{}').get('logStreamName', '')}"


def with_alarm(arn: str, body: bytes, _query: dict[str, Any], region: str, account_id: str) -> str:
    """Return what a request that names one alarm in a list is checked on."""
    names = json.loads(body).get("AlarmNames", []) if body.startswith(b"{") else []
    if arn != "*" or len(names) != 1:
        return arn
    return f"arn:aws:cloudwatch:{region}:{account_id}:alarm:{names[0]}"


def namespace(body: bytes) -> str:
    """Return the namespace of a PutMetricData request, which is JSON or a form here."""
    if body.startswith(b"{"):
        return str(json.loads(body).get("Namespace", ""))
    return "".join(parse_qs(body.decode(errors="replace")).get("Namespace", []))
