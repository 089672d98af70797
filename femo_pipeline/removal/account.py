"""The services that a removal talks to, and the stack that it takes away."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from femo_pipeline.errors import InputError, StackError
from femo_pipeline.stack import local_environment

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_stepfunctions import SFNClient

__all__ = ["Account", "Resource", "Target", "cloud_account", "find_target", "local_account"]

GONE = "DELETE_COMPLETE"
NAME_PARAMETERS = ("ProjectName", "StageName")
# As the template's patterns of both allow
NAMES = re.compile(r"[a-z][a-z0-9]{0,19}-[a-z][a-z0-9]{0,9}")
POLL_SECONDS = 5.0


@dataclass(frozen=True)
class Account:
    """The services of one account and region."""

    cloudformation: CloudFormationClient
    dynamodb: DynamoDBClient
    events: EventBridgeClient
    states: SFNClient
    sagemaker: SageMakerClient
    logs: CloudWatchLogsClient
    scaling: Any  # Application Auto Scaling
    cloudwatch: Any
    region: str
    poll_seconds: float = POLL_SECONDS  # between two looks, at most
    patience: float = 1.0  # of each step's longest wait


@dataclass(frozen=True)
class Resource:
    """A resource of a stack."""

    logical_id: str
    name: str  # physical id
    kind: str  # CloudFormation's type
    status: str

    @property
    def is_there(self) -> bool:
        """Whether it exists, as part of the stack or left behind by it."""
        return self.status != GONE and bool(self.name)


@dataclass(frozen=True)
class Target:
    """A stack that is to go, or that has gone already and may have left something."""

    stack: str
    stack_id: str | None  # None where CloudFormation knows of none of this name
    status: str | None  # DELETE_COMPLETE where it has gone, None where there was none
    names: str  # PROJECT-STAGE, with which the names of all that its machines make begin
    owns_names: bool  # False where another stack of the same project and stage is alive
    resources: tuple[Resource, ...] = ()

    @property
    def is_there(self) -> bool:
        """Whether CloudFormation still has the stack."""
        return self.status not in (GONE, None)

    def of(self, kind: str) -> list[str]:
        """Return the names of the stack's resources of a type that exist."""
        return [one.name for one in self.resources if one.kind == kind and one.is_there]

    def resource(self, logical_id: str) -> Resource | None:
        """Return a resource that exists, or None."""
        found = (one for one in self.resources if one.logical_id == logical_id and one.is_there)
        return next(found, None)


def cloud_account() -> Account:
    """Return the account and region that the AWS configuration names.

    Raises
    ------
    StackError
        If it names none.
    """
    try:
        return _account(boto3.Session(), {})
    except BotoCoreError as error:
        raise StackError(f"{error}; check the AWS credentials and region") from error


def local_account(state_file: Path) -> Account:
    """Return the AWS of the local stack.

    Raises
    ------
    StackError
        If none is running.
    """
    try:
        environment = local_environment(json.loads(state_file.read_text()))
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
    return _account(session, environment, poll_seconds=0.5)


def _account(
    session: boto3.Session, environment: Mapping[str, str], *, poll_seconds: float = POLL_SECONDS
) -> Account:
    patient = Config(retries={"mode": "standard", "total_max_attempts": 8})
    everywhere = environment.get("AWS_ENDPOINT_URL")

    def client(service: str) -> Any:
        address = environment.get(f"AWS_ENDPOINT_URL_{service.upper()}", everywhere)
        return session.client(service, endpoint_url=address, config=patient)  # type: ignore[call-overload]

    return Account(
        cloudformation=client("cloudformation"),
        dynamodb=client("dynamodb"),
        events=client("events"),
        states=client("stepfunctions"),
        sagemaker=client("sagemaker"),
        logs=client("logs"),
        scaling=client("application-autoscaling"),
        cloudwatch=client("cloudwatch"),
        region=session.region_name,
        poll_seconds=poll_seconds,
    )


