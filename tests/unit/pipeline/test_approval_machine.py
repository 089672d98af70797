"""An approved model package is put into service once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .machines import ROOT, Document, ExecutionFailedError, Task, TaskError, load, start

MACHINE = "arn:aws:states:eu-central-1:111122223333:stateMachine:Deployment"


@pytest.fixture
def definition() -> Document:
    return load("approval", {"DeploymentStateMachineArn": MACHINE})


@pytest.fixture
def event() -> Document:
    loaded: Document = json.loads((ROOT / "events" / "approval_approved.json").read_text())
    return loaded


class States:
    """Step Functions, which takes each name of an execution once."""

    def __init__(self) -> None:
        self.started: dict[str, Document] = {}

    def __call__(self, task: Task) -> Any:
        assert task.operation == "StartExecution"
        assert task.arguments["StateMachineArn"] == MACHINE
        name = task.arguments["Name"]
        if name in self.started:
            raise TaskError("Sfn.ExecutionAlreadyExistsException", "it exists")
        self.started[name] = json.loads(task.arguments["Input"])
        return {"ExecutionArn": f"{MACHINE}:{name}"}


def test_an_event_that_comes_twice_deploys_once(definition: Document, event: Document) -> None:
    states = States()

    outcomes = [start(definition, event).go_on(states)["outcome"] for _ in range(2)]

    assert outcomes == ["STARTED", "ALREADY_STARTED"]
    assert states.started == {"femo-dev-7": {"modelPackageArn": event["detail"]["ModelPackageArn"]}}


def test_each_version_has_a_deployment_of_its_own(definition: Document, event: Document) -> None:
    states = States()
    for version in (7, 8):
        event["detail"]["ModelPackageVersion"] = version
        start(definition, event).go_on(states)
    assert list(states.started) == ["femo-dev-7", "femo-dev-8"]


def test_a_failure_can_be_redriven(definition: Document, event: Document) -> None:
    run = start(definition, event)

    def refuse(_task: Task) -> Any:
        raise TaskError("Sfn.StateMachineDeletingException", "not now")

    with pytest.raises(ExecutionFailedError):
        run.go_on(refuse)
    run.redrive()
    assert run.go_on(States())["outcome"] == "STARTED"
