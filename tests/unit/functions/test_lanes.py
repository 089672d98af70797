"""What GET /service tells of the fast lane, and what a full queue means for its jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from femo_api import backlog, lanes
from femo_jobs import clients, fast_lane
from femo_jobs.configuration import configuration
from femo_jobs.jobs import JobRequest, JobStatus, Lane, Outcome, new_job
from femo_jobs.open_jobs import count_fast_lane
from femo_jobs.table import JobTable

from .conftest import ENDPOINT, Answer, output_uri
from .test_backlog import FITTING
from .test_description import disagreement
from .test_fast_lane import DEPLOYMENT, FAST, lane_serves

Call = Callable[..., Answer]
NOTHING = {"fromSeconds": None, "toSeconds": None}


@pytest.fixture(autouse=True)
def both_lanes(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The fast lane's queue, and the deployment machine's word that it serves."""
    url = clients.sqs().create_queue(QueueName="fast-lane")["QueueUrl"]
    clients.dynamodb().create_table(
        TableName=DEPLOYMENT,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    monkeypatch.setenv("FAST_LANE_QUEUE_URL", url)
    monkeypatch.setenv("DEPLOYMENT_TABLE_NAME", DEPLOYMENT)
    configuration.cache_clear()
    lane_serves(True)
    yield
    lanes.forget()


@pytest.fixture
def endpoints() -> Iterator[Stubber]:
    with Stubber(clients.sagemaker()) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def described(endpoints: Stubber, name: str, status: str | None, instances: int = 1) -> None:
    """Announce how SageMaker describes an endpoint; None where there is none."""
    if status is None:
        endpoints.add_client_error(
            "describe_endpoint", "ValidationException", "Could not find endpoint."
        )
        return
    variant: dict[str, Any] = {"VariantName": "AllTraffic"}
    if name == ENDPOINT:
        variant |= {"CurrentInstanceCount": instances, "DesiredInstanceCount": instances}
    else:
        variant["CurrentServerlessConfig"] = {"MemorySizeInMB": 4096, "MaxConcurrency": 4}
    moment = datetime(2025, 6, 4, tzinfo=UTC)
    endpoints.add_response(
        "describe_endpoint",
        {
            "EndpointName": name,
            "EndpointArn": f"arn:aws:sagemaker:eu-central-1:123456789012:endpoint/{name}",
            "EndpointConfigName": "x",
            "EndpointStatus": status,
            "ProductionVariants": [variant],
            "CreationTime": moment,
            "LastModifiedTime": moment,
        },
        {"EndpointName": name},
    )


def ended(table: JobTable, job_id: str, lane: Lane, seconds: float) -> None:
    request = JobRequest(None, "s3://femo-recordings/a.dat", False, False, True)
    table.add(new_job(job_id, request, settings=configuration(), lane=lane))
    outcome = Outcome(JobStatus.COMPLETED, "2025-06-04T14:31:00.000Z", output_uri(job_id))
    table.settle(job_id, replace(outcome, processing_seconds=seconds))


def serverless(answer: Answer) -> dict[str, Any]:
    told: dict[str, Any] = answer.body["lanes"]["serverless"]
    return told


# What is told


@pytest.mark.parametrize(
    ("is_proven", "status", "state"),
    [
        (True, "InService", "ready"),
        (True, "Updating", "ready"),
        (True, "RollingBack", "ready"),
        (True, None, "off"),  # deleted by hand
        (True, "Failed", "off"),
        (False, "Creating", "starting"),
        (False, "Updating", "starting"),
        (False, "InService", "off"),
        (False, "Deleting", "off"),
        (False, None, "off"),
    ],
)
def test_who_asks_knows_whether_a_small_recording_is_answered_in_seconds(
    call: Call, endpoints: Stubber, is_proven: bool, status: str | None, state: str
) -> None:
    lane_serves(is_proven)
    described(endpoints, ENDPOINT, "InService")
    described(endpoints, FAST, status)
    answer = call("GET", "/service")
    assert (answer.status, serverless(answer)["state"]) == (200, state)
    wait = serverless(answer)["expectedWait"]
    assert wait == (
        # What is promised at the least and most, a turn that is waited for, a cold container
        {"fromSeconds": 2, "toSeconds": 30 + 15 + 30, "basis": "modelled"}
        if state == "ready"
        else NOTHING | {"basis": "no_model"}
    )
    document = call("GET", "/openapi.json").body
    assert disagreement(document, "/service", "GET", answer) is None


def test_a_lane_that_is_turned_off_is_told_so_without_a_question(
    call: Call, endpoints: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAST_LANE_QUEUE_URL", "")
    configuration.cache_clear()
    described(endpoints, ENDPOINT, "InService")
    assert serverless(call("GET", "/service"))["state"] == "off"


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException"])
def test_a_fast_lane_that_sagemaker_does_not_tell_of_hides_nothing_of_the_other(
    call: Call, endpoints: Stubber, code: str
) -> None:
    described(endpoints, ENDPOINT, "InService")
    endpoints.add_client_error("describe_endpoint", code, "no")
    answer = call("GET", "/service")
    assert (answer.status, answer.body["lanes"]["asynchronous"]["state"]) == (200, "ready")
    assert serverless(answer) == {
        "state": None,
        "expectedWait": NOTHING | {"basis": "not_known"},
    }
    document = call("GET", "/openapi.json").body
    assert disagreement(document, "/service", "GET", answer) is None


def test_a_fast_lane_of_which_the_table_does_not_tell_is_not_shown_as_off(
    call: Call, endpoints: Stubber
) -> None:
    clients.dynamodb().delete_table(TableName=DEPLOYMENT)
    lanes.forget()
    described(endpoints, ENDPOINT, "InService")
    described(endpoints, FAST, "InService")
    assert serverless(call("GET", "/service"))["state"] is None


def test_what_a_lanes_own_jobs_have_taken_is_what_its_next_one_is_told_to_take(
    call: Call, endpoints: Stubber, table: JobTable
) -> None:
    ended(table, "fast-1", Lane.SERVERLESS, 3.0)
    ended(table, "fast-2", Lane.SERVERLESS, 3.4)
    described(endpoints, ENDPOINT, "InService")
    described(endpoints, FAST, "InService")
    answer = call("GET", "/service")
    measured = {"fromSeconds": 3, "toSeconds": 30 + 15 + 4, "basis": "measured"}
    assert serverless(answer)["expectedWait"] == measured
    # The queue's are others, and have not been measured
    of_the_queue = {"fromSeconds": 15, "toSeconds": 15, "basis": "configured"}
    assert answer.body["lanes"]["asynchronous"]["expectedWait"] == of_the_queue
    backlog.forget()
    ended(table, "night", Lane.ASYNCHRONOUS, 20.0)
    described(endpoints, ENDPOINT, "InService")
    described(endpoints, FAST, "InService")
    answer = call("GET", "/service")
    assert serverless(answer)["expectedWait"] == measured
    of_the_queue = {"fromSeconds": 20, "toSeconds": 20, "basis": "measured"}
    assert answer.body["lanes"]["asynchronous"]["expectedWait"] == of_the_queue


def test_jobs_of_the_fast_lane_are_not_told_as_waiting_in_the_queue(
    call: Call, endpoints: Stubber, table: JobTable
) -> None:
    fill_fast_lane(table, 3)
    described(endpoints, ENDPOINT, "InService")
    described(endpoints, FAST, "InService")
    answer = call("GET", "/service")
    assert answer.body["backlog"] == {"openJobs": 0}
    assert answer.body["lanes"]["asynchronous"]["expectedWait"]["toSeconds"] == 15


def test_a_warm_up_says_that_the_fast_lane_needs_none(call: Call, endpoints: Stubber) -> None:
    described(endpoints, ENDPOINT, "InService")
    described(endpoints, FAST, "InService")
    answer = call("POST", "/service/warm-up")
    assert answer.status == 202
    assert serverless(answer) == {"state": "ready", "effect": "nothing_to_do"}
    document = call("GET", "/openapi.json").body
    assert disagreement(document, "/service/warm-up", "POST", answer) is None


# A full queue


def fill_fast_lane(table: JobTable, jobs: int) -> None:
    request = JobRequest(None, "s3://femo-recordings/a.dat", False, False, True)
    for number in range(jobs):
        job = new_job(f"fast-{number}", request, settings=configuration(), lane=Lane.SERVERLESS)
        table.add(job)
    backlog.forget()


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "count_queue", lambda _table: 2 * FITTING)
    backlog.forget()


def post(call: Call, recording: str, job_id: str = "a") -> Answer:
    return call("POST", "/jobs", {"jobId": job_id, "s3Key": recording})


def test_a_job_for_the_fast_lane_is_not_refused_for_a_queue_that_it_does_not_need(
    call: Call, sagemaker: Stubber, recording: str, full: None
) -> None:
    answer = post(call, recording)
    assert (answer.status, answer.body["lane"]) == (202, "serverless")


@pytest.mark.parametrize("why", ["does not serve", "not known", "turned off", "too large"])
def test_a_job_that_only_the_full_queue_could_take_is_refused(
    call: Call,
    sagemaker: Stubber,
    recording: str,
    full: None,
    table: JobTable,
    monkeypatch: pytest.MonkeyPatch,
    why: str,
) -> None:
    if why == "does not serve":
        lane_serves(False)
    elif why == "too large":
        monkeypatch.setattr(lanes, "promises", lambda *_: False)
    else:
        name = "DEPLOYMENT_TABLE_NAME" if why == "not known" else "FAST_LANE_QUEUE_URL"
        monkeypatch.setenv(name, "nowhere" if why == "not known" else "")
        configuration.cache_clear()
    answer = post(call, recording)
    assert (answer.status, answer.code) == (503, "backlog_full")
    assert table.get("a") is None


def test_a_crowd_before_the_fast_lane_is_not_sent_on_to_a_full_queue_to_expire_there(
    call: Call, sagemaker: Stubber, recording: str, full: None, table: JobTable
) -> None:
    """Four at once, of half a minute each as long as none is measured: as many are in time."""
    answers = [post(call, recording, f"crowd-{number}") for number in range(6)]
    assert [answer.status for answer in answers] == [202] * 4 + [503] * 2
    assert {answer.code for answer in answers[4:]} == {"backlog_full"}
    assert int(answers[4].headers["retry-after"]) == 30, "as long as it takes the fast lane"
    assert count_fast_lane(table) == 4
    # Whoever was accepted is answered, however full it is
    assert post(call, recording, "crowd-0").status == 200


def test_jobs_that_other_functions_have_let_in_take_their_places_too(
    call: Call, sagemaker: Stubber, recording: str, full: None, table: JobTable
) -> None:
    fill_fast_lane(table, 4)
    assert post(call, recording).code == "backlog_full"


def test_a_fast_lane_that_proves_quick_takes_more_of_them(
    call: Call, sagemaker: Stubber, recording: str, full: None, table: JobTable
) -> None:
    ended(table, "quick", Lane.SERVERLESS, 3.0)
    fill_fast_lane(table, 39)  # 30 s of 4 at once, 3 s each
    assert post(call, recording).status == 202
    assert post(call, recording, "b").code == "backlog_full"


def test_a_repeat_takes_no_place_from_a_new_job(
    call: Call, sagemaker: Stubber, recording: str, full: None, table: JobTable
) -> None:
    for _ in range(10):
        assert post(call, recording).status in (200, 202)
    assert post(call, recording, "b").status == 202


def test_a_fast_lane_whose_jobs_cannot_be_counted_refuses_nobody(
    call: Call,
    sagemaker: Stubber,
    recording: str,
    full: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def silent(_table: JobTable) -> int:
        raise ReadTimeoutError(endpoint_url="x")

    monkeypatch.setattr(backlog, "count_fast_lane", silent)
    assert post(call, recording).status == 202


def test_a_job_that_is_sent_on_has_all_of_its_time_from_then_on(table: JobTable) -> None:
    """It was accepted while the queue was full: it may wait there as long as any other."""
    fill_fast_lane(table, 1)
    job = table.get("fast-0")
    assert job is not None
    late = replace(job, deadline=job.deadline - 3000)
    left = fast_lane.leave(table, late, configuration())
    assert left is not None
    assert left.deadline >= int(time.time()) + 21600 + 3600