def find_target(account: Account, stack: str) -> Target:
    """Look a stack up, also one that has gone and may have left something.

    Raises
    ------
    InputError
        If it is not a stack of this project.
    StackError
        If it cannot be asked, or cannot be removed as it is.
    """
    try:
        known = [*_stacks(account)]
        found = next((one for one in known if one["StackName"] == stack), None)
        if found is None:
            found = _gone(account, stack)
        resources = () if found is None else tuple(_resources(account, found["StackId"]))
    except (ClientError, BotoCoreError) as error:
        raise StackError(f"the stack {stack!r} cannot be looked up: {error}") from error
    names = _names(stack, found)
    _check_removable(found)
    group = next((one for one in resources if one.logical_id == "ModelPackageGroup"), None)
    others = [one for one in known if one["StackName"] != stack and _parameters(one) == names]
    return Target(
        stack=stack,
        stack_id=None if found is None else found["StackId"],
        status=None if found is None else found["StackStatus"],
        names=names,
        # One project and stage has one package group: whose it is, all of those names is
        owns_names=not others or (group is not None and group.is_there),
        resources=resources,
    )


def _stacks(account: Account) -> Iterator[Mapping[str, Any]]:
    for page in account.cloudformation.get_paginator("describe_stacks").paginate():
        yield from (one for one in page["Stacks"] if one["StackStatus"] != GONE)


def _gone(account: Account, stack: str) -> Mapping[str, Any] | None:
    """Return the newest stack of that name that was deleted; CloudFormation keeps it 90 days."""
    pages = account.cloudformation.get_paginator("list_stacks").paginate(
        StackStatusFilter=["DELETE_COMPLETE"]
    )
    ids = [
        one["StackId"]
        for page in pages
        for one in sorted(page["StackSummaries"], key=_deleted_at, reverse=True)
        if one["StackName"] == stack
    ]
    if not ids:
        return None
    return account.cloudformation.describe_stacks(StackName=ids[0])["Stacks"][0]


def _deleted_at(summary: Mapping[str, Any]) -> str:
    return str(summary.get("DeletionTime", summary["CreationTime"]))


def _resources(account: Account, stack_id: str) -> Iterator[Resource]:
    pages = account.cloudformation.get_paginator("list_stack_resources").paginate(
        StackName=stack_id
    )
    for page in pages:
        for one in page["StackResourceSummaries"]:
            yield Resource(
                one["LogicalResourceId"],
                one.get("PhysicalResourceId", ""),
                one["ResourceType"],
                one["ResourceStatus"],
            )


def _parameters(stack: Mapping[str, Any]) -> str | None:
    """Return the PROJECT-STAGE of a stack's parameters, or None where it has no such ones."""
    given: Iterable[Mapping[str, str]] = stack.get("Parameters", [])
    values = {one["ParameterKey"]: one.get("ParameterValue", "") for one in given}
    if any(not values.get(name) for name in NAME_PARAMETERS):
        return None
    return "-".join(values[name] for name in NAME_PARAMETERS)


def _names(stack: str, found: Mapping[str, Any] | None) -> str:
    if found is None:
        if not NAMES.fullmatch(stack):
            raise InputError(
                f"there is no stack {stack!r} in this account and region, and the name is not "
                "PROJECT-STAGE, by which what it left could be found"
            )
        return stack
    names = _parameters(found)
    if names is None or not NAMES.fullmatch(names):
        raise InputError(f"{stack!r} is not a stack of this project's template")
    return names


def _check_removable(found: Mapping[str, Any] | None) -> None:
    if found is None:
        return
    stack, status = found["StackName"], found["StackStatus"]
    if found.get("EnableTerminationProtection"):
        raise StackError(
            f"{stack} is protected from deletion; to take that away: aws cloudformation "
            f"update-termination-protection --no-enable-termination-protection --stack-name {stack}"
        )
    if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        raise StackError(
            f"{stack} is at work ({status}): wait until that has ended (aws cloudformation "
            f"describe-stack-events --stack-name {stack}), then remove it"
        )
