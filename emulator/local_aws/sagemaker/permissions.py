"""Which permissions an operation needs: the table of what SageMaker asks IAM.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
"""

from local_aws.sagemaker.arns import sagemaker_arn
from local_aws.sagemaker.identity import Check, pass_role
from local_aws.sagemaker.store import Document

# Operation -> the resources it is checked on: (kind of ARN, member that names it)
_RESOURCES: dict[str, tuple[tuple[str, str], ...]] = {
    "CreateEndpoint": (("endpoint", "EndpointName"), ("endpoint-config", "EndpointConfigName")),
    "UpdateEndpoint": (("endpoint", "EndpointName"), ("endpoint-config", "EndpointConfigName")),
    "CreateModelPackage": (("model-package", "ModelPackageGroupName"),),
    "InvokeEndpointAsync": (("endpoint", "EndpointName"),),
}
_KINDS = {
    "EndpointConfigName": "endpoint-config",
    "EndpointName": "endpoint",
    "ModelName": "model",
    "ModelPackageGroupName": "model-package-group",
    "ProcessingJobName": "processing-job",
    "TrainingJobName": "training-job",
}
_ROLE_MEMBERS = ("ExecutionRoleArn", "RoleArn")


def needed(operation: str, request: Document) -> list[Check]:
    """Return the checks of one request."""
    resources = [
        sagemaker_arn(kind, _resource_name(kind, request[member]))
        for kind, member in _named(operation, request)
        if member in request
    ]
    for member in ("ModelPackageArn", "ModelPackageName", "ResourceArn"):
        if member in request:
            resources.append(request[member])
    action = f"sagemaker:{operation}"
    checks = [Check(action, resource) for resource in resources or ["*"]]
    if request.get("Tags") and operation.startswith("Create"):
        checks += [Check("sagemaker:AddTags", resource) for resource in resources[:1]]
    if operation.startswith("Create"):
        checks += [pass_role(request[member]) for member in _ROLE_MEMBERS if member in request]
    return checks


def _named(operation: str, request: Document) -> tuple[tuple[str, str], ...]:
    if operation in _RESOURCES:
        return _RESOURCES[operation]
    if operation.startswith("List") and operation != "ListTags":
        return ()
    for member, kind in _KINDS.items():
        if member in request:
            return ((kind, member),)
    return ()


def _resource_name(kind: str, name: str) -> str:
    short = name.rsplit("/", 1)[-1] if name.startswith("arn:") else name
    # A new version has no number yet; policies name the group and a wildcard
    return f"{short}/*" if kind == "model-package" else short
