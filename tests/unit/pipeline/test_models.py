"""`femo models` and `femo deploy`: what an operator sees of the models, and going to any."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner, Result

from femo_cli import pipeline
from femo_cli.deploy import deploy
from femo_cli.models import models
from femo_pipeline.stack import Clients, Stack

GROUP = "femo-dev"
MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:Deployment"
EXECUTION = "arn:aws:states:us-east-1:111122223333:execution:Deployment:one"
BEGAN = datetime(2025, 6, 4, 14, 30, tzinfo=UTC)
METADATA = {
    "f1": "0.7123",
    "f1_low": "0.65",
    "f1_high": "0.77",
    "precision": "0.8",
    "gain_over_serving_f1": "0.02",
    "gain_over_serving_low": "-0.01",
    "gain_over_serving_high": "0.05",
    "compared_with": "femo-dev/6",
    "trainingJob": "femo-dev-train-1",
    "manifest": "s3://recordings/2025",
}


def arn(version: int) -> str:
    return f"arn:aws:sagemaker:us-east-1:111122223333:model-package/{GROUP}/{version}"


class Services:
    """SageMaker and Step Functions, whose requests botocore checks."""

    def __init__(self) -> None:
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        states, sagemaker = session.client("stepfunctions"), session.client("sagemaker")
        self.states, self.sagemaker = Stubber(states), Stubber(sagemaker)
        self.stubbers = (self.states, self.sagemaker)
        self.stack = Stack(
            name="femo-dev",
            machine_arn="",
            recordings_bucket="recordings",
            models_bucket="models",
            artifact_bucket="models",
            clients=Clients(
                s3=session.client("s3"),
                states=states,
                sagemaker=sagemaker,
                logs=session.client("logs"),
            ),
            is_local=False,
            poll_seconds=0,
            deployment_machine_arn=MACHINE,
            package_group=GROUP,
            endpoint_name=GROUP,
        )
        for stubber in self.stubbers:
            stubber.activate()

    def serving(self, config: str | None) -> None:
        there = [{"EndpointName": f"{GROUP}2"}, *([{"EndpointName": GROUP}] if config else [])]
        about = {"EndpointArn": "arn:aws:sagemaker:us-east-1:111122223333:endpoint/femo-dev",
                 "CreationTime": BEGAN, "LastModifiedTime": BEGAN,
                 "EndpointStatus": "InService"}  # fmt: skip
        answer = {"Endpoints": [{**about, **one} for one in there]}
        self.sagemaker.add_response("list_endpoints", answer)
        if config:
            described = {**about, "EndpointName": GROUP, "EndpointConfigName": config}
            self.sagemaker.add_response("describe_endpoint", described)

    def listed(self, *versions: int) -> None:
        summaries = [
            {
                "ModelPackageArn": arn(version),
                "CreationTime": BEGAN,
                "ModelPackageStatus": "Completed",
            }
            for version in versions
        ]
        self.sagemaker.add_response("list_model_packages", {"ModelPackageSummaryList": summaries})

    def described(self, version: int, approval: str = "Approved", **metadata: str) -> None:
        self.sagemaker.add_response(
            "describe_model_package",
            {
                "ModelPackageName": f"{GROUP}/{version}",
                "ModelPackageVersion": version,
                "ModelPackageArn": arn(version),
                "CreationTime": BEGAN,
                "ModelPackageStatus": "Completed",
                "ModelPackageStatusDetails": {"ValidationStatuses": []},
                "ModelApprovalStatus": approval,
                "CustomerMetadataProperties": metadata,
            },
            {"ModelPackageName": arn(version)},
        )

    def deployed(self, status: str, **ended: Any) -> None:
        self.states.add_response(
            "start_execution",
            {"executionArn": EXECUTION, "startDate": BEGAN},
            {"stateMachineArn": MACHINE, "input": json.dumps({"modelPackageArn": arn(5)})},
        )
        answer = {
            "executionArn": EXECUTION,
            "stateMachineArn": MACHINE,
            "status": status,
            "startDate": BEGAN,
            "stopDate": BEGAN,
            **ended,
        }
        self.states.add_response("describe_execution", answer)


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    services = Services()
    for module in ("models", "deploy"):
        monkeypatch.setattr(f"femo_cli.{module}.chosen_stack", lambda **_: services.stack)
    yield services
    for stubber in services.stubbers:
        stubber.assert_no_pending_responses()


def run(command: Any, *arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def test_the_models_are_listed_with_figures_intervals_and_which_one_serves(
    services: Services,
) -> None:
    services.serving("femo-dev-v5-0123456789abcdef-0-0")
    services.listed(7, 5)
    services.described(7, "PendingManualApproval", **METADATA)
    services.described(5)
    result = run(models)
    head, newest, serving = result.stdout.splitlines()
    assert head.split()[:3] == ["Version", "Approval", "Created"]
    assert "0.712 (0.650 to 0.770)" in newest
    assert "+0.020 (-0.010 to +0.050)" in newest
    assert "in service" not in newest
    assert serving.endswith("in service")
    assert " - " in serving, "what was not measured is a dash"


def test_the_model_that_serves_is_listed_however_old_it_is(services: Services) -> None:
    services.serving("femo-dev-v2-0123456789abcdef-0-0")
    services.listed(7, 5, 2)
    services.described(7, **METADATA)
    services.described(2)
    told = json.loads(run(models, "--json", "--limit", "1").stdout)
    assert [(one["version"], one["serves"]) for one in told] == [(7, False), (2, True)]
    assert told[0]["metrics"]["f1"] == 0.7123
    assert "trainingJob" not in told[0]["metrics"]
    assert told[0]["comparedWith"] == "femo-dev/6"


@pytest.mark.parametrize("config", [None, "femo-dev-0123456789abcdef-0-0"])
def test_no_model_is_said_to_serve_where_none_of_them_does(
    services: Services, config: str | None
) -> None:
    services.serving(config)
    services.listed(7)
    services.described(7)
    result = run(models)
    assert "None of them is in service" in result.stderr


def test_a_stack_without_models_says_how_to_train_one(services: Services) -> None:
    services.serving(None)
    services.listed()
    assert "run_pipeline.sh" in run(models).stdout


def test_an_older_version_is_put_into_service_and_its_outcome_told(services: Services) -> None:
    services.listed(7, 5)
    services.described(5)
    output = {"outcome": "DEPLOYED", "endpointConfigName": "femo-dev-v5-x"}
    services.deployed("SUCCEEDED", output=json.dumps(output))
    result = run(deploy, "5")
    assert result.exit_code == 0
    assert result.stdout == "DEPLOYED: version 5 is in service (femo-dev-v5-x)\n"
    assert EXECUTION in result.stderr


@pytest.mark.parametrize(
    "outcome", ["ROLLED_BACK", "NOT_ROLLED_BACK", "WITHDRAWN", "SUPERSEDED", "REFUSED"]
)
def test_a_script_can_tell_that_the_version_is_not_in_service(
    services: Services, outcome: str
) -> None:
    services.listed(5)
    services.described(5)
    output = {"outcome": outcome, "reason": "SmokeJobFailed: see s3://x"}
    services.deployed("SUCCEEDED", output=json.dumps(output))
    result = run(deploy, "5", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"execution": EXECUTION, **output}


def test_a_version_that_is_not_there_or_not_approved_is_refused_with_what_to_do(
    services: Services,
) -> None:
    services.listed(7)
    result = run(deploy, "5")
    assert (result.exit_code, "femo models lists them" in result.stderr) == (2, True)
    services.listed(7, 5)
    services.described(5, "Rejected")
    result = run(deploy, "5")
    assert (result.exit_code, "update-model-package" in result.stderr) == (2, True)


def test_a_deployment_that_fails_says_where_and_how_to_go_on(services: Services) -> None:
    services.listed(5)
    services.described(5)
    services.deployed("FAILED", error="SageMaker.AccessDenied", cause="not authorized")
    services.states.add_response("get_execution_history", {"events": []})
    result = run(deploy, "5")
    assert result.exit_code == 1
    assert "not authorized" in result.stderr
    assert EXECUTION in result.stderr


def test_an_account_that_does_not_answer_is_told_in_one_line(services: Services) -> None:
    for command, arguments in ((models, ()), (deploy, ("5",))):
        operation = "list_endpoints" if command is models else "list_model_packages"
        services.sagemaker.add_client_error(operation, "ThrottlingException", "slower")
        result = run(command, *arguments)
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert "slower" in line


def test_without_a_local_stack_the_command_says_how_to_start_one(tmp_path: Any) -> None:
    result = run(models, "--local", "--state-file", str(tmp_path / "stack.json"))
    assert result.exit_code == 1
    assert "make up" in result.stderr
    assert pipeline.LOCAL_STATE.name == "stack.json"
