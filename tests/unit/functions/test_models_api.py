"""Models over the API: who may see them, who may decide, and what is told of a deployment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import ANY, Stubber
from jsonschema import Draft202012Validator

from femo_models_api import clients, people
from femo_models_api.settings import settings

from .conftest import MACHINE, Answer, caller

Call = Callable[..., Answer]
GROUP = "femo-dev"
USER = "5f1c2b8e-8a4d-4c55-9d0f-2f6f0c1d7e3a"
APPROVER = {"sub": USER, "cognito:groups": "[modelApprovers]"}
BEGAN = datetime(2025, 6, 4, 14, 30, tzinfo=UTC)
METADATA = {
    "f1": "0.7123",
    "f1_low": "0.65",
    "f1_high": "0.77",
    "detections_per_hour": "14.25",
    "gain_over_serving_f1": "0.02",
    "gain_over_serving_low": "-0.01",
    "gain_over_serving_high": "0.05",
    "compared_with": "femo-dev/6",
    "trainingJob": "femo-dev-train-1",
}


def arn(version: int) -> str:
    return f"arn:aws:sagemaker:eu-central-1:123456789012:model-package/{GROUP}/{version}"


class Aws:
    """SageMaker and Step Functions, whose requests botocore checks."""

    def __init__(self) -> None:
        self.sagemaker, self.states = Stubber(clients.sagemaker()), Stubber(clients.states())

    def listed(self, *versions: int) -> None:
        about = {"CreationTime": BEGAN, "ModelPackageStatus": "Completed"}
        summaries = [{"ModelPackageArn": arn(version), **about} for version in versions]
        self.sagemaker.add_response("list_model_packages", {"ModelPackageSummaryList": summaries})

    def described(self, version: int, approval: str = "Approved", **more: Any) -> None:
        package = {
            "ModelPackageName": f"{GROUP}/{version}",
            "ModelPackageVersion": version,
            "ModelPackageArn": arn(version),
            "CreationTime": BEGAN,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": []},
            "ModelApprovalStatus": approval,
            **more,
        }
        wanted = {"ModelPackageName": arn(version)}
        self.sagemaker.add_response("describe_model_package", package, wanted)

    def serving(self, *versions: int | None) -> None:
        """Say which version serves on the asynchronous lane, and on the serverless one."""
        for name, version in zip((GROUP, f"{GROUP}-fast"), versions, strict=True):
            wanted = {"EndpointName": name}
            if version is None:
                words = f'Could not find endpoint "{name}".'
                self.sagemaker.add_client_error(
                    "describe_endpoint", "ValidationException", words, expected_params=wanted
                )
                continue
            found = {
                "EndpointName": name,
                "EndpointArn": f"arn:aws:sagemaker:eu-central-1:123456789012:endpoint/{name}",
                "EndpointConfigName": f"{GROUP}-v{version}-0123456789abcdef-0-0",
                "EndpointStatus": "InService",
                "CreationTime": BEGAN,
                "LastModifiedTime": BEGAN,
            }
            self.sagemaker.add_response("describe_endpoint", found, wanted)

    def ran(self, name: str, status: str, **more: Any) -> None:
        execution = MACHINE.replace(":stateMachine:", ":execution:") + f":{name}"
        about = {
            "executionArn": execution,
            "stateMachineArn": MACHINE,
            "status": status,
            "startDate": BEGAN,
            "input": json.dumps({"modelPackageArn": arn(7)}),
        }
        self.states.add_response("describe_execution", about | more, {"executionArn": execution})


@pytest.fixture
def aws_models() -> Iterator[Aws]:
    """What is not announced is not answered, and what is announced must be asked."""
    settings.cache_clear()
    found = Aws()
    with found.sagemaker, found.states:
        yield found
        found.sagemaker.assert_no_pending_responses()
        found.states.assert_no_pending_responses()


@pytest.fixture
def ask(described: dict[str, Any]) -> Call:
    """Call the function; each answer has to be one that the OpenAPI document describes."""
    from femo_models_api.handler import handler

    send = caller(handler)

    def checked(method: str, path: str, body: Any = None, **options: Any) -> Answer:
        route = options.setdefault("resource", path)
        answer = send(method, path, body, **options)
        documented = described["paths"][route][method.lower()]["responses"][str(answer.status)]
        content = documented["content"]["application/json"]
        whole = {**content["schema"], "components": described["components"]}
        Draft202012Validator(whole).validate(answer.body)
        if answer.status >= 400:
            assert answer.code in content["examples"]
        return answer

    return checked


@pytest.fixture
def described(call: Call) -> dict[str, Any]:
    document: dict[str, Any] = call("GET", "/openapi.json").body
    return document


def approve(ask: Call, version: int | str = 7, **options: Any) -> Answer:
    body = {"decision": "Approved", "comment": "Held against 6 on 40 new nights."}
    return ask(
        "POST",
        f"/models/{version}/approval",
        body | options.pop("body", {}),
        resource="/models/{version}/approval",
        claims=options.pop("claims", APPROVER),
    )


def test_models_are_listed_with_figures_and_the_lanes_they_serve_on(
    ask: Call, aws_models: Aws
) -> None:
    aws_models.serving(6, 7)
    aws_models.listed(7, 6)
    said = f"{USER}: Better: on 40 new nights."
    aws_models.described(7, CustomerMetadataProperties=METADATA, ApprovalDescription=said)
    aws_models.described(6, "Approved", ApprovalDescription="by hand")
    newer, older = ask("GET", "/models").body["models"]
    assert newer["metrics"] == {
        "f1": {"value": 0.7123, "low": 0.65, "high": 0.77},
        "detections_per_hour": {"value": 14.25, "low": None, "high": None},
    }
    assert newer["gain"] == {"f1": 0.02, "low": -0.01, "high": 0.05, "comparedWith": "femo-dev/6"}
    assert newer["approval"] == {
        "status": "Approved", "userId": USER, "comment": "Better: on 40 new nights."
    }  # fmt: skip
    assert (newer["serves"], older["serves"]) == (["serverless"], ["asynchronous"])
    assert (older["metrics"], older["gain"]) == ({}, None)
    assert older["approval"] == {"status": "Approved", "userId": None, "comment": "by hand"}


def test_the_model_that_serves_is_listed_however_old_it_is(ask: Call, aws_models: Aws) -> None:
    aws_models.serving(2, None)
    aws_models.listed(9, 8, 2, 1)
    aws_models.described(9)
    aws_models.described(2)
    models = ask("GET", "/models", query={"limit": "1"}).body["models"]
    assert [one["version"] for one in models] == [9, 2]


def test_a_model_that_serves_on_one_lane_alone_is_listed_however_old_it_is(
    ask: Call, aws_models: Aws
) -> None:
    aws_models.serving(8, 1)
    aws_models.listed(9, 8, 2, 1)
    for version in (9, 8, 1):
        aws_models.described(version)
    models = ask("GET", "/models", query={"limit": "1"}).body["models"]
    assert [one["serves"] for one in models] == [[], ["asynchronous"], ["serverless"]]


def test_who_approved_and_why_stays_when_another_approves_once_more(
    ask: Call, aws_models: Aws
) -> None:
    aws_models.listed(8, 7)
    other = USER.replace("1", "2")
    aws_models.described(7, ApprovalDescription=f"{other}: I looked at it first.")
    aws_models.serving(6, None)
    approval = approve(ask).body["approval"]
    assert (approval["userId"], approval["comment"]) == (other, "I looked at it first.")


def test_what_another_has_decided_since_is_not_overruled_unseen(ask: Call, aws_models: Aws) -> None:
    aws_models.listed(8, 7)
    aws_models.described(7, "Rejected", ApprovalDescription=f"{USER}: It counts too many.")
    answer = approve(ask, body={"expectedStatus": "PendingManualApproval"})
    assert (answer.status, answer.code) == (409, "approval_changed")


def test_who_approves_is_kept_with_the_model_and_why(ask: Call, aws_models: Aws) -> None:
    aws_models.listed(8, 7)
    aws_models.described(7, "PendingManualApproval")
    said = f"{USER}: Held against 6 on 40 new nights."
    aws_models.sagemaker.add_response(
        "update_model_package",
        {"ModelPackageArn": arn(7)},
        {
            "ModelPackageArn": arn(7),
            "ModelApprovalStatus": "Approved",
            "ApprovalDescription": said,
        },
    )
    aws_models.described(7, ApprovalDescription=said)
    aws_models.serving(6, None)
    answer = approve(ask)
    assert answer.status == 200
    assert answer.body["approval"]["userId"] == USER


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"sub": USER},
        {"sub": USER, "cognito:groups": ""},
        {"sub": USER, "cognito:groups": "[others]"},
        {"sub": USER, "cognito:groups": "modelApproversNot,others"},
        {"sub": "a-machine", "cognito:groups": "modelApprovers"},
    ],
)
def test_nobody_else_changes_a_model(ask: Call, aws_models: Aws, claims: dict[str, str]) -> None:
    for answer in (
        approve(ask, claims=claims),
        ask("POST", "/deployments", {"version": 7}, claims=claims),
    ):
        assert (answer.status, answer.code) == (403, "not_an_approver")


@pytest.mark.parametrize("groups", ["modelApprovers", "a,modelApprovers", "[a modelApprovers]"])
def test_an_approver_is_known_in_every_form_of_the_claim(groups: str) -> None:
    claims = {"sub": USER, "cognito:groups": groups}
    assert people.approver({"requestContext": {"authorizer": {"claims": claims}}}) == USER


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"decision": "Maybe"}, "decision"),
        ({"comment": ""}, "comment"),
        ({"comment": "  "}, "comment"),
        ({"comment": "two\nlines"}, "comment"),
        ({"comment": "two\u2028lines"}, "comment"),
        ({"comment": "two\u2029lines"}, "comment"),
        ({"comment": "two\x85lines"}, "comment"),
        ({"comment": "x" * 501}, "comment"),
        ({"more": 1}, "more"),
    ],
)
def test_a_decision_that_cannot_be_kept_is_refused(
    ask: Call, aws_models: Aws, body: dict[str, Any], field: str
) -> None:
    answer = approve(ask, body=body)
    assert answer.status == 422
    assert answer.body["error"]["field"] == field


@pytest.mark.parametrize("version", ["0", "x", "99999999999", "-1"])
def test_what_is_no_version_is_refused(ask: Call, aws_models: Aws, version: str) -> None:
    assert approve(ask, version).status == 422


def test_a_version_that_is_not_there_is_not_found(ask: Call, aws_models: Aws) -> None:
    aws_models.listed(9)
    assert approve(ask).code == "model_not_found"
    aws_models.listed(9)
    answer = ask("POST", "/deployments", {"version": 7}, claims=APPROVER)
    assert (answer.status, answer.code) == (404, "model_not_found")


def test_an_approved_model_is_deployed_and_the_deployment_can_be_followed(
    ask: Call, aws_models: Aws
) -> None:
    aws_models.listed(8, 7)
    aws_models.described(7)
    aws_models.states.add_response(
        "start_execution",
        {"executionArn": "arn:aws:states:eu-central-1:123456789012:execution:a:b",
         "startDate": BEGAN},
        {
            "stateMachineArn": MACHINE,
            "name": ANY,
            "input": json.dumps({"modelPackageArn": arn(7)}),
        },
    )  # fmt: skip
    answer = ask("POST", "/deployments", {"version": 7}, claims=APPROVER)
    assert answer.status == 202
    name = answer.body["deploymentId"]
    assert answer.headers["location"] == f"deployments/{name}"
    assert USER not in json.dumps(answer.body)


@pytest.mark.parametrize("approval", ["Rejected", "PendingManualApproval"])
def test_a_model_that_is_not_approved_is_not_deployed(
    ask: Call, aws_models: Aws, approval: str
) -> None:
    aws_models.listed(7)
    aws_models.described(7, approval)
    answer = ask("POST", "/deployments", {"version": 7}, claims=APPROVER)
    assert (answer.status, answer.code) == (409, "model_not_approved")


def look(ask: Call, name: str = "one") -> Answer:
    return ask("GET", f"/deployments/{name}", resource="/deployments/{deploymentId}")


@pytest.mark.parametrize(
    ("status", "output", "told"),
    [
        ("RUNNING", None, ("Running", None, None)),
        ("FAILED", None, ("Failed", None, None)),
        ("TIMED_OUT", None, ("Failed", None, None)),
        ("ABORTED", None, ("Failed", None, None)),
        ("SUCCEEDED", {"outcome": "DEPLOYED"}, ("Ended", "DEPLOYED", "Version 7 is in service.")),
        (
            "SUCCEEDED",
            {"outcome": "ROLLED_BACK", "reason": "arn:aws:iam::123456789012:role/x cannot"},
            ("Ended", "ROLLED_BACK", "Version 7 is not in service, the old model is."),
        ),
        ("SUCCEEDED", {"outcome": "UNHEARD_OF"}, ("Ended", None, None)),
    ],
)
def test_what_became_of_a_deployment_is_told_in_our_own_words(
    ask: Call,
    aws_models: Aws,
    status: str,
    output: dict[str, str] | None,
    told: tuple[str, str | None, str | None],
) -> None:
    more = {} if output is None else {"output": json.dumps(output), "stopDate": BEGAN}
    aws_models.ran("one", status, **more)
    body = look(ask).body
    assert (body["status"], body["outcome"], body["message"]) == told
    assert body["version"] == 7
    assert "123456789012" not in json.dumps(body)


@pytest.mark.parametrize("name", ["a:b", "%2e%2e", "a" * 81])
def test_what_is_no_id_of_a_deployment_is_asked_of_nobody(
    ask: Call, aws_models: Aws, name: str
) -> None:
    assert look(ask, name).code == "deployment_not_found"


def test_a_deployment_that_is_not_there_is_not_found(ask: Call, aws_models: Aws) -> None:
    aws_models.states.add_client_error("describe_execution", "ExecutionDoesNotExist")
    assert (look(ask).status, look_again(ask, aws_models)) == (404, "deployment_not_found")


def look_again(ask: Call, aws_models: Aws) -> str:
    aws_models.states.add_client_error("describe_execution", "ExecutionDoesNotExist")
    return look(ask).code


@pytest.mark.parametrize("code", ["ThrottlingException"])
def test_who_meets_a_busy_sagemaker_is_told_to_come_again(
    ask: Call, aws_models: Aws, code: str
) -> None:
    aws_models.sagemaker.add_client_error("describe_endpoint", code)
    answer = ask("GET", "/models")
    assert (answer.status, answer.code) == (503, "service_busy")
    assert answer.headers["retry-after"] == "5"


def test_what_aws_refuses_for_another_cause_is_our_fault(ask: Call, aws_models: Aws) -> None:
    aws_models.sagemaker.add_client_error("describe_endpoint", "AccessDeniedException", "arn:x")
    answer = ask("GET", "/models")
    assert (answer.status, answer.code) == (500, "internal_error")
    assert "arn:" not in json.dumps(answer.body)
