"""Deploy, train, remove, deploy again.

The last tests of their stack (conftest.py sees to it): nothing serves when they have ended.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local_stack.target import STACK_NAME

from .conftest import Stack, pending_package, run_cli
from .executions import NO_GATE, begin
from .waiting import wait_for

pytestmark = pytest.mark.integration

KEPT = ("RecordingsBucketName", "RequestsBucketName", "ModelsBucketName", "JobsTableName",
        "UserPoolId")  # fmt: skip


def remove(stack: Stack, *options: str) -> dict[str, Any]:
    done = run_cli(
        "remove", STACK_NAME, "--local", "--state-file", stack.folder / "stack.json", "--json",
        *options,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def left(stack: Stack) -> set[str]:
    """Return the names of what costs, or would block a deployment."""
    sagemaker, name = stack.client("sagemaker"), stack.outputs["EndpointName"]
    scaling = stack.client("application-autoscaling")
    targets = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    jobs = sagemaker.list_processing_jobs(StatusEquals="InProgress")["ProcessingJobSummaries"]
    alarms = stack.client("cloudwatch").describe_alarms()["MetricAlarms"]
    groups = stack.client("logs").get_paginator("describe_log_groups").paginate().search(
        "logGroups[].logGroupName"
    )  # fmt: skip
    return {
        *(one["EndpointName"] for one in sagemaker.list_endpoints()["Endpoints"]),
        *(one["EndpointConfigName"]
          for one in sagemaker.list_endpoint_configs()["EndpointConfigs"]),
        *(one["ModelName"] for one in sagemaker.list_models()["Models"]),
        *(one["ModelPackageGroupName"]
          for one in sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]),
        *(one["ResourceId"] for one in targets),
        *(one["ProcessingJobName"] for one in jobs),
        *(one["AlarmName"] for one in alarms),
        *(group for group in groups if STACK_NAME in group or name in group),
    }  # fmt: skip


@dataclass(frozen=True)
class Removal:
    """A removal while a training run was at work, and what it told."""

    execution: str
    package: str
    told: dict[str, Any]


@pytest.fixture(scope="module")
def removal(deployed: Stack, manifest: str) -> Removal:
    package = pending_package(deployed)
    training = {"manifest": manifest, "forceExtract": True, "autoApprove": False}
    execution = begin(deployed, "Training", training)
    sagemaker = deployed.client("sagemaker")
    wait_for(
        lambda: sagemaker.list_processing_jobs(StatusEquals="InProgress")["ProcessingJobSummaries"]
    )
    return Removal(execution, package, remove(deployed, "--yes"))


def test_a_stack_at_work_is_removed_and_its_data_stays(deployed: Stack, removal: Removal) -> None:
    stack, outputs, told = deployed, deployed.outputs, removal.told

    assert told["failures"] == []
    # Its job may have been stopped with the execution already
    assert {"Scaling", "Endpoints", "Models"} <= {one["step"] for one in told["removed"]}
    assert {"step": "Executions", "name": removal.execution} in told["removed"]
    assert {"step": "Model packages", "name": removal.package} in told["removed"]
    assert left(stack) == set()
    assert {outputs[name] for name in KEPT} <= {one["name"] for one in told["kept"]}
    s3 = stack.client("s3")
    for name in KEPT[:3]:
        s3.head_bucket(Bucket=outputs[name])
    assert s3.head_object(Bucket=outputs["ModelsBucketName"], Key="smoke/recording.dat")
    stack.client("dynamodb").describe_table(TableName=outputs["JobsTableName"])
    again = remove(stack, "--yes")
    assert not any(again["found"].values())


@pytest.mark.drill
@pytest.mark.usefixtures("removal")
def test_what_was_removed_is_deployed_again_trains_and_serves(
    stack: Stack, small_cohort: Path, recording: Path
) -> None:
    before = stack.outputs
    stack.stop()
    stack.start()
    outputs = stack.outputs
    # Not the table: MiniStack makes its name of the stack's alone, AWS adds what is random
    for name in (*KEPT[:3], "UserPoolId"):
        assert outputs[name] != before[name]

    s3, bucket = stack.client("s3"), outputs["RecordingsBucketName"]
    document = json.loads((small_cohort / "manifest.json").read_text())
    for item in document["items"]:
        item["bucketName"] = bucket
        for field in ("datFileKey", "csvFileKey"):
            s3.upload_file(str(small_cohort / item[field]), bucket, item[field])
    s3.put_object(Bucket=bucket, Key="manifest.json", Body=json.dumps(document))
    s3.upload_file(str(recording), outputs["ModelsBucketName"], "smoke/recording.dat")
    ended = stack.run_machine(
        outputs["TrainingStateMachineArn"],
        {"manifest": f"s3://{bucket}/manifest.json", "autoApprove": True, "qualityGate": NO_GATE},
    )
    assert ended["status"] == "SUCCEEDED", ended

    sagemaker = stack.client("sagemaker")
    wait_for(
        lambda: [
            one
            for one in sagemaker.list_endpoints()["Endpoints"]
            if one["EndpointStatus"] == "InService"
        ],
        seconds=120,
        every=0.5,
    )
