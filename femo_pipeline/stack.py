"""The stack that a run uses: where it is, what it is called, and how to reach it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from femo_pipeline.errors import InputError, StackError

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_stepfunctions import SFNClient

__all__ = ["Clients", "Overrides", "Stack", "find_cloud_stack", "find_local_stack", "stack_name"]

DEFAULT_PROJECT = "femo"
DEFAULT_STAGE = "dev"
LOCAL_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SAGEMAKER",
)
NEEDED_OUTPUTS = ("TrainingStateMachineArn", "RecordingsBucketName", "ModelsBucketName")
# Variable -> field of Overrides, and what the training machine takes (training.asl.json)
OVERRIDES = {
    "SAGEMAKER_PIPELINE_ROLE_ARN": (
        "role_arn",
        r"arn:[a-z-]+:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+",
    ),
    "SAGEMAKER_ARTIFACT_BUCKET": ("artifact_bucket", r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
    "IMAGE_URI": (
        "image_uri",
        r"[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[a-z0-9._/-]+"
        r"(:[A-Za-z0-9._-]{1,128}|@sha256:[0-9a-f]{64})",
    ),
}


@dataclass(frozen=True)
class Overrides:
    """What the environment says instead of the stack's own outputs; None where it says nothing."""

    role_arn: str | None = None
    artifact_bucket: str | None = None
    image_uri: str | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Overrides:
        """Read the environment variables; an empty one counts as not set.

        Raises
        ------
        InputError
            If one holds what the training machine would refuse.
        """
        found: dict[str, str | None] = {}
        for name, (field, pattern) in OVERRIDES.items():
            value = environment.get(name) or None
            if value is not None and not re.fullmatch(pattern, value):
                raise InputError(
                    f"the environment variable {name} is {value[:200]!r}, which the training "
                    f"machine would refuse ({pattern}); correct or unset it"
                )
            found[field] = value
        return cls(**found)


@dataclass(frozen=True)
class Clients:
    """The services that a run talks to."""

    s3: S3Client
    states: SFNClient
    sagemaker: SageMakerClient
    logs: CloudWatchLogsClient


@dataclass(frozen=True)
class Stack:
    """A deployed stack."""

    name: str
    machine_arn: str
    recordings_bucket: str
    models_bucket: str
    artifact_bucket: str
    clients: Clients
    is_local: bool
    poll_seconds: float  # between two looks at an execution
    deployment_machine_arn: str = ""
    package_group: str = ""
    endpoint_name: str = ""


def stack_name(environment: Mapping[str, str], stage: str) -> str:
    """Return the name of the project's stack of a stage."""
    return f"{environment.get('SAGEMAKER_PROJECT_NAME') or DEFAULT_PROJECT}-{stage}"


def find_cloud_stack(name: str, overrides: Overrides) -> Stack:
    """Look a stack up in the account that the AWS configuration names.

    Raises
    ------
    StackError
        If there is none, or it cannot be asked.
    """
    session = boto3.Session()
    try:
        found = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        clients = _clients(session)
    except (ClientError, BotoCoreError) as error:
        raise StackError(
            f"cannot read the stack {name!r}: {error}; deploy it with 'sam deploy', check the AWS "
            "credentials and region, or run on this machine with -l"
        ) from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found[0].get("Outputs", [])}
    return _stack(name, outputs, overrides, clients, is_local=False)


def find_local_stack(state_file: Path, overrides: Overrides) -> Stack:
    """Take the stack that runs on this machine.

    Parameters
    ----------
    state_file : Path
        What ``python -m local_stack start`` writes.
    overrides : Overrides

    Raises
    ------
    StackError
        If none is running.
    """
    try:
        state: dict[str, Any] = json.loads(state_file.read_text())
        environment = local_environment(state)
        outputs = state["outputs"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StackError(
            f"no local stack is running ({state_file}: {type(error).__name__}); start it with "
            "'make up'"
        ) from error
    session = boto3.Session(
        environment["AWS_ACCESS_KEY_ID"],
        environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
    )
    clients = _clients(
        session,
        endpoint=environment["AWS_ENDPOINT_URL"],
        sagemaker_endpoint=environment["AWS_ENDPOINT_URL_SAGEMAKER"],
    )
    return _stack("local", outputs, overrides, clients, is_local=True)


def local_environment(state: Mapping[str, Any]) -> dict[str, str]:
    """Return where the local stack's services listen and its key, by the SDK's variable names.

    Raises
    ------
    KeyError
        If the state does not say.
    """
    return {name: str(state["environment"][name]) for name in LOCAL_VARIABLES}


def _clients(
    session: boto3.Session, *, endpoint: str | None = None, sagemaker_endpoint: str | None = None
) -> Clients:
    patient = Config(retries={"mode": "standard", "total_max_attempts": 8})
    return Clients(
        s3=session.client("s3", endpoint_url=endpoint, config=patient),
        states=session.client("stepfunctions", endpoint_url=endpoint, config=patient),
        sagemaker=session.client("sagemaker", endpoint_url=sagemaker_endpoint, config=patient),
        logs=session.client("logs", endpoint_url=endpoint, config=patient),
    )


def _stack(
    name: str, outputs: Mapping[str, str], overrides: Overrides, clients: Clients, *, is_local: bool
) -> Stack:
    if missing := [output for output in NEEDED_OUTPUTS if output not in outputs]:
        raise StackError(
            f"the stack {name!r} has no output {missing[0]}: deploy this version of template.yaml"
        )
    return Stack(
        name=name,
        machine_arn=outputs["TrainingStateMachineArn"],
        recordings_bucket=outputs["RecordingsBucketName"],
        models_bucket=outputs["ModelsBucketName"],
        artifact_bucket=overrides.artifact_bucket or outputs["ModelsBucketName"],
        clients=clients,
        is_local=is_local,
        poll_seconds=0.5 if is_local else 10.0,
        deployment_machine_arn=outputs.get("DeploymentStateMachineArn", ""),
        package_group=outputs.get("ModelPackageGroupName", ""),
        endpoint_name=outputs.get("EndpointName", ""),
    )
