"""Models: what to serve, and with which role."""

from typing import Any

from local_aws.sagemaker.arns import sagemaker_arn
from local_aws.sagemaker.errors import ValidationError
from local_aws.sagemaker.identity import now
from local_aws.sagemaker.listing import page
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.store import Document, NameTakenError

KIND = "model"


def create(service: Service, request: Document) -> Document:
    """CreateModel."""
    name = request["ModelName"]
    role = request.get("ExecutionRoleArn")
    if role is None:
        raise ValidationError("ExecutionRoleArn is required: the local model runs with that role")
    service.roles.check_trust(role)
    if not _containers(request):
        raise ValidationError("Either PrimaryContainer or Containers must be provided.")
    # A package that is not there or not approved is refused here, not when it is served
    model_source(service, request)
    _check_images(service, request)
    document = {**request, "ModelArn": sagemaker_arn(KIND, name), "CreationTime": now()}
    try:
        service.store.insert(KIND, name, document)
    except NameTakenError as error:
        raise ValidationError(
            f'Cannot create already existing model "{sagemaker_arn(KIND, name)}".'
        ) from error
    return {"ModelArn": document["ModelArn"]}


def describe(service: Service, request: Document) -> Document:
    """DescribeModel."""
    return find(service, request["ModelName"])


def delete(service: Service, request: Document) -> Document:
    """DeleteModel."""
    if not service.store.delete(KIND, request["ModelName"]):
        raise _missing(request["ModelName"])
    return {}


def list_all(service: Service, request: Document) -> Document:
    """ListModels."""
    return page(
        service.store.all(KIND),
        request,
        "Models",
        ("ModelName", "ModelArn", "CreationTime"),
    )


def find(service: Service, name: str) -> Document:
    """Return a model's document.

    Raises
    ------
    ValidationError
        If there is none of that name.
    """
    document = service.store.get(KIND, name)
    if document is None:
        raise _missing(name)
    return document


def model_source(service: Service, model: Document) -> tuple[str | None, dict[str, str]]:
    """Return the model data's S3 URI and the container's variables.

    Both come from the container itself or from the model package that it names.
    """
    container = _containers(model)[0]
    environment = dict(container.get("Environment") or {})
    data = container.get("ModelDataUrl")
    package_arn = container.get("ModelPackageName")
    if package_arn is not None:
        package = service.store.get("model-package", package_arn)
        if package is None:
            raise ValidationError(f"ModelPackage {package_arn} does not exist.")
        if package.get("ModelApprovalStatus") != "Approved":
            raise ValidationError(
                f"ModelPackage {package_arn} cannot be deployed: its approval status is "
                f"{package.get('ModelApprovalStatus')}, not Approved."
            )
        packaged = package["InferenceSpecification"]["Containers"][0]
        data = data or packaged.get("ModelDataUrl")
        environment = {**packaged.get("Environment", {}), **environment}
    return data, environment


def _check_images(service: Service, request: Document) -> None:
    """Refuse images whose manifest SageMaker does not take: OCI's, up to now."""
    for container in _containers(request):
        image = container.get("Image")
        media_type = service.controls.media_type(image) if image else ""
        if media_type.startswith("application/vnd.oci."):
            raise ValidationError(
                f"Unsupported manifest media type {media_type} for image {image}. Ensure that "
                "valid manifest media type is used for specified image."
            )


def _containers(model: Document) -> list[dict[str, Any]]:
    if model.get("PrimaryContainer"):
        return [model["PrimaryContainer"]]
    return list(model.get("Containers") or [])


def _missing(name: str) -> ValidationError:
    return ValidationError(f'Could not find model "{sagemaker_arn(KIND, name)}".')
