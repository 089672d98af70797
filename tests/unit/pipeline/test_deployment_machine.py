"""What a deployment leaves behind: the right model in service, scaling, or nothing at all."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from .machines import Document, ExecutionFailedError, Run, Task, TaskError, load, start
from .test_training_machine import check_request

ENDPOINT = "femo-dev"
BUCKET = "femo-models"
SUBSTITUTIONS = {
    "NamePrefix": ENDPOINT,
    "EndpointName": ENDPOINT,
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
    """SageMaker, S3 and the scaling of one endpoint, as far as a deployment can tell."""

    def __init__(self, *, serving: str | None = None, status: str = "InService") -> None:
        self.config = serving
        self.status = status
        self.scales = serving is not None
        self.smoke_succeeds = True
        self.smoke_failures = 0  # before the first success
        self.smoke_ids: list[str] = []
        self.refuses_updates = False
        self.failing: dict[str, TaskError] = {}
        self.alerts: list[Document] = []
        self.names: set[str] = set()

    def __call__(self, task: Task) -> Any:
        request = dict(task.arguments)
        if task.operation == "PutObject":
            request["Body"] = b""  # JSON here, which Step Functions writes as text
        check_request(Task(task.state, task.resource, request))
        if task.state in self.failing:
            raise self.failing.pop(task.state)
        return getattr(self, task.operation)(task.arguments)

    def HeadObject(self, _request: Document) -> Document:  # noqa: N802
        return {"ContentLength": 1}

    def DescribeModelPackage(self, _request: Document) -> Document:  # noqa: N802
        container = {"Image": SUBSTITUTIONS["ImageUri"], "ModelDataUrl": MODEL["modelDataUrl"]}
        return {
            "ModelApprovalStatus": "Approved",
            "InferenceSpecification": {"Containers": [container]},
        }

    def CreateModel(self, request: Document) -> Document:  # noqa: N802
        return {"ModelArn": f"{ARN}:model/{self._new(request['ModelName'])}"}

    def CreateEndpointConfig(self, request: Document) -> Document:  # noqa: N802
        name = self._new(request["EndpointConfigName"] + "/config").partition("/")[0]
        return {"EndpointConfigArn": f"{ARN}:endpoint-config/{name}"}

    def DescribeEndpoint(self, _request: Document) -> Document:  # noqa: N802
        if self.config is None:
            raise TaskError("SageMaker.SageMakerException", "Could not find endpoint x")
        return {"EndpointStatus": self.status, "EndpointConfigName": self.config}

    def ListEndpoints(self, _request: Document) -> Document:  # noqa: N802
        neighbour = {"EndpointName": f"{ENDPOINT}2", "EndpointStatus": "InService"}
        own = {"EndpointName": ENDPOINT, "EndpointStatus": self.status}
        return {"Endpoints": [neighbour, *([own] if self.config else [])]}

    def CreateEndpoint(self, request: Document) -> Document:  # noqa: N802
        assert self.config is None
        self.config, self.status = request["EndpointConfigName"], "InService"
        return {}

    def UpdateEndpoint(self, request: Document) -> Document:  # noqa: N802
        assert not self.scales, "a variant that scales may not be changed"
        if not self.refuses_updates:
            self.config = request["EndpointConfigName"]
        return {}

    def DeleteEndpoint(self, _request: Document) -> Document:  # noqa: N802
        assert not self.scales, "a variant that scales may not be deleted"
        self.config = None
        return {}

    def PutObject(self, _request: Document) -> Document:  # noqa: N802
        return {}

    def InvokeEndpointAsync(self, request: Document) -> Document:  # noqa: N802
        self.smoke_ids.append(request["InferenceId"])
        number = len(self.smoke_ids)
        return {
            "OutputLocation": f"s3://femo-requests/results/{number}.out",
            "FailureLocation": f"s3://femo-requests/failures/{number}.out",
        }

    def ListObjectsV2(self, request: Document) -> Document:  # noqa: N802
        succeeds = self.smoke_succeeds and len(self.smoke_ids) > self.smoke_failures
        wanted = "results" if succeeds else "failures"
        there = request["Prefix"].startswith(wanted)
        return {"Contents": [{"Key": request["Prefix"]}]} if there else {"KeyCount": 0}

    def Publish(self, request: Document) -> Document:  # noqa: N802
        self.alerts.append(json.loads(request["Message"]))
        return {}

    def DeregisterScalableTarget(self, _request: Document) -> Document:  # noqa: N802
        if not self.scales:
            raise TaskError("ApplicationAutoScaling.ObjectNotFoundException", "none")
        self.scales = False
        return {}

    def RegisterScalableTarget(self, request: Document) -> Document:  # noqa: N802
        assert self.config is not None
        assert (request["MinCapacity"], request["MaxCapacity"]) == (0, 4)
        self.scales = True
        return {}

    def PutScalingPolicy(self, request: Document) -> Document:  # noqa: N802
        assert self.scales
        return {"PolicyARN": f"arn:aws:autoscaling:::{request['PolicyName']}", "Alarms": []}

    def PutMetricAlarm(self, request: Document) -> Document:  # noqa: N802
        assert request["AlarmActions"] == ["arn:aws:autoscaling:::femo-dev-wake"]
        return {}

    def _new(self, name: str) -> str:
        assert name not in self.names, f"the name {name} is used twice"
        self.names.add(name)
        return name


@pytest.fixture
def definition() -> Document:
    return load("deployment", SUBSTITUTIONS)


def test_the_first_deployment_is_served_and_scales(definition: Document) -> None:
    account = Account()
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "DEPLOYED"
    assert account.config == output["endpointConfigName"]
    assert account.scales
    assert not account.alerts


def test_a_new_model_takes_the_place_of_the_old_one_and_scales(definition: Document) -> None:
    account = Account(serving="old")
    output = start(definition, {"modelPackageArn": PACKAGE}).go_on(account)
    assert output["outcome"] == "DEPLOYED"
    assert account.config == output["endpointConfigName"] != "old"
    assert account.scales


def test_who_sees_the_endpoint_or_a_result_can_tell_which_package_answers(
    definition: Document,
) -> None:
    run = start(definition, {"modelPackageArn": PACKAGE})
    run.execution["RedriveCount"] = 99
    output = run.go_on(Account())
    name = output["endpointConfigName"]
    assert re.fullmatch(r"femo-dev-v7-[0-9a-f]{16}-99-0", name)
    # With the longest names and a hundred thousand packages, SageMaker's 63 characters suffice
    assert len(name) - len("femo-dev") - len("7") + 31 + 6 + len("0") <= 63
    assert environment(run)["FEMO_MODEL_PACKAGE"] == "femo-dev/7"

    unregistered = start(definition, MODEL)
    output = unregistered.go_on(Account())
    assert re.fullmatch(r"femo-dev-[0-9a-f]{16}-0-0", output["endpointConfigName"])
    assert environment(unregistered)["FEMO_MODEL_PACKAGE"] == ""


def environment(run: Run) -> Document:
    """The variables of the container that a deployment makes."""
    (created,) = [task.arguments for task in run.tasks if task.state == "CreateModel"]
    variables: Document = created["PrimaryContainer"]["Environment"]
    return variables


def test_a_model_that_fails_its_smoke_job_leaves_the_old_one_in_service_and_scaling(
    definition: Document,
) -> None:
    account = Account(serving="old")
    account.smoke_succeeds = False
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "ROLLED_BACK"
    assert "SmokeJobFailed" in output["reason"]
    assert account.config == "old"
    assert account.scales
    assert account.alerts[0]["outcome"] == "ROLLED_BACK"


def test_a_smoke_job_that_fails_once_for_a_passing_cause_does_not_cost_the_new_model(
    definition: Document,
) -> None:
    account = Account(serving="old")
    account.smoke_failures = 1
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "DEPLOYED"
    assert len(set(account.smoke_ids)) == 2
    assert all(name.startswith("smoke-") and len(name) <= 64 for name in account.smoke_ids)


def test_an_update_that_rolls_back_by_itself_is_told_as_one(definition: Document) -> None:
    account = Account(serving="old")
    account.refuses_updates = True
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "ROLLED_BACK"
    assert account.config == "old"
    assert account.scales


def test_a_first_model_that_fails_its_smoke_job_is_withdrawn(definition: Document) -> None:
    account = Account()
    account.smoke_succeeds = False
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "WITHDRAWN"
    assert account.config is None
    assert not account.scales


def test_a_broken_endpoint_is_replaced(definition: Document) -> None:
    account = Account(serving="old", status="Failed")
    output = start(definition, MODEL).go_on(account)
    assert output["outcome"] == "DEPLOYED"
    assert account.scales


def tasks_of(run: Run) -> list[str]:
    return list(dict.fromkeys(task.state for task in run.tasks))


def every_task(definition: Document) -> list[tuple[str, str]]:
    """Each task with a situation in which it is reached."""
    found: dict[str, str] = {}
    for situation in SITUATIONS:
        given, account = situation_of(situation)
        run = start(definition, given)
        run.go_on(account)
        for state in tasks_of(run):
            found.setdefault(state, situation)
    return sorted(found.items())


SITUATIONS = ["first", "package", "rolled back", "withdrawn", "broken"]


def situation_of(name: str) -> tuple[Document, Account]:
    given = {"modelPackageArn": PACKAGE} if name == "package" else MODEL
    account = {
        "first": Account(),
        "package": Account(serving="old"),
        "rolled back": Account(serving="old"),
        "withdrawn": Account(),
        "broken": Account(serving="old", status="Failed"),
    }[name]
    account.smoke_succeeds = name not in ("rolled back", "withdrawn")
    return given, account


CASES = every_task(load("deployment", SUBSTITUTIONS))


def test_the_redrive_cases_cover_every_task(definition: Document) -> None:
    tasks = {name for name, state in definition["States"].items() if state["Type"] == "Task"}
    assert tasks == {state for state, _ in CASES}


@pytest.mark.parametrize(("state", "situation"), CASES)
def test_a_redrive_after_a_failure_goes_on_and_ends_as_it_would_have(
    definition: Document, state: str, situation: str
) -> None:
    given, account = situation_of(situation)
    expected = start(definition, given).go_on(account)["outcome"]
    given, account = situation_of(situation)
    account.failing[state] = TaskError("Any.AccessDeniedException", "once")
    run = start(definition, given)
    try:
        output = run.go_on(account)
    except ExecutionFailedError:
        run.redrive()
        output = run.go_on(account)
    assert output["outcome"] == expected
    assert account.scales is (account.config is not None)
