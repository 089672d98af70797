"""The fast lane: a job is answered there or goes on by the queue, once, whatever comes between."""

from __future__ import annotations

import copy
import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from femo_api import lanes
from femo_completion.handler import handler as completion
from femo_fast_lane import endpoint, serving, telling
from femo_fast_lane.handler import handler
from femo_fast_lane.settings import fast_lane_settings
from femo_jobs import clients, fast_lane
from femo_jobs.configuration import configuration
from femo_jobs.fast_lane_limits import PATIENCE_SECONDS, USED_SECONDS, promises, seconds_for
from femo_jobs.jobs import Job, JobRequest, JobStatus, Lane, new_job
from femo_jobs.keys import shard_of
from femo_jobs.open_jobs import count_queue, overdue
from femo_jobs.table import JobTable
from femo_sweeper import sweeping
from femo_sweeper.handler import handler as sweeper

from .conftest import ENDPOINT, RECORDINGS, REQUESTS, Answer, LambdaContext, event, put, result_of

FAST = "femo-dev-fast"
JOB = "a"
SUCCESS = "arn:aws:sns:eu-central-1:123456789012:success"
ERROR = "arn:aws:sns:eu-central-1:123456789012:error"
DEPLOYMENT = "femo-deployment"
HOUR = 87_112_820  # bytes, as v1
V2_NIGHT = 195_379_252  # bytes, eight hours as v2

Call = Callable[..., Answer]
Queued = Callable[..., None]


@pytest.fixture(autouse=True)
def fast_lane_environment(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The queue, the deployment machine's word that the lane serves, and the function's own."""
    url = clients.sqs().create_queue(QueueName="fast-lane")["QueueUrl"]
    clients.dynamodb().create_table(
        TableName=DEPLOYMENT,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    lane_serves(True)
    for name, value in {
        "FAST_LANE_QUEUE_URL": url,
        "DEPLOYMENT_TABLE_NAME": DEPLOYMENT,
        "FAST_LANE_ENDPOINT_NAME": FAST,
        "SUCCESS_TOPIC_ARN": SUCCESS,
        "ERROR_TOPIC_ARN": ERROR,
        "AWS_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    configuration.cache_clear()
    fast_lane_settings.cache_clear()
    yield
    fast_lane_settings.cache_clear()
    lanes.forget()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What is published: topic and message."""
    published: list[tuple[str, dict[str, Any]]] = []

    class Sns:
        def publish(self, TopicArn: str, Message: str) -> None:  # noqa: N803
            published.append((TopicArn, json.loads(Message)))

    monkeypatch.setattr(telling, "_client", Sns)
    return published


@pytest.fixture
def runtime() -> Iterator[Stubber]:
    """The serverless endpoint: what is announced must come, and nothing else."""
    with Stubber(endpoint._client()) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def lane_serves(serves: bool) -> None:
    item: dict[str, Any] = {"id": {"S": ENDPOINT}, "proven": {"S": "c"}}
    if serves:
        item["fastLane"] = {"S": "f"}
    clients.dynamodb().put_item(TableName=DEPLOYMENT, Item=item)
    lanes.forget()


def answers(runtime: Stubber, job_id: str = JOB, **changes: Any) -> None:
    body = json.dumps(result_of(job_id, **changes)).encode()
    runtime.add_response(
        "invoke_endpoint",
        {"Body": StreamingBody(io.BytesIO(body), len(body)), "ContentType": "application/json"},
        {
            "EndpointName": FAST,
            "Body": ANY,
            "ContentType": "application/json",
            "Accept": "application/json",
            "InferenceId": ANY,
            "CustomAttributes": f"job={job_id};attempt=1",
        },
    )


def fails(runtime: Stubber, code: str, status: int, **members: Any) -> None:
    runtime.add_client_error(
        "invoke_endpoint", code, "no", status, response_meta=None, modeled_fields=members
    )


def container_error(code: str) -> str:
    return json.dumps({"error": {"code": code, "message": "It is none.", "field": "s3Key"}})


def messages() -> list[dict[str, Any]]:
    """Take what waits in the queue, as the function gets it."""
    url = configuration().fast_lane_queue_url or ""
    found = clients.sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in found.get("Messages", [])]


def submit(call: Call, recording: str, **changes: Any) -> Answer:
    return call("POST", "/jobs", {"jobId": JOB, "s3Key": recording, **changes})


