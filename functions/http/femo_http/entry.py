"""The way of an event of API Gateway to FastAPI and back, in one guard."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mangum import Mangum

from femo_http import errors
from femo_jobs.gateway import below_base_path
from femo_jobs.observability import logger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from fastapi import FastAPI

MAX_BODY_CHARACTERS = 64 * 1024  # the largest sensible request has about 2 KB
# Whatever else is sent in base64, which API Gateway would pass on as it is.
TEXTS = ["text/", "application/json", "application/fhir+json"]


class Entry:
    """Answers events with an application."""

    def __init__(self, app: FastAPI) -> None:
        self._adapter = Mangum(app, lifespan="off", text_mime_types=TEXTS)

    def answer(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer one request of API Gateway."""
        if len(event.get("body") or "") > MAX_BODY_CHARACTERS:
            return _answer(errors.request_too_large(MAX_BODY_CHARACTERS))
        try:
            return self._adapter({**event, "path": below_base_path(event)}, context)  # type: ignore[arg-type]
        except Exception:
            logger.exception("request failed", route=event.get("resource"))
            return _answer(errors.internal_error())


def _answer(error: errors.ApiError) -> dict[str, Any]:
    return {
        "statusCode": error.status.value,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(error.body()),
    }
