"""Models by command and by API: what serves is seen, an older model is gone to, and back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from femo_client import FemoClient

from .conftest import Stack, run_cli
from .grants import Grant, takes_away, without
from .people import APPROVERS, signed_in
from .waiting import wait_for

pytestmark = pytest.mark.integration
MODELS_ARE_TRIED = True  # the permissions of their function are taken away below


def femo(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    return run_cli(*words, "--local", "--state-file", stack.folder / "stack.json")


def packages(stack: Stack) -> dict[int, dict[str, Any]]:
    """Return what `femo models` says, by version."""
    done = femo(stack, "models", "--json")
    assert done.returncode == 0, done.stderr
    return {one["version"]: one for one in json.loads(done.stdout)}


def serving(stack: Stack) -> list[int]:
    return [version for version, one in packages(stack).items() if one["serves"]]


@pytest.fixture
def another(deployed: Stack, package: str) -> str:
    """The ARN of a version after `package`, of the same model."""
    sagemaker = deployed.client("sagemaker")
    first = sagemaker.describe_model_package(ModelPackageName=package)
    arn: str = sagemaker.create_model_package(
        ModelPackageGroupName=deployed.outputs["ModelPackageGroupName"],
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification=first["InferenceSpecification"],
    )["ModelPackageArn"]
    return arn


def approve(stack: Stack, arn: str) -> int:
    """Approve a package, wait until it is in service, and return its version."""
    stack.client("sagemaker").update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved"
    )
    version = int(arn.rsplit("/", 1)[-1])
    wait_for(lambda: serving(stack) == [version], seconds=120, every=0.5)
    machine = stack.client("stepfunctions")
    running = {
        "stateMachineArn": stack.outputs["DeploymentStateMachineArn"],
        "statusFilter": "RUNNING",
    }
    wait_for(lambda: not machine.list_executions(**running)["executions"], seconds=120, every=0.2)
    return version


def test_an_operator_goes_to_an_older_model_and_back(
    deployed: Stack, package: str, another: str
) -> None:
    older = int(package.rsplit("/", 1)[-1])
    refused = femo(deployed, "deploy", str(older))
    assert refused.returncode == 2
    assert "not approved" in refused.stderr

    approve(deployed, package)
    newer = approve(deployed, another)
    for version in (older, newer):
        done = femo(deployed, "deploy", str(version))
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"DEPLOYED: version {version} is in service" in done.stdout
        assert serving(deployed) == [version]

    listed = femo(deployed, "models")
    (line,) = (one for one in listed.stdout.splitlines() if "in service" in one)
    assert line.split()[:2] == [str(newer), "Approved"]


Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def ask(deployed: Stack) -> Ask:
    """Ask the API as a person who may approve, or with another token."""
    own = signed_in(deployed, APPROVERS)

    def send(method: str, path: str, body: Any = None, *, token: str = own) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        address = deployed.outputs["ApiUrl"] + path
        return httpx.request(method, address, headers=headers, json=body, timeout=60)

    return send


def by_api(ask: Ask) -> dict[int, dict[str, Any]]:
    """Return what `GET /models` says, by version."""
    return {
        one["version"]: one for one in ask("GET", "/models").raise_for_status().json()["models"]
    }


def idle(stack: Stack) -> bool:
    return not stack.client("stepfunctions").list_executions(
        stateMachineArn=stack.outputs["DeploymentStateMachineArn"], statusFilter="RUNNING"
    )["executions"]


def test_a_person_of_the_group_approves_and_deploys_over_the_api(
    deployed: Stack, package: str, ask: Ask
) -> None:
    version = int(package.rsplit("/", 1)[-1])
    early = ask("POST", "/deployments", {"version": version})
    assert (early.status_code, early.json()["error"]["code"]) == (409, "model_not_approved")

    decision = {"decision": "Approved", "comment": "As good as the other."}
    decided = ask("POST", f"/models/{version}/approval", decision)
    assert decided.status_code == 200, decided.text
    assert decided.json()["approval"]["comment"] == "As good as the other."
    assert decided.json()["approval"]["userId"]
    wait_for(lambda: by_api(ask)[version]["serves"] == ["asynchronous"], seconds=120, every=0.5)
    wait_for(lambda: idle(deployed), seconds=120, every=0.2)

    begun = ask("POST", "/deployments", {"version": version})
    assert begun.status_code == 202
    path = f"/{begun.headers['location']}"
    assert ask("GET", path).json()["version"] == version
    wait_for(lambda: ask("GET", path).json()["status"] == "Ended", seconds=120, every=0.5)
    assert ask("GET", path).json()["outcome"] == "DEPLOYED"
    assert serving(deployed) == [version]


def test_nobody_else_changes_a_model(deployed: Stack, package: str, ask: Ask) -> None:
    version = int(package.rsplit("/", 1)[-1])
    other = signed_in(deployed)
    with FemoClient(deployed.outputs["ApiUrl"], deployed.credentials()) as api:
        machine = api.token()
    decision = {"decision": "Rejected", "comment": "No."}
    for token, status in ((other, 403), (machine, 401)):
        answer = ask("POST", f"/models/{version}/approval", decision, token=token)
        assert answer.status_code == status
        assert ask("POST", "/deployments", {"version": version}, token=token).status_code == status
    assert ask("GET", "/models", token=other).status_code == 200
    assert ask("GET", "/models", token=machine).status_code == 401
    assert by_api(ask)[version]["approval"]["status"] == "PendingManualApproval"


@takes_away(
    "ModelsFunctionRole FindModels *",
    "ModelsFunctionRole DecideModels sagemaker:DescribeModelPackage *",
    "ModelsFunctionRole DecideModels sagemaker:UpdateModelPackage *",
    "ModelsFunctionRole LookWhatServes * endpoint/femo-dev",
    "ModelsFunctionRole LookWhatServes * endpoint/femo-dev-fast",
    "ModelsFunctionRole StartDeployments *",
    "ModelsFunctionRole LookAtDeployments *",
)
def test_models_are_not_seen_nor_changed_without(
    deployed: Stack, package: str, ask: Ask, grant: Grant
) -> None:
    version = int(package.rsplit("/", 1)[-1])
    rejection = {"decision": "Rejected", "comment": "Only to try."}
    method, path, body = {
        "sagemaker:UpdateModelPackage": ("POST", f"/models/{version}/approval", rejection),
        "states:StartExecution": ("POST", "/deployments", {"version": version}),
        "states:DescribeExecution": ("GET", "/deployments/nobody", None),
    }.get(grant.action, ("GET", "/models?limit=1", None))
    if grant.action == "states:StartExecution":
        approve(deployed, package)
    with without(deployed, grant):
        refused = ask(method, path, body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (500, "internal_error")
    assert ask(method, path, body).status_code in (200, 202, 404)
    wait_for(lambda: idle(deployed), seconds=120, every=0.2)
