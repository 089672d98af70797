"""Entry point of the API function."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from femo_api.app import app
from femo_http.entry import Entry
from femo_jobs import clients
from femo_jobs.observability import instrumented

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_entry = Entry(app)

# Lambda gives a function that starts a full processor, and only a share of one afterwards.
if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    clients.warm_up()


@instrumented
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of API Gateway."""
    return _entry.answer(event, context)
