"""A serverless endpoint takes, refuses and forgets as AWS's does, without an instance."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from sagemaker_fakes import ROLE, FakeGateway

from local_aws.sagemaker import models
from local_aws.sagemaker.application import make_application
from local_aws.sagemaker.endpoints import configs as endpoint_configs
from local_aws.sagemaker.endpoints.endpoints import Endpoints
from local_aws.sagemaker.endpoints.fleet import Fleet
from local_aws.sagemaker.endpoints.model_server import ModelResponse
from local_aws.sagemaker.endpoints.serverless import Serverless, ThrottledError
from local_aws.sagemaker.errors import AccessDeniedError, ContainerError, ValidationError
from local_aws.sagemaker.runtime.synchronous import PAYLOAD_BYTES
from local_aws.sagemaker.service import Service


class FakeServer:
    """A container that answers as it is told."""

    ready = True
    stopping = False
    busy = False

    def __init__(self) -> None:
        self.answer: ModelResponse | Exception = ModelResponse(200, "application/json", b"{}")
        self.asked: list[tuple[bytes, dict[str, str]]] = []
        self.stops = 0

    def invoke(self, body: bytes, headers: dict[str, str], _seconds: float) -> ModelResponse:
        self.asked.append((body, headers))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def alive(self) -> bool:
        return True

    def stop(self) -> None:
        self.stops += 1


def config(name: str = "fast", **changes: Any) -> dict[str, Any]:
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "one",
        "ServerlessConfig": {"MemorySizeInMB": 4096, "MaxConcurrency": 2},
        **changes.pop("variant", {}),
    }
    return {"EndpointConfigName": name, "ProductionVariants": [variant], **changes}


def make_model(service: Service, name: str, **changes: Any) -> None:
    models.create(
        service,
        {
            "ModelName": name,
            "ExecutionRoleArn": ROLE,
            "PrimaryContainer": {"Image": "i", "ModelDataUrl": "s3://models/one.tar.gz"},
            **changes,
        },
    )


@pytest.fixture
def server(service: Service, monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    """The container of whatever is started."""
    made = FakeServer()
    monkeypatch.setattr(Fleet, "_launch", lambda *_: made)
    make_model(service, "one")
    endpoint_configs.create(service, config())
    service.store.insert(
        "endpoint",
        "acme",
        {
            "EndpointName": "acme",
            "EndpointStatus": "InService",
            "EndpointConfigName": "fast",
            "Fleets": {"serving": {"type": "", "desired": 1}},
        },
    )
    return made


@pytest.fixture
def client(service: Service, server: FakeServer) -> Iterator[TestClient]:
    """A client of the runtime, whose endpoint has a container that nothing stops."""
    assert server.stops == 0
    with TestClient(make_application(service, serverless_idle_seconds=1e9)) as made:
        yield made


def invoke(client: TestClient, body: bytes = b"{}") -> httpx.Response:
    response: httpx.Response = client.post(
        "/endpoints/acme/invocations",
        content=body,
        headers={
            "Content-Type": "application/json",
            "X-Amzn-SageMaker-Custom-Attributes": "job=a",
        },
    )
    return response


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"variant": {"InstanceType": "ml.m5.large"}}, "InstanceType"),
        ({"variant": {"InitialInstanceCount": 1}}, "InitialInstanceCount"),
        ({"AsyncInferenceConfig": {"OutputConfig": {}}}, "AsyncInferenceConfig"),
        ({"DataCaptureConfig": {"EnableCapture": True}}, "DataCaptureConfig"),
        ({"VpcConfig": {"Subnets": ["s"]}}, "VpcConfig"),
        (
            {"variant": {"ServerlessConfig": {"MemorySizeInMB": 1500, "MaxConcurrency": 1}}},
            "MemorySizeInMB",
        ),
        ({"variant": {"ModelName": "private"}}, "VpcConfig"),
        ({"variant": {"ModelName": "isolated"}}, "EnableNetworkIsolation"),
    ],
)
def test_what_a_serverless_endpoint_cannot_do_is_refused_when_it_is_configured(
    service: Service, server: FakeServer, changes: dict[str, Any], complaint: str
) -> None:
    assert server.stops == 0
    make_model(service, "private", VpcConfig={"Subnets": ["s"], "SecurityGroupIds": ["g"]})
    make_model(service, "isolated", EnableNetworkIsolation=True)
    with pytest.raises(ValidationError, match=complaint):
        endpoint_configs.create(service, config("other", **changes))


@pytest.mark.parametrize(
    "wanted",
    [
        {"MemorySizeInMB": 512, "MaxConcurrency": 1},
        {"MemorySizeInMB": 7168, "MaxConcurrency": 1},
        {"MemorySizeInMB": 1024, "MaxConcurrency": 201},
        {"MemorySizeInMB": 1024, "MaxConcurrency": 0},
    ],
)
def test_memory_and_concurrency_out_of_awss_bounds_are_refused(
    client: TestClient, wanted: dict[str, int]
) -> None:
    response = client.post(
        "/",
        json=config("other", variant={"ServerlessConfig": wanted}),
        headers={"X-Amz-Target": "SageMaker.CreateEndpointConfig"},
    )
    assert response.json()["__type"] == "ValidationException"


def test_an_endpoint_of_instances_does_not_become_serverless(
    service: Service, server: FakeServer
) -> None:
    assert server.stops == 0
    instances = config("slow")
    instances["ProductionVariants"] = [
        {
            "VariantName": "AllTraffic",
            "ModelName": "one",
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
    ]
    endpoint_configs.create(service, instances)
    service.store.update("endpoint", "acme", EndpointConfigName="slow")
    endpoints = Endpoints(service)
    with pytest.raises(ValidationError, match="cannot be updated"):
        endpoints.update({"EndpointName": "acme", "EndpointConfigName": "fast"})
    service.store.update("endpoint", "acme", EndpointConfigName="fast")
    with pytest.raises(ValidationError, match="DeploymentConfig"):
        endpoints.update(
            {"EndpointName": "acme", "EndpointConfigName": "fast", "DeploymentConfig": {}}
        )


def test_a_description_tells_memory_and_concurrency(service: Service, server: FakeServer) -> None:
    assert server.stops == 0
    (variant,) = Endpoints(service).describe({"EndpointName": "acme"})["ProductionVariants"]
    assert variant["CurrentServerlessConfig"] == {"MemorySizeInMB": 4096, "MaxConcurrency": 2}
    assert variant["CurrentInstanceCount"] == 0


def test_an_invocation_gets_the_containers_own_answer(
    client: TestClient, server: FakeServer
) -> None:
    server.answer = ModelResponse(200, "application/json", b'{"result": {}}')
    response = invoke(client, b'{"jobId": "a"}')
    assert (response.status_code, response.content) == (200, b'{"result": {}}')
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-amzn-invoked-production-variant"] == "AllTraffic"
    ((body, headers),) = server.asked
    assert body == b'{"jobId": "a"}'
    assert headers["X-Amzn-SageMaker-Custom-Attributes"] == "job=a"


@pytest.mark.parametrize(
    ("answer", "original"),
    [
        (ModelResponse(422, "application/json", b'{"error": {"code": "empty_recording"}}'), 422),
        (ModelResponse(503, "text/plain", b"loading"), 503),
        (TimeoutError(), 0),
        (ConnectionError("gone"), 0),
        (ModelResponse(200, "text/plain", b"x" * (PAYLOAD_BYTES + 1)), 0),
    ],
)
def test_a_container_that_does_not_answer_well_is_a_model_error(
    client: TestClient, server: FakeServer, answer: ModelResponse | Exception, original: int
) -> None:
    server.answer = answer
    response = invoke(client)
    assert response.status_code == 424
    assert response.headers["x-amzn-errortype"] == "ModelError"
    assert response.json()["OriginalStatusCode"] == original
    if isinstance(answer, ModelResponse) and original:
        assert response.json()["OriginalMessage"] == answer.body.decode()


def test_a_request_that_is_too_large_never_reaches_the_container(
    client: TestClient, server: FakeServer
) -> None:
    assert invoke(client, b"x" * (PAYLOAD_BYTES + 1)).status_code == 413
    assert invoke(client, b"x" * PAYLOAD_BYTES).status_code == 200
    assert len(server.asked) == 1


def test_an_invocation_without_the_permission_is_denied(
    client: TestClient, server: FakeServer, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def deny(_headers: Any, checks: list[Any]) -> str:
        asked.extend(checks)
        raise AccessDeniedError("User: x is not authorized")

    assert isinstance(service.gateway, FakeGateway)
    monkeypatch.setattr(service.gateway, "authorize", deny)
    assert invoke(client).status_code == 403
    (check,) = asked
    assert check.action == "sagemaker:InvokeEndpoint"
    assert check.resource.endswith(":endpoint/acme")
    assert server.asked == []


def test_a_serverless_endpoint_has_no_queue(client: TestClient) -> None:
    response = client.post(
        "/endpoints/acme/async-invocations",
        headers={"X-Amzn-SageMaker-InputLocation": "s3://b/request.json"},
    )
    assert response.json()["__type"] == "ValidationError"


class FakeContainers:
    """Endpoints of which one is serverless."""

    def __init__(self) -> None:
        self.running: dict[str, Any] = {}
        self.starts = 0
        self.fails = False

    def names(self) -> list[str]:
        return list(self.running)

    def server(self, name: str) -> Any:
        return self.running.get(name)

    def config(self, name: str) -> dict[str, Any] | None:
        if name == "acme":
            return config()
        return {"ProductionVariants": [{"InstanceType": "ml.m5.large"}]}

    def warm(self, name: str) -> None:
        if self.fails:
            raise ContainerError("no ping")
        self.starts += 1
        self.running[name] = FakeServer()

    def cool(self, name: str) -> None:
        del self.running[name]


def test_more_requests_at_once_than_the_concurrency_are_throttled(service: Service) -> None:
    lanes = Serverless(service, FakeContainers())
    with (
        lanes.serving("acme", 2),
        lanes.serving("acme", 2),
        pytest.raises(ThrottledError) as refused,
        lanes.serving("acme", 2),
    ):
        pass
    assert (refused.value.code, refused.value.status) == ("ThrottlingException", 429)
    with lanes.serving("acme", 2):
        pass


def test_an_idle_container_is_stopped_and_started_for_the_next_request(service: Service) -> None:
    moment = [0.0]
    containers = FakeContainers()
    containers.running["instances"] = FakeServer()
    lanes = Serverless(service, containers, idle_seconds=60, clock=lambda: moment[0])
    with lanes.serving("acme", 2):
        moment[0] = 100.0
        assert lanes.cool() == []
    moment[0] = 159.0
    assert lanes.cool() == []
    moment[0] = 160.0
    assert lanes.cool() == ["acme"]
    assert containers.names() == ["instances"]
    with lanes.serving("acme", 2):
        pass
    assert containers.starts == 2


def test_requests_that_meet_a_cold_endpoint_start_one_container(service: Service) -> None:
    containers = FakeContainers()
    lanes = Serverless(service, containers)
    together = threading.Barrier(4)

    def ask() -> None:
        with lanes.serving("acme", 4):
            together.wait(timeout=30)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert containers.starts == 1


def test_a_container_that_does_not_start_gives_its_place_back(service: Service) -> None:
    containers = FakeContainers()
    containers.fails = True
    lanes = Serverless(service, containers)
    for _ in range(3):
        with pytest.raises(Exception, match="no ping"), lanes.serving("acme", 1):
            pass
    containers.fails = False
    with lanes.serving("acme", 1):
        pass
