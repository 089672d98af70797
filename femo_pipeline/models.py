"""The model packages of a stack: what they measured, which one serves, and putting one there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from femo_models import (
    OUTCOMES,
    Outcome,
    Package,
    arn_of,
    describe,
    listed,
    serving_version,
)
from femo_pipeline.errors import ExecutionError, InputError, StackError
from femo_pipeline.execution import Position, follow, start
from femo_pipeline.stack import Stack

__all__ = [
    "Package",
    "as_document",
    "deploy",
    "list_packages",
    "model_lines",
    "outcome_text",
    "start_deployment",
]

# Metric of the package's metadata -> heading; in this order
COLUMNS = {"f1": "F1", "sensitivity": "Sensitivity", "precision": "Precision"}
GAIN = "gain_over_serving_"  # as the training machine names what the package gained


def as_document(package: Package) -> dict[str, Any]:
    """Return a package as JSON holds it."""
    return {
        "version": package.version,
        "modelPackageArn": package.arn,
        "approval": package.approval.status,
        "created": package.created.isoformat(),
        "serves": package.serves,
        "metrics": dict(package.metrics),
        "comparedWith": package.compared_with,
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
        serving = serving_version(_config_name(stack), stack.package_group)
        versions = () if serving is None else (serving,)
        return listed(sagemaker, stack.package_group, limit=limit, serving=versions)
    except (ClientError, BotoCoreError) as error:
        raise StackError(f"the models of {stack.name} cannot be listed: {error}") from error


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
        sagemaker = stack.clients.sagemaker
        arn = arn_of(sagemaker, stack.package_group, version)
        if arn is None:
            raise InputError(
                f"there is no version {version} in {stack.package_group}: femo models lists them"
            )
        approval = describe(sagemaker, arn, ()).approval
    except (ClientError, BotoCoreError) as error:
        raise StackError(f"version {version} cannot be looked up: {error}") from error
    if not approval.is_given:
        raise InputError(
            f"version {version} is not approved ({approval.status}); the approval itself starts "
            f"its deployment: aws sagemaker update-model-package --model-package-arn {arn} "
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
    if outcome not in OUTCOMES:
        return f"{outcome}: {reason}"
    told = OUTCOMES[outcome].format(version=version)
    if outcome == Outcome.DEPLOYED:
        return f"{outcome}: {told} ({output.get('endpointConfigName', '')})"
    return f"{outcome}: {told}: {reason}"


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
    return [str(package.version), package.approval.status, created, *figures, told, serves]


def _figure(package: Package, metric: str) -> str:
    value, interval = package.metrics.get(metric), package.interval(metric)
    if value is None:
        return "-"
    return f"{value:.3f}" + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")


def _config_name(stack: Stack) -> str | None:
    """Return the name of the endpoint's configuration, or None where there is no endpoint."""
    sagemaker, name = stack.clients.sagemaker, stack.endpoint_name
    endpoints = sagemaker.list_endpoints(NameContains=name, MaxResults=100)["Endpoints"]
    if all(one["EndpointName"] != name for one in endpoints):
        return None
    return sagemaker.describe_endpoint(EndpointName=name).get("EndpointConfigName")
