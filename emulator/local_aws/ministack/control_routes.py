"""Routes under /_local/: what local SageMaker asks of IAM and EventBridge, and what tests plan.

Local SageMaker is a separate process, and some questions that AWS's services ask each other have
no public API: whose credentials are these and may they do that (with condition keys), and events
whose source is ``aws.*``. The routes need the key that both processes
are started with (LOCAL_AWS_KEY).
"""

import asyncio
import hmac
import json
import os
from collections.abc import Callable
from typing import Any

from ministack import app as gateway
from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import eventbridge

from local_aws.control import KEY_HEADER, KEY_VARIABLE, PREFIX
from local_aws.ministack import sagemaker_link
from local_aws.ministack.asgi import Application, Message, Receive, Send, read_body
from local_aws.ministack.cloudwatch import evaluation
from local_aws.ministack.iam import authorization, service_sessions
from local_aws.ministack.iam.authorization import authorize
from local_aws.ministack.iam.service_sessions import REGION
from local_aws.ministack.lambda_functions import async_invocations
from local_aws.ministack.private_names import PrivateName
from local_aws.ministack.step_functions import executions as state_machine_executions
from local_aws.ministack.step_functions import task_faults

PRIVATE_NAMES = (
    PrivateName("app", "app", ("scope", "receive", "send")),
    PrivateName("core.responses", "set_request_account_id"),
    PrivateName("core.responses", "set_request_region"),
    PrivateName("services.eventbridge", "_put_events", ("data", "allow_aws_source")),
    *authorization.PRIVATE_NAMES,
    *evaluation.PRIVATE_NAMES,
    *task_faults.PRIVATE_NAMES,
)


def apply() -> None:
    """Put the routes in front of MiniStack's own application."""
    key = os.environ.pop(KEY_VARIABLE, "")
    sagemaker_link.set_key(key)
    gateway.app = with_control_routes(gateway.app, key)


def with_control_routes(application: Application, key: str) -> Application:
    """Return an ASGI application that answers /_local/ itself and passes on the rest."""

    async def routed(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await application(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(KEY_HEADER.lower().encode(), b"").decode("latin-1")
        handler = _HANDLERS.get(scope["path"].removeprefix(PREFIX))
        if not key or not hmac.compare_digest(given, key) or handler is None:
            await _answer(send, 404, {"message": "There is no such route."})
            return
        body = await read_body(receive)
        set_request_account_id("test")
        set_request_region(REGION)
        try:
            answer = await asyncio.to_thread(handler, json.loads(body or b"{}"))
        except (KeyError, OSError, ValueError, TypeError) as error:
            await _answer(send, 400, {"message": f"{type(error).__name__}: {error}"})
            return
        await _answer(send, 200, answer)

    return routed


def assume_role(request: dict[str, Any]) -> dict[str, Any]:
    """Give SageMaker the credentials of a role that trusts it."""
    try:
        credentials = service_sessions.assume(
            request["roleArn"], "sagemaker.amazonaws.com", request["sourceArn"]
        )
    except service_sessions.NotTrustedError as error:
        return {"trusted": False, "message": str(error)}
    return {"trusted": True, "credentials": credentials}


def put_events(request: dict[str, Any]) -> dict[str, Any]:
    """Publish events whose source may be ``aws.*`` on the default bus."""
    status, _headers, body = eventbridge._put_events(
        {"Entries": request["entries"]}, allow_aws_source=True
    )
    if status != 200:
        raise ValueError(f"PutEvents answered {status}")
    result: dict[str, Any] = json.loads(body)
    return result


def resume(_request: dict[str, Any]) -> dict[str, Any]:
    """Continue what was under way when the stack was stopped."""
    return {
        "executions": state_machine_executions.resume_interrupted(),
        "invocations": async_invocations.resume_interrupted(),
    }


_HANDLERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "advance": evaluation.advance,
    "assume-role": assume_role,
    "authorize": authorize,
    "events": put_events,
    "fail-tasks": task_faults.plan,
    "resume": resume,
    "sagemaker-controls": lambda request: sagemaker_link.post("controls", request),
}


async def _answer(send: Send, status: int, document: dict[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(document).encode()})
