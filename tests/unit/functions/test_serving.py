"""GET /service and its warm-up: what is in service and how soon, told by the endpoint itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from femo_api import backlog
from femo_jobs import clients
from femo_jobs.configuration import configuration
from femo_jobs.jobs import JobRequest, new_job
from femo_jobs.table import JobTable

from .conftest import ENDPOINT, Answer
from .test_backlog import completed
from .test_description import disagreement

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

    def announce(
        status: str, config: str = REGISTERED, instances: tuple[int, int] | None = (1, 1)
    ) -> None:
        moment = datetime(2025, 6, 4, tzinfo=UTC)
        variant: dict[str, Any] = {"VariantName": "AllTraffic"}
        if instances is not None:
            variant |= {"CurrentInstanceCount": instances[0], "DesiredInstanceCount": instances[1]}
        endpoint.add_response(
            "describe_endpoint",
            {
                "EndpointName": ENDPOINT,
                "EndpointArn": f"arn:aws:sagemaker:eu-central-1:123456789012:endpoint/{ENDPOINT}",
                "EndpointConfigName": config,
                "EndpointStatus": status,
                "ProductionVariants": [variant],
                "CreationTime": moment,
                "LastModifiedTime": moment,
            },
            {"EndpointName": ENDPOINT},
        )

    return announce


def told(answer: Answer) -> tuple[str, str | None]:
    return answer.body["endpoint"]["status"], answer.body["modelPackage"]


def lane(answer: Answer) -> dict[str, Any]:
    asynchronous: dict[str, Any] = answer.body["lanes"]["asynchronous"]
    return asynchronous


@pytest.mark.parametrize("status", ["InService", "Updating", "SystemUpdating", "RollingBack"])
def test_the_package_that_answers_is_named_also_while_another_is_on_its_way(
    call: Call, described: Callable[..., None], status: str
) -> None:
    described(status)
    answer = call("GET", "/service")
    assert (answer.status, told(answer)) == (200, (status, "femo-dev/7"))


@pytest.mark.parametrize("status", ["Creating", "Failed", "OutOfService", "Deleting"])
def test_no_package_is_named_where_none_answers(
    call: Call, described: Callable[..., None], status: str
) -> None:
    described(status)
    answer = call("GET", "/service")
    assert told(answer) == (status, None)
    assert lane(answer)["state"] == "off"
    nothing = {"fromSeconds": None, "toSeconds": None, "basis": "no_model"}
    assert lane(answer)["expectedWait"] == nothing


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
    assert told(call("GET", "/service")) == ("InService", None)


def test_without_an_endpoint_the_answer_says_so(call: Call, endpoint: Stubber) -> None:
    endpoint.add_client_error(
        "describe_endpoint", "ValidationException", 'Could not find endpoint "arn:aws:x".'
    )
    answer = call("GET", "/service")
    assert told(answer) == ("NotDeployed", None)
    assert (lane(answer)["state"], lane(answer)["currentInstances"]) == ("off", None)


@pytest.mark.parametrize(
    ("code", "status", "shown"),
    [
        ("ThrottlingException", 503, "service_busy"),
        ("AccessDeniedException", 500, "internal_error"),
        ("ValidationException", 500, "internal_error"),
    ],
)
def test_a_question_that_sagemaker_refuses_is_not_answered_as_no_model(
    call: Call, endpoint: Stubber, code: str, status: int, shown: str
) -> None:
    endpoint.add_client_error("describe_endpoint", code, "no")
    answer = call("GET", "/service")
    assert (answer.status, answer.code) == (status, shown)


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


@pytest.mark.parametrize(
    ("instances", "state", "least", "most"),
    [
        ((0, 0), "cold", 216 + 15, 600 + 15),
        ((0, 1), "starting", 15, 600 + 15),
        ((1, 1), "ready", 15, 15),
        ((2, 4), "ready", 15, 15),
    ],
)
def test_who_asks_knows_how_soon_a_job_would_be_answered(
    call: Call,
    described: Callable[..., None],
    instances: tuple[int, int],
    state: str,
    least: int,
    most: int,
) -> None:
    described("InService", instances=instances)
    answer = call("GET", "/service")
    assert lane(answer) == {
        "state": state,
        "currentInstances": instances[0],
        "desiredInstances": instances[1],
        "expectedWait": {"fromSeconds": least, "toSeconds": most, "basis": "configured"},
    }
    assert answer.body["backlog"] == {"openJobs": 0}
    document = call("GET", "/openapi.json").body
    assert disagreement(document, "/service", "GET", answer) is None


def test_jobs_that_wait_and_what_they_take_make_the_wait_longer(
    call: Call, described: Callable[..., None], table: JobTable
) -> None:
    request = JobRequest(None, "s3://femo-recordings/a.dat", False, False, True)
    for number in range(16):
        table.add(new_job(f"open-{number}", request, settings=configuration()))
    completed(table, "done", 3.0)
    described("InService", instances=(1, 4))
    answer = call("GET", "/service")
    assert answer.body["backlog"] == {"openJobs": 16}
    # 4 instances with 2 jobs in hand each, or the one that runs
    expected = {"fromSeconds": 3 + 6, "toSeconds": 3 + 24, "basis": "measured"}
    assert lane(answer)["expectedWait"] == expected


def test_what_sagemaker_does_not_tell_is_not_made_up(
    call: Call, described: Callable[..., None]
) -> None:
    described("Updating", instances=None)
    answer = call("GET", "/service")
    assert lane(answer) == {
        "state": None,
        "currentInstances": None,
        "desiredInstances": None,
        "expectedWait": {"fromSeconds": None, "toSeconds": None, "basis": "not_known"},
    }


def test_a_count_that_fails_is_not_shown_as_no_jobs(
    call: Call, described: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_table: JobTable) -> int:
        raise ReadTimeoutError(endpoint_url="x")

    monkeypatch.setattr(backlog, "count_queue", silent)
    described("InService")
    answer = call("GET", "/service")
    assert (answer.status, told(answer)) == (200, ("InService", "femo-dev/7"))
    assert answer.body["backlog"] == {"openJobs": None}
    assert lane(answer)["expectedWait"]["basis"] == "not_known"


CHANGE = {
    "EndpointName": ENDPOINT,
    "DesiredWeightsAndCapacities": [{"VariantName": "AllTraffic", "DesiredInstanceCount": 1}],
}


def warmed(answer: Answer) -> tuple[int, str | None, str]:
    return answer.status, lane(answer)["state"], lane(answer)["effect"]


def test_a_cold_endpoint_is_warmed_by_one_instance(
    call: Call, described: Callable[..., None], endpoint: Stubber
) -> None:
    described("InService", instances=(0, 0))
    arn = f"arn:aws:sagemaker:eu-central-1:123456789012:endpoint/{ENDPOINT}"
    endpoint.add_response("update_endpoint_weights_and_capacities", {"EndpointArn": arn}, CHANGE)
    answer = call("POST", "/service/warm-up")
    assert warmed(answer) == (202, "starting", "started")
    document = call("GET", "/openapi.json").body
    assert disagreement(document, "/service/warm-up", "POST", answer) is None


@pytest.mark.parametrize(
    ("status", "instances", "expected"),
    [
        ("InService", (1, 1), (202, "ready", "already_warm")),
        ("InService", (3, 0), (202, "ready", "already_warm")),
        ("InService", (0, 2), (202, "starting", "under_way")),
        ("Updating", (0, 0), (202, "cold", "under_way")),
        ("InService", None, (202, None, "under_way")),
    ],
)
def test_what_runs_or_is_on_its_way_is_left_to_scaling(
    call: Call,
    described: Callable[..., None],
    status: str,
    instances: tuple[int, int] | None,
    expected: tuple[int, str | None, str],
) -> None:
    described(status, instances=instances)
    assert warmed(call("POST", "/service/warm-up")) == expected


def test_of_two_that_warm_up_at_once_both_are_told_that_it_starts(
    call: Call, described: Callable[..., None], endpoint: Stubber
) -> None:
    described("InService", instances=(0, 0))
    endpoint.add_client_error(
        "update_endpoint_weights_and_capacities", "ValidationException", "in progress"
    )
    described("Updating", instances=(0, 1))
    assert warmed(call("POST", "/service/warm-up")) == (202, "starting", "under_way")


@pytest.mark.parametrize(
    ("code", "again", "status", "shown"),
    [
        ("ThrottlingException", False, 503, "service_busy"),
        ("AccessDeniedException", False, 500, "internal_error"),
        ("ValidationException", True, 500, "internal_error"),
    ],
)
def test_a_warm_up_that_sagemaker_refuses_is_not_told_as_done(
    call: Call,
    described: Callable[..., None],
    endpoint: Stubber,
    code: str,
    again: bool,
    status: int,
    shown: str,
) -> None:
    described("InService", instances=(0, 0))
    endpoint.add_client_error("update_endpoint_weights_and_capacities", code, "no")
    if again:
        described("InService", instances=(0, 0))
    answer = call("POST", "/service/warm-up")
    assert (answer.status, answer.code) == (status, shown)


@pytest.mark.parametrize("status", ["Creating", "Failed"])
def test_without_a_model_there_is_nothing_to_warm_up(
    call: Call, described: Callable[..., None], status: str
) -> None:
    described(status)
    answer = call("POST", "/service/warm-up")
    assert (answer.status, answer.code) == (503, "model_not_deployed")
    assert "job" not in answer.body["error"]["message"]
