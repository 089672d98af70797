"""What a test sets of this SageMaker holds, and nobody else can set it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from sagemaker_fakes import ROLE

from local_aws.control import KEY_HEADER
from local_aws.sagemaker import models
from local_aws.sagemaker.application import make_application
from local_aws.sagemaker.errors import ResourceLimitExceededError, ValidationError
from local_aws.sagemaker.jobs.jobs import Jobs
from local_aws.sagemaker.service import Service

KEY = "only-for-this-test"


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    with TestClient(make_application(service, KEY)) as made:
        yield made


def post(client: TestClient, route: str, body: Any, key: str = KEY) -> httpx.Response:
    answer: httpx.Response = client.post(f"/_local/{route}", json=body, headers={KEY_HEADER: key})
    return answer


def test_settings_hold_until_they_are_put_back(client: TestClient, service: Service) -> None:
    quotas = {"ml.m5.large for endpoint usage": 0}
    answer = post(client, "controls", {"quotas": quotas, "seconds": {"Creating": 60}})
    assert answer.json()["quotas"] == quotas
    assert service.controls.quotas == quotas
    assert post(client, "controls", {"quotas": None}).json()["quotas"] == {}
    assert service.controls.seconds == {"Creating": 60}


@pytest.mark.parametrize("body", [{"speed": 1}, {"seconds": {"Baking": 1}}])
def test_a_setting_that_is_not_there_is_told(client: TestClient, body: dict[str, Any]) -> None:
    answer = post(client, "controls", body)
    assert answer.status_code == 400
    assert "there is no setting" in answer.json()["message"]


def test_without_the_key_there_are_no_routes(client: TestClient, service: Service) -> None:
    assert post(client, "controls", {}, "wrong").status_code == 404
    with TestClient(make_application(service)) as keyless:
        assert post(keyless, "controls", {}, "").status_code == 404


def test_time_that_passes_makes_what_waits_older(client: TestClient, service: Service) -> None:
    service.store.enqueue("acme", {"InferenceId": "1"}, 1000.0)
    before = service.clock.now()
    assert post(client, "advance", {"seconds": 300}).status_code == 200
    assert service.store.backlog("acme")[1] == 700.0
    assert service.clock.now() >= before + 300


@pytest.mark.parametrize(
    "kind",
    [
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
    ],
)
def test_an_image_with_an_oci_manifest_is_refused_in_sagemakers_words(
    service: Service, kind: str
) -> None:
    container = {"Image": "repository/image:1", "ModelDataUrl": "s3://models/one.tar.gz"}
    request = {"ModelName": "m", "ExecutionRoleArn": ROLE, "PrimaryContainer": container}
    service.controls.mediaTypes["repository/image:1"] = kind
    with pytest.raises(ValidationError, match=f"Unsupported manifest media type .*{kind[-8:-5]}"):
        models.create(service, request)
    service.controls.change({"mediaTypes": None})
    assert models.create(service, request)["ModelArn"]


def test_jobs_have_quotas_of_their_own(service: Service) -> None:
    cluster = {"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    request = {
        "ProcessingJobName": "job",
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": "i"},
        "ProcessingResources": {"ClusterConfig": cluster},
    }
    create = Jobs(service).operations()["CreateProcessingJob"]
    service.controls.quotas["ml.m5.large for processing job usage"] = 1
    with pytest.raises(ResourceLimitExceededError, match=r"processing job usage.*delta of 2"):
        create(request)
    assert service.store.get("processing-job", "job") is None
