"""AWS::SageMaker::* resources of a template, made in local SageMaker through boto3."""

import re
import time
from typing import Any

import boto3
from botocore.exceptions import ClientError
from ministack.services.cloudformation import provisioners, stacks

from local_aws.ministack.private_names import PrivateName

PRIVATE_NAMES = (
    PrivateName("services.cloudformation.provisioners", "_RESOURCE_HANDLERS", kind=dict),
    PrivateName("services.cloudformation.provisioners", "_physical_name"),
    PrivateName("services.cloudformation.stacks", "_runs_on_worker_thread", ("resource_type",)),
)

# Resource type -> the property that names it
NAME_PROPERTIES = {
    "Endpoint": "EndpointName",
    "EndpointConfig": "EndpointConfigName",
    "Model": "ModelName",
    "ModelPackageGroup": "ModelPackageGroupName",
}
ENDPOINT_READY_SECONDS = 600


def apply() -> None:
    """Register one handler a type, run where MiniStack can serve what SageMaker asks meanwhile."""
    runs_on_worker_thread = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda resource_type: (
        resource_type.startswith("AWS::SageMaker::") or runs_on_worker_thread(resource_type)
    )
    for kind, name_property in NAME_PROPERTIES.items():
        provisioners._RESOURCE_HANDLERS[f"AWS::SageMaker::{kind}"] = _handler(kind, name_property)


def _handler(kind: str, name_property: str) -> dict[str, Any]:
    operation = re.sub(r"(?<!^)([A-Z])", r"_\1", kind).lower()
    arn_attribute = f"{kind}Arn"

    def attributes(name: str, arn: str) -> dict[str, str]:
        return {name_property: name, arn_attribute: arn}

    def create(
        logical_id: str, properties: dict[str, Any], stack_name: str
    ) -> tuple[str, dict[str, str]]:
        name = properties.get(name_property) or provisioners._physical_name(
            stack_name, logical_id, max_len=63
        )
        arguments = {**properties, name_property: name}
        arn = getattr(_client(), f"create_{operation}")(**arguments)[arn_attribute]
        if kind == "Endpoint":
            _wait_in_service(name)
        # Ref gives the ARN, as on AWS
        return arn, attributes(name, arn)

    def update(
        arn: str, _old: dict[str, Any], new: dict[str, Any], *_: Any, **__: Any
    ) -> tuple[str, dict[str, str]]:
        name = new.get(name_property) or arn.rsplit("/", 1)[-1]
        if kind == "Endpoint":
            _client().update_endpoint(
                EndpointName=name, EndpointConfigName=new["EndpointConfigName"]
            )
            _wait_in_service(name)
        elif kind != "ModelPackageGroup":
            raise ValueError(f"AWS::SageMaker::{kind} {name} cannot be changed, only replaced")
        return arn, attributes(name, arn)

    def delete(arn: str, properties: dict[str, Any]) -> None:
        name = properties.get(name_property) or arn.rsplit("/", 1)[-1]
        try:
            getattr(_client(), f"delete_{operation}")(**{name_property: name})
        except ClientError as error:
            if "not find" not in str(error) and "does not exist" not in str(error):
                raise

    return {"create": create, "update": update, "delete": delete}


def _client() -> Any:
    return boto3.client(
        "sagemaker",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - MiniStack's root key
    )


def _wait_in_service(name: str) -> None:
    client = _client()
    deadline = time.monotonic() + ENDPOINT_READY_SECONDS
    while time.monotonic() < deadline:
        endpoint = client.describe_endpoint(EndpointName=name)
        if endpoint["EndpointStatus"] == "InService":
            return
        if endpoint["EndpointStatus"] == "Failed":
            raise ValueError(endpoint.get("FailureReason", f"endpoint {name} failed"))
        time.sleep(0.2)
    raise ValueError(f"endpoint {name} was not in service after {ENDPOINT_READY_SECONDS} s")
