"""The model packages of a stack: what they measured, which one serves, and putting one there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from femo_pipeline.errors import ExecutionError, InputError, StackError
from femo_pipeline.execution import Position, follow, start
from femo_pipeline.stack import Stack

__all__ = ["Package", "deploy", "list_packages", "model_lines", "outcome_text", "start_deployment"]

# Metric of the package's metadata -> heading; in this order
COLUMNS = {"f1": "F1", "sensitivity": "Sensitivity", "precision": "Precision"}
GAIN = "gain_over_serving_"  # as the training machine names what the package gained


@dataclass(frozen=True)
class Package:
    """One version of the stack's model package group."""

    version: int
    arn: str
    approval: str  # Approved, Rejected or PendingManualApproval
    created: datetime
    serves: bool
    metrics: Mapping[str, float] = field(default_factory=dict)  # out of fold, unitless or per hour
    compared_with: str | None = None  # the package in service as this one was trained

    def interval(self, metric: str) -> tuple[float, float] | None:
        """Return a metric's interval (95 %) where the package has one."""
        low, high = (self.metrics.get(f"{metric}{end}") for end in ("_low", "_high"))
        return None if low is None or high is None else (low, high)

    def as_json(self) -> dict[str, Any]:
        """Return the package as JSON holds it."""
        return {
            "version": self.version,
            "modelPackageArn": self.arn,
            "approval": self.approval,
            "created": self.created.isoformat(),
            "serves": self.serves,
            "metrics": dict(self.metrics),
            "comparedWith": self.compared_with,
        }


def list_packages(stack: Stack, *, limit: int) -> list[Package]:
    """Return the newest packages, newest first, and the one that serves however old it is.

    Raises
    ------
    StackError
        If SageMaker cannot be asked.
    """
    sagemaker = stack.clients.sagemaker
    try:
        serving = _serving_version(stack)
        pages = sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=stack.package_group,
            SortBy="CreationTime",
            SortOrder="Descending",
            PaginationConfig={"MaxItems": limit},
        )
        arns = [one["ModelPackageArn"] for page in pages for one in page["ModelPackageSummaryList"]]
        if serving is not None and all(_version(arn) != serving for arn in arns):
            arns += [arn for arn in [_arn(stack, serving)] if arn is not None]
        described = [sagemaker.describe_model_package(ModelPackageName=arn) for arn in arns]
    except (ClientError, BotoCoreError) as error:
        raise StackError(f"the models of {stack.name} cannot be listed: {error}") from error
    return [_package(one, serving) for one in described]


def start_deployment(stack: Stack, version: int) -> str:
    """Start the deployment of an approved package and return the execution's ARN.

    Raises
    ------
    InputError
        If there is no such version, or it is not approved.
    StackError
        If the stack cannot be asked.
    """
    if not stack.deployment_machine_arn:
        raise StackError(
            f"the stack {stack.name!r} has no output DeploymentStateMachineArn: deploy this "
            "version of template.yaml"
        )
    try:
        arn = _arn(stack, version)
        if arn is None:
            raise InputError(
                f"there is no version {version} in {stack.package_group}: femo models lists them"
            )
        found = stack.clients.sagemaker.describe_model_package(ModelPackageName=arn)
    except (ClientError, BotoCoreError) as error:
        raise StackError(f"version {version} cannot be looked up: {error}") from error
    approval = found["ModelApprovalStatus"]
    if approval != "Approved":
        raise InputError(
            f"version {version} is not approved ({approval}); the approval itself starts its "
            f"deployment: aws sagemaker update-model-package --model-package-arn {arn} "
            "--model-approval-status Approved"
        )
    return start(stack, {"modelPackageArn": arn}, machine_arn=stack.deployment_machine_arn)


