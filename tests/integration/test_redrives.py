"""An execution that fails in any of its tasks is redriven to the end that it would have had.

Every task of both machines fails once in a real run: before it is made, and (where AWS lets a
repeat succeed) after it was made, its answer lost.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.pipeline.machines import load

from .conftest import Stack
from .executions import NO_GATE, begin, entered, plan_failures, redrive
from .grants import find, without
from .waiting import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.drill]

# SageMaker refuses to make or remove an endpoint twice, and no token makes a repeat the same
# request. A new execution, which first looks at the endpoint, goes on from there.
NOT_REPEATABLE = {"CreateEndpoint", "RemoveBrokenEndpoint"}
# Where a restoration comes by, or two deployments that meet
ELSEWHERE = {"LookForScaling", "ReadLease"}


def caught() -> set[str]:
    """Return the tasks of a deployment that end it by themselves, with an outcome."""
    return {
        name
        for name, state in load("deployment")["States"].items()
        for part in state.get("Catch", [])
        if "States.TaskFailed" in part["ErrorEquals"]
    }


def tasks_of(machine: str) -> set[str]:
    return {name for name, state in load(machine)["States"].items() if state["Type"] == "Task"}


def redrive_to_the_end(stack: Stack, arn: str) -> tuple[dict[str, Any], list[str]]:
    """Redrive an execution until it succeeds; return its output and where it had failed."""
    failed = []
    ended = stack.wait_for_execution(arn)
    while ended["status"] == "FAILED":
        assert ended["error"] == "LocalAws.RequestedFailure", ended["cause"]
        failed.append(entered(stack, arn)[-1])
        assert failed.count(failed[-1]) <= 2, failed
        ended = redrive(stack, arn)
    assert ended["status"] == "SUCCEEDED", ended
    return json.loads(ended["output"]), failed


def test_a_training_run_that_fails_before_and_after_each_of_its_tasks_is_redriven_to_its_end(
    deployed: Stack, manifest: str
) -> None:
    stack, states = deployed, load("training")["States"]
    # But for those whose failure is caught: a run is not lost for the retention of a log
    tasks = [name for name in tasks_of("training") if "Catch" not in states[name]]
    plan_failures(stack, "Training", before=tasks, after=tasks)
    machine_input = {"manifest": manifest, "autoApprove": False, "qualityGate": NO_GATE}
    arn = begin(stack, "Training", machine_input)
    output, failed = redrive_to_the_end(stack, arn)
    assert plan_failures(stack, "Training") == []
    assert output["outcome"] == "REGISTERED"
    assert sorted(failed) == sorted([*tasks, *tasks])
    order = list(dict.fromkeys(failed))
    assert order == [name for name in states if name in tasks]
    packages = stack.client("sagemaker").list_model_packages(
        ModelPackageGroupName=stack.outputs["ModelPackageGroupName"], MaxResults=100
    )["ModelPackageSummaryList"]
    arns = [package["ModelPackageArn"] for package in packages]
    assert arns.count(output["modelPackageArn"]) == 1


@pytest.fixture
def approved(deployed: Stack, package: str) -> str:
    """The ARN of an approved package that is not deployed by itself."""
    with without(deployed, find("ApprovalRuleRole *")):
        deployed.client("sagemaker").update_model_package(
            ModelPackageArn=package, ModelApprovalStatus="Approved"
        )
        queue = {"QueueUrl": deployed.outputs["EventDeadLetterQueueUrl"]}
        sqs = deployed.client("sqs")
        wait_for(lambda: sqs.receive_message(**queue, WaitTimeSeconds=1).get("Messages"))
        sqs.purge_queue(**queue)
    return package


def test_a_deployment_that_fails_in_each_of_its_tasks_is_redriven_to_its_end(
    deployed: Stack, recording: Path, approved: str
) -> None:
    stack, tasks = deployed, tasks_of("deployment") - caught() - ELSEWHERE
    s3, bucket = stack.client("s3"), stack.outputs["ModelsBucketName"]
    absent = f"s3://{bucket}/absent/model.tar.gz"
    met: set[str] = set()

    def deploy(**machine_input: str) -> str:
        new = tasks - met
        plan_failures(stack, "Deployment", before=new, after=new - NOT_REPEATABLE)
        output, failed = redrive_to_the_end(stack, begin(stack, "Deployment", machine_input))
        left = plan_failures(stack, "Deployment")
        assert not {plan.split()[1] for plan in left} & set(failed)
        met.update(failed)
        return str(output["outcome"])

    assert deploy(modelPackageArn=approved) == "DEPLOYED"

    s3.put_object(Bucket=bucket, Key="smoke/recording.dat", Body=b"not a recording")
    assert deploy(modelPackageArn=approved) == "ROLLED_BACK"
    s3.upload_file(str(recording), bucket, "smoke/recording.dat")

    remove_endpoint(stack)
    assert deploy(modelDataUrl=absent) == "WITHDRAWN"

    make_broken_endpoint(stack, absent)
    assert deploy(modelPackageArn=approved) == "DEPLOYED"

    assert met == tasks


def remove_endpoint(stack: Stack) -> None:
    sagemaker, name = stack.client("sagemaker"), stack.outputs["EndpointName"]
    sagemaker.delete_endpoint(EndpointName=name)
    wait_for(lambda: not sagemaker.list_endpoints(NameContains=name)["Endpoints"])


def make_broken_endpoint(stack: Stack, model_data_url: str) -> None:
    sagemaker, name = stack.client("sagemaker"), stack.outputs["EndpointName"]
    (newest,) = sagemaker.list_models(MaxResults=1)["Models"]
    model = sagemaker.describe_model(ModelName=newest["ModelName"])
    sagemaker.create_model(
        ModelName=f"{name}-broken",
        ExecutionRoleArn=model["ExecutionRoleArn"],
        PrimaryContainer=model["PrimaryContainer"] | {"ModelDataUrl": model_data_url},
    )
    variant = {"VariantName": "AllTraffic", "ModelName": f"{name}-broken"}
    sagemaker.create_endpoint_config(
        EndpointConfigName=f"{name}-broken",
        ProductionVariants=[variant | {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}],
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-broken")
    wait_for(lambda: sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Failed")
