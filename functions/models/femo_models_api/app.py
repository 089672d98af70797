"""The routes of models and deployments. Reading needs a scope; what changes, a group as well."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, FastAPI, Path, Query, Request
from fastapi.responses import JSONResponse

from femo_http import refusals
from femo_http.documentation import BODY, needs, operation_id, responses
from femo_http.errors import Code
from femo_jobs.observability import count, logger
from femo_models_api import contract, deployments, people, registry
from femo_models_api.settings import settings

app = FastAPI(
    title="FeMo Cloud: models",
    openapi_url=None,
    docs_url=None,
    redoc_url=None,
    redirect_slashes=False,
    generate_unique_id_function=operation_id,
    dependencies=[Depends(refusals.refuse_what_would_be_overlooked)],
)
Version = Annotated[int, Path(ge=1, le=contract.LARGEST_VERSION)]


def _event(request: Request) -> dict[str, object]:
    event: dict[str, object] = request.scope.get("aws.event", {})
    return event


@app.get(
    "/models",
    response_model=contract.ModelList,
    responses=responses(Code.INVALID_FIELD, Code.REPEATED_PARAMETER, Code.SERVICE_BUSY),
    openapi_extra=needs("models/read"),
    tags=["models"],
)
async def list_models(
    limit: Annotated[int, Query(ge=1, le=contract.MOST_MODELS, description="Models, at most")] = 20,
) -> JSONResponse:
    """List the versions of the model with their figures, newest first. Scope models/read.

    The one that serves is among them, however old it is.
    """
    return JSONResponse({"models": registry.newest(settings(), limit)})


@app.post(
    "/models/{version}/approval",
    response_model=contract.ModelView,
    responses=responses(
        *BODY,
        Code.NOT_AN_APPROVER,
        Code.MODEL_NOT_FOUND,
        Code.APPROVAL_CHANGED,
        Code.SERVICE_BUSY,
    ),
    openapi_extra=needs("models/write"),
    tags=["models"],
)
async def decide_model(
    version: Version, decision: contract.ApprovalRequest, request: Request
) -> JSONResponse:
    """Approve or reject a version of the model. Scope models/write.

    For people of the group modelApprovers. An approval starts its deployment, once. A rejection
    takes nothing out of service. Who decided is kept with the model, by a pseudonym; the same
    decision once more changes nothing, and is answered with who took it first.
    """
    user_id = people.approver(_event(request))
    view = registry.decided(settings(), version, decision, user_id=user_id)
    count("ModelsDecided")
    logger.info("model decided", status=str(decision.decision))
    return JSONResponse(view)


@app.post(
    "/deployments",
    status_code=HTTPStatus.ACCEPTED,
    response_model=contract.DeploymentView,
    responses=responses(
        *BODY,
        Code.NOT_AN_APPROVER,
        Code.MODEL_NOT_FOUND,
        Code.MODEL_NOT_APPROVED,
        Code.SERVICE_BUSY,
    ),
    openapi_extra=needs("models/write"),
    tags=["models"],
)
async def start_deployment(wanted: contract.DeploymentRequest, request: Request) -> JSONResponse:
    """Put an approved version into service, such as an earlier one. Scope models/write.

    For people of the group modelApprovers. A deployment that is under way gives way to
    this one.
    """
    people.approver(_event(request))
    view = deployments.begin(settings(), wanted.version)
    count("DeploymentsStarted")
    # Relative, and so right under any stage name or domain.
    return JSONResponse(
        view, HTTPStatus.ACCEPTED, {"Location": f"deployments/{view['deploymentId']}"}
    )


@app.get(
    "/deployments/{deploymentId}",
    response_model=contract.DeploymentView,
    responses=responses(Code.DEPLOYMENT_NOT_FOUND, Code.SERVICE_BUSY),
    openapi_extra=needs("models/read"),
    tags=["models"],
)
async def get_deployment(deploymentId: str) -> JSONResponse:  # noqa: N803 - as in the API
    """Return a deployment and its outcome. Scope models/read."""
    return JSONResponse(deployments.find(settings(), deploymentId))


refusals.install(app, contract.PATTERNS_IN_WORDS)
