"""AWS::SageMaker::ModelPackageGroup of a template, made in local SageMaker through boto3."""

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

GROUP = "AWS::SageMaker::ModelPackageGroup"
NAME = "ModelPackageGroupName"


def apply() -> None:
    """Register the type, run where MiniStack can serve what SageMaker asks meanwhile."""
    runs_on_worker_thread = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda resource_type: (
        resource_type == GROUP or runs_on_worker_thread(resource_type)
    )
    provisioners._RESOURCE_HANDLERS[GROUP] = {"create": create, "update": update, "delete": delete}


def create(
    logical_id: str, properties: dict[str, Any], stack_name: str
) -> tuple[str, dict[str, str]]:
    """Make a group; Ref gives its ARN, as on AWS."""
    name = properties.get(NAME) or provisioners._physical_name(stack_name, logical_id, max_len=63)
    answer = _client().create_model_package_group(**{**properties, NAME: name})
    return answer["ModelPackageGroupArn"], _attributes(answer["ModelPackageGroupArn"])


def update(
    arn: str, _old: dict[str, Any], _new: dict[str, Any], *_: Any, **__: Any
) -> tuple[str, dict[str, str]]:
    """Keep the group."""
    return arn, _attributes(arn)


def delete(arn: str, _properties: dict[str, Any]) -> None:
    """Delete the group, if it is there."""
    try:
        _client().delete_model_package_group(**{NAME: arn.rsplit("/", 1)[-1]})
    except ClientError as error:
        if "not find" not in str(error) and "does not exist" not in str(error):
            raise


def _attributes(arn: str) -> dict[str, str]:
    return {NAME: arn.rsplit("/", 1)[-1], "ModelPackageGroupArn": arn}


def _client() -> Any:
    return boto3.client(
        "sagemaker",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - MiniStack's root key
    )
