"""What MiniStack asks of the other process: control routes, and Application Auto Scaling.

MiniStack has no Application Auto Scaling. Requests for it are handed to local SageMaker, whose
endpoints it scales, so that clients find it at the gateway's address.
"""

import asyncio
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from ministack import app as gateway

from local_aws.control import KEY_HEADER, PREFIX
from local_aws.ministack.asgi import Application, Message, Receive, Send, read_body
from local_aws.ministack.private_names import PrivateName

PRIVATE_NAMES = (PrivateName("app", "app", ("scope", "receive", "send")),)

URL_VARIABLE = "AWS_ENDPOINT_URL_SAGEMAKER"
TARGET = b"AnyScaleFrontendService."
PASSED_ON = ("authorization", "content-type", "x-amz-date", "x-amz-security-token", "x-amz-target")
TIMEOUT_SECONDS = 60

_key = ""


def set_key(key: str) -> None:
    """Keep the key that both processes were started with."""
    global _key
    _key = key


def apply() -> None:
    """Hand requests for Application Auto Scaling on."""
    gateway.app = with_scaling(gateway.app)


def post(route: str, document: dict[str, Any]) -> dict[str, Any]:
    """Call a control route of local SageMaker.

    Raises
    ------
    ValueError
        If it refuses, with what it said.
    OSError
        If it cannot be reached.
    """
    headers = {"content-type": "application/json", KEY_HEADER: _key}
    status, _headers, body = _send("POST", PREFIX + route, headers, json.dumps(document).encode())
    answer: dict[str, Any] = json.loads(body or b"{}")
    if status != 200:
        raise ValueError(answer.get("message", f"local SageMaker answered {status}"))
    return answer


def with_scaling(application: Application) -> Application:
    """Return an ASGI application that hands Application Auto Scaling's requests on."""

    async def routed(scope: Message, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        if not headers.get(b"x-amz-target", b"").startswith(TARGET):
            await application(scope, receive, send)
            return
        passed = {
            name.decode(): value.decode("latin-1")
            for name, value in headers.items()
            if name.decode() in PASSED_ON
        }
        body = await read_body(receive)
        try:
            status, answered, answer = await asyncio.to_thread(_send, "POST", "/", passed, body)
        except OSError as error:
            status, answered = 503, {}
            answer = json.dumps({"__type": "ServiceUnavailable", "message": str(error)}).encode()
        kept = [
            (name.lower().encode(), value.encode())
            for name, value in answered.items()
            if name.lower() in ("content-type", "x-amzn-requestid", "x-amzn-errortype")
        ]
        await send({"type": "http.response.start", "status": status, "headers": kept})
        await send({"type": "http.response.body", "body": answer})

    return routed


def _send(
    method: str, path: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, Mapping[str, str], bytes]:
    request = urllib.request.Request(  # noqa: S310 - the loopback address of local SageMaker
        os.environ.get(URL_VARIABLE, "") + path, body, dict(headers), method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            return response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()
