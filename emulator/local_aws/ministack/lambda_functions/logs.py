"""A function's log lines are kept only if its role may write them; metrics in them count."""

import logging
from typing import Any

from ministack.services import cloudwatch_logs, lambda_svc

from local_aws.ministack.cloudwatch import embedded_metrics
from local_aws.ministack.iam.authorization import refusal_of_role
from local_aws.ministack.private_names import PrivateName

logger = logging.getLogger(__name__)

PRIVATE_NAMES = (
    *embedded_metrics.PRIVATE_NAMES,
    PrivateName("services.cloudwatch_logs", "_make_group_arn_no_star", ("name",)),
    PrivateName(
        "services.lambda_svc",
        "_emit_lambda_logs",
        ("func", "request_id", "log_text", "error", "duration_ms"),
    ),
)


def apply() -> None:
    """Ask the role before the lines of an invocation are written."""
    emit = lambda_svc._emit_lambda_logs

    def emit_if_allowed(
        function: dict[str, Any], request_id: str, log_text: str, *arguments: Any, **named: Any
    ) -> None:
        config = function.get("config") or function
        if refusal := refusal_of_writer(config):
            logger.warning("Log lines of %s are lost: %s", config["FunctionName"], refusal)
        else:
            emit(function, request_id, log_text, *arguments, **named)
            embedded_metrics.keep(log_text or "")

    lambda_svc._emit_lambda_logs = emit_if_allowed


def refusal_of_writer(config: dict[str, Any]) -> str | None:
    """Return why a function may not write its log lines, or None."""
    name = config["FunctionName"]
    group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"
    stream = f"{cloudwatch_logs._make_group_arn_no_star(group)}:log-stream:{name}"
    return refusal_of_role(
        config["Role"],
        "lambda.amazonaws.com",
        config["FunctionArn"],
        ("logs:CreateLogStream", stream),
        ("logs:PutLogEvents", stream),
    )
