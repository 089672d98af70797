"""Entry point of the models function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from femo_http.entry import Entry
from femo_jobs.observability import instrumented
from femo_models_api.app import app

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_entry = Entry(app)


@instrumented
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of API Gateway."""
    return _entry.answer(event, context)
