"""Entry point of the API function: one guard, then FastAPI through Mangum."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from mangum import Mangum

from femo_api import errors
from femo_api.app import app, internal_error
from femo_jobs import clients
from femo_jobs.observability import instrumented, logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

MAX_BODY_CHARACTERS = 64 * 1024  # the largest sensible request has about 2 KB

_adapter = Mangum(app, lifespan="off")

# Lambda gives a function that starts a full processor, and only a share of one afterwards.
if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    clients.warm_up()


@instrumented
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of API Gateway."""
    if len(event.get("body") or "") > MAX_BODY_CHARACTERS:
        return {
            "statusCode": 413,
            "headers": {"Content-Type": "application/json"},
            "body": json.dumps(
                errors.error_body(
                    "request_too_large",
                    f"The body is larger than {MAX_BODY_CHARACTERS // 1024} KiB. "
                    "Recordings are sent to the URLs of POST /uploads.",
                )
            ),
        }
    try:
        return _adapter(event, context)  # type: ignore[arg-type]
    except Exception:
        logger.exception("request failed", route=event.get("resource"))
        answer = internal_error()
        return {
            "statusCode": answer.status_code,
            "headers": {"Content-Type": "application/json"},
            "body": bytes(answer.body).decode(),
        }
