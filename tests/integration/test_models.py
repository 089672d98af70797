"""`femo models` and `femo deploy`: what serves is seen, an older model is gone to, and back."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from .conftest import Stack, run_cli
from .waiting import wait_for

pytestmark = pytest.mark.integration


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
