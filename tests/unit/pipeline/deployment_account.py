"""An account for the deployment machine: SageMaker, S3, scaling, and the lease, by fakes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from .machines import Document, Task, TaskError
from .test_training_machine import check_request

ENDPOINT = "femo-dev"
FAST = "femo-dev-fast"
BUCKET = "femo-models"
SUBSTITUTIONS = {
    "NamePrefix": ENDPOINT,
    "EndpointName": ENDPOINT,
    "FastLane": "on",
    "FastLaneEndpointName": FAST,
    "FastLaneMemoryMegabytes": "4096",
    "FastLaneConcurrency": "4",
    "ImageUri": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/femo-inference:1",
    "InstanceType": "ml.m5.large",
    "ConcurrentJobsPerInstance": "2",
    "ModelServerTimeoutSeconds": "3600",
    "HostingRoleArn": "arn:aws:iam::111122223333:role/femo-hosting",
    "RequestsBucketName": "femo-requests",
    "ModelsBucketName": BUCKET,
    "SuccessTopicArn": "arn:aws:sns:eu-central-1:111122223333:success",
    "ErrorTopicArn": "arn:aws:sns:eu-central-1:111122223333:error",
    "AlertTopicArn": "arn:aws:sns:eu-central-1:111122223333:alert",
    "DeploymentTableName": "femo-deployment",
    "MetricsNamespace": ENDPOINT,
    "RollbackAlarmName": "femo-dev-endpoint-5xx",
    "MinInstances": "0",
    "MaxInstances": "4",
    "TargetBacklogPerInstance": "5",
    "ScaleOutCooldownSeconds": "300",
    "ScaleInCooldownSeconds": "900",
}
PACKAGE = "arn:aws:sagemaker:eu-central-1:111122223333:model-package/femo-dev/7"
MODEL = {"modelDataUrl": f"s3://{BUCKET}/training/1/model.tar.gz"}
ARN = "arn:aws:sagemaker:eu-central-1:111122223333"


class Account:
    """What a deployment can tell of an account: SageMaker, S3, scaling, and the lease."""

    def __init__(self, *, serving: str | None = None, status: str = "InService") -> None:
        self.config = serving
        self.status = status
        self.instances = 1
        self.types = {serving: "ml.m5.large"} if serving else {}
        self.models_of = {serving: f"model-{serving}"} if serving else {}
        self.fast = FastLane(serving)
        self.scales = serving is not None
        self.policies: set[str] = {"femo-dev-backlog", "femo-dev-wake"} if serving else set()
        self.alarm = serving is not None
        self.row: Document = {"proven": serving, "fastLane": serving} if serving else {}
        self.smoke_succeeds: bool | None = True  # None: no answer
        self.smoke_failures = 0  # before the first success
        self.smoke_ids: list[str] = []
        self.queue_age = 0.0  # s; of the oldest job, which was sent before the smoke job
        self.refuses_updates = False
        self.updates: list[Document] = []
        self.failing: dict[str, TaskError] = {}  # each once
        self.denied: dict[str, TaskError] = {}  # each time
        self.meanwhile: dict[str, Callable[[], None]] = {}  # before a state, once
        self.alerts: list[Document] = []
        self.metrics: list[float] = []
        self.names: set[str] = set()
        self.configs: list[str] = []
        self.models: list[str] = []

    @property
    def serves_and_scales(self) -> bool:
        """Whether every job that is taken will be answered by a model that has been proven."""
        wakes = self.scales and self.alarm and len(self.policies) == 2
        return self.status == "InService" and self.config == self.row.get("proven") and wakes

    @property
    def lanes_agree(self) -> bool:
        """Whether no job is answered by another model than the one in service."""
        if self.fast.config is None or "fastLane" not in self.row:
            return True
        mine = self.models_of.get(self.fast.config)
        return self.config is not None and mine == self.models_of.get(self.config)

    def __call__(self, task: Task) -> Any:
        request = dict(task.arguments)
        if task.operation in ("PutObject", "InvokeEndpoint"):
            request["Body"] = b""  # JSON here, which Step Functions writes as text
        check_request(Task(task.state, task.resource, request))
        if task.state in self.meanwhile:
            self.meanwhile.pop(task.state)()
        if task.state in self.denied:
            raise self.denied[task.state]
        if task.state in self.failing:
            raise self.failing.pop(task.state)
        if task.arguments.get("EndpointName") == FAST:
            return getattr(self.fast, task.operation)(task.arguments)
        return getattr(self, task.operation)(task.arguments)

    def UpdateItem(self, request: Document) -> Document:  # noqa: N802
        assert request["Key"] == {"id": {"S": ENDPOINT}}
        values = {
            name: float(value["N"]) if "N" in value else value["S"]
            for name, value in request.get("ExpressionAttributeValues", {}).items()
        }
        told = request["UpdateExpression"] + request.get("ConditionExpression", "")
        assert all(name in told for name in values), "DynamoDB refuses a value without a use"
        before = dict(self.row)
        if not holds(request.get("ConditionExpression", ""), self.row, values):
            raise TaskError("DynamoDB.ConditionalCheckFailedException", "The request failed")
        word, _, rest = request["UpdateExpression"].partition(" ")
        for part in rest.split(", "):
            name, _, value = part.partition(" = ")
            if word == "SET":
                self.row[name] = values[value]
            else:
                self.row.pop(name, None)
        is_asked = request.get("ReturnValues") == "ALL_OLD"
        return {"Attributes": {name: {"S": value} for name, value in before.items()}
                } if is_asked and before else {}  # fmt: skip

    def GetItem(self, request: Document) -> Document:  # noqa: N802
        assert request["ConsistentRead"]
        return {"Item": {name: {"S": value} for name, value in self.row.items()}}

    def HeadObject(self, _request: Document) -> Document:  # noqa: N802
        return {"ContentLength": 1}

    def DescribeModelPackage(self, _request: Document) -> Document:  # noqa: N802
        container = {"Image": SUBSTITUTIONS["ImageUri"], "ModelDataUrl": MODEL["modelDataUrl"]}
        return {
            "ModelApprovalStatus": "Approved",
            "InferenceSpecification": {"Containers": [container]},
        }

    def CreateModel(self, request: Document) -> Document:  # noqa: N802
        self.models.insert(0, self._new(request["ModelName"]))
        return {"ModelArn": f"{ARN}:model/{request['ModelName']}"}

    def CreateEndpointConfig(self, request: Document) -> Document:  # noqa: N802
        name = request["EndpointConfigName"]
        self._new(f"{name}/config")
        self.configs.insert(0, name)
        (variant,) = request["ProductionVariants"]
        self.models_of[name] = variant["ModelName"]
        if "ServerlessConfig" in variant:
            assert variant["ServerlessConfig"] == {"MemorySizeInMB": 4096, "MaxConcurrency": 4}
            assert name.startswith(FAST)
        else:
            self.types[name] = variant["InstanceType"]
        return {"EndpointConfigArn": f"{ARN}:endpoint-config/{name}"}

    def DescribeEndpointConfig(self, request: Document) -> Document:  # noqa: N802
        name = request["EndpointConfigName"]
        if name not in self.models_of:
            raise TaskError("SageMaker.SageMakerException", "Could not find endpoint config")
        variant = {"ModelName": self.models_of[name]}
        if name in self.types:
            variant["InstanceType"] = self.types[name]
        return {"ProductionVariants": [variant]}

    def ListEndpointConfigs(self, request: Document) -> Document:  # noqa: N802
        assert (request["SortBy"], request["SortOrder"]) == ("CreationTime", "Descending")
        return {"EndpointConfigs": [{"EndpointConfigName": name} for name in self.configs]}

    def ListModels(self, request: Document) -> Document:  # noqa: N802
        assert (request["SortBy"], request["SortOrder"]) == ("CreationTime", "Descending")
        return {"Models": [{"ModelName": name} for name in self.models]}

    def DeleteEndpointConfig(self, request: Document) -> Document:  # noqa: N802
        name = request["EndpointConfigName"]
        serving = (self.config, self.fast.config)
        assert name not in serving, "a configuration that serves was deleted"
        self.configs.remove(name)
        return {}

    def DeleteModel(self, request: Document) -> Document:  # noqa: N802
        self.models.remove(request["ModelName"])
        return {}

    def DescribeEndpoint(self, _request: Document) -> Document:  # noqa: N802
        if self.config is None:
            raise TaskError("SageMaker.SageMakerException", "Could not find endpoint x")
        return {
            "EndpointStatus": self.status,
            "EndpointConfigName": self.config,
            "ProductionVariants": [{"DesiredInstanceCount": self.instances}],
        }

    def ListEndpoints(self, request: Document) -> Document:  # noqa: N802
        neighbour = {"EndpointName": f"{ENDPOINT}2", "EndpointStatus": "InService"}
        own = {"EndpointName": ENDPOINT, "EndpointStatus": self.status}
        fast = {"EndpointName": FAST, "EndpointStatus": self.fast.status}
        there = [*([own] if self.config else []), *([fast] if self.fast.config else [])]
        wanted = [
            one for one in [neighbour, *there] if request["NameContains"] in one["EndpointName"]
        ]
        return {"Endpoints": wanted}

    def CreateEndpoint(self, request: Document) -> Document:  # noqa: N802
        assert self.config is None
        self.config, self.status = request["EndpointConfigName"], "InService"
        return {}

    def UpdateEndpoint(self, request: Document) -> Document:  # noqa: N802
        new = request["EndpointConfigName"]
        assert new != self.config, "SageMaker refuses an update to what serves"
        changes = self.types.get(new) != self.types.get(self.config or "")
        if self.scales and changes:
            raise TaskError("SageMaker.SageMakerException", "the variant scales")
        assert (self.instances > 0) == request["RetainAllVariantProperties"]
        self.updates.append(request)
        if not self.refuses_updates:
            self.config = new
        return {}

    def DeleteEndpoint(self, _request: Document) -> Document:  # noqa: N802
        if self.scales:
            raise TaskError("SageMaker.SageMakerException", "the variant scales")
        self.config = None
        return {}

    def PutObject(self, _request: Document) -> Document:  # noqa: N802
        return {}

    def InvokeEndpointAsync(self, request: Document) -> Document:  # noqa: N802
        assert self.scales, "without scaling an endpoint without an instance never answers"
        self.smoke_ids.append(request["InferenceId"])
        number = len(self.smoke_ids)
        return {
            "OutputLocation": f"s3://femo-requests/results/{number}.out",
            "FailureLocation": f"s3://femo-requests/failures/{number}.out",
        }

    def ListObjectsV2(self, request: Document) -> Document:  # noqa: N802
        if self.smoke_succeeds is None:
            return {"KeyCount": 0}
        succeeds = self.smoke_succeeds and len(self.smoke_ids) > self.smoke_failures
        wanted = "results" if succeeds else "failures"
        there = request["Prefix"].startswith(wanted)
        return {"Contents": [{"Key": request["Prefix"]}]} if there else {"KeyCount": 0}

    def GetMetricStatistics(self, request: Document) -> Document:  # noqa: N802
        assert request["MetricName"] == "ApproximateAgeOfOldestRequest"
        if self.queue_age == 0:
            return {"Datapoints": []}
        return {"Datapoints": [{"Timestamp": request["EndTime"], "Maximum": self.queue_age}]}

    def Publish(self, request: Document) -> Document:  # noqa: N802
        assert len(request["Subject"]) <= 100
        self.alerts.append(json.loads(request["Message"]))
        return {}

    def PutMetricData(self, request: Document) -> Document:  # noqa: N802
        (one,) = request["MetricData"]
        assert one["MetricName"] == "EndpointWithoutScaling"
        self.metrics.append(one["Value"])
        return {}

    def DescribeScalingPolicies(self, _request: Document) -> Document:  # noqa: N802
        return {"ScalingPolicies": [{"PolicyName": name} for name in sorted(self.policies)]}

    def DeregisterScalableTarget(self, _request: Document) -> Document:  # noqa: N802
        if not self.scales:
            raise TaskError("ApplicationAutoScaling.ObjectNotFoundException", "none")
        self.scales = False
        self.policies.clear()
        return {}

    def RegisterScalableTarget(self, request: Document) -> Document:  # noqa: N802
        assert self.config is not None
        assert (request["MinCapacity"], request["MaxCapacity"]) == (0, 4)
        self.scales = True
        return {}

    def PutScalingPolicy(self, request: Document) -> Document:  # noqa: N802
        assert self.scales
        self.policies.add(request["PolicyName"])
        return {"PolicyARN": f"arn:aws:autoscaling:::{request['PolicyName']}", "Alarms": []}

    def PutMetricAlarm(self, request: Document) -> Document:  # noqa: N802
        assert request["AlarmActions"] == ["arn:aws:autoscaling:::femo-dev-wake"]
        self.alarm = True
        return {}

    def _new(self, name: str) -> str:
        assert name not in self.names, f"the name {name} is used twice"
        self.names.add(name)
        return name


class FastLane:
    """The serverless endpoint, which carries what was in service."""

    def __init__(self, serving: str | None) -> None:
        self.config = serving
        self.status = "InService"
        self.refuses_updates = False
        self.smoke_jobs = 0

    def DescribeEndpoint(self, _request: Document) -> Document:  # noqa: N802
        if self.config is None:
            raise TaskError("SageMaker.SageMakerException", "Could not find endpoint x")
        return {"EndpointStatus": self.status, "EndpointConfigName": self.config}

    def CreateEndpoint(self, request: Document) -> Document:  # noqa: N802
        assert self.config is None
        self.config, self.status = request["EndpointConfigName"], "InService"
        return {}

    def UpdateEndpoint(self, request: Document) -> Document:  # noqa: N802
        assert self.status == "InService"
        assert "DeploymentConfig" not in request, "SageMaker refuses guardrails here"
        if not self.refuses_updates:
            self.config = request["EndpointConfigName"]
        return {}

    def DeleteEndpoint(self, _request: Document) -> Document:  # noqa: N802
        if self.config is None:
            raise TaskError("SageMaker.SageMakerException", "Could not find endpoint x")
        self.config = None
        return {}

    def InvokeEndpoint(self, request: Document) -> Document:  # noqa: N802
        assert request["Body"]["jobId"].startswith("smoke-")
        self.smoke_jobs += 1
        return {"Body": "{}"}


def holds(condition: str, row: Document, values: Document) -> bool:
    """Evaluate DynamoDB's condition on a row by Python's own words."""
    text = re.sub(r"attribute_not_exists\((\w+)\)", r"('\1' not in row)", condition)
    text = re.sub(r"begins_with\((\w+), (:\w+)\)",
                  r"str(row.get('\1')).startswith(values['\2'])", text)  # fmt: skip
    signs = {"=": "==", "<": "<", "<=": "<="}

    def compare(match: re.Match[str]) -> str:
        name, sign, value = match.groups()
        # A missing attribute compares with nothing
        return f"('{name}' in row and row['{name}'] {signs[sign]} values['{value}'])"

    text = re.sub(r"(\w+) (<=|=|<) (:\w+)", compare, text)
    text = text.replace(" OR ", " or ").replace(" AND ", " and ")
    return bool(eval(text)) if text else True
