"""How every error finds its one shape, whatever has raised it."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from femo_api import contract, errors
from femo_api.errors import Code
from femo_jobs.errors import TableBusyError, UnreadableRowError
from femo_jobs.observability import count, logger


def install(app: FastAPI) -> None:
    """Answer with our errors in place of FastAPI's own."""
    app.add_middleware(_FailureGuard)
    app.exception_handler(errors.ApiError)(_answer_api_error)
    app.exception_handler(UnreadableRowError)(_answer_unreadable_row)
    app.exception_handler(TableBusyError)(_answer_busy_table)
    app.exception_handler(RequestValidationError)(_answer_invalid_request)
    app.exception_handler(HTTPException)(_answer_http_error)


def shown(name: str) -> str | None:
    """Return a name that is the caller's own text, where it is harmless and short."""
    return name if contract.is_field_name(name) else None


class _FailureGuard:
    """Answers a request that we have failed, and logs why.

    FastAPI's own handler of last resort raises the exception again, for the server to log it:
    with its message, which may hold what a caller has sent.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            count("RequestsFailed")
            logger.exception("request failed", error_type=type(error).__name__)
            await _answer(errors.internal_error())(scope, receive, send)


async def _answer_api_error(_request: Request, error: errors.ApiError) -> JSONResponse:
    logger.info("request refused", code=error.code, http_status=error.status.value)
    return _answer(error)


async def _answer_unreadable_row(_request: Request, error: UnreadableRowError) -> JSONResponse:
    count("RowsUnreadable")
    logger.error("row cannot be read", job_id=error.job_id)
    return _answer(errors.unreadable_job())


async def _answer_busy_table(_request: Request, _error: TableBusyError) -> JSONResponse:
    return _answer(errors.service_busy())


async def _answer_invalid_request(_request: Request, error: RequestValidationError) -> JSONResponse:
    refusal = _refusal(error)
    logger.info("request refused", code=refusal.code, http_status=refusal.status.value)
    return _answer(refusal)


async def _answer_http_error(_request: Request, error: HTTPException) -> JSONResponse:
    code = {
        HTTPStatus.BAD_REQUEST: Code.MALFORMED_JSON,
        HTTPStatus.NOT_FOUND: Code.NO_SUCH_ROUTE,
        HTTPStatus.METHOD_NOT_ALLOWED: Code.METHOD_NOT_ALLOWED,
    }.get(HTTPStatus(error.status_code), Code.BAD_REQUEST)
    return JSONResponse(errors.error_body(code), error.status_code, error.headers)


def _answer(error: errors.ApiError) -> JSONResponse:
    return JSONResponse(error.body(), error.status, error.headers)


def _refusal(error: RequestValidationError) -> errors.ApiError:
    """Return the first fault as an error. What was sent is not repeated in it."""
    first = error.errors()[0]
    kind, where = first["type"], [str(part) for part in first["loc"]]
    field = ".".join(where[1:]) or None
    if kind == "json_invalid":
        return errors.ApiError(Code.MALFORMED_JSON, "The body is not valid JSON.")
    if where == ["body"]:
        if kind == "missing":
            return errors.ApiError(Code.MISSING_BODY)
        return errors.ApiError(Code.NOT_AN_OBJECT)
    if kind == "extra_forbidden":
        return errors.unknown_field(shown(field) if field else None)
    if kind == "missing":
        return errors.missing_field(field)
    if kind == "string_pattern_mismatch":
        return errors.invalid_field(field, contract.PATTERNS_IN_WORDS[first["ctx"]["pattern"]])
    return errors.invalid_field(field, first["msg"])
