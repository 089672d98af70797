"""Logs, metrics and traces of the functions: only fields that are known to be harmless leave."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit

__all__ = ["LOGGED_FIELDS", "count", "instrumented", "logger"]

LOGGED_FIELDS = frozenset(
    {
        # what Powertools adds
        "level", "location", "timestamp", "service", "message", "cold_start", "function_name",
        "function_memory_size", "function_request_id", "xray_trace_id",
        "exception_name", "exception",
        # what we add
        "job_id", "status", "code", "reason", "method", "route", "http_status", "elapsed_ms",
        "size_bytes", "parts", "event_name", "invocation_status", "looked_at", "settled",
        "resubmitted", "postponed", "repeated", "unreadable", "failed", "records", "error_type",
        "error_code", "attempt", "why",
    }
)  # fmt: skip

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class AllowListFormatter(LambdaPowertoolsFormatter):
    """Writes the allowed fields alone, and of an exception its type and place, not its text.

    Messages of exceptions can hold what a caller has sent: keys, URLs, bodies.
    """

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - logging's own name
        """Return the frames of a traceback without the exception's message."""
        frames = traceback.extract_tb(ei[2])
        return " > ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)

    def serialize(self, log: Any) -> str:
        """Return the allowed fields as JSON."""
        return super().serialize({k: v for k, v in log.items() if k in LOGGED_FIELDS})


logger = Logger(logger_formatter=AllowListFormatter())
metrics = Metrics()
_COUNTING = threading.Lock()  # Powertools reads, adds and writes back

Handler = Callable[[dict[str, Any], Any], Any]


def instrumented(handler: Handler) -> Handler:
    """Give a Lambda handler its log context, its metrics and its trace.

    The AWS clients are not patched: X-Ray would write down the S3 keys that they are called
    with. Its SDK is imported with the first event, as its import takes long.
    """
    with_context = logger.inject_lambda_context(handler, clear_state=True)
    tracing: list[Handler] = []

    @wraps(handler)
    def observe(event: dict[str, Any], context: Any) -> Any:
        if not tracing:
            from aws_lambda_powertools import Tracer

            tracer = Tracer(auto_patch=False)
            tracing.append(tracer.capture_lambda_handler(with_context, capture_response=False))
        try:
            return tracing[0](event, context)
        finally:
            if metrics.metric_set:
                metrics.flush_metrics()

    return observe


def count(name: str, value: int = 1) -> None:
    """Add to a metric that counts something. Threads may do so at the same time."""
    with _COUNTING:
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
