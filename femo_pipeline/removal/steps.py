"""What is taken away before the stack itself, in order: each step finds what there is of a kind.

As each step looks first, a removal that has failed half-way goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from femo_pipeline.removal.account import Account, Target

__all__ = ["AFTER", "BEFORE", "Step"]

# Auto Scaling's dimension of an endpoint's instances; there is no other in this template
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
UNDER_WAY = ("InProgress", "Stopping")
ENDPOINT_LOGS = "/aws/sagemaker/Endpoints/"


@dataclass(frozen=True)
class Step:
    """One kind of thing that is taken away."""

    title: str
    find: Callable[[Account, Target], Iterable[str]]  # what is there, by names unique in a step
    end: Callable[[Account, str], None]  # may be asked again for as long as it is there
    needs: str  # permissions
    seconds: float = 60.0  # longest wait until nothing is found


def _is_ours(name: str, target: Target) -> bool:
    """Whether a name is PROJECT-STAGE, or that and more after a hyphen."""
    return target.owns_names and (name == target.names or name.startswith(f"{target.names}-"))


def _listed(client: Any, operation: str, member: str, **request: Any) -> Iterator[Any]:
    for page in client.get_paginator(operation).paginate(**request):
        yield from page[member]


# An execution that is stopped starts the restoration, and an approval a deployment
def _rules(account: Account, target: Target) -> Iterator[str]:
    known = {
        one["Name"]: one.get("State")
        for one in _listed(account.events, "list_rules", "Rules", NamePrefix=target.stack)
    }
    for rule in target.of("AWS::Events::Rule"):
        if known.get(rule) == "ENABLED":
            yield rule


def _disable(account: Account, rule: str) -> None:
    account.events.disable_rule(Name=rule)


def _executions(account: Account, target: Target) -> Iterator[str]:
    for machine in target.of("AWS::StepFunctions::StateMachine"):
        request = {"stateMachineArn": machine, "statusFilter": "RUNNING"}
        try:
            for one in _listed(account.states, "list_executions", "executions", **request):
                yield one["executionArn"]
        except account.states.exceptions.StateMachineDoesNotExist:
            continue  # a removal that failed has taken it


def _stop_execution(account: Account, arn: str) -> None:
    account.states.stop_execution(
        executionArn=arn, error="StackRemoved", cause="The stack is being removed."
    )


def _jobs(account: Account, target: Target, kind: str) -> Iterator[str]:
    for status in UNDER_WAY:
        request = {"NameContains": f"{target.names}-", "StatusEquals": status}
        summaries = f"{kind}JobSummaries"
        for one in _listed(account.sagemaker, f"list_{kind.lower()}_jobs", summaries, **request):
            if _is_ours(name := one[f"{kind}JobName"], target):
                yield name


def _processing_jobs(account: Account, target: Target) -> Iterator[str]:
    return _jobs(account, target, "Processing")


def _training_jobs(account: Account, target: Target) -> Iterator[str]:
    return _jobs(account, target, "Training")


def _stop_processing(account: Account, name: str) -> None:
    job = account.sagemaker.describe_processing_job(ProcessingJobName=name)
    if job["ProcessingJobStatus"] == "InProgress":
        account.sagemaker.stop_processing_job(ProcessingJobName=name)


def _stop_training(account: Account, name: str) -> None:
    job = account.sagemaker.describe_training_job(TrainingJobName=name)
    if job["TrainingJobStatus"] == "InProgress":
        account.sagemaker.stop_training_job(TrainingJobName=name)


def _scalable_targets(account: Account, target: Target) -> Iterator[str]:
    listed = _listed(
        account.scaling, "describe_scalable_targets", "ScalableTargets",
        ServiceNamespace="sagemaker", ScalableDimension=DIMENSION,
    )  # fmt: skip
    for one in listed:
        if _is_ours(one["ResourceId"].split("/")[1], target):
            yield one["ResourceId"]


def _deregister(account: Account, resource_id: str) -> None:
    """Take an endpoint's scaling away; its policies go with it, and tracking's own alarms."""
    account.scaling.deregister_scalable_target(
        ServiceNamespace="sagemaker", ResourceId=resource_id, ScalableDimension=DIMENSION
    )


def _alarms(account: Account, target: Target) -> Iterator[str]:
    """Find the alarms that start a scaling policy of our endpoints.

    By their action, as an alarm of the same prefix may be another stack's.
    """
    for prefix in (f"{target.names}-", f"TargetTracking-endpoint/{target.names}"):
        for one in _listed(
            account.cloudwatch, "describe_alarms", "MetricAlarms",
            AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm"],
        ):  # fmt: skip
            scaled = (_scaled_endpoint(action) for action in one.get("AlarmActions", []))
            if any(name is not None and _is_ours(name, target) for name in scaled):
                yield one["AlarmName"]


def _scaled_endpoint(action: str) -> str | None:
    """Return the endpoint of a scaling policy's ARN, or None where it is another action."""
    _, found, after = action.partition(":resource/sagemaker/endpoint/")
    return after.split("/")[0] if found and ":scalingPolicy:" in action else None


