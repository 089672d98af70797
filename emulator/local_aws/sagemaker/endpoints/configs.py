"""Endpoint configurations: which model an endpoint serves, and its asynchronous settings."""

from local_aws.sagemaker import models
from local_aws.sagemaker.arns import sagemaker_arn
from local_aws.sagemaker.endpoints import serverless
from local_aws.sagemaker.errors import ValidationError
from local_aws.sagemaker.identity import now
from local_aws.sagemaker.listing import page
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.store import Document, NameTakenError

KIND = "endpoint-config"


def create(service: Service, request: Document) -> Document:
    """CreateEndpointConfig."""
    name = request["EndpointConfigName"]
    variants = request["ProductionVariants"]
    if len({variant["VariantName"] for variant in variants}) != len(variants):
        raise ValidationError("Production variant names must be unique within an endpoint config.")
    if len(variants) > 1:
        raise ValidationError("The local endpoint serves one production variant.")
    for variant in variants:
        if "ModelName" not in variant:
            raise ValidationError("ModelName is required: inference components are not served here")
        models.find(service, variant["ModelName"])
        if "ServerlessConfig" not in variant and (
            "InstanceType" not in variant or variant.get("InitialInstanceCount", 0) < 1
        ):
            raise ValidationError(
                f"Production variant {variant['VariantName']} needs an InstanceType and an "
                "InitialInstanceCount of at least 1."
            )
    if serverless.settings(request) is not None:
        serverless.check_config(service, request)
    document = {**request, "EndpointConfigArn": sagemaker_arn(KIND, name), "CreationTime": now()}
    try:
        service.store.insert(KIND, name, document)
    except NameTakenError as error:
        raise ValidationError(
            f'Cannot create already existing endpoint configuration "{sagemaker_arn(KIND, name)}".'
        ) from error
    return {"EndpointConfigArn": document["EndpointConfigArn"]}


def describe(service: Service, request: Document) -> Document:
    """DescribeEndpointConfig."""
    return find(service, request["EndpointConfigName"])


def delete(service: Service, request: Document) -> Document:
    """DeleteEndpointConfig."""
    if not service.store.delete(KIND, request["EndpointConfigName"]):
        raise _missing(request["EndpointConfigName"])
    return {}


def list_all(service: Service, request: Document) -> Document:
    """ListEndpointConfigs."""
    return page(
        service.store.all(KIND),
        request,
        "EndpointConfigs",
        ("EndpointConfigName", "EndpointConfigArn", "CreationTime"),
    )


def find(service: Service, name: str) -> Document:
    """Return a configuration's document.

    Raises
    ------
    ValidationError
        If there is none of that name.
    """
    document = service.store.get(KIND, name)
    if document is None:
        raise _missing(name)
    return document


def variant(config: Document) -> Document:
    """Return the one production variant of a configuration."""
    only: Document = config["ProductionVariants"][0]
    return only


def _missing(name: str) -> ValidationError:
    return ValidationError(f'Could not find endpoint configuration "{sagemaker_arn(KIND, name)}".')
