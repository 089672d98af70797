"""An account with a stack in it: moto's, and a SageMaker that refuses what AWS refuses."""

from __future__ import annotations

import json
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import boto3

from femo_pipeline.removal.account import Account

REGION = "us-east-1"
STACK = "femo-dev"
POLICY = (
    "arn:aws:autoscaling:us-east-1:123456789012:scalingPolicy:1:resource/sagemaker/endpoint/"
    "{endpoint}/variant/AllTraffic:policyName/wake"
)
TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "ProjectName": {"Type": "String", "Default": "femo"},
        "StageName": {"Type": "String", "Default": "dev"},
    },
    "Resources": {
        "RecordingsBucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
        "JobTable": {
            "Type": "AWS::DynamoDB::Table",
            "DeletionPolicy": "Retain",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    {"AttributeName": name, "AttributeType": "S"} for name in ("jobKey", "openKey")
                ],
                "KeySchema": [{"AttributeName": "jobKey", "KeyType": "HASH"}],
                "GlobalSecondaryIndexes": [
                    {
                        "IndexName": "open-by-next-check",
                        "KeySchema": [{"AttributeName": "openKey", "KeyType": "HASH"}],
                        "Projection": {"ProjectionType": "KEYS_ONLY"},
                    }
                ],
            },
        },
        "RestorationRule": {
            "Type": "AWS::Events::Rule",
            "Properties": {"ScheduleExpression": "rate(30 minutes)"},
        },
        "TrainingStateMachine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "DefinitionString": json.dumps(
                    {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
                ),
                "RoleArn": "arn:aws:iam::123456789012:role/training",
            },
        },
        "EndpointLogGroup": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {"LogGroupName": "/aws/sagemaker/Endpoints/femo-dev"},
        },
    },
}
# Operation -> kind, member of the answer, and the name of a thing in its summary
LISTS = {
    "ListEndpoints": ("endpoint", "Endpoints", "EndpointName"),
    "ListEndpointConfigs": ("config", "EndpointConfigs", "EndpointConfigName"),
    "ListModels": ("model", "Models", "ModelName"),
    "ListModelPackages": ("package", "ModelPackageSummaryList", "ModelPackageArn"),
    "ListModelPackageGroups": (
        "group", "ModelPackageGroupSummaryList", "ModelPackageGroupName",
    ),
    "ListProcessingJobs": ("Processing", "ProcessingJobSummaries", "ProcessingJobName"),
    "ListTrainingJobs": ("Training", "TrainingJobSummaries", "TrainingJobName"),
}  # fmt: skip
DELETIONS = {
    "DeleteEndpoint": ("endpoint", "EndpointName"),
    "DeleteEndpointConfig": ("config", "EndpointConfigName"),
    "DeleteModel": ("model", "ModelName"),
    "DeleteModelPackage": ("package", "ModelPackageName"),
}


class SageMaker:
    """What there is by kind and name, with its status; requests come through a real client."""

    def __init__(self) -> None:
        self.there: dict[str, dict[str, str]] = defaultdict(dict)
        self.refused: dict[str, str] = {}  # name -> code, until it is taken out
        self.busy: dict[str, int] = {}  # endpoint -> how often it is still refused

    def clear(self) -> None:
        """Forget everything."""
        self.there.clear()
        self.refused.clear()
        self.busy.clear()

    def client(self, session: boto3.Session) -> Any:
        client = session.client("sagemaker")
        client.meta.events.register("before-call.sagemaker", self._answer)
        return client

    def _answer(self, model: Any, params: dict[str, Any], **_: Any) -> Any:
        answer = self._call(model.name, json.loads(params["body"]))
        return SimpleNamespace(status_code=400 if "Error" in answer else 200), {
            "ResponseMetadata": {},
            **answer,
        }

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if operation in LISTS:
            kind, member, name = LISTS[operation]
            wanted, group = request.get("StatusEquals"), request.get("ModelPackageGroupName")
            found = [
                {name: one}
                for one, status in self.there[kind].items()
                if request.get("NameContains", "") in one
                and wanted in (None, status)
                and (group is None or f":model-package/{group}/" in one)
            ]
            return {member: found}
        if operation in DELETIONS:
            kind, member = DELETIONS[operation]
            return self._delete(kind, request[member])
        kind = "Processing" if "Processing" in operation else "Training"
        if operation.startswith("Stop"):
            self.there[kind][request[f"{kind}JobName"]] = "Stopped"
            return {}
        if operation == "DescribeEndpoint":
            return {"EndpointStatus": self.there["endpoint"][request["EndpointName"]]}
        return {f"{kind}JobStatus": self.there[kind][request[f"{kind}JobName"]]}

    def _delete(self, kind: str, name: str) -> dict[str, Any]:
        if (code := self.refused.get(name)) is not None:
            return {"Error": {"Code": code, "Message": f"{name}: no"}}
        if self.busy.get(name, 0) > 0:
            self.busy[name] -= 1
            message = f'Cannot delete in-progress endpoint "{name}".'
            return {"Error": {"Code": "ValidationException", "Message": message}}
        del self.there[kind][name]
        return {}


