"""Each asynchronous invocation is told once it has ended, with what AWS would say."""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from sagemaker_fakes import ROLE, FakeRoles

from local_aws.sagemaker.endpoints.model_server import ModelResponse
from local_aws.sagemaker.errors import ValidationError
from local_aws.sagemaker.runtime.invocations import MAX_ATTEMPTS, Invocations
from local_aws.sagemaker.runtime.messages import Outcome, message
from local_aws.sagemaker.service import Service
from local_aws.sagemaker.store import QueuedInvocation

CONFIG: dict[str, Any] = {
    "EndpointConfigName": "config",
    "ProductionVariants": [{"VariantName": "main", "ModelName": "model"}],
    "AsyncInferenceConfig": {
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2},
        "OutputConfig": {
            "S3OutputPath": "s3://results/out",
            "S3FailurePath": "s3://results/failed/",
            "NotificationConfig": {"SuccessTopic": "arn:success", "ErrorTopic": "arn:error"},
        },
    },
}
REQUEST = {
    "InputLocation": "s3://requests/1.json",
    "InferenceId": "job-1",
    "ContentType": "application/json",
    "Accept": "application/json",
}


class Container:
    """Answers as told."""

    ready = True
    stopping = False
    busy = 0

    def __init__(self) -> None:
        self.answer: Callable[[], ModelResponse] = lambda: ModelResponse(
            200, "application/json", b'{"ok": true}'
        )
        self.seen: list[tuple[bytes, dict[str, str], float]] = []

    def invoke(self, body: bytes, headers: Mapping[str, str], seconds: float) -> ModelResponse:
        self.seen.append((body, dict(headers), seconds))
        return self.answer()


class FakeEndpoints:
    """One endpoint, `acme`, with one container."""

    def __init__(self) -> None:
        self.container = Container()
        self.status = "InService"
        self.settings = CONFIG
        self.changed = threading.Condition()

    def find(self, name: str) -> dict[str, Any]:
        if name != "acme":
            raise ValidationError(f"Could not find endpoint {name}")
        return {"EndpointStatus": self.status}

    def config(self, _name: str) -> dict[str, Any]:
        return self.settings

    def servers(self, _name: str) -> list[Container]:
        return [self.container]

    def names(self) -> list[str]:
        return ["acme"]


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def endpoints() -> FakeEndpoints:
    return FakeEndpoints()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def roles(service: Service) -> FakeRoles:
    assert isinstance(service.roles, FakeRoles)
    return service.roles


@pytest.fixture
def queue(
    service: Service, endpoints: FakeEndpoints, clock: Clock, roles: FakeRoles
) -> Invocations:
    service.store.insert("model", "model", {"ExecutionRoleArn": ROLE})
    roles.s3.objects["requests", "1.json"] = b'{"jobId": "job-1"}'
    return Invocations(service, endpoints, clock)  # type: ignore[arg-type]


def run(queue: Invocations, service: Service, endpoints: FakeEndpoints) -> Outcome | None:
    """Take the next invocation, run it, and tell the outcome or put it back."""
    invocation = service.store.take("acme")
    assert invocation is not None
    outcome = queue.run(invocation, CONFIG, endpoints.container)  # type: ignore[arg-type]
    if outcome is None:
        service.store.put_back(invocation.number)
    else:
        queue.tell(invocation, CONFIG, outcome)
    return outcome


def test_a_result_is_stored_and_published_with_the_callers_ids(
    queue: Invocations, service: Service, roles: FakeRoles, endpoints: FakeEndpoints
) -> None:
    answer = queue.submit("acme", {**REQUEST, "CustomAttributes": "a=b"})
    assert answer["InferenceId"] == "job-1"
    outcome = run(queue, service, endpoints)
    assert outcome is not None
    assert outcome.status == "Completed"
    key = answer["OutputLocation"].removeprefix("s3://results/")
    assert key.startswith("out/")
    assert roles.s3.objects["results", key] == b'{"ok": true}'
    topic, text = roles.sns.published[0]
    told = json.loads(text)
    assert topic == "arn:success"
    assert told["invocationStatus"] == "Completed"
    assert told["inferenceId"] == "job-1"
    assert told["responseParameters"]["outputLocation"] == answer["OutputLocation"]
    assert told["requestParameters"]["customAttributes"] == "a=b"
    body, headers, seconds = endpoints.container.seen[0]
    assert body == b'{"jobId": "job-1"}'
    assert headers["X-Amzn-SageMaker-Inference-Id"] == "job-1"
    assert headers["X-Amzn-SageMaker-Custom-Attributes"] == "a=b"
    assert seconds == 900


