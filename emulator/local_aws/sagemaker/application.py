"""The HTTP face of local SageMaker: AWS's JSON 1.1 protocol, the runtime, container credentials."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from local_aws.sagemaker.control_plane import ControlPlane
from local_aws.sagemaker.control_routes import router
from local_aws.sagemaker.endpoints.endpoints import Endpoints
from local_aws.sagemaker.endpoints.serverless import IDLE_SECONDS, Serverless
from local_aws.sagemaker.errors import ServiceError, ValidationError
from local_aws.sagemaker.jobs.jobs import Jobs
from local_aws.sagemaker.runtime import synchronous
from local_aws.sagemaker.runtime.api import invoke_async
from local_aws.sagemaker.runtime.backlog_metrics import BacklogMetrics
from local_aws.sagemaker.runtime.invocations import Invocations
from local_aws.sagemaker.scaling.operations import ScalingOperations
from local_aws.sagemaker.scaling.scaler import Scaler
from local_aws.sagemaker.service import Service

logger = logging.getLogger(__name__)

JSON_TYPE = "application/x-amz-json-1.1"


def make_application(
    service: Service, key: str = "", serverless_idle_seconds: float = IDLE_SECONDS
) -> FastAPI:
    """Return the ASGI application; starting it takes up the work of the last run.

    Parameters
    ----------
    service
        What is served.
    key
        The key of the routes under /_local/; without one they are not there.
    serverless_idle_seconds
        Time without a request after which a serverless endpoint's container is stopped.
    """
    endpoints = Endpoints(service)
    serverless = Serverless(service, endpoints, serverless_idle_seconds, service.clock.now)
    invocations = Invocations(service, endpoints)
    metrics = BacklogMetrics(service, endpoints, invocations.outcomes)
    jobs = Jobs(service)
    scaler = Scaler(service, endpoints)
    scaling = ScalingOperations(service, endpoints, scaler)
    control_plane = ControlPlane(service, endpoints, jobs, scaling)
    planes = {"SageMaker": control_plane.call, "AnyScaleFrontendService": scaling.call}

    @asynccontextmanager
    async def lifespan(_application: FastAPI) -> AsyncIterator[None]:
        endpoints.start()
        invocations.start()
        serverless.start()
        jobs.start()
        metrics.start()
        yield
        service.stopping.set()
        await asyncio.gather(asyncio.to_thread(endpoints.stop), asyncio.to_thread(jobs.stop))
        service.store.close()

    application = FastAPI(
        title="Local SageMaker", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None
    )

    application.include_router(router(service, metrics, scaler, key))

    @application.get("/ping")
    async def ping() -> dict[str, str]:
        return {"status": "ready"}

    @application.post("/")
    async def control(request: Request) -> Response:
        prefix, _, operation = request.headers.get("x-amz-target", "").partition(".")
        body = await request.body()

        def work() -> dict[str, Any]:
            if prefix not in planes:
                raise ServiceError(
                    "UnknownOperationException", "X-Amz-Target names no operation of SageMaker"
                )
            try:
                document = json.loads(body or b"{}")
            except ValueError as error:
                raise ServiceError("SerializationException", "The body is not JSON") from error
            if not isinstance(document, dict):
                raise ValidationError("The body must be a JSON object")
            return planes[prefix](operation, document, request.headers)

        status, answer, headers = await _answer(operation, work)
        return Response(
            json.dumps(answer), status, media_type=JSON_TYPE, headers=_with_request_id(headers)
        )

    @application.post("/endpoints/{name}/async-invocations")
    async def invoke_endpoint_async(name: str, request: Request) -> Response:
        body = await request.body()
        location: dict[str, str] = {}

        def work() -> dict[str, Any]:
            answer, headers = invoke_async(service, invocations, name, request.headers, body)
            location.update(headers)
            return answer

        status, answer, headers = await _answer("InvokeEndpointAsync", work)
        if status == 200:
            status, headers = 202, location
        return JSONResponse(answer, status, headers=_with_request_id(headers))

    @application.post("/endpoints/{name}/invocations")
    async def invoke_endpoint(name: str, request: Request) -> Response:
        body = await request.body()
        answers: list[synchronous.Answer] = []
        refusals: list[ServiceError] = []

        def work() -> dict[str, Any]:
            try:
                answers.append(
                    synchronous.invoke(service, endpoints, serverless, name, request.headers, body)
                )
            except ServiceError as error:
                refusals.append(error)
                raise
            return {}

        status, answer, headers = await _answer("InvokeEndpoint", work)
        if answers:
            return Response(answers[0].body, 200, _with_request_id(answers[0].headers))
        if refusals:
            answer = synchronous.error_members(refusals[0])
        return JSONResponse(answer, status, headers=_with_request_id(headers))

    @application.get("/container-credentials")
    async def container_credentials(request: Request) -> Response:
        role = service.credentials.role_of(request.headers.get("authorization", ""))
        if role is None:
            return JSONResponse({"message": "unknown container"}, 403)
        return JSONResponse(await asyncio.to_thread(service.roles.credentials, role))

    return application


async def _answer(
    operation: str, work: Callable[[], dict[str, Any]]
) -> tuple[int, dict[str, Any], dict[str, str]]:
    try:
        return 200, await asyncio.to_thread(work), {}
    except ServiceError as error:
        logger.info("%s is refused: %s: %s", operation, error.code, error.message)
        answer = {"__type": error.code, "message": error.message}
        return error.status, answer, {"x-amzn-errortype": error.code}
    except Exception:  # the server goes on, and the fault must be seen
        logger.exception("%s failed", operation)
        answer = {"__type": "InternalFailure", "message": "See the log of local SageMaker"}
        return 500, answer, {"x-amzn-errortype": "InternalFailure"}


def _with_request_id(headers: dict[str, str]) -> dict[str, str]:
    return {**headers, "x-amzn-requestid": str(uuid4())}
