"""What happens to jobs when a message, a process or a whole answer is lost."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed

from femo_client.api import JobsApi

from .conftest import Stack

pytestmark = pytest.mark.integration


@pytest.fixture
def key(deployed: Stack, api: JobsApi, recording: Path) -> str:
    return api.upload(recording)


def row(stack: Stack, job_id: str) -> dict[str, Any]:
    table = stack.client("dynamodb")
    return table.get_item(TableName=stack.outputs["JobsTableName"], Key={"jobId": {"S": job_id}})[
        "Item"
    ]


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
    stack: Stack, api: JobsApi, key: str, job_id: str
) -> None:
    api.submit({"jobId": job_id, "s3Key": key})
    finished = api.wait(job_id)
    item = row(stack, job_id)
    for name in ("completedAt", "processingSeconds", "outputType", "resultBytes"):
        item.pop(name, None)
    item |= {
        "status": {"S": "Queued"},
        "openShard": {"S": "open"},
        "checkAt": {"N": str(int(time.time()) - 1)},
    }
    stack.client("dynamodb").put_item(TableName=stack.outputs["JobsTableName"], Item=item)

    stack.client("lambda").invoke(FunctionName=stack.outputs["SweeperFunctionName"], Payload=b"{}")

    settled = api.status(job_id)
    assert settled["status"] == "Completed"
    assert settled["result"] == finished["result"]


def test_a_job_that_was_never_queued_is_queued_by_the_sweeper(
    stack: Stack, api: JobsApi, key: str, job_id: str
) -> None:
    api.submit({"jobId": job_id, "s3Key": key})
    api.wait(job_id)
    item = row(stack, job_id)
    left_behind = f"{job_id}-left"
    for name in ("completedAt", "processingSeconds", "outputType", "resultBytes"):
        item.pop(name, None)
    item.pop("outputLocation")
    item.pop("failureLocation", None)
    item |= {
        "jobId": {"S": left_behind},
        "status": {"S": "Queued"},
        "openShard": {"S": "open"},
        "checkAt": {"N": str(int(time.time()) - 1)},
    }
    stack.client("dynamodb").put_item(TableName=stack.outputs["JobsTableName"], Item=item)

    stack.client("lambda").invoke(FunctionName=stack.outputs["SweeperFunctionName"], Payload=b"{}")

    assert api.wait(left_behind)["status"] == "Completed"


def test_messages_that_come_twice_or_too_late_change_nothing(
    stack: Stack, api: JobsApi, key: str, job_id: str
) -> None:
    api.submit({"jobId": job_id, "s3Key": key})
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
    stack: Stack, api: JobsApi, key: str, job_id: str
) -> None:
    servers = model_servers(stack)
    assert servers, "an endpoint in service has a model server"
    for process in servers:
        process.send_signal(signal.SIGKILL)
    api.submit({"jobId": job_id, "s3Key": key})
    assert api.wait(job_id, timeout_seconds=120)["status"] in {"Completed", "Failed"}
    api.submit({"jobId": f"{job_id}-next", "s3Key": key})
    assert api.wait(f"{job_id}-next", timeout_seconds=120)["status"] == "Completed"


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
