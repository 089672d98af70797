"""How every error finds its one shape, whatever has raised it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from femo_http import errors
from femo_http.bodies import is_field_name
from femo_http.errors import Code
from femo_jobs.observability import count, logger


def install(app: FastAPI, patterns: Mapping[str, str]) -> None:
    """Answer with our errors in place of FastAPI's own.

    Parameters
    ----------
    patterns
        Each pattern of a field, and what to say where a value does not fit it.
    """
    app.state.patterns = patterns
    app.add_middleware(_FailureGuard)
    app.exception_handler(errors.ApiError)(_answer_api_error)
    app.exception_handler(RequestValidationError)(_answer_invalid_request)
    app.exception_handler(HTTPException)(_answer_http_error)


def shown(name: str) -> str | None:
    """Return a name that is the caller's own text, where it is harmless and short."""
    return name if is_field_name(name) else None


async def refuse_what_would_be_overlooked(request: Request) -> None:
    """Refuse query parameters and body fields that would otherwise be dropped without a word.

    Raises
    ------
    ApiError
        422 if a parameter is not one of the route's, or a parameter or field is repeated.
    """
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in known:
            raise errors.unknown_parameter(shown(name), known)
        if times > 1:
            raise errors.repeated_parameter(name)
    if request.scope["route"].body_field is not None:
        # What is no JSON is refused by its content type, after this.
        with suppress(ValueError, RecursionError):
            json.loads(await request.body() or b"null", object_pairs_hook=_each_once)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for name, times in Counter(name for name, _ in pairs).items():
        if times > 1:
            raise errors.repeated_field(shown(name))
    return dict(pairs)


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
            await answer(errors.internal_error())(scope, receive, send)


async def _answer_api_error(_request: Request, error: errors.ApiError) -> JSONResponse:
    logger.info("request refused", code=error.code, http_status=error.status.value)
    return answer(error)


async def _answer_invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
    refusal = _refusal(error, request.app.state.patterns)
    logger.info("request refused", code=refusal.code, http_status=refusal.status.value)
    return answer(refusal)


async def _answer_http_error(_request: Request, error: HTTPException) -> JSONResponse:
    code = {
        HTTPStatus.BAD_REQUEST: Code.MALFORMED_JSON,
        HTTPStatus.NOT_FOUND: Code.NO_SUCH_ROUTE,
        HTTPStatus.METHOD_NOT_ALLOWED: Code.METHOD_NOT_ALLOWED,
    }.get(HTTPStatus(error.status_code), Code.BAD_REQUEST)
    return JSONResponse(errors.error_body(code), error.status_code, error.headers)


def answer(error: errors.ApiError) -> JSONResponse:
    """Return an error as an answer."""
    return JSONResponse(error.body(), error.status, error.headers)


def _refusal(error: RequestValidationError, patterns: Mapping[str, str]) -> errors.ApiError:
    """Return the first fault as an error. What was sent is not repeated in it."""
    first = error.errors()[0]
    kind, where = first["type"], [str(part) for part in first["loc"]]
    field = ".".join(where[1:]) or None
    if kind == "json_invalid":
        return errors.ApiError(Code.MALFORMED_JSON)
    if where == ["body"]:
        if kind == "missing":
            return errors.ApiError(Code.MISSING_BODY)
        return errors.ApiError(Code.NOT_AN_OBJECT)
    if kind == "extra_forbidden":
        return errors.unknown_field(shown(field) if field else None)
    if kind == "missing":
        return errors.missing_field(field)
    if kind == "string_pattern_mismatch":
        return errors.invalid_field(field, patterns[first["ctx"]["pattern"]])
    return errors.invalid_field(field, first["msg"])