def deploy(stack: Stack, execution: str, show: Callable[[Position], None]) -> Mapping[str, Any]:
    """Wait for a deployment and return its output.

    Raises
    ------
    ExecutionError
        If the execution failed, timed out or was stopped.
    PipelineError
        If AWS cannot be asked any more; the deployment goes on.
    """
    ending = follow(stack, execution, show)
    if ending.status != "SUCCEEDED":
        raise ExecutionError(
            f"the deployment {ending.status} in the state {ending.state or '(none)'}: "
            f"{ending.error}: {ending.reason}. What served goes on serving; once the cause is "
            f"gone, redrive it: aws stepfunctions redrive-execution --execution-arn {ending.arn}"
        )
    return ending.output


def outcome_text(version: int, output: Mapping[str, Any]) -> str:
    """Say what became of a deployment."""
    outcome, reason = output["outcome"], output.get("reason", "")
    told = {
        "DEPLOYED": f"version {version} is in service ({output.get('endpointConfigName', '')})",
        "ROLLED_BACK": f"version {version} is not in service, the old model is: {reason}",
        "NOT_ROLLED_BACK": f"version {version} serves although it could not be proven: {reason}",
        "WITHDRAWN": f"no model is in service: {reason}",
        "SUPERSEDED": f"version {version} is not in service: {reason}",
        "REFUSED": f"version {version} is not in service: {reason}",
    }
    return f"{outcome}: {told.get(outcome, reason)}"


def model_lines(packages: Sequence[Package]) -> list[str]:
    """Return the packages as a table, a line each; what was not measured is a dash."""
    heads = ["Version", "Approval", "Created", *COLUMNS.values(), "Gain in F1 (95 %)", ""]
    rows = [heads, *(_row(package) for package in packages)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _row(package: Package) -> list[str]:
    figures = [_figure(package, metric) for metric in COLUMNS]
    gain = package.metrics.get(f"{GAIN}f1")
    low, high = (package.metrics.get(f"{GAIN}{end}") for end in ("low", "high"))
    told = "-" if gain is None else f"{gain:+.3f}"
    if low is not None and high is not None:
        told += f" ({low:+.3f} to {high:+.3f})"
    created = package.created.strftime("%Y-%m-%d %H:%M")
    serves = "in service" if package.serves else ""
    return [str(package.version), package.approval, created, *figures, told, serves]


def _figure(package: Package, metric: str) -> str:
    value, interval = package.metrics.get(metric), package.interval(metric)
    if value is None:
        return "-"
    return f"{value:.3f}" + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")


def _package(found: Mapping[str, Any], serving: int | None) -> Package:
    said = found.get("CustomerMetadataProperties", {})
    version = int(found["ModelPackageVersion"])
    return Package(
        version=version,
        arn=found["ModelPackageArn"],
        approval=found["ModelApprovalStatus"],
        created=found["CreationTime"],
        serves=version == serving,
        metrics={
            name: value for name, text in said.items() if (value := _number(text)) is not None
        },
        compared_with=said.get("compared_with"),
    )


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", text) else None


def _serving_version(stack: Stack) -> int | None:
    """Return the version that serves; None where no package does.

    The deployment machine writes it into the name of the endpoint's configuration.
    """
    sagemaker, name = stack.clients.sagemaker, stack.endpoint_name
    listed = sagemaker.list_endpoints(NameContains=name, MaxResults=100)["Endpoints"]
    if all(one["EndpointName"] != name for one in listed):
        return None
    config = sagemaker.describe_endpoint(EndpointName=name).get("EndpointConfigName", "")
    found = re.match(rf"{re.escape(stack.package_group)}-v(\d+)-", config)
    return int(found[1]) if found else None


def _arn(stack: Stack, version: int) -> str | None:
    pages = stack.clients.sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=stack.package_group
    )
    for page in pages:
        for one in page["ModelPackageSummaryList"]:
            if _version(one["ModelPackageArn"]) == version:
                return one["ModelPackageArn"]
    return None


def _version(arn: str) -> int:
    return int(arn.rsplit("/", 1)[-1])
