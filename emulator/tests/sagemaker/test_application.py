"""A client of the SDK sees AWS's protocol: targets, errors, headers, container credentials."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from sagemaker_fakes import ROLE, FakeGateway

from local_aws.sagemaker.application import make_application
from local_aws.sagemaker.errors import AccessDeniedError
from local_aws.sagemaker.service import Service


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    with TestClient(make_application(service)) as made:
        yield made


def call(client: TestClient, operation: str, body: Any) -> httpx.Response:
    response: httpx.Response = client.post(
        "/", json=body, headers={"X-Amz-Target": f"SageMaker.{operation}"}
    )
    return response


def test_an_operation_is_found_by_its_target_and_answers_its_own_members_alone(
    client: TestClient,
) -> None:
    group = {"ModelPackageGroupName": "acme", "Tags": [{"Key": "team", "Value": "a"}]}
    arn = call(client, "CreateModelPackageGroup", group).json()["ModelPackageGroupArn"]
    response = call(client, "DescribeModelPackageGroup", {"ModelPackageGroupName": "acme"})
    assert response.headers["content-type"] == "application/x-amz-json-1.1"
    assert response.headers["x-amzn-requestid"]
    assert response.json()["ModelPackageGroupArn"] == arn
    assert "Tags" not in response.json()
    assert call(client, "ListTags", {"ResourceArn": arn}).json()["Tags"] == group["Tags"]


@pytest.mark.parametrize(
    ("operation", "body", "status", "code"),
    [
        ("DescribeEndpoint", {"EndpointName": "nobody"}, 400, "ValidationException"),
        ("DescribeEndpoint", {}, 400, "ValidationException"),
        ("DescribeEndpoint", [], 400, "ValidationException"),
        ("ListWorkteams", {}, 400, "UnknownOperationException"),
        ("Nonsense", {}, 400, "ValidationException"),
        ("DescribeProcessingJob", {"ProcessingJobName": "x"}, 400, "ResourceNotFound"),
    ],
)
def test_errors_have_the_codes_that_the_sdk_reads(
    client: TestClient, operation: str, body: Any, status: int, code: str
) -> None:
    response = call(client, operation, body)
    assert (response.status_code, response.json()["__type"]) == (status, code)
    assert response.json()["message"]
    assert response.headers["x-amzn-errortype"] == code


def test_a_denied_caller_changes_nothing(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(*_: Any) -> str:
        raise AccessDeniedError("User: x is not authorized")

    assert isinstance(service.gateway, FakeGateway)
    monkeypatch.setattr(service.gateway, "authorize", deny)
    response = call(client, "CreateModelPackageGroup", {"ModelPackageGroupName": "acme"})
    assert (response.status_code, response.json()["__type"]) == (403, "AccessDeniedException")
    assert service.store.all("model-package-group") == []


@pytest.mark.parametrize(
    ("headers", "body", "message"),
    [
        ({}, b"", "InputLocation is required"),
        ({"InputLocation": "s3://b/k"}, b"inline", "inline Body"),
        ({"InputLocation": "b/k"}, b"", "inputLocation"),
        ({"InputLocation": "s3://b/k", "RequestTTLSeconds": "1"}, b"", "requestTTLSeconds"),
        ({"InputLocation": "s3://b/k", "RequestTTLSeconds": "x"}, b"", "must be an integer"),
        ({"InputLocation": "s3://b/k", "Inference-Id": "i" * 65}, b"", "inferenceId"),
        ({"InputLocation": "s3://b/k"}, b"", "Endpoint acme of account"),
    ],
)
def test_a_bad_invocation_is_refused_by_the_runtimes_own_error(
    client: TestClient, headers: dict[str, str], body: bytes, message: str
) -> None:
    response = client.post(
        "/endpoints/acme/async-invocations",
        content=body,
        headers={f"X-Amzn-SageMaker-{name}": value for name, value in headers.items()},
    )
    assert (response.status_code, response.json()["__type"]) == (400, "ValidationError")
    assert message in response.json()["message"]


def test_an_invocation_is_accepted_with_its_places(client: TestClient, service: Service) -> None:
    service.store.insert("model", "m", {"ExecutionRoleArn": ROLE})
    output = {"S3OutputPath": "s3://b/out", "S3FailurePath": "s3://b/failed"}
    service.store.insert(
        "endpoint-config",
        "c",
        {
            "ProductionVariants": [{"VariantName": "v", "ModelName": "m"}],
            "AsyncInferenceConfig": {"OutputConfig": output},
        },
    )
    service.store.insert(
        "endpoint",
        "acme",
        {"EndpointName": "acme", "EndpointStatus": "InService", "EndpointConfigName": "c"},
    )
    response = client.post(
        "/endpoints/acme/async-invocations",
        headers={
            "X-Amzn-SageMaker-InputLocation": "s3://b/request.json",
            "X-Amzn-SageMaker-Inference-Id": "job-1",
        },
    )
    assert response.status_code == 202
    assert response.json() == {"InferenceId": "job-1"}
    assert response.headers["X-Amzn-SageMaker-OutputLocation"].startswith("s3://b/out/")
    assert response.headers["X-Amzn-SageMaker-FailureLocation"].startswith("s3://b/failed/")
    assert service.store.backlog("acme")[0] == 1


def test_an_invocation_that_waits_for_the_answer_is_refused_with_what_to_use(
    client: TestClient, service: Service
) -> None:
    document = {"EndpointName": "acme", "EndpointStatus": "InService", "EndpointConfigName": "c"}
    service.store.insert("endpoint", "acme", document)
    for name, message in (("acme", "use InvokeEndpointAsync"), ("nobody", "not found")):
        response = client.post(f"/endpoints/{name}/invocations", content=b"{}")
        assert (response.status_code, response.json()["__type"]) == (400, "ValidationError")
        assert message in response.json()["message"]


def test_a_container_gets_the_credentials_of_its_role_and_a_stranger_none(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.roles, "credentials", lambda role: {"RoleArn": role}, raising=False)
    token = service.credentials.variables(ROLE)["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    granted = client.get("/container-credentials", headers={"Authorization": token})
    assert granted.json() == {"RoleArn": ROLE}
    assert client.get("/container-credentials").status_code == 403
    assert (
        client.get("/container-credentials", headers={"Authorization": "guess"}).status_code == 403
    )
