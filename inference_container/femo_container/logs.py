"""Logs as JSON lines that can hold allow-listed fields and nothing else."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

__all__ = ["ALLOWED_FIELDS", "JsonLines", "configure", "log_event", "progress_log"]

LOGGER = logging.getLogger("femo_container")

ALLOWED_FIELDS = frozenset(
    {
        # which job, which part
        "job_id", "stage", "host", "worker", "port", "exit_status", "signal",
        # how big
        "request_bytes", "recording_bytes", "response_bytes", "workers", "done", "total",
        "cached", "failed", "empty", "recordings", "groups", "detections", "detected_events",
        # how long
        "seconds", "download_seconds", "analysis_seconds", "waited_seconds", "ready_seconds",
        # how it ended
        "status", "code", "error_type", "where", "reason", "output_type", "model_version",
        "settings_digest",
    }
)  # fmt: skip
"""Names, sizes, timings and codes. No S3 key, no message text, no value of a signal."""

PLAIN_SPOKEN = frozenset({"uvicorn.error"})
"""Loggers of libraries whose messages never quote a request, such as "address already in use"."""


def log_event(event: str, *, level: int = logging.INFO, error: BaseException | None = None,
              **fields: Any) -> None:  # fmt: skip
    """Write one line.

    Parameters
    ----------
    event : str
        What happened, as a fixed word or phrase: never built from data.
    level : int
        A level of :mod:`logging`.
    error : BaseException, optional
        Logged by its type and the places it passed through, without its message: that may quote
        data.
    **fields
        Names in ``ALLOWED_FIELDS``.

    Raises
    ------
    ValueError
        If a field is not allowed: a fault in our code, found by its test.
    """
    if unknown := fields.keys() - ALLOWED_FIELDS:
        raise ValueError(f"not on the list of fields that may be logged: {sorted(unknown)}")
    LOGGER.log(level, event, extra={"femo_fields": fields}, exc_info=error)


def progress_log(stage: str) -> Callable[[float], None]:
    """A callback that logs the share of a stage that is done, in whole percents, when it rises."""
    last = -1

    def report(share: float) -> None:
        nonlocal last
        percent = int(100 * share)
        if percent > last:
            last = percent
            log_event("progress", stage=stage, done=percent, total=100)

    return report


class JsonLines(logging.Formatter):
    """One JSON object a record; other libraries' messages are left out, for they quote data."""

    def format(self, record: logging.LogRecord) -> str:
        """Render a record."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
        }
        if record.name == LOGGER.name:
            line["event"] = record.getMessage()
            line.update(getattr(record, "femo_fields", {}))
        elif record.name in PLAIN_SPOKEN:
            line["event"] = record.getMessage()
        else:
            line.update(event="library message", where=f"{record.name}:{record.lineno}")
        if record.exc_info and record.exc_info[0] is not None:
            line["error_type"] = record.exc_info[0].__qualname__
            line["where"] = _places(record.exc_info[2])
        return json.dumps(line)


def _places(trace: TracebackType | None, *, last: int = 6) -> list[str]:
    """The innermost frames as module:line, which hold no data."""
    frames = traceback.walk_tb(trace)
    return [f"{frame.f_globals.get('__name__', '?')}:{line}" for frame, line in frames][-last:]


def configure() -> None:
    """Send every logger's records to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    LOGGER.setLevel(logging.INFO)
