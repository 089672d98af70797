"""Answers with the headers that keep a page to itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from femo_console.files import StaticFile

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), "
    "payment=(), usb=()",
    "Strict-Transport-Security": "max-age=31536000",
}
_NOTHING = "default-src 'none'; frame-ancestors 'none'"
_YEAR = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"

Answer = dict[str, Any]


def page_policy(hosts: Iterable[str]) -> str:
    """Return a page's Content-Security-Policy: its own files, and these hosts to talk to."""
    directives = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "worker-src": "'self'",
        "connect-src": " ".join(["'self'", *hosts]),
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def of_file(file: StaticFile, *, policy: str | None, known_etags: str | None) -> Answer:
    """Return a file, or 304 to whoever has it.

    Parameters
    ----------
    policy
        The Content-Security-Policy, where the file is a page.
    known_etags
        The request's If-None-Match.
    """
    headers = {
        "Cache-Control": _YEAR if file.is_immutable else _ASK_AGAIN,
        "ETag": file.etag,
        "Content-Security-Policy": policy or _NOTHING,
    }
    known = [tag.strip().removeprefix("W/") for tag in (known_etags or "").split(",")]
    if file.etag in known or "*" in known:
        return _answer(304, headers)
    headers["Content-Type"] = file.content_type
    return _answer(200, headers, file.body, is_base64=file.is_base64)


def of_document(document: dict[str, Any]) -> Answer:
    """Return a JSON document that may be another one the next time."""
    return _json(200, document)


def redirect(location: str) -> Answer:
    """Send the caller to another address."""
    return _answer(308, {"Location": location, "Cache-Control": _ASK_AGAIN})


def not_found() -> Answer:
    """Say that there is no such file."""
    error = {"code": "no_such_route", "message": "There is no such page or file."}
    return _json(404, {"error": error})


def _json(status: int, document: dict[str, Any]) -> Answer:
    headers = {"Cache-Control": _ASK_AGAIN, "Content-Type": "application/json"}
    return _answer(status, headers | {"Content-Security-Policy": _NOTHING}, json.dumps(document))


def _answer(
    status: int, headers: dict[str, str], body: str = "", *, is_base64: bool = False
) -> Answer:
    return {
        "statusCode": status,
        "headers": SECURITY_HEADERS | headers,
        "body": body,
        "isBase64Encoded": is_base64,
    }
