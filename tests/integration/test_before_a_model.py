"""The service as it is after `sam deploy`, before a model is in service.

The file's name puts it before the tests that bring one.
"""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from femo_client.api import ApiError, JobsApi

from .conftest import Stack
from .executions import begin
from .test_machine_permissions import FIRST_STEPS, fail_in_turn

pytestmark = pytest.mark.integration


def test_without_a_model_a_job_is_put_off_and_not_kept(
    stack: Stack, api: JobsApi, job_id: str, recording: Path
) -> None:
    assert not stack.client("sagemaker").list_endpoints()["Endpoints"]
    key = api.upload(recording)

    with pytest.raises(ApiError) as refused:
        api.submit({"jobId": job_id, "s3Key": key})

    assert (refused.value.status, refused.value.code) == (503, "model_not_deployed")
    with pytest.raises(ApiError) as missing:
        api.status(job_id)
    assert missing.value.status == 404


@pytest.mark.parametrize(
    "machine_input",
    [{}, {"modelDataUrl": "https://example.org/model.tar.gz"}, {"modelPackageArn": 7}],
)
def test_a_deployment_of_nothing_usable_is_refused_with_a_reason(
    stack: Stack, machine_input: dict[str, object]
) -> None:
    ended = stack.run_machine(stack.outputs["DeploymentStateMachineArn"], machine_input)
    told = ended.get("cause") or json.loads(ended["output"])["reason"]
    assert told
    assert not stack.client("sagemaker").list_endpoints()["Endpoints"]


def test_the_openapi_document_names_every_route_that_is_deployed(
    stack: Stack,
) -> None:
    document = httpx.get(f"{stack.outputs['ApiUrl']}/openapi.json", timeout=60).json()
    flows = document["components"]["securitySchemes"]["oauth2"]["flows"]
    assert flows["clientCredentials"]["tokenUrl"] == stack.outputs["TokenUrl"]
    gateway = stack.client("apigateway")
    (rest_api,) = gateway.get_rest_apis()["items"]
    deployed = {
        resource["path"]
        for resource in gateway.get_resources(restApiId=rest_api["id"], limit=500)["items"]
        if resource.get("resourceMethods")
    }
    pages = {path for path in deployed if path.startswith(("/console", "/docs"))}
    assert deployed - pages == set(document["paths"])


def test_without_a_model_the_service_says_so(api: JobsApi) -> None:
    told = api.service()
    assert (told["endpoint"], told["modelPackage"]) == ({"status": "NotDeployed"}, None)
    assert told["lanes"]["asynchronous"]["state"] == "off"


def test_a_first_model_that_fails_is_withdrawn_and_each_permission_for_it_is_needed(
    stack: Stack, recording: Path
) -> None:
    s3, bucket = stack.client("s3"), stack.outputs["ModelsBucketName"]
    s3.upload_file(str(recording), bucket, "smoke/recording.dat")
    machine_input = {"modelDataUrl": f"s3://{bucket}/absent/model.tar.gz"}

    output = fail_in_turn(stack, lambda: begin(stack, "Deployment", machine_input), FIRST_STEPS)

    assert output["outcome"] == "WITHDRAWN"
    assert "EndpointFailed" in output["reason"]
    assert not stack.client("sagemaker").list_endpoints()["Endpoints"]
