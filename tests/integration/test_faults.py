"""What happens to jobs when a message, a process or a whole answer is lost."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed

from femo_client import FemoClient

from .conftest import Stack

pytestmark = pytest.mark.integration

DUE = {"openKey": {"S": "default#open#0"}, "statusKey": {"S": "default#Queued#0"}}


@pytest.fixture
def key(deployed: Stack, api: FemoClient, recording: Path) -> str:
    return api.upload(recording)


def row(stack: Stack, job_id: str) -> dict[str, Any]:
    table = stack.client("dynamodb")
    return table.get_item(
        TableName=stack.outputs["JobsTableName"], Key={"jobKey": {"S": f"default#{job_id}"}}
    )["Item"]


def message(job_id: str, status: str, output: str) -> str:
    return json.dumps(
        {
            "invocationStatus": status,
            "inferenceId": job_id,
            "requestParameters": {},
            "responseParameters": {"outputLocation": output, "contentType": "application/json"},
            "eventTime": "2026-01-01T00:00:00.000Z",
        }
    )


def test_a_job_whose_message_was_lost_is_settled_by_the_sweeper(
    stack: Stack, api: FemoClient, key: str, job_id: str
) -> None:
    api.submit(key, job_id=job_id)
    finished = api.wait(job_id).as_json()
    item = row(stack, job_id)
    for name in ("completedAt", "processingSeconds", "outputType", "resultBytes"):
        item.pop(name, None)
    item |= {
        "status": {"S": "Queued"},
        **DUE,
        "nextCheckAt": {"N": str(int(time.time()) - 1)},
    }
    stack.client("dynamodb").put_item(TableName=stack.outputs["JobsTableName"], Item=item)

    stack.client("lambda").invoke(FunctionName=stack.outputs["SweeperFunctionName"], Payload=b"{}")

    settled = api.job(job_id).as_json()
    assert settled["status"] == "Completed"
    assert settled["result"] == finished["result"]


def test_a_job_that_was_never_queued_is_queued_by_the_sweeper(
    stack: Stack, api: FemoClient, key: str, job_id: str
) -> None:
    api.submit(key, job_id=job_id)
    api.wait(job_id)
    item = row(stack, job_id)
    left_behind = f"{job_id}-left"
    for name in ("completedAt", "processingSeconds", "outputType", "resultBytes"):
        item.pop(name, None)
    item.pop("outputLocation")
    item.pop("failureLocation", None)
    item |= {
        "jobKey": {"S": f"default#{left_behind}"},
        "jobId": {"S": left_behind},
        "status": {"S": "Queued"},
        **DUE,
        "nextCheckAt": {"N": str(int(time.time()) - 1)},
    }
    stack.client("dynamodb").put_item(TableName=stack.outputs["JobsTableName"], Item=item)

    stack.client("lambda").invoke(FunctionName=stack.outputs["SweeperFunctionName"], Payload=b"{}")

    assert api.wait(left_behind).status == "Completed"


def test_messages_that_come_twice_or_too_late_change_nothing(
    stack: Stack, api: FemoClient, key: str, job_id: str
) -> None:
    api.submit(key, job_id=job_id)
    api.wait(job_id)
    before = row(stack, job_id)
    function = stack.client("lambda")
    for status in ("Completed", "Failed", "Expired"):
        text = message(job_id, status, before["outputLocation"]["S"])
        event = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text}}]}
        answer = function.invoke(
            FunctionName=stack.outputs["CompletionFunctionName"], Payload=json.dumps(event)
        )
        assert "FunctionError" not in answer
    assert row(stack, job_id) == before


def test_a_message_that_nobody_can_read_is_kept_in_a_dead_letter_queue(stack: Stack) -> None:
    stack.client("sns").publish(TopicArn=stack.outputs["SuccessTopicArn"], Message="not JSON")
    queue = stack.client("sqs")

    @retry(
        retry=retry_if_result(lambda found: not found),
        wait=wait_fixed(0.5),
        stop=stop_after_delay(60),
    )
    def kept() -> list[dict[str, Any]]:
        answer = queue.receive_message(
            QueueUrl=stack.outputs["CompletionDeadLetterQueueUrl"], WaitTimeSeconds=1
        )
        return answer.get("Messages", [])

    assert "not JSON" in kept()[0]["Body"]


def test_a_job_survives_the_death_of_its_model_server(
    stack: Stack, api: FemoClient, key: str, job_id: str
) -> None:
    servers = model_servers(stack)
    assert servers, "an endpoint in service has a model server"
    for process in servers:
        process.send_signal(signal.SIGKILL)
    api.submit(key, job_id=job_id)
    assert api.wait(job_id, timeout_seconds=120).status == "Completed"
    api.submit(key, job_id=f"{job_id}-next")
    assert api.wait(f"{job_id}-next", timeout_seconds=120).status == "Completed"


def test_no_job_is_lost_when_every_worker_is_killed_while_forty_wait(
    stack: Stack, api: FemoClient, key: str, job_id: str
) -> None:
    api.submit(key, job_id=job_id)
    assert api.wait(job_id, timeout_seconds=120).status == "Completed"  # workers are there
    servers = model_servers(stack)
    for process in servers:
        process.send_signal(signal.SIGSTOP)
    ids = [f"{job_id}-{number}" for number in range(40)]
    for name in ids:
        api.submit(key, job_id=name)
    workers = [worker for server in servers for worker in server.children()]
    assert workers
    for worker in workers:
        worker.kill()
    for process in servers:
        process.send_signal(signal.SIGCONT)
    jobs = [api.wait(name, timeout_seconds=300).as_json() for name in ids]
    assert [job["status"] for job in jobs] == ["Completed"] * 40, Counter(
        job.get("error", {}).get("code") for job in jobs
    )


def test_the_recording_that_was_submitted_is_analysed_though_it_was_replaced_since(
    stack: Stack, api: FemoClient, key: str, job_id: str
) -> None:
    api.submit(key, job_id=job_id)
    original = api.wait(job_id).as_json()
    servers = model_servers(stack)
    s3, bucket = stack.client("s3"), stack.outputs["RecordingsBucketName"]
    source, key = key, f"replaced/{job_id}.dat"  # the other tests need theirs as it is
    s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": source})
    submitted = s3.head_object(Bucket=bucket, Key=key)
    for process in servers:
        process.send_signal(signal.SIGSTOP)
    api.submit(key, job_id=f"{job_id}-again")
    s3.put_object(Bucket=bucket, Key=key, Body=b"what a signed URL let through an hour later")
    for process in servers:
        process.send_signal(signal.SIGCONT)
    job = api.wait(f"{job_id}-again").as_json()
    assert (job["status"], job["result"]) == ("Completed", original["result"])
    response = httpx.get(job["resultUrl"]).json()
    assert response["source"] == {
        "s3Key": f"s3://{bucket}/{key}",
        "versionId": submitted["VersionId"],
        "etag": submitted["ETag"],
    }


def test_a_forged_message_neither_completes_a_job_with_anothers_result_nor_ends_it(
    stack: Stack, api: FemoClient, key: str, job_id: str
) -> None:
    other = f"{job_id}-other"
    api.submit(key, job_id=other, extract_events=False)
    api.wait(other)
    servers = model_servers(stack)
    for process in servers:
        process.send_signal(signal.SIGSTOP)
    api.submit(key, job_id=job_id)
    forged = json.loads(message(job_id, "Completed", row(stack, other)["outputLocation"]["S"]))
    current = row(stack, job_id)["submissionId"]["S"]
    function, answers = stack.client("lambda"), []
    for attempt in (job_id, "an-older-attempt", current):
        forged |= {"inferenceId": attempt}
        forged["requestParameters"] = {"customAttributes": f"job={job_id};attempt=1"}
        event = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(forged)}}]}
        answer = function.invoke(
            FunctionName=stack.outputs["CompletionFunctionName"], Payload=json.dumps(event)
        )
        answers.append("FunctionError" in answer)
    assert row(stack, job_id)["status"] == {"S": "Queued"}
    assert answers == [False, False, True]
    for process in servers:
        process.send_signal(signal.SIGCONT)
    assert api.wait(job_id).output_type == "events"


def test_a_row_that_cannot_be_read_stops_no_other_job(
    stack: Stack, api: FemoClient, key: str, job_id: str
) -> None:
    api.submit(key, job_id=job_id)
    finished = api.wait(job_id).as_json()
    due = DUE | {"nextCheckAt": {"N": str(int(time.time()) - 1)}}
    named = {"jobKey": {"S": f"default#{job_id}-odd"}, "jobId": {"S": f"{job_id}-odd"}}
    odd = row(stack, job_id) | due | named | {"status": {"S": "Paused"}}
    sound = row(stack, job_id) | due | {"status": {"S": "Queued"}}
    table, name = stack.client("dynamodb"), stack.outputs["JobsTableName"]
    for item in (odd, sound):
        table.put_item(TableName=name, Item=item)
    answer = stack.client("lambda").invoke(
        FunctionName=stack.outputs["SweeperFunctionName"], Payload=b"{}"
    )
    assert "FunctionError" not in answer
    assert api.job(job_id).as_json()["result"] == finished["result"]
    assert row(stack, f"{job_id}-odd")["openKey"] == {"S": "default#unreadable"}
    table.delete_item(TableName=name, Key={"jobKey": {"S": f"default#{job_id}-odd"}})


def model_servers(stack: Stack) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            serves = any(word.endswith("inference_container/serve") for word in process.cmdline())
            if serves and process.environ().get("LOCAL_STACK_ID") == stack.description["id"]:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found
