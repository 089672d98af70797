"""The control plane: finds an operation's code, checks form and permission, calls it."""

from collections.abc import Callable, Mapping
from typing import Any

from local_aws.sagemaker import models, permissions, registry, tags
from local_aws.sagemaker.endpoints import configs as endpoint_configs
from local_aws.sagemaker.endpoints.endpoints import Endpoints
from local_aws.sagemaker.errors import ServiceError
from local_aws.sagemaker.jobs.jobs import Jobs
from local_aws.sagemaker.scaling.operations import ScalingOperations
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.service_model import operation_model, validate
from local_aws.sagemaker.store import Document

Operation = Callable[[Document], Document]


class ControlPlane:
    """Every operation of the SageMaker API that exists here."""

    def __init__(
        self, service: Service, endpoints: Endpoints, jobs: Jobs, scaling: ScalingOperations
    ) -> None:
        self._service = service
        self._scaling = scaling
        self._operations: dict[str, Operation] = {
            "CreateEndpoint": endpoints.create,
            "UpdateEndpoint": endpoints.update,
            "UpdateEndpointWeightsAndCapacities": endpoints.update_capacities,
            "DeleteEndpoint": endpoints.delete,
            "DescribeEndpoint": endpoints.describe,
            "ListEndpoints": endpoints.list_all,
            **jobs.operations(),
        }
        with_service: dict[str, Callable[[Service, Document], Document]] = {
            "CreateModel": models.create,
            "DescribeModel": models.describe,
            "DeleteModel": models.delete,
            "ListModels": models.list_all,
            "CreateEndpointConfig": endpoint_configs.create,
            "DescribeEndpointConfig": endpoint_configs.describe,
            "DeleteEndpointConfig": endpoint_configs.delete,
            "ListEndpointConfigs": endpoint_configs.list_all,
            "CreateModelPackageGroup": registry.create_group,
            "DescribeModelPackageGroup": registry.describe_group,
            "DeleteModelPackageGroup": registry.delete_group,
            "ListModelPackageGroups": registry.list_groups,
            "CreateModelPackage": registry.create_package,
            "DescribeModelPackage": registry.describe_package,
            "UpdateModelPackage": registry.update_package,
            "DeleteModelPackage": registry.delete_package,
            "ListModelPackages": registry.list_packages,
            "AddTags": tags.add,
            "DeleteTags": tags.delete,
            "ListTags": tags.list_all,
        }
        for name, function in with_service.items():
            self._operations[name] = self._bound(function)

    def _bound(self, function: Callable[[Service, Document], Document]) -> Operation:
        return lambda request: function(self._service, request)

    def call(self, operation: str, request: Document, headers: Mapping[str, str]) -> Document:
        """Run one operation for the caller whose signature the headers hold.

        Raises
        ------
        ServiceError
            As AWS would answer.
        """
        model = operation_model("sagemaker", operation)
        code = self._operations.get(operation)
        if code is None:
            raise ServiceError(
                "UnknownOperationException",
                f"{operation} is an operation of SageMaker that is not here. "
                f"Here are: {', '.join(sorted(self._operations))}.",
            )
        validate("sagemaker", operation, request)
        checks = permissions.needed(operation, request)
        if operation == "DeleteEndpoint":
            checks += self._scaling.needed_to_forget(request["EndpointName"])
        self._service.gateway.authorize(headers, checks)
        answer = code(request)
        if operation == "DeleteEndpoint":
            self._scaling.forget_endpoint(request["EndpointName"])
        self._keep_tags(operation, request, answer)
        shape = model.output_shape
        members = shape.members if shape is not None else {}
        return {key: value for key, value in answer.items() if key in members}

    def _keep_tags(self, operation: str, request: Document, answer: Document) -> None:
        if operation.startswith("Create") and request.get("Tags"):
            arn: Any = next(value for key, value in answer.items() if key.endswith("Arn"))
            given = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
            tags.put(self._service, arn, given)