def _delete_alarm(account: Account, name: str) -> None:
    account.cloudwatch.delete_alarms(AlarmNames=[name])


def _endpoints(account: Account, target: Target) -> Iterator[str]:
    for one in _listed(account.sagemaker, "list_endpoints", "Endpoints", NameContains=target.names):
        if _is_ours(one["EndpointName"], target):
            yield one["EndpointName"]


def _delete_endpoint(account: Account, name: str) -> None:
    """Delete an endpoint; while one is updated, SageMaker refuses that or does not do it."""
    found = account.sagemaker.describe_endpoint(EndpointName=name)
    if found["EndpointStatus"] != "Deleting":
        account.sagemaker.delete_endpoint(EndpointName=name)


def _configs(account: Account, target: Target) -> Iterator[str]:
    for one in _listed(
        account.sagemaker, "list_endpoint_configs", "EndpointConfigs", NameContains=target.names
    ):
        if _is_ours(one["EndpointConfigName"], target):
            yield one["EndpointConfigName"]


def _delete_config(account: Account, name: str) -> None:
    account.sagemaker.delete_endpoint_config(EndpointConfigName=name)


def _models(account: Account, target: Target) -> Iterator[str]:
    for one in _listed(account.sagemaker, "list_models", "Models", NameContains=target.names):
        if _is_ours(one["ModelName"], target):
            yield one["ModelName"]


def _delete_model(account: Account, name: str) -> None:
    account.sagemaker.delete_model(ModelName=name)


def _packages(account: Account, target: Target) -> Iterator[str]:
    groups = _listed(
        account.sagemaker, "list_model_package_groups", "ModelPackageGroupSummaryList",
        NameContains=target.names,
    )  # fmt: skip
    if not target.owns_names or all(one["ModelPackageGroupName"] != target.names for one in groups):
        return
    for one in _listed(
        account.sagemaker, "list_model_packages", "ModelPackageSummaryList",
        ModelPackageGroupName=target.names,
    ):  # fmt: skip
        yield one["ModelPackageArn"]


def _delete_package(account: Account, arn: str) -> None:
    account.sagemaker.delete_model_package(ModelPackageName=arn)


def _log_groups(account: Account, target: Target) -> Iterator[str]:
    """Find log groups that a late line has made again; by their name the next stack would fail."""
    made = {one.name for one in target.resources if one.kind == "AWS::Logs::LogGroup"}
    for name in sorted(made):
        if name in _groups_below(account, name):
            yield name
    for name in _groups_below(account, ENDPOINT_LOGS + target.names):
        if name not in made and _is_ours(name.removeprefix(ENDPOINT_LOGS), target):
            yield name


def _groups_below(account: Account, prefix: str) -> list[str]:
    listed = _listed(account.logs, "describe_log_groups", "logGroups", logGroupNamePrefix=prefix)
    return [one["logGroupName"] for one in listed]


def _delete_log_group(account: Account, name: str) -> None:
    account.logs.delete_log_group(logGroupName=name)


# In this order: what starts new work first, then the work, then what serves, and what that is made
# of. A package group that holds versions cannot be deleted with the stack.
BEFORE = (
    Step("Rules, so that nothing starts", _rules, _disable, "events:ListRules, DisableRule"),
    Step("Executions", _executions, _stop_execution,
         "states:ListExecutions, StopExecution", seconds=300.0),
    Step("Processing jobs", _processing_jobs, _stop_processing,
         "sagemaker:ListProcessingJobs, DescribeProcessingJob, StopProcessingJob", seconds=900.0),
    Step("Training jobs", _training_jobs, _stop_training,
         "sagemaker:ListTrainingJobs, DescribeTrainingJob, StopTrainingJob", seconds=900.0),
    Step("Scaling", _scalable_targets, _deregister,
         "application-autoscaling:DescribeScalableTargets, DeregisterScalableTarget"),
    Step("Alarms of scaling", _alarms, _delete_alarm,
         "cloudwatch:DescribeAlarms, DeleteAlarms"),
    Step("Endpoints", _endpoints, _delete_endpoint,
         "sagemaker:ListEndpoints, DescribeEndpoint, DeleteEndpoint", seconds=1800.0),
    Step("Endpoint configurations", _configs, _delete_config,
         "sagemaker:ListEndpointConfigs, DeleteEndpointConfig"),
    Step("Models", _models, _delete_model, "sagemaker:ListModels, DeleteModel"),
    Step("Model packages", _packages, _delete_package,
         "sagemaker:ListModelPackageGroups, ListModelPackages, DeleteModelPackage"),
)  # fmt: skip
AFTER = (
    Step("Log groups that came again", _log_groups, _delete_log_group,
         "logs:DescribeLogGroups, DeleteLogGroup"),
)  # fmt: skip