@pytest.mark.parametrize(("status", "kind"), [(422, "client"), (500, "server")])
def test_the_containers_own_error_is_stored_and_the_error_topic_told(
    queue: Invocations,
    service: Service,
    roles: FakeRoles,
    endpoints: FakeEndpoints,
    status: int,
    kind: str,
) -> None:
    endpoints.container.answer = lambda: ModelResponse(status, "application/json", b'{"error": 1}')
    answer = queue.submit("acme", REQUEST)
    run(queue, service, endpoints)
    key = answer["FailureLocation"].removeprefix("s3://results/")
    assert key.endswith("-error.out")
    assert roles.s3.objects["results", key] == b'{"error": 1}'
    topic, text = roles.sns.published[0]
    told = json.loads(text)
    assert topic == "arn:error"
    assert told["invocationStatus"] == "Failed"
    assert f"Received {kind} error ({status})" in told["failureReason"]
    assert told["responseParameters"] == {"failureLocation": answer["FailureLocation"]}


def test_an_invocation_that_waited_too_long_expires_without_reaching_the_model(
    queue: Invocations,
    service: Service,
    roles: FakeRoles,
    endpoints: FakeEndpoints,
    clock: Clock,
) -> None:
    queue.submit("acme", {**REQUEST, "RequestTTLSeconds": 60})
    clock.now += 61
    run(queue, service, endpoints)
    assert endpoints.container.seen == []
    topic, text = roles.sns.published[0]
    assert topic == "arn:error"
    assert json.loads(text)["invocationStatus"] == "Expired"


def test_an_invocation_within_its_time_to_live_does_not_expire(
    queue: Invocations, service: Service, clock: Clock, endpoints: FakeEndpoints
) -> None:
    queue.submit("acme", {**REQUEST, "RequestTTLSeconds": 60})
    clock.now += 59
    outcome = run(queue, service, endpoints)
    assert outcome is not None
    assert outcome.status == "Completed"


def test_a_model_that_takes_too_long_fails_the_invocation(
    queue: Invocations, service: Service, endpoints: FakeEndpoints
) -> None:
    def late() -> ModelResponse:
        raise TimeoutError

    endpoints.container.answer = late
    queue.submit("acme", {**REQUEST, "InvocationTimeoutSeconds": 5})
    outcome = run(queue, service, endpoints)
    assert outcome is not None
    assert outcome.status == "Failed"
    assert "within 5 s" in (outcome.reason or "")
    assert endpoints.container.seen[0][2] == 5


def test_a_container_that_goes_away_is_tried_again_and_then_given_up(
    queue: Invocations, service: Service, endpoints: FakeEndpoints, roles: FakeRoles
) -> None:
    def crash() -> ModelResponse:
        raise ConnectionError("reset")

    endpoints.container.answer = crash
    queue.submit("acme", REQUEST)
    for _ in range(MAX_ATTEMPTS - 1):
        assert run(queue, service, endpoints) is None
    outcome = run(queue, service, endpoints)
    assert outcome is not None
    assert outcome.status == "Failed"
    assert roles.sns.published


