"""The fast lane of a whole stack: answered there, and by the queue where it is full."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from femo_client.api import JobsApi

from .conftest import Stack

pytestmark = pytest.mark.integration


@contextmanager
def api_that_sends_jobs_there(stack: Stack) -> Iterator[None]:
    """What the parameter FastLane gives to the API where it is on."""
    functions, name = stack.client("lambda"), stack.outputs["ApiFunctionName"]
    before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    wanted = before | {"FAST_LANE_QUEUE_URL": stack.outputs["FastLaneQueueUrl"]}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": wanted})
    try:
        yield
    finally:
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": before}
        )


@contextmanager
def machine_that_makes_the_lane(stack: Stack) -> Iterator[str]:
    """What the parameter FastLane gives to the deployment machine where it is on."""
    machines, arn = stack.client("stepfunctions"), stack.outputs["DeploymentStateMachineArn"]
    before = machines.describe_state_machine(stateMachineArn=arn)["definition"]
    wanted = before.replace("'off' = 'on'", "'on' = 'on'")
    assert wanted != before
    machines.update_state_machine(stateMachineArn=arn, definition=wanted)
    try:
        yield arn
    finally:
        machines.update_state_machine(stateMachineArn=arn, definition=before)


@pytest.fixture(scope="module")
def with_fast_lane(deployed: Stack) -> Iterator[Stack]:
    """The stack with both lanes, and afterwards with one again."""
    sagemaker = deployed.client("sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName=deployed.outputs["EndpointName"])
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    url = model["PrimaryContainer"]["ModelDataUrl"]
    with machine_that_makes_the_lane(deployed) as machine:
        ended = deployed.run_machine(machine, {"modelDataUrl": url})
        output = json.loads(ended["output"])
        assert (output["outcome"], output["fastLane"]["state"]) == ("DEPLOYED", "SERVES"), output
    with api_that_sends_jobs_there(deployed):
        yield deployed
    # As the check does where none is wanted
    ended = deployed.run_machine(
        deployed.outputs["RestorationStateMachineArn"], {"restore": "test"}
    )
    assert json.loads(ended["output"])["fastLane"] == {"state": "OFF", "reason": ""}
    name = deployed.outputs["FastLaneEndpointName"]
    there = sagemaker.list_endpoints(NameContains=name)["Endpoints"]
    assert [one["EndpointStatus"] for one in there] in ([], ["Deleting"])


def answered(api: JobsApi, key: str) -> dict[str, Any]:
    job_id = f"test-{uuid.uuid4()}"
    api.submit({"jobId": job_id, "s3Key": key})
    job = api.wait(job_id)
    assert job["status"] == "Completed", job
    return job


def leave_one_place(stack: Stack) -> None:
    """Have the serverless endpoint refuse with 429 whatever comes beside one request."""
    sagemaker, name = stack.client("sagemaker"), stack.outputs["FastLaneEndpointName"]
    served = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    config = sagemaker.describe_endpoint_config(EndpointConfigName=served)
    (variant,) = config["ProductionVariants"]
    variant["ServerlessConfig"]["MaxConcurrency"] = 1
    wanted = f"one-place-{uuid.uuid4()}"
    sagemaker.create_endpoint_config(EndpointConfigName=wanted, ProductionVariants=[variant])
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=wanted)
    sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"] == wanted


def test_a_job_is_answered_without_a_queue_and_a_throttled_one_goes_on_by_it(
    with_fast_lane: Stack, api: JobsApi, recording: Path
) -> None:
    key = api.upload(recording)
    fast = answered(api, key)
    assert fast["lane"] == "serverless"
    assert fast["result"]["events"]

    leave_one_place(with_fast_lane)
    with ThreadPoolExecutor(4) as pool:
        jobs = list(pool.map(lambda _: answered(api, key), range(4)))
    assert {job["lane"] for job in jobs} == {"serverless", "asynchronous"}
    for job in jobs:
        assert job["result"] == fast["result"]
