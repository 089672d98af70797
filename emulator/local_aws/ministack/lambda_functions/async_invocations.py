"""Asynchronous invocations of functions: retried as on AWS, and not lost when a stack is stopped.

MiniStack holds them in a thread. Where the state is kept, each is a file until its function has
ended; what a stop leaves is delivered again at the next start.
"""

import contextvars
import json
import logging
import secrets
import threading
import time
from pathlib import Path
from typing import Any

from ministack.core import persistence
from ministack.services import lambda_svc

from local_aws.ministack.iam.authorization import refusal_of_role
from local_aws.ministack.private_names import PrivateName

logger = logging.getLogger(__name__)

Function = dict[str, Any]

PRIVATE_NAMES = (
    PrivateName("core.persistence", "PERSIST_STATE", kind=bool),
    PrivateName("core.persistence", "STATE_DIR", kind=str),
    PrivateName("services.lambda_svc", "_execute_function", ("func", "event")),
    PrivateName("services.lambda_svc", "_get_func_record_for_ref"),
    PrivateName(
        "services.lambda_svc",
        "_route_async_failure",
        ("target_arn", "func_name", "event", "result"),
    ),
    PrivateName("services.lambda_svc", "invoke_async_with_retry", ("func", "event")),
)

# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
DEFAULT_RETRIES = 2
DEFAULT_MAXIMUM_AGE_SECONDS = 21600
# AWS waits one minute, then two; a laptop's user does not
RETRY_SECONDS = (0.5, 1.0)
DESTINATION_ACTIONS = {"sqs": "sqs:SendMessage", "sns": "sns:Publish"}


def apply() -> None:
    """Replace MiniStack's own retries."""
    lambda_svc.invoke_async_with_retry = invoke


def invoke(function: Function, event: dict[str, Any]) -> None:
    """Run a function in the background until it succeeds or its retries are used up."""
    config = function.get("config") or function
    path = _remember(config["FunctionArn"], event)
    context = contextvars.copy_context()
    threading.Thread(
        target=context.run, args=(_deliver, function, config, event, path), daemon=True
    ).start()


def resume_interrupted() -> int:
    """Deliver again what was under way at the last stop, and return how many those were."""
    folder = _folder()
    if folder is None:
        return 0
    count = 0
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text())
        function, _config, name = lambda_svc._get_func_record_for_ref(record["function"])
        if function is None:
            logger.error("The function %s is gone, and with it an event for it", name)
        else:
            invoke(function, record["event"])
            count += 1
        path.unlink()
    return count


def _deliver(
    function: Function, config: Function, event: dict[str, Any], path: Path | None
) -> None:
    settings = (
        function.get("event_invoke_config")
        or (function.get("event_invoke_configs") or {}).get("$LATEST")
        or {}
    )
    retries = settings.get("MaximumRetryAttempts", DEFAULT_RETRIES)
    maximum_age = settings.get("MaximumEventAgeInSeconds", DEFAULT_MAXIMUM_AGE_SECONDS)
    began = time.monotonic()
    result: dict[str, Any] = {}
    for attempt in range(int(retries) + 1):
        if attempt > 0:
            wait = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS)) - 1]
            if time.monotonic() - began + wait > maximum_age:
                break
            time.sleep(wait)
        result = lambda_svc._execute_function(function, event)
        if log := result.get("log"):
            logger.info("%s (attempt %d):\n%s", config["FunctionName"], attempt + 1, log)
        if not result.get("error"):
            break
    if result.get("error"):
        destination = settings.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        destination = destination or config.get("DeadLetterConfig", {}).get("TargetArn")
        refusal = _refusal_of_destination(config, destination) if destination else "no destination"
        if refusal is None:
            lambda_svc._route_async_failure(destination, config["FunctionName"], event, result)
        else:
            logger.error("An event for %s is lost: %s", config["FunctionName"], refusal)
    if path is not None:
        path.unlink(missing_ok=True)


def _refusal_of_destination(config: Function, destination: str) -> str | None:
    """Return why a function's role may not hand an event to a queue or topic, or None."""
    service = destination.split(":")[2]
    if service not in DESTINATION_ACTIONS:
        return None
    return refusal_of_role(
        config["Role"],
        "lambda.amazonaws.com",
        config["FunctionArn"],
        (DESTINATION_ACTIONS[service], destination),
    )


def _folder() -> Path | None:
    return Path(persistence.STATE_DIR) / "deliveries" if persistence.PERSIST_STATE else None


def _remember(function_arn: str, event: dict[str, Any]) -> Path | None:
    folder = _folder()
    if folder is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.time_ns()}-{secrets.token_hex(4)}.json"
    path.write_text(json.dumps({"function": function_arn, "event": event}))
    return path