def test_a_container_that_is_just_being_started_uses_up_no_attempt(
    queue: Invocations,
    service: Service,
    endpoints: FakeEndpoints,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("local_aws.sagemaker.runtime.invocations.DISPATCH_SECONDS", 0.001)
    answer = endpoints.container.answer
    refusals = iter(range(MAX_ATTEMPTS + 2))

    def refuse_first() -> ModelResponse:
        for _ in refusals:
            raise ConnectionRefusedError("nobody listens")
        return answer()

    endpoints.container.answer = refuse_first
    queue.submit("acme", REQUEST)
    outcome = run(queue, service, endpoints)
    assert outcome is not None
    assert outcome.status == "Completed"


def test_an_input_that_is_not_there_fails_the_invocation(
    queue: Invocations, service: Service, roles: FakeRoles, endpoints: FakeEndpoints
) -> None:
    roles.s3.objects.clear()
    queue.submit("acme", REQUEST)
    outcome = run(queue, service, endpoints)
    assert outcome is not None
    assert outcome.status == "Failed"
    assert "s3://requests/1.json" in (outcome.reason or "")


def test_a_result_that_the_role_may_not_write_is_a_failure(
    queue: Invocations, service: Service, roles: FakeRoles, endpoints: FakeEndpoints
) -> None:
    roles.s3.denied.add("results")
    queue.submit("acme", REQUEST)
    run(queue, service, endpoints)
    topic, text = roles.sns.published[0]
    assert topic == "arn:error"
    assert "cannot write" in json.loads(text)["failureReason"]


def test_a_topic_that_cannot_be_reached_leaves_the_invocation_in_the_queue(
    queue: Invocations, service: Service, roles: FakeRoles, endpoints: FakeEndpoints
) -> None:
    service.stopping.set()  # no waiting between the attempts
    roles.sns.failures = [EndpointConnectionError(endpoint_url="x") for _ in range(9)]
    queue.submit("acme", REQUEST)
    with pytest.raises(EndpointConnectionError):
        run(queue, service, endpoints)
    assert service.store.backlog("acme")[0] == 1


def test_a_topic_that_the_role_may_not_publish_to_does_not_hold_up_the_queue(
    queue: Invocations, service: Service, roles: FakeRoles, endpoints: FakeEndpoints
) -> None:
    denied = ClientError({"Error": {"Code": "AuthorizationError", "Message": "no"}}, "Publish")
    roles.sns.failures = [denied]
    queue.submit("acme", REQUEST)
    run(queue, service, endpoints)
    assert roles.sns.published == []


def test_no_more_invocations_run_at_once_than_the_configuration_allows(
    queue: Invocations, service: Service, endpoints: FakeEndpoints
) -> None:
    gate = threading.Event()
    entered = threading.Semaphore(0)

    def wait() -> ModelResponse:
        entered.release()
        gate.wait(10)
        return ModelResponse(200, "application/json", b"{}")

    endpoints.container.answer = wait
    for _ in range(3):
        queue.submit("acme", REQUEST)
    assert queue.dispatch() == 2
    assert entered.acquire(timeout=10)
    assert entered.acquire(timeout=10)
    assert queue.dispatch() == 0
    gate.set()
    with endpoints.changed:
        assert endpoints.changed.wait_for(lambda: service.store.backlog("acme")[0] == 1, 10)
    assert queue.dispatch() == 1
    with endpoints.changed:
        assert endpoints.changed.wait_for(lambda: service.store.backlog("acme")[0] == 0, 10)


def test_nothing_is_dispatched_to_a_container_that_is_not_ready(
    queue: Invocations, endpoints: FakeEndpoints
) -> None:
    endpoints.container.ready = False
    queue.submit("acme", REQUEST)
    assert queue.dispatch() == 0


@pytest.mark.parametrize("status", ["Creating", "Failed", "Deleting"])
def test_an_endpoint_that_is_not_in_service_takes_nothing(
    queue: Invocations, endpoints: FakeEndpoints, status: str
) -> None:
    endpoints.status = status
    with pytest.raises(ValidationError, match=status):
        queue.submit("acme", REQUEST)


def test_an_endpoint_that_does_not_exist_is_named_as_aws_names_it(queue: Invocations) -> None:
    with pytest.raises(ValidationError, match="Endpoint nobody of account 000000000000 not found"):
        queue.submit("nobody", REQUEST)


def test_an_endpoint_without_asynchronous_settings_takes_nothing(
    queue: Invocations, endpoints: FakeEndpoints
) -> None:
    endpoints.settings = {"ProductionVariants": CONFIG["ProductionVariants"]}
    with pytest.raises(ValidationError, match="asynchronous"):
        queue.submit("acme", REQUEST)


def test_a_message_carries_both_times_in_utc_and_the_events_name() -> None:
    request = {**REQUEST, "OutputLocation": "s3://results/out/1.out"}
    invocation = QueuedInvocation(1, "acme", 1, 0.0, request)
    told = message(invocation, Outcome("Completed"), 61.5)
    assert told["receivedTime"] == "1970-01-01T00:00:00.000Z"
    assert told["eventTime"] == "1970-01-01T00:01:01.500Z"
    assert (told["eventName"], told["eventVersion"]) == ("InferenceResult", "1.0")
    assert told["eventSource"] == "aws:sagemaker"
    assert "customAttributes" not in told["requestParameters"]