def handed_over(table: JobTable, **changes: Any) -> Job:
    request = JobRequest(None, f"s3://{RECORDINGS}/a.dat", False, False, True)
    job = new_job(JOB, request, settings=configuration(), lane=Lane.SERVERLESS)
    job = replace(job, **changes)
    table.add(job)
    return job


def deliver(job: Job, waited_seconds: float = 0.0) -> None:
    document = copy.deepcopy(event("fast_lane_job"))
    (record,) = document["Records"]
    record["body"] = json.dumps({"jobId": job.job_id, "submissionId": job.submission_id})
    record["attributes"]["SentTimestamp"] = str(int((time.time() - waited_seconds) * 1000))
    handler(document, LambdaContext())


def the(table: JobTable) -> Job:
    job = table.get(JOB)
    assert job is not None
    return job


# Which lane


def test_a_job_that_promises_an_answer_in_time_waits_in_no_instances_queue(
    call: Call, sagemaker: Stubber, recording: str, table: JobTable
) -> None:
    answer = submit(call, recording)
    assert (answer.status, answer.body["lane"]) == (202, "serverless")
    assert messages() == [{"jobId": JOB, "submissionId": the(table).submission_id}]


def test_a_repeat_hands_the_job_over_no_second_time(
    call: Call, sagemaker: Stubber, recording: str
) -> None:
    submit(call, recording)
    assert submit(call, recording).status == 200
    assert len(messages()) == 1


@pytest.mark.parametrize("why", ["no lane serves", "turned off", "too large", "not known"])
def test_any_other_job_goes_by_the_queue_as_ever(
    call: Call,
    queued: Queued,
    recording: str,
    table: JobTable,
    monkeypatch: pytest.MonkeyPatch,
    why: str,
) -> None:
    url = configuration().fast_lane_queue_url or ""
    if why == "no lane serves":
        lane_serves(False)
    elif why == "turned off":
        monkeypatch.setenv("FAST_LANE_QUEUE_URL", "")
    elif why == "not known":
        monkeypatch.setenv("DEPLOYMENT_TABLE_NAME", "nowhere")
    else:
        monkeypatch.setattr(lanes, "promises", lambda *_: False)
    configuration.cache_clear()
    queued(JOB)
    answer = submit(call, recording)
    assert (answer.status, answer.body["lane"]) == (202, "asynchronous")
    assert "Messages" not in clients.sqs().receive_message(QueueUrl=url)