def make_account(session: boto3.Session, sagemaker: SageMaker) -> Account:
    """Return the account, which is soon tired of waiting."""
    return Account(
        cloudformation=session.client("cloudformation"),
        dynamodb=session.client("dynamodb"),
        events=session.client("events"),
        states=session.client("stepfunctions"),
        sagemaker=sagemaker.client(session),
        logs=session.client("logs"),
        scaling=session.client("application-autoscaling"),
        cloudwatch=session.client("cloudwatch"),
        region=REGION,
        poll_seconds=0.0,
        patience=0.01,
    )


def fill(account: Account, sagemaker: SageMaker, name: str) -> None:
    """Make what the machines of a stack make under a name."""
    sagemaker.there["endpoint"] |= {name: "InService", f"{name}-quick": "InService"}
    sagemaker.there["config"] |= {f"{name}-v1-abc": "", f"{name}-v2-def": ""}
    sagemaker.there["model"][f"{name}-abc"] = ""
    sagemaker.there["group"][name] = ""
    packages = {f"arn:aws:sagemaker:{REGION}:123456789012:model-package/{name}/{version}": ""
                for version in (1, 2)}  # fmt: skip
    sagemaker.there["package"] |= packages
    sagemaker.there["Processing"][f"{name}-extract-1"] = "InProgress"
    sagemaker.there["Training"][f"{name}-train-1"] = "InProgress"
    account.scaling.register_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId=f"endpoint/{name}/variant/AllTraffic",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        MinCapacity=0,
        MaxCapacity=2,
    )
    for alarm in (f"{name}-has-backlog", f"TargetTracking-endpoint/{name}/variant/AllTraffic-1"):
        put_alarm(account, alarm, POLICY.format(endpoint=name))


def put_alarm(account: Account, name: str, action: str) -> None:
    """Put an alarm with one action."""
    account.cloudwatch.put_metric_alarm(
        AlarmName=name, AlarmActions=[action], Namespace="AWS/SageMaker", MetricName="Backlog",
        Statistic="Average", Period=60, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )  # fmt: skip


def left(account: Account, sagemaker: SageMaker) -> set[str]:
    """Return the names of all that there is beside stacks."""
    targets = account.scaling.describe_scalable_targets(ServiceNamespace="sagemaker")
    alarms = account.cloudwatch.describe_alarms()["MetricAlarms"]
    groups = account.logs.describe_log_groups()["logGroups"]
    return {
        *(name for kind in ("endpoint", "config", "model", "package")
          for name in sagemaker.there[kind]),
        *(name for kind in ("Processing", "Training")
          for name, status in sagemaker.there[kind].items() if status == "InProgress"),
        *(one["ResourceId"] for one in targets["ScalableTargets"]),
        *(one["AlarmName"] for one in alarms),
        *(one["logGroupName"] for one in groups),
    }  # fmt: skip
