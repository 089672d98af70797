"""Each permission of the API function and of the endpoint is needed, and where: least privilege."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from femo_client.api import ApiError, JobsApi

from .conftest import Stack

pytestmark = pytest.mark.integration


@contextmanager
def without(stack: Stack, role: str, action: str, sid: str | None = None) -> Iterator[None]:
    """Take an action away from a role of the template, in one statement or in all."""
    iam = stack.client("iam")
    name = stack.client("cloudformation").describe_stack_resource(
        StackName="femo-local", LogicalResourceId=role
    )["StackResourceDetail"]["PhysicalResourceId"]
    (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    original = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
    statements = []
    taken = 0
    for statement in original["Statement"]:
        actions = statement["Action"]
        actions = [actions] if isinstance(actions, str) else actions
        if action in actions and sid in (None, statement.get("Sid")):
            actions = [one for one in actions if one != action]
            taken += 1
        if actions:
            statements.append({**statement, "Action": actions})
    assert taken, f"{role} has no {action} to take away"

    def put(document: dict[str, Any]) -> None:
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))

    put({**original, "Statement": statements})
    try:
        yield
    finally:
        put(original)


@pytest.fixture(scope="module")
def key(deployed: Stack, recording: Path) -> str:
    with JobsApi(deployed.outputs["ApiUrl"], deployed.credentials()) as api:
        return api.upload(recording)


def row_exists(stack: Stack, job_id: str) -> bool:
    answer = stack.client("dynamodb").get_item(
        TableName=stack.outputs["JobsTableName"], Key={"jobId": {"S": job_id}}
    )
    return "Item" in answer


@pytest.mark.parametrize(
    ("action", "sid"),
    [
        ("dynamodb:PutItem", None),
        ("s3:PutObject", "WriteRequests"),
        ("sagemaker:InvokeEndpointAsync", None),
    ],
)
def test_a_job_is_not_accepted_without_each_permission_that_queueing_needs(
    deployed: Stack, api: JobsApi, key: str, job_id: str, action: str, sid: str | None
) -> None:
    with without(deployed, "ApiFunctionRole", action, sid):
        with pytest.raises(ApiError) as refused:
            api.submit({"jobId": job_id, "s3Key": key})
        assert refused.value.status >= 500
        assert not row_exists(deployed, job_id)
    api.submit({"jobId": job_id, "s3Key": key})
    assert api.wait(job_id)["status"] == "Completed"


def test_a_recording_that_the_api_may_not_read_is_not_accepted(
    deployed: Stack, api: JobsApi, key: str, job_id: str
) -> None:
    with without(deployed, "ApiFunctionRole", "s3:GetObject", "ReadRecordings"):
        with pytest.raises(ApiError):
            api.submit({"jobId": job_id, "s3Key": key})
        assert not row_exists(deployed, job_id)


@pytest.mark.parametrize(
    ("action", "path"), [("dynamodb:GetItem", "/jobs/any"), ("dynamodb:Query", "/jobs")]
)
def test_the_api_cannot_read_the_table_without_the_permission(
    deployed: Stack, api: JobsApi, action: str, path: str
) -> None:
    headers = {"Authorization": f"Bearer {api.token()}"}
    with without(deployed, "ApiFunctionRole", action):
        denied = httpx.get(deployed.outputs["ApiUrl"] + path, headers=headers, timeout=60)
    assert (denied.status_code, denied.json()["error"]["code"]) == (500, "internal_error")
    assert httpx.get(deployed.outputs["ApiUrl"] + path, headers=headers).status_code in {200, 404}


def test_an_endpoint_that_may_not_read_recordings_fails_the_job_with_a_reason(
    deployed: Stack, api: JobsApi, key: str, job_id: str
) -> None:
    with without(deployed, "HostingRole", "s3:GetObject"):
        api.submit({"jobId": job_id, "s3Key": key})
        job = api.wait(job_id, timeout_seconds=60)
    assert job["status"] == "Failed"
    assert job["error"]["code"]
