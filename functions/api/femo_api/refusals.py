"""The errors of the job table, beside what every function behind the API refuses."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from femo_api import contract, errors
from femo_http import refusals
from femo_jobs.errors import TableBusyError, UnreadableRowError
from femo_jobs.observability import count, logger


def install(app: FastAPI) -> None:
    """Answer with our errors in place of FastAPI's own."""
    refusals.install(app, contract.PATTERNS_IN_WORDS)
    app.exception_handler(UnreadableRowError)(_answer_unreadable_row)
    app.exception_handler(TableBusyError)(_answer_busy_table)


async def _answer_unreadable_row(_request: Request, error: UnreadableRowError) -> JSONResponse:
    count("RowsUnreadable")
    logger.error("row cannot be read", job_id=error.job_id)
    return refusals.answer(errors.unreadable_job())


async def _answer_busy_table(_request: Request, _error: TableBusyError) -> JSONResponse:
    return refusals.answer(errors.service_busy())
