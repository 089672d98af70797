"""Routes under /_local/: what a test sets, and what the other process of the local AWS tells."""

import hmac
import json
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from local_aws.control import KEY_HEADER, PREFIX
from local_aws.sagemaker.runtime.backlog_metrics import BacklogMetrics
from local_aws.sagemaker.scaling.scaler import Scaler
from local_aws.sagemaker.service import Service


def router(service: Service, metrics: BacklogMetrics, scaler: Scaler, key: str) -> APIRouter:
    """Return the routes; without a key there are none."""
    routes = APIRouter()

    def advance(request: dict[str, Any]) -> dict[str, Any]:
        """Let time pass at once, and publish what is to be seen then."""
        seconds = float(request.get("seconds", 0))
        service.clock.advance(seconds)
        service.store.age(seconds)
        metrics.publish()
        return {}

    handlers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "advance": advance,
        "controls": service.controls.change,
        "scaling-alarm": scaler.on_alarm,
    }

    @routes.post(PREFIX + "{route}")
    async def control(route: str, request: Request) -> Response:
        handler = handlers.get(route)
        given = request.headers.get(KEY_HEADER, "")
        if not key or not hmac.compare_digest(given, key) or handler is None:
            return JSONResponse({"message": "There is no such route."}, 404)
        try:
            document = json.loads(await request.body() or b"{}")
            return JSONResponse(await run_in_threadpool(handler, document))
        except (KeyError, TypeError, ValueError) as error:
            return JSONResponse({"message": f"{type(error).__name__}: {error}"}, 400)

    return routes
