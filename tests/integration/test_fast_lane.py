"""The fast lane of a whole stack: answered there, and by the queue where it is full."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from femo_client import FemoClient

from .conftest import Stack
from .grants import Grant, takes_away, without
from .test_permissions import (
    bad_key,
    count_lines,
    group_is_there,
    invoke,
    jobs,
    keep_open,
    key,
    make_open,
    row,
)
from .waiting import Tail, wait_for

__all__ = ["bad_key", "jobs", "key"]  # fixtures, which pytest finds by their names

pytestmark = pytest.mark.integration

FAST_LANE_IS_TRIED = True  # its permissions are taken away below


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


def answered(api: FemoClient, key: str) -> dict[str, Any]:
    job_id = f"test-{uuid.uuid4()}"
    api.submit(key, job_id=job_id)
    job = api.wait(job_id).as_json()
    assert job["status"] == "Completed", job
    return job


@contextmanager
def one_place(stack: Stack) -> Iterator[None]:
    """Have the serverless endpoint refuse with 429 whatever comes beside one request."""
    sagemaker, name = stack.client("sagemaker"), stack.outputs["FastLaneEndpointName"]
    served = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    config = sagemaker.describe_endpoint_config(EndpointConfigName=served)
    (variant,) = config["ProductionVariants"]
    variant["ServerlessConfig"]["MaxConcurrency"] = 1
    wanted = f"one-place-{uuid.uuid4()}"
    sagemaker.create_endpoint_config(EndpointConfigName=wanted, ProductionVariants=[variant])

    def serve(config_name: str) -> None:
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config_name)
        sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        described = sagemaker.describe_endpoint(EndpointName=name)
        assert described["EndpointConfigName"] == config_name

    try:
        serve(wanted)
        yield
    finally:
        serve(served)
        sagemaker.delete_endpoint_config(EndpointConfigName=wanted)


def test_a_job_is_answered_without_a_queue_and_a_throttled_one_goes_on_by_it(
    with_fast_lane: Stack, api: FemoClient, key: str
) -> None:
    fast = answered(api, key)
    assert fast["lane"] == "serverless"
    assert fast["result"]["events"]

    with one_place(with_fast_lane), ThreadPoolExecutor(4) as pool:
        jobs = list(pool.map(lambda _: answered(api, key), range(4)))
    assert {job["lane"] for job in jobs} == {"serverless", "asynchronous"}
    for job in jobs:
        assert job["result"] == fast["result"]


# Permissions


SENT_ON = {
    "FastLaneFunctionRole AskFastLane sagemaker:InvokeEndpoint *",
    "FastLaneFunctionRole WriteRequestsAndResults s3:PutObject *results*",
    "FastLaneFunctionRole WriteRequestsAndResults s3:PutObject *failures*",
}


@takes_away(
    "FastLaneFunctionRole SettleJobs dynamodb:GetItem *",
    "FastLaneFunctionRole SettleJobs dynamodb:UpdateItem *",
    "FastLaneFunctionRole WriteRequestsAndResults s3:PutObject *requests/[*]",
    "FastLaneFunctionRole ReadResults s3:GetObject *results*",
    "FastLaneFunctionRole ReadResults s3:GetObject *failures*",
    "FastLaneFunctionRole FindResults s3:ListBucket *",
    "FastLaneFunctionRole QueueInference *",
    "FastLaneFunctionRole TellOutcomes sns:Publish SuccessTopic",
    "FastLaneFunctionRole TellOutcomes sns:Publish ErrorTopic",
    "FastLaneFunctionRole EncryptOutcomes kms:GenerateDataKey *",
    "FastLaneFunctionRole EncryptOutcomes kms:Decrypt *",
    *sorted(SENT_ON),
)
def test_a_job_is_not_answered_at_once_and_never_lost_without(
    with_fast_lane: Stack,
    api: FemoClient,
    jobs: dict[str, dict[str, Any]],
    job_id: str,
    grant: Grant,
) -> None:
    stack = with_fast_lane
    is_bad = grant.resource in ("RequestsBucket", "RequestsBucket/failures/*", "ErrorTopic")
    like = jobs["failed" if is_bad else "completed"]
    like = {name: value for name, value in like.items() if not name.endswith("Location")}
    like |= {"lane": {"S": "serverless"}, "submissionId": {"S": uuid.uuid4().hex}}
    open_row = keep_open(stack, like, job_id, attempts=1)
    waited = 60 if grant.sid == "QueueInference" else 0
    body = json.dumps({"jobId": job_id, "submissionId": open_row["submissionId"]["S"]})
    sent = {"SentTimestamp": str(int((time.time() - waited) * 1000))}
    event = {"Records": [{"body": body, "attributes": sent}]}

    with without(stack, grant):
        answer, is_error = invoke(stack, "FastLaneFunctionName", event)
    goes_on = grant.sid == "AskFastLane" or (
        grant.action == "s3:PutObject" and "requests" not in grant.resource
    )
    assert is_error != goes_on, answer
    assert (row(stack, job_id)["lane"]["S"] == "asynchronous") == (
        goes_on or grant.sid == "QueueInference" or "requests" in grant.resource
    )

    assert not invoke(stack, "FastLaneFunctionName", event)[1], "the queue repeats the message"
    found = row(stack, job_id)
    if found["status"]["S"] == "Queued" and "outputLocation" not in found:
        make_open(stack, found, job_id)
        invoke(stack, "SweeperFunctionName", {})
    assert api.wait(job_id).status == ("Failed" if is_bad else "Completed")


@takes_away("ApiFunctionRole HandToFastLane *", "ApiFunctionRole LookForFastLane *")
def test_a_job_takes_the_queue_without(
    with_fast_lane: Stack,
    api: FemoClient,
    key: str,
    grant: Grant,
) -> None:
    with without(with_fast_lane, grant), api_that_sends_jobs_there(with_fast_lane):
        assert answered(api, key)["lane"] == "asynchronous"


@takes_away("ApiFunctionRole LookAtFastLane *")
def test_whether_the_fast_lane_serves_is_not_told_without(
    with_fast_lane: Stack,
    api: FemoClient,
    grant: Grant,
) -> None:
    with without(with_fast_lane, grant):
        denied = api.service().lanes
    assert (denied.serverless.state, denied.asynchronous.state) == (None, "ready")
    assert api.service().lanes.serverless.state == "ready"


@takes_away(
    "HostingRole WriteFastLaneLogs logs:CreateLogGroup *",
    "HostingRole WriteFastLaneLogs logs:CreateLogStream *",
    "HostingRole WriteFastLaneLogs logs:PutLogEvents *",
)
def test_the_fast_lane_leaves_no_log_without(
    with_fast_lane: Stack,
    key: str,
    grant: Grant,
) -> None:
    stack, name = with_fast_lane, with_fast_lane.outputs["FastLaneEndpointName"]
    group = f"/aws/sagemaker/Endpoints/{name}"
    recordings = stack.outputs["RecordingsBucketName"]

    def infer() -> None:
        body = json.dumps({"jobId": "log", "s3Key": f"s3://{recordings}/{key}"})
        stack.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=name, ContentType="application/json", Body=body
        )

    log = Tail(stack, "sagemaker")
    if group_is_there(stack, group):
        stack.client("logs").delete_log_group(logGroupName=group)
    with without(stack, grant):
        infer()
        log.wait_for(f"log lines of {group}", "are lost", grant.action)
    infer()
    wait_for(lambda: group_is_there(stack, group) and count_lines(stack, group))
