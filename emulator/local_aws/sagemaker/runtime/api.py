"""The runtime: InvokeEndpointAsync takes headers and gives a place in the queue."""

from collections.abc import Mapping

from botocore.model import StructureShape

from local_aws.sagemaker import permissions
from local_aws.sagemaker.errors import ServiceError, ValidationError
from local_aws.sagemaker.runtime.invocations import Invocations
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.service_model import operation_model, validate
from local_aws.sagemaker.store import Document

OPERATION = "InvokeEndpointAsync"


def invoke_async(
    service: Service,
    invocations: Invocations,
    endpoint_name: str,
    headers: Mapping[str, str],
    body: bytes,
) -> tuple[Document, dict[str, str]]:
    """Queue an invocation and return the answer's body and headers.

    Raises
    ------
    ServiceError
        ``ValidationError`` as the runtime names it, or a denial.
    """
    shape = operation_model("sagemaker-runtime", OPERATION).input_shape
    assert isinstance(shape, StructureShape)
    request = _from_headers(shape, headers)
    request["EndpointName"] = endpoint_name
    try:
        if body:
            raise ValidationError("An inline Body is not supported here: use InputLocation.")
        if "InputLocation" not in request:
            raise ValidationError("InputLocation is required.")
        validate("sagemaker-runtime", OPERATION, request)
        service.gateway.authorize(headers, permissions.needed(OPERATION, request))
        answer = invocations.submit(endpoint_name, request)
    except ValidationError as error:
        # The runtime has an error of its own for what the control plane calls by another name
        raise ServiceError("ValidationError", error.message) from error
    output = operation_model("sagemaker-runtime", OPERATION).output_shape
    assert isinstance(output, StructureShape)
    response_headers = {
        output.members[name].serialization["name"]: value
        for name, value in answer.items()
        if output.members[name].serialization.get("location") == "header"
    }
    return {"InferenceId": answer["InferenceId"]}, response_headers


def _from_headers(shape: StructureShape, headers: Mapping[str, str]) -> Document:
    request: Document = {}
    for name, member in shape.members.items():
        if member.serialization.get("location") != "header":
            continue
        value = headers.get(member.serialization["name"].lower())
        if value is None:
            continue
        if member.type_name == "integer":
            try:
                request[name] = int(value)
            except ValueError as error:
                raise ServiceError("ValidationError", f"{name} must be an integer") from error
        else:
            request[name] = value
    return request