def test_a_fast_lane_that_cannot_be_reached_costs_nothing_but_time(
    call: Call, queued: Queued, recording: str, table: JobTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAST_LANE_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/1/nowhere")
    configuration.cache_clear()
    queued(JOB)
    assert submit(call, recording).body["lane"] == "asynchronous"
    assert the(table).output_location is not None


def test_a_job_without_any_model_is_still_refused_at_once(
    call: Call, refuse: Callable[..., None], recording: str, table: JobTable
) -> None:
    lane_serves(False)
    refuse("ValidationError", "Endpoint femo-dev of account 1 not found.")
    assert submit(call, recording).status == 503
    assert table.get(JOB) is None


def test_an_hour_is_fast_and_a_night_only_in_the_smaller_format() -> None:
    request = JobRequest(None, "s3://a/b", False, False, True)
    assert promises(request, HOUR)
    assert promises(request, V2_NIGHT)
    assert not promises(request, 8 * HOUR)
    full = replace(request, include_full_intervals=True)
    assert promises(full, HOUR)
    assert not promises(full, 4 * HOUR), "its answer may be larger than 4 MB"
    assert promises(request, 4 * HOUR)
    assert seconds_for(0) < seconds_for(HOUR) < USED_SECONDS


# In whose partition it stands while it is open


def partition(job_id: str = JOB) -> str | None:
    key = {"jobKey": {"S": f"default#{job_id}"}}
    item = clients.dynamodb().get_item(TableName="femo-jobs", Key=key)["Item"]
    return item.get("openKey", {}).get("S")


SHARD = shard_of(JOB)
FAST_PARTITION, QUEUE_PARTITION = f"default#fast#{SHARD}", f"default#open#{SHARD}"


def test_no_instance_is_held_for_a_job_of_the_fast_lane(
    table: JobTable, runtime: Stubber, told: list[Any]
) -> None:
    job = handed_over(table)
    assert (partition(), count_queue(table)) == (FAST_PARTITION, 0)
    place = f"s3://{REQUESTS}/results/x.out"
    entered = fast_lane.enter(table, job, output_location=place, failure_location=place)
    assert entered is not None
    assert (partition(), count_queue(table)) == (FAST_PARTITION, 0)
    put(place, result_of(JOB))
    deliver(job)
    assert partition() is None


class BrokenOffError(Exception):
    """The function ends here."""


@pytest.mark.parametrize("crashes", [False, True])
def test_a_job_that_leaves_the_fast_lane_holds_its_instance_from_that_very_write(
    table: JobTable, monkeypatch: pytest.MonkeyPatch, crashes: bool
) -> None:
    """Each write is looked at: the function may end after any of them."""
    job = handed_over(table)
    seen: list[str | None] = []
    write = clients.dynamodb().update_item

    def watched(**update: Any) -> Any:
        answer = write(**update)
        seen.append(partition())
        if crashes:
            raise BrokenOffError
        return answer

    monkeypatch.setattr(table.client, "update_item", watched)
    try:
        left = fast_lane.leave(table, job, configuration())
    except BrokenOffError:
        left = the(table)
    assert left is not None
    assert left.submission_id != job.submission_id
    assert seen == [QUEUE_PARTITION], "the new attempt and its lane are one update"
    assert count_queue(table) == 1
    monkeypatch.undo()


def test_a_job_is_swept_in_whichever_lane_its_function_has_left_it(table: JobTable) -> None:
    due = int(time.time()) - 1
    handed_over(table, next_check_at=due)
    assert list(overdue(table, due)) == [JOB]
    assert fast_lane.leave(table, the(table), configuration()) is not None
    assert list(overdue(table, the(table).next_check_at or 0)) == [JOB]


@pytest.mark.parametrize(
    "change",
    [
        lambda table, job: table.take_over(job),
        lambda table, job: table.begin_attempt(
            job, fault="x", delay_seconds=0, settings=configuration()
        ),
        lambda table, job: table.record_submission(
            job, output_location="s3://a/b", failure_location=None, settings=configuration()
        ),
        lambda table, job: table.postpone(job, int(time.time()) + 900),
    ],
    ids=["take over", "another attempt", "submission", "sweep"],
)
def test_a_job_of_the_queue_that_an_earlier_version_left_in_the_fast_lane_is_put_right(
    table: JobTable, change: Callable[[JobTable, Job], object]
) -> None:
    """Versions work side by side while a stack is updated; scaling must not miss a job for long."""
    job = handed_over(table, lane=Lane.ASYNCHRONOUS)
    clients.dynamodb().put_item(
        TableName="femo-jobs", Item=job.to_item() | {"openKey": {"S": FAST_PARTITION}}
    )
    change(table, job)
    assert partition() == QUEUE_PARTITION


def test_a_sweep_that_comes_late_does_not_take_a_job_back_into_the_fast_lane(
    table: JobTable,
) -> None:
    job = handed_over(table)
    left = fast_lane.leave(table, job, configuration())
    table.postpone(job, int(time.time()) + 900)
    assert partition() == QUEUE_PARTITION
    assert the(table) == left


def test_a_row_that_can_be_read_again_is_counted_in_its_own_lane(
    table: JobTable, sagemaker: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = handed_over(table, next_check_at=int(time.time()) - 1)
    odd = job.to_item() | {"status": {"S": "Paused"}}
    clients.dynamodb().put_item(TableName="femo-jobs", Item=odd)
    sweeper(event("sweeper_scheduled"), LambdaContext())
    assert partition() == "default#unreadable"
    sound = job.to_item() | {"openKey": {"S": "default#unreadable"}}
    clients.dynamodb().put_item(TableName="femo-jobs", Item=sound)
    monkeypatch.setattr(sweeping, "overdue", lambda *_: iter(()))  # else it is sent on at once
    sweeper(event("sweeper_scheduled"), LambdaContext())
    assert partition() == FAST_PARTITION


# The try


def test_a_job_is_answered_and_told_as_the_asynchronous_lane_would(
    table: JobTable, runtime: Stubber, told: list[Any], sagemaker: Stubber
) -> None:
    job = handed_over(table)
    answers(runtime)
    deliver(job)
    ended = the(table)
    assert (ended.status, ended.lane) == (JobStatus.COMPLETED, Lane.SERVERLESS)
    assert ended.output_location == f"s3://{REQUESTS}/results/{job.submission_id}.out"
    assert ended.processing_seconds == 45.2
    written = clients.s3().get_object(Bucket=REQUESTS, Key=f"results/{job.submission_id}.out")
    assert json.loads(written["Body"].read()) == result_of(JOB)
    ((topic, message),) = told
    assert topic == SUCCESS
    sample = json.loads(event("completion_succeeded")["Records"][0]["Sns"]["Message"])
    assert set(message) == set(sample)
    assert set(message["requestParameters"]) == set(sample["requestParameters"])
    assert message["responseParameters"]["outputLocation"] == ended.output_location
    request = clients.s3().get_object(Bucket=REQUESTS, Key=f"requests/{JOB}.json")["Body"].read()
    assert message["requestParameters"]["inputLocation"] == f"s3://{REQUESTS}/requests/{JOB}.json"
    assert json.loads(request)["jobId"] == JOB


def test_the_completion_function_takes_the_lanes_own_message_for_one_of_sagemakers(
    table: JobTable, runtime: Stubber, told: list[Any]
) -> None:
    job = handed_over(table)
    answers(runtime)
    deliver(job)
    # As if the function had ended before it wrote the outcome into the row
    clients.dynamodb().put_item(
        TableName="femo-jobs",
        Item=replace(job, output_location=the(table).output_location).to_item(),
    )
    document = event("completion_succeeded")
    document["Records"][0]["Sns"]["Message"] = json.dumps(told[0][1])
    completion(document, LambdaContext())
    assert the(table).status is JobStatus.COMPLETED


def test_a_bad_recording_is_the_jobs_failure_and_not_tried_again(
    table: JobTable, runtime: Stubber, told: list[Any], sagemaker: Stubber
) -> None:
    job = handed_over(table)
    words = container_error("not_a_recording")
    fails(runtime, "ModelError", 424, OriginalStatusCode=422, OriginalMessage=words)
    deliver(job)
    ended = the(table)
    assert ended.status is JobStatus.FAILED
    assert ended.error is not None
    assert (ended.error.code, ended.error.field) == ("not_a_recording", "s3Key")
    ((topic, message),) = told
    assert (topic, message["invocationStatus"]) == (ERROR, "Failed")
    assert message["responseParameters"]["failureLocation"] == ended.failure_location
    assert message["failureReason"]


def test_another_recording_than_the_submitted_one_fails_as_in_the_other_lane(
    table: JobTable, runtime: Stubber, told: list[Any], sagemaker: Stubber
) -> None:
    job = handed_over(table, recording_etag='"submitted"')
    answers(runtime, source={"etag": '"another"'})
    deliver(job)
    ended = the(table)
    assert ended.error is not None
    assert ended.error.code == "recording_changed"
    assert told[0][0] == SUCCESS, "SageMaker has had its answer"


@pytest.mark.parametrize(
    ("code", "status", "members"),
    [
        ("ThrottlingException", 429, {}),
        ("ServiceUnavailable", 503, {}),
        ("ValidationError", 400, {}),  # no such endpoint
        ("AccessDeniedException", 403, {}),
        ("ModelError", 424, {"OriginalStatusCode": 503, "OriginalMessage": "loading"}),
        ("ModelError", 424, {"OriginalStatusCode": 0, "OriginalMessage": "timed out"}),
        ("ModelError", 424, {"OriginalStatusCode": 429, "OriginalMessage": "full"}),
    ],
)
def test_what_the_fast_lane_cannot_answer_goes_on_by_the_queue_once(
    table: JobTable,
    runtime: Stubber,
    told: list[Any],
    queued: Queued,
    code: str,
    status: int,
    members: dict[str, Any],
) -> None:
    job = handed_over(table)
    fails(runtime, code, status, **members)
    queued(JOB)
    deliver(job)
    sent_on = the(table)
    assert (sent_on.status, sent_on.lane, sent_on.attempts) == (
        JobStatus.QUEUED,
        Lane.ASYNCHRONOUS,
        1,
    )
    assert sent_on.output_location == f"s3://{REQUESTS}/results/{JOB}.out"
    assert told == []
    deliver(job)  # the message comes again
    assert the(table) == sent_on


def test_an_answer_that_takes_too_long_is_the_queues(
    table: JobTable, told: list[Any], queued: Queued, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = handed_over(table)

    class Slow:
        def invoke_endpoint(self, **_: Any) -> None:
            raise ReadTimeoutError(endpoint_url="https://x")

    monkeypatch.setattr(endpoint, "_client", Slow)
    queued(JOB)
    deliver(job)
    assert the(table).lane is Lane.ASYNCHRONOUS


def test_a_job_that_has_waited_before_a_full_lane_is_sent_on_untried(
    table: JobTable, runtime: Stubber, told: list[Any], queued: Queued
) -> None:
    job = handed_over(table)
    queued(JOB)
    deliver(job, waited_seconds=PATIENCE_SECONDS + 1)
    assert the(table).lane is Lane.ASYNCHRONOUS


def test_a_queue_that_is_not_there_either_leaves_the_job_to_the_sweeper(
    table: JobTable, runtime: Stubber, told: list[Any], refuse: Callable[..., None]
) -> None:
    job = handed_over(table)
    fails(runtime, "ThrottlingException", 429)
    refuse("ThrottlingException")
    deliver(job)
    left = the(table)
    assert (left.status, left.output_location) == (JobStatus.QUEUED, None)
    assert left.next_check_at is not None


# What is interrupted, and what comes twice


def test_a_message_that_comes_twice_is_answered_once_and_told_again(
    table: JobTable, runtime: Stubber, told: list[Any], sagemaker: Stubber
) -> None:
    job = handed_over(table)
    answers(runtime)
    deliver(job)
    ended = the(table)
    deliver(job)
    assert the(table) == ended
    assert [topic for topic, _ in told] == [SUCCESS, SUCCESS]


def test_a_try_that_broke_off_after_its_answer_is_finished_from_it(
    table: JobTable, runtime: Stubber, told: list[Any], sagemaker: Stubber
) -> None:
    job = handed_over(table)
    place = f"s3://{REQUESTS}/results/{job.submission_id}.out"
    fast_lane.enter(table, job, output_location=place, failure_location=place + "-error")
    put(place, result_of(JOB))
    deliver(job)
    assert the(table).status is JobStatus.COMPLETED
    assert len(told) == 1


def test_a_try_that_broke_off_before_its_answer_goes_on_by_the_queue(
    table: JobTable, runtime: Stubber, told: list[Any], queued: Queued
) -> None:
    job = handed_over(table)
    fast_lane.enter(
        table,
        job,
        output_location=f"s3://{REQUESTS}/results/x.out",
        failure_location=f"s3://{REQUESTS}/failures/x.out",
    )
    queued(JOB)
    deliver(job)
    assert the(table).lane is Lane.ASYNCHRONOUS


def test_an_answer_that_comes_after_the_job_was_sent_on_is_neither_recorded_nor_told(
    table: JobTable, runtime: Stubber, told: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = handed_over(table)
    answers(runtime)
    write = serving.write_request

    def overtaken(entered: Job, settings: Any) -> Any:
        assert fast_lane.leave(table, entered, settings) is not None
        return write(entered, settings)

    monkeypatch.setattr(serving, "write_request", overtaken)
    deliver(job)
    assert (the(table).status, the(table).lane) == (JobStatus.QUEUED, Lane.ASYNCHRONOUS)
    assert told == []


@pytest.mark.parametrize("has_entered", [False, True])
def test_a_job_whose_message_or_function_was_lost_is_sent_on_by_the_sweeper(
    table: JobTable, sagemaker: Stubber, queued: Queued, has_entered: bool
) -> None:
    job = handed_over(table, next_check_at=int(time.time()) - 1)
    if has_entered:
        place = f"s3://{REQUESTS}/results/x.out"
        job = replace(job, output_location=place, failure_location=place.replace("res", "fail"))
        clients.dynamodb().put_item(
            TableName="femo-jobs",
            Item=replace(job, failure_location=f"s3://{REQUESTS}/failures/x.out").to_item(),
        )
    queued(JOB)
    report = sweeper(event("sweeper_scheduled"), LambdaContext())
    assert report["resubmitted"] == 1
    sent_on = the(table)
    assert (sent_on.lane, sent_on.attempts) == (Lane.ASYNCHRONOUS, 1)
    deliver(job)  # its message turns up late
    assert the(table) == sent_on


def test_an_unreadable_row_does_not_come_back_for_ever(table: JobTable, told: list[Any]) -> None:
    job = handed_over(table)
    item = job.to_item() | {"status": {"S": "Unheard of"}}
    clients.dynamodb().put_item(TableName="femo-jobs", Item=item)
    deliver(job)
    assert told == []
