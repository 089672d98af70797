"""The fleet grows with the backlog, goes when it is idle, and comes back for the next job.

By the policies and alarms that a deployment puts; only the time passes faster. It is the stack for
jobs, with a model in service.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from femo_client.api import ApiError, JobsApi

from .conftest import Stack
from .executions import control
from .grants import Grant, takes_away, without
from .test_faults import model_servers, row
from .waiting import wait_for

pytestmark = pytest.mark.integration

VARIANT = "AllTraffic"
WARM_UP_IS_TRIED = True  # its permission is taken away below


@pytest.fixture
def key(fleet: Stack, api: JobsApi, recording: Path) -> str:
    return api.upload(recording)


@pytest.fixture
def fleet(deployed: Stack) -> Iterator[Stack]:
    """The stack, whose endpoint has one instance before and after."""
    scale(deployed, 1)
    yield deployed
    control(deployed, "sagemaker-controls", {"quotas": None})
    for server in model_servers(deployed):
        server.send_signal(signal.SIGCONT)
    scale(deployed, 1)


@pytest.fixture
def warmer(fleet: Stack) -> Iterator[JobsApi]:
    """A client that may warm the service up and do nothing else, as docs/operating.md makes it."""
    pool = fleet.client("cognito-idp")
    made = pool.create_user_pool_client(
        UserPoolId=fleet.outputs["UserPoolId"],
        ClientName="warm-up",
        GenerateSecret=True,
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["client_credentials"],
        AllowedOAuthScopes=["service/write"],
    )["UserPoolClient"]
    credentials = fleet.credentials(
        client_id=made["ClientId"], client_secret=made["ClientSecret"], scopes=("service/write",)
    )
    with JobsApi(fleet.outputs["ApiUrl"], credentials) as client:
        yield client
    pool.delete_user_pool_client(UserPoolId=fleet.outputs["UserPoolId"], ClientId=made["ClientId"])


def instances(stack: Stack) -> tuple[int, int]:
    """Return how many instances the endpoint has, and is to have."""
    variant = endpoint(stack)["ProductionVariants"][0]
    return variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]


def endpoint(stack: Stack) -> dict[str, Any]:
    sagemaker = stack.client("sagemaker")

    def settled() -> dict[str, Any] | None:
        found: dict[str, Any] = sagemaker.describe_endpoint(
            EndpointName=stack.outputs["EndpointName"]
        )
        return found if found["EndpointStatus"] == "InService" else None

    described: dict[str, Any] = wait_for(settled, seconds=120)
    return described


def scale(stack: Stack, count: int) -> None:
    if instances(stack) != (count, count):
        stack.client("sagemaker").update_endpoint_weights_and_capacities(
            EndpointName=stack.outputs["EndpointName"],
            DesiredWeightsAndCapacities=[{"VariantName": VARIANT, "DesiredInstanceCount": count}],
        )
        assert instances(stack) == (count, count)


def pass_minutes(stack: Stack, minutes: int, *, measured: bool = False) -> None:
    """Let minutes pass, with the metric of the jobs in flight in each if it is to be measured."""
    for _ in range(minutes):
        if measured:
            stack.client("lambda").invoke(
                FunctionName=stack.outputs["InFlightFunctionName"], Payload=b"{}"
            )
        control(stack, "advance", {"seconds": 60})


def test_a_backlog_brings_instances_and_an_idle_hour_takes_them_until_the_next_job(
    fleet: Stack, api: JobsApi, key: str, job_id: str
) -> None:
    for server in model_servers(fleet):
        server.send_signal(signal.SIGSTOP)
    jobs = [f"{job_id}-{number}" for number in range(6)]
    for name in jobs:
        api.submit({"jobId": name, "s3Key": key})
    pass_minutes(fleet, 5)
    assert instances(fleet) == (2, 2)  # six jobs, at most five for each
    for server in model_servers(fleet):
        server.send_signal(signal.SIGCONT)
    assert {api.wait(name)["status"] for name in jobs} == {"Completed"}

    pass_minutes(fleet, 20, measured=True)
    assert instances(fleet) == (0, 0)

    api.submit({"jobId": job_id, "s3Key": key})
    pass_minutes(fleet, 2)
    assert instances(fleet) == (1, 1)
    assert api.wait(job_id)["status"] == "Completed"


def test_no_instance_goes_while_a_job_is_in_flight(
    fleet: Stack, api: JobsApi, key: str, job_id: str
) -> None:
    for server in model_servers(fleet):
        server.send_signal(signal.SIGSTOP)
    api.submit({"jobId": job_id, "s3Key": key})
    pass_minutes(fleet, 20, measured=True)
    assert instances(fleet) == (1, 1)
    for server in model_servers(fleet):
        server.send_signal(signal.SIGCONT)
    assert api.wait(job_id)["status"] == "Completed"


def test_a_fleet_at_its_quota_serves_on_and_says_why_it_does_not_grow(
    fleet: Stack, api: JobsApi, key: str, job_id: str
) -> None:
    config = fleet.client("sagemaker").describe_endpoint_config(
        EndpointConfigName=endpoint(fleet)["EndpointConfigName"]
    )
    kind = config["ProductionVariants"][0]["InstanceType"]
    control(fleet, "sagemaker-controls", {"quotas": {f"{kind} for endpoint usage": 1}})
    for server in model_servers(fleet):
        server.send_signal(signal.SIGSTOP)
    jobs = [f"{job_id}-{number}" for number in range(6)]
    for name in jobs:
        api.submit({"jobId": name, "s3Key": key})
    pass_minutes(fleet, 4)
    assert instances(fleet) == (1, 1)
    activity = fleet.client("application-autoscaling").describe_scaling_activities(
        ServiceNamespace="sagemaker"
    )["ScalingActivities"][0]
    assert activity["StatusCode"] == "Failed"
    assert "ResourceLimitExceeded" in activity["StatusMessage"]
    for server in model_servers(fleet):
        server.send_signal(signal.SIGCONT)
    assert {api.wait(name)["status"] for name in jobs} == {"Completed"}


def test_a_job_whose_instance_goes_is_queued_again(
    fleet: Stack, api: JobsApi, key: str, job_id: str
) -> None:
    servers = model_servers(fleet)
    for server in servers:
        server.send_signal(signal.SIGSTOP)
    api.submit({"jobId": job_id, "s3Key": key})
    wait_for(lambda: is_asked(fleet, servers))
    fleet.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=fleet.outputs["EndpointName"],
        DesiredWeightsAndCapacities=[{"VariantName": VARIANT, "DesiredInstanceCount": 0}],
    )
    assert instances(fleet) == (0, 0)
    for server in servers:
        server.kill()
    pass_minutes(fleet, 15)  # the queue is seen to be empty
    lost = row(fleet, job_id)
    assert lost["status"] == {"S": "Queued"}
    make_older(fleet, lost, 15 * 60)
    sweep(fleet)
    assert row(fleet, job_id)["attempts"] == {"N": "2"}
    make_older(fleet, row(fleet, job_id), 0)  # its delay is over
    sweep(fleet)
    pass_minutes(fleet, 3)
    assert api.wait(job_id)["status"] == "Completed"


@takes_away("ApiFunctionRole WarmUpEndpoint *")
def test_an_instance_is_there_before_the_job_comes_and_none_is_without(
    fleet: Stack, api: JobsApi, warmer: JobsApi, key: str, job_id: str, grant: Grant
) -> None:
    scale(fleet, 0)
    with pytest.raises(ApiError) as without_scope:
        api.warm_up()
    assert without_scope.value.status == 401
    with without(fleet, grant), pytest.raises(ApiError) as denied:
        warmer.warm_up()
    assert denied.value.status == 500
    assert instances(fleet) == (0, 0)

    warmed = warmer.warm_up()["lanes"]["asynchronous"]
    assert warmed == {"state": "starting", "effect": "started"}
    assert instances(fleet) == (1, 1)
    assert warmer.warm_up()["lanes"]["asynchronous"]["effect"] == "already_warm"
    api.submit({"jobId": job_id, "s3Key": key})
    assert api.wait(job_id)["status"] == "Completed"


def is_asked(stack: Stack, servers: list[psutil.Process]) -> bool:
    """Say whether SageMaker waits for one of the servers."""
    ports = {
        connection.laddr.port
        for server in servers
        for connection in server.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    sagemaker = psutil.Process(stack.description["processes"]["SageMaker"])
    return any(
        connection.raddr and connection.raddr.port in ports
        for connection in sagemaker.net_connections("tcp")
    )


def make_older(stack: Stack, item: dict[str, Any], seconds: int) -> None:
    """Let a job have been submitted so much earlier, and be due."""
    earlier = {
        name: {"N": str(int(item[name]["N"]) - seconds)}
        for name in ("submittedAt", "submissionAt")
        if "N" in item.get(name, {})
    }
    due = {"nextCheckAt": {"N": str(int(time.time()) - 1)}}
    stack.client("dynamodb").put_item(
        TableName=stack.outputs["JobsTableName"], Item=item | earlier | due
    )


def sweep(stack: Stack) -> None:
    answer = stack.client("lambda").invoke(
        FunctionName=stack.outputs["SweeperFunctionName"], Payload=b"{}"
    )
    assert "FunctionError" not in answer
