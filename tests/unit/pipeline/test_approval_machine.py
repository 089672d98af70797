"""An approved model package is put into service once for each approval."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .machines import ROOT, Document, ExecutionFailedError, Task, TaskError, load, start
from .test_training_machine import check_request

MACHINE = "arn:aws:states:eu-central-1:111122223333:stateMachine:Deployment"
TOPIC = "arn:aws:sns:eu-central-1:111122223333:alert"


@pytest.fixture
def definition() -> Document:
    return load(
        "approval",
        {
            "DeploymentStateMachineArn": MACHINE,
            "NamePrefix": "femo-dev",
            "AlertTopicArn": TOPIC,
            "DeploymentTableName": "femo-deployment",
        },
    )


@pytest.fixture
def event() -> Document:
    loaded: Document = json.loads((ROOT / "events" / "approval_approved.json").read_text())
    return loaded


class Account:
    """Step Functions, which takes each name of an execution once, and the registry."""

    def __init__(self, *, serving: str | None = None) -> None:
        self.started: dict[str, Document] = {}
        self.marks: dict[str, Document] = {}
        self.serving = serving
        self.alerts: list[Document] = []

    def __call__(self, task: Task) -> Any:
        check_request(sdk_names(task))
        return getattr(self, task.operation)(task.arguments)

    def StartExecution(self, request: Document) -> Document:  # noqa: N802
        assert request["StateMachineArn"] == MACHINE
        name = request["Name"]
        if name in self.started:
            raise TaskError("Sfn.ExecutionAlreadyExistsException", "it exists")
        self.started[name] = json.loads(request["Input"])
        return {"ExecutionArn": f"{MACHINE}:{name}"}

    def GetItem(self, request: Document) -> Document:  # noqa: N802
        assert request["ConsistentRead"]
        found = self.marks.get(request["Key"]["id"]["S"])
        return {"Item": found} if found else {}

    def PutItem(self, request: Document) -> Document:  # noqa: N802
        self.marks[request["Item"]["id"]["S"]] = request["Item"]
        return {}

    def DeleteItem(self, request: Document) -> Document:  # noqa: N802
        self.marks.pop(request["Key"]["id"]["S"], None)
        return {}

    def ListEndpoints(self, _request: Document) -> Document:  # noqa: N802
        return {"Endpoints": [{"EndpointName": "femo-dev"}] if self.serving else []}

    def DescribeEndpoint(self, _request: Document) -> Document:  # noqa: N802
        return {"EndpointConfigName": self.serving}

    def Publish(self, request: Document) -> Document:  # noqa: N802
        assert request["TopicArn"] == TOPIC
        self.alerts.append(json.loads(request["Message"]))
        return {}


def sdk_names(task: Task) -> Task:
    """Step Functions writes every member with a capital; its own API has small ones."""
    if task.service != "stepfunctions":
        return task
    small = {name[0].lower() + name[1:]: value for name, value in task.arguments.items()}
    return Task(task.state, task.resource, small)


def changed(event: Document, moment: str, approval: str, **detail: Any) -> Document:
    """The event of another change of the same package."""
    told = {"LastModifiedTime": moment, "ModelApprovalStatus": approval, **detail}
    return {**event, "time": moment, "detail": {**event["detail"], **told}}


def outcome(definition: Document, event: Document, account: Account) -> str:
    return str(start(definition, event).go_on(account)["outcome"])


def test_an_event_that_comes_twice_deploys_once(definition: Document, event: Document) -> None:
    account = Account()
    assert outcome(definition, event, account) == "STARTED"
    assert outcome(definition, event, account) == "ALREADY_STARTED"
    account.marks.clear()  # both at once
    assert outcome(definition, event, account) == "ALREADY_STARTED"
    (given,) = account.started.values()
    assert given == {"modelPackageArn": event["detail"]["ModelPackageArn"]}


def test_each_version_has_a_deployment_of_its_own(definition: Document, event: Document) -> None:
    account = Account()
    for version in (7, 8):
        event["detail"]["ModelPackageVersion"] = version
        start(definition, event).go_on(account)
    assert [name.rsplit("-", 1)[0] for name in account.started] == ["femo-dev-7", "femo-dev-8"]


@pytest.mark.parametrize("between", ["Rejected", "PendingManualApproval"])
def test_a_package_that_is_approved_again_is_deployed_again(
    definition: Document, event: Document, between: str
) -> None:
    account = Account()
    outcomes = [
        outcome(definition, changed(event, moment, approval), account)
        for moment, approval in (("1", "Approved"), ("2", between), ("3", "Approved"))
    ]
    assert outcomes == ["STARTED", "NOT_APPROVED", "STARTED"]
    assert len(account.started) == 2


@pytest.mark.parametrize("fields", [None, [], ["CustomerMetadataProperties"], "ModelCard"])
def test_an_edit_of_an_approved_package_s_metadata_deploys_nothing_however_late(
    definition: Document, event: Document, fields: Any
) -> None:
    account = Account()
    assert outcome(definition, event, account) == "STARTED"
    account.started.clear()  # Step Functions forgets names after 90 days
    detail = {} if fields is None else {"UpdatedModelPackageFields": fields}
    edit = changed(event, "later", "Approved", **detail)
    assert outcome(definition, edit, account) in ("ALREADY_STARTED", "NO_APPROVAL")
    assert not account.started


def test_an_approval_that_names_its_field_is_one(definition: Document, event: Document) -> None:
    account = Account()
    told = changed(event, "1", "Approved", UpdatedModelPackageFields=["ModelApprovalStatus"])
    assert outcome(definition, told, account) == "STARTED"


def test_rejecting_the_package_in_service_is_told_with_what_to_do(
    definition: Document, event: Document
) -> None:
    account = Account(serving="femo-dev-v7-0123456789abcdef-0-0")
    rejected = changed(event, "2", "Rejected")
    assert outcome(definition, rejected, account) == "REJECTED_IN_SERVICE"
    assert "femo deploy VERSION" in account.alerts[0]["reason"]
    for serving in ("femo-dev-v77-0123456789abcdef-0-0", "femo-dev-0123456789abcdef-0-0", None):
        account = Account(serving=serving)
        assert outcome(definition, rejected, account) == "NOT_APPROVED"
        assert not account.alerts


def test_a_failure_can_be_redriven(definition: Document, event: Document) -> None:
    run = start(definition, event)
    account = Account()

    def refuse(task: Task) -> Any:
        if task.operation == "StartExecution":
            raise TaskError("Sfn.StateMachineDeletingException", "not now")
        return account(task)

    with pytest.raises(ExecutionFailedError):
        run.go_on(refuse)
    run.redrive()
    assert run.go_on(account)["outcome"] == "STARTED"
