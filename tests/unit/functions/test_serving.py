"""GET /service: which model is in service, told by the endpoint itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from femo_jobs import clients

from .conftest import ENDPOINT, Answer

Call = Callable[..., Answer]
HASH = "0123456789abcdef"
REGISTERED = f"{ENDPOINT}-v7-{HASH}-0-0"


@pytest.fixture
def endpoint() -> Iterator[Stubber]:
    with Stubber(clients.sagemaker()) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def described(endpoint: Stubber) -> Callable[..., None]:
    """Announce how SageMaker describes the endpoint."""

    def announce(status: str, config: str = REGISTERED) -> None:
        moment = datetime(2025, 6, 4, tzinfo=UTC)
        endpoint.add_response(
            "describe_endpoint",
            {
                "EndpointName": ENDPOINT,
                "EndpointArn": f"arn:aws:sagemaker:eu-central-1:123456789012:endpoint/{ENDPOINT}",
                "EndpointConfigName": config,
                "EndpointStatus": status,
                "CreationTime": moment,
                "LastModifiedTime": moment,
            },
            {"EndpointName": ENDPOINT},
        )

    return announce


def body(status: str, package: str | None) -> dict[str, Any]:
    return {"endpoint": {"status": status}, "modelPackage": package}


@pytest.mark.parametrize("status", ["InService", "Updating", "SystemUpdating", "RollingBack"])
def test_the_package_that_answers_is_named_also_while_another_is_on_its_way(
    call: Call, described: Callable[..., None], status: str
) -> None:
    described(status)
    answer = call("GET", "/service")
    assert (answer.status, answer.body) == (200, body(status, "femo-dev/7"))


@pytest.mark.parametrize("status", ["Creating", "Failed", "OutOfService", "Deleting"])
def test_no_package_is_named_where_none_answers(
    call: Call, described: Callable[..., None], status: str
) -> None:
    described(status)
    assert call("GET", "/service").body == body(status, None)


@pytest.mark.parametrize(
    "config",
    [
        f"{ENDPOINT}-{HASH}-0-0",  # from an artefact that was never registered
        f"{ENDPOINT}2-v7-{HASH}-0-0",
        f"{ENDPOINT}-v0-{HASH}-0-0",
        "made-by-hand",
    ],
)
def test_a_model_that_is_not_registered_is_not_taken_for_a_package(
    call: Call, described: Callable[..., None], config: str
) -> None:
    described("InService", config)
    assert call("GET", "/service").body == body("InService", None)


def test_without_an_endpoint_the_answer_says_so(call: Call, endpoint: Stubber) -> None:
    endpoint.add_client_error(
        "describe_endpoint", "ValidationException", 'Could not find endpoint "arn:aws:x".'
    )
    assert call("GET", "/service").body == body("NotDeployed", None)


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        ("ThrottlingException", 503, "service_busy"),
        ("AccessDeniedException", 500, "internal_error"),
        ("ValidationException", 500, "internal_error"),
    ],
)
def test_a_question_that_sagemaker_refuses_is_not_answered_as_no_model(
    call: Call, endpoint: Stubber, code: str, status: int, told: str
) -> None:
    endpoint.add_client_error("describe_endpoint", code, "no")
    answer = call("GET", "/service")
    assert (answer.status, answer.code) == (status, told)


def test_no_answer_of_sagemaker_is_a_reason_to_ask_again(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent:
        def describe_endpoint(self, **_: str) -> None:
            raise ReadTimeoutError(endpoint_url="x")

    monkeypatch.setattr(clients, "sagemaker", Silent)
    answer = call("GET", "/service")
    assert (answer.status, answer.code) == (503, "service_busy")
    assert int(answer.headers["retry-after"]) > 0
