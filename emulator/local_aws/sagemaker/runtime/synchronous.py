"""InvokeEndpoint: sends a request to a serverless endpoint's container and gives its answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_aws.sagemaker import permissions
from local_aws.sagemaker.arns import ACCOUNT
from local_aws.sagemaker.endpoints import serverless
from local_aws.sagemaker.endpoints.endpoints import Endpoints
from local_aws.sagemaker.endpoints.model_server import ModelResponse, ModelServer
from local_aws.sagemaker.endpoints.serverless import Serverless
from local_aws.sagemaker.errors import ServiceError, ValidationError
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.store import Document

# https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-invoke.html
PAYLOAD_BYTES = 4 * 1024 * 1024
PROCESSING_SECONDS = 60.0
OPERATION = "InvokeEndpoint"
ATTRIBUTES_HEADER = "X-Amzn-SageMaker-Custom-Attributes"
VARIANT_HEADER = "x-Amzn-Invoked-Production-Variant"
_PASSED_ON = ("Accept", "Content-Type", ATTRIBUTES_HEADER, "X-Amzn-SageMaker-Inference-Id")


class ModelError(ServiceError):
    """The container has answered with an error, or not as it must.

    Parameters
    ----------
    status
        What it answered with; 0 for nothing.
    message
        Its words.
    """

    def __init__(self, endpoint: str, status: int, message: str) -> None:
        kind = "client" if 400 <= status < 500 else "server"
        super().__init__(
            "ModelError",
            f'Received {kind} error ({status}) from primary with message "{message[:1024]}". '
            f"See /aws/sagemaker/Endpoints/{endpoint} in CloudWatch Logs.",
            424,
        )
        self.details = {"OriginalStatusCode": status, "OriginalMessage": message}


@dataclass(frozen=True)
class Answer:
    """What InvokeEndpoint answers where all is well."""

    body: bytes
    headers: dict[str, str]


def error_members(error: ServiceError) -> dict[str, Any]:
    """Return what an error's body says, in the members of the service's model."""
    if isinstance(error, ModelError):
        return {"__type": error.code, "Message": error.message, **error.details}
    return {"__type": error.code, "message": error.message}


def invoke(
    service: Service,
    endpoints: Endpoints,
    lanes: Serverless,
    name: str,
    headers: Mapping[str, str],
    body: bytes,
) -> Answer:
    """Run one invocation for the caller whose signature the headers hold.

    Raises
    ------
    ServiceError
        ``ValidationError``, 413, ``ThrottlingException``, ``ModelError`` or a denial.
    """
    checks = permissions.needed(OPERATION, {"EndpointName": name})
    service.gateway.authorize(headers, checks)
    config, limit = _serving(endpoints, name)
    if len(body) > PAYLOAD_BYTES:
        raise ServiceError("413", f"HTTP content length exceeded {PAYLOAD_BYTES} bytes.", 413)
    passed = {key: headers[key.lower()] for key in _PASSED_ON if key.lower() in headers}
    with lanes.serving(name, limit) as server:
        response = _ask(server, name, body, passed)
    if not 200 <= response.status < 300:
        raise ModelError(name, response.status, response.body.decode(errors="replace"))
    if len(response.body) > PAYLOAD_BYTES:
        raise ModelError(
            name, 0, f"The response is {len(response.body)} bytes, {PAYLOAD_BYTES} at most."
        )
    variant = config["ProductionVariants"][0]["VariantName"]
    return Answer(response.body, {"Content-Type": response.content_type, VARIANT_HEADER: variant})


def _serving(endpoints: Endpoints, name: str) -> tuple[Document, int]:
    """Return the configuration and MaxConcurrency of an endpoint that takes the invocation."""
    try:
        status = endpoints.find(name)["EndpointStatus"]
    except ValidationError as error:
        raise _refusal(name, "not found") from error
    if status in ("Creating", "Deleting", "Failed"):
        raise _refusal(name, f"is not in service: it is {status}")
    config = endpoints.config(name)
    wanted = serverless.settings(config)
    if config is None or wanted is None:
        raise _refusal(name, "takes asynchronous invocations alone: use InvokeEndpointAsync")
    limit: int = wanted["MaxConcurrency"]
    return config, limit


def _ask(server: ModelServer, name: str, body: bytes, headers: dict[str, str]) -> ModelResponse:
    try:
        return server.invoke(body, headers, PROCESSING_SECONDS)
    except TimeoutError as error:
        raise ModelError(
            name,
            0,
            "Your invocation timed out while waiting for a response from container primary. "
            "Review the latency metrics for each container in Amazon CloudWatch.",
        ) from error
    except ConnectionError as error:
        raise ModelError(name, 0, f"The container went away: {error}") from error


def _refusal(name: str, why: str) -> ServiceError:
    """Return the runtime's own error for what the control plane calls by another name."""
    return ServiceError("ValidationError", f"Endpoint {name} of account {ACCOUNT} {why}.")
