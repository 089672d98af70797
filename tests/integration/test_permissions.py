"""Each permission of each function and of the endpoint is needed, and where: least privilege.

Those of the state machines and of their jobs are in test_machine_permissions.py. Every permission
that the template grants is either taken away in one of the two, or in the table at the end of it.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from femo_client import ApiError, FemoClient

from .conftest import ROOT, Stack
from .grants import Grant, find, takes_away, without
from .waiting import Tail, wait_for

pytestmark = pytest.mark.integration

MULTIPART_BYTES = 70 * 1024**2  # more than is uploaded at once


@pytest.fixture(scope="module")
def key(deployed: Stack, recording: Path) -> str:
    with FemoClient(deployed.outputs["ApiUrl"], deployed.credentials()) as api:
        return api.upload(recording)


@pytest.fixture(scope="module")
def bad_key(deployed: Stack) -> str:
    """An object that is no recording."""
    deployed.client("s3").put_object(
        Bucket=deployed.outputs["RecordingsBucketName"], Key="bad.dat", Body=b"not a recording"
    )
    return "bad.dat"


@pytest.fixture(scope="module")
def jobs(deployed: Stack, key: str, bad_key: str) -> dict[str, dict[str, Any]]:
    """The rows of a completed and of a failed job."""
    rows = {}
    with FemoClient(deployed.outputs["ApiUrl"], deployed.credentials()) as api:
        for name, recording_key in (("completed", key), ("failed", bad_key)):
            job_id = f"permissions-{name}-{uuid.uuid4()}"
            api.submit(recording_key, job_id=job_id)
            assert str(api.wait(job_id).status).lower() == name
            rows[name] = row(deployed, job_id)
    return rows


def row(stack: Stack, job_id: str) -> dict[str, Any]:
    """Return the row of a job, or nothing."""
    answer = stack.client("dynamodb").get_item(
        TableName=stack.outputs["JobsTableName"],
        Key={"jobKey": {"S": f"default#{job_id}"}},
        ConsistentRead=True,
    )
    found: dict[str, Any] = answer.get("Item", {})
    return found


def call(stack: Stack, method: str, path: str, **options: Any) -> httpx.Response:
    """Call the API, whatever it answers."""
    with FemoClient(stack.outputs["ApiUrl"], stack.credentials()) as api:
        headers = {"Authorization": f"Bearer {api.token()}"}
    return httpx.request(
        method, stack.outputs["ApiUrl"] + path, headers=headers, timeout=60, **options
    )


def invoke(stack: Stack, output: str, event: Any) -> tuple[dict[str, Any] | None, bool]:
    """Invoke a function and return what it answers, and whether that is an error."""
    answer = stack.client("lambda").invoke(
        FunctionName=stack.outputs[output], Payload=json.dumps(event)
    )
    return json.loads(answer["Payload"].read()), "FunctionError" in answer


# The API


@takes_away(
    "ApiFunctionRole KeepJobs dynamodb:PutItem *",
    "ApiFunctionRole ReadRecordings s3:GetObject *",
    "ApiFunctionRole WriteRequests s3:PutObject *",
    "ApiFunctionRole QueueInference *",
)
def test_a_job_is_not_accepted_without(
    deployed: Stack, api: FemoClient, key: str, job_id: str, grant: Grant
) -> None:
    with without(deployed, grant):
        with pytest.raises(ApiError) as refused:
            api.submit(key, job_id=job_id)
        assert refused.value.status == 500
        assert not row(deployed, job_id)
    api.submit(key, job_id=job_id)
    assert api.wait(job_id).status == "Completed"


@takes_away("ApiFunctionRole KeepJobs dynamodb:UpdateItem *")
def test_a_queued_job_cannot_be_noted_as_such_without(
    deployed: Stack, api: FemoClient, key: str, job_id: str, grant: Grant
) -> None:
    with without(deployed, grant), pytest.raises(ApiError) as refused:
        api.submit(key, job_id=job_id)
    assert refused.value.status == 500
    # It is queued all the same, and its message brings the outcome
    assert api.wait(job_id).status == "Completed"
    assert api.submit(key, job_id=job_id).status == "Completed"


@takes_away("ApiFunctionRole KeepJobs dynamodb:DeleteItem *")
def test_the_row_of_a_refused_job_stays_without(
    deployed: Stack, api: FemoClient, key: str, job_id: str, grant: Grant
) -> None:
    queueing = find("ApiFunctionRole QueueInference *")
    with without(deployed, grant, queueing), pytest.raises(ApiError):
        api.submit(key, job_id=job_id)
    assert row(deployed, job_id)["status"] == {"S": "Queued"}
    api.submit(key, job_id=job_id)
    assert api.wait(job_id).status == "Completed"


# What is asked for so that an index is read
LISTINGS = {
    "by-time": "",
    "by-status": "?status=Completed",
    "by-subject": "?subjectId=s01",
    "by-recording": "?s3Key=input-data/a.dat",
}


@takes_away(
    "ApiFunctionRole KeepJobs dynamodb:GetItem *",
    "ApiFunctionRole KeepJobs dynamodb:BatchGetItem *",
    *(f"ApiFunctionRole ListJobs dynamodb:Query *{index}" for index in LISTINGS),
)
def test_jobs_cannot_be_read_without(
    deployed: Stack, jobs: dict[str, dict[str, Any]], grant: Grant
) -> None:
    one = grant.action == "dynamodb:GetItem"
    query = LISTINGS.get(grant.resource.rpartition("/")[2], "")
    path = f"/jobs/{jobs['completed']['jobId']['S']}" if one else f"/jobs{query}"
    with without(deployed, grant):
        denied = call(deployed, "GET", path)
    assert (denied.status_code, denied.json()["error"]["code"]) == (500, "internal_error")
    assert call(deployed, "GET", path).status_code == 200


@takes_away("ApiFunctionRole CountOpenJobs *")
def test_how_many_jobs_wait_is_not_told_without(deployed: Stack, grant: Grant) -> None:
    """Once the count that was kept for some seconds is counted anew."""

    def is_told() -> bool:
        return call(deployed, "GET", "/service").json()["backlog"]["openJobs"] is not None

    with without(deployed, grant):
        wait_for(lambda: not is_told())
    wait_for(is_told)


@takes_away("ApiFunctionRole LookAtEndpoint *")
def test_the_model_in_service_is_not_told_without(deployed: Stack, grant: Grant) -> None:
    with without(deployed, grant):
        denied = call(deployed, "GET", "/service")
    assert (denied.status_code, denied.json()["error"]["code"]) == (500, "internal_error")
    assert call(deployed, "GET", "/service").json()["endpoint"] == {"status": "InService"}


@takes_away("ApiFunctionRole ReadResults s3:GetObject *")
def test_results_cannot_be_read_without(
    deployed: Stack, jobs: dict[str, dict[str, Any]], grant: Grant
) -> None:
    path = f"/jobs/{jobs['completed']['jobId']['S']}"
    with without(deployed, grant):
        assert call(deployed, "GET", path).json()["error"]["code"] == "result_unreachable"
    assert call(deployed, "GET", path).json()["result"]


@takes_away("ApiFunctionRole FindResults s3:ListBucket *")
def test_a_result_that_is_gone_is_not_known_as_such_without(
    deployed: Stack, api: FemoClient, key: str, job_id: str, grant: Grant
) -> None:
    api.submit(key, job_id=job_id)
    bucket, _, name = str(api.wait(job_id).result_location).removeprefix("s3://").partition("/")
    deployed.client("s3").delete_object(Bucket=bucket, Key=name)
    with without(deployed, grant):
        denied = call(deployed, "GET", f"/jobs/{job_id}").json()
        assert denied["error"]["code"] == "result_unreachable"
    assert call(deployed, "GET", f"/jobs/{job_id}").json()["error"]["code"] == "result_unavailable"


@takes_away(
    "ApiFunctionRole UploadRecordings s3:PutObject *",
    "ApiFunctionRole UploadRecordings s3:ListMultipartUploadParts *",
    "ApiFunctionRole FindRecordings s3:ListBucketMultipartUploads *",
    "ApiFunctionRole FindRecordings s3:ListBucket *",
)
def test_a_recording_is_not_uploaded_without(deployed: Stack, grant: Grant) -> None:
    begun = call(
        deployed, "POST", "/uploads", json={"fileName": "a.dat", "sizeBytes": MULTIPART_BYTES}
    ).json()
    calls: dict[str, tuple[str, dict[str, Any], int]] = {
        "s3:PutObject": ("/uploads", {"fileName": "a.dat", "sizeBytes": MULTIPART_BYTES}, 201),
        "s3:ListMultipartUploadParts": (f"/uploads/{begun['uploadId']}/complete", {}, 409),
        "s3:ListBucketMultipartUploads": (f"/uploads/{begun['uploadId']}/complete", {}, 409),
        # No upload of this id is open: perhaps it was completed before
        "s3:ListBucket": (f"/uploads/{'a' * 22}.7/complete", {}, 404),
    }
    path, body, status = calls[grant.action]
    with without(deployed, grant):
        assert call(deployed, "POST", path, json=body).status_code == 500
    assert call(deployed, "POST", path, json=body).status_code == status


# The functions that nobody calls


@takes_away(
    "CompletionFunctionRole SettleJobs dynamodb:UpdateItem *",
    "CompletionFunctionRole SettleJobs dynamodb:GetItem *",
    "CompletionFunctionRole ReadResults s3:GetObject *results*",
    "CompletionFunctionRole ReadResults s3:GetObject *failures*",
    "CompletionFunctionRole FindResults s3:ListBucket *",
)
def test_a_message_is_not_recorded_without(
    deployed: Stack, jobs: dict[str, dict[str, Any]], job_id: str, grant: Grant
) -> None:
    # Of a failure S3 has to say, too, that nothing could be written about it
    failed = grant.resource in ("RequestsBucket", "RequestsBucket/failures/*")
    job = jobs["failed" if failed else "completed"]
    if grant.resource == "RequestsBucket":
        job = job | {"failureLocation": {"S": jobs["completed"]["failureLocation"]["S"]}}
    open_row = keep_open(deployed, job, job_id, attempts=3)
    event = message(open_row, "Failed" if failed else "Completed")
    with without(deployed, grant):
        answer, is_error = invoke(deployed, "CompletionFunctionName", event)
    assert is_error
    assert answer is not None
    assert answer["errorMessage"] == "1 of 1 messages could not be recorded"
    assert row(deployed, job_id)["status"] == {"S": "Queued"}
    assert invoke(deployed, "CompletionFunctionName", event) == (None, False)
    assert row(deployed, job_id)["status"] == {"S": "Failed" if failed else "Completed"}


@takes_away(
    "CompletionFunctionRole WriteRequests s3:PutObject *",
    "CompletionFunctionRole QueueInference *",
)
def test_a_job_that_failed_for_now_waits_for_the_sweeper_without(
    deployed: Stack,
    api: FemoClient,
    jobs: dict[str, dict[str, Any]],
    job_id: str,
    grant: Grant,
) -> None:
    place = f"failures/{job_id}-error.out"
    bucket = deployed.outputs["RequestsBucketName"]
    body = json.dumps({"error": {"code": "worker_lost", "message": "The worker was killed."}})
    deployed.client("s3").put_object(Bucket=bucket, Key=place, Body=body)
    job = jobs["completed"] | {"failureLocation": {"S": f"s3://{bucket}/{place}"}}
    event = message(keep_open(deployed, job, job_id, attempts=1), "Failed")
    with without(deployed, grant):
        assert invoke(deployed, "CompletionFunctionName", event)[1]
        found = row(deployed, job_id)
    assert (found["status"], found["attempts"]) == ({"S": "Queued"}, {"N": "2"})
    assert "outputLocation" not in found
    make_open(deployed, found, job_id)
    invoke(deployed, "SweeperFunctionName", {})
    assert api.wait(job_id).status == "Completed"


def keep_open(stack: Stack, job: dict[str, Any], job_id: str, *, attempts: int) -> dict[str, Any]:
    """Write the row of an open job like another one, and return it."""
    in_time = int(time.time()) + 3600  # the schedule's sweeps leave it alone
    make_open(stack, job | {"attempts": {"N": str(attempts)}}, job_id, check_at=in_time)
    return row(stack, job_id)


def message(job: dict[str, Any], status: str) -> dict[str, Any]:
    name = "outputLocation" if status == "Completed" else "failureLocation"
    text = json.dumps(
        {
            "invocationStatus": status,
            "inferenceId": job["submissionId"]["S"],
            "requestParameters": {"customAttributes": f"job={job['jobId']['S']};attempt=1"},
            "responseParameters": {"contentType": "application/json", name: job[name]["S"]},
        }
    )
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text}}]}


@takes_away("CompletionFunctionRole KeepUnusableMessages sqs:SendMessage *")
def test_a_message_that_nobody_can_read_is_lost_without(deployed: Stack, grant: Grant) -> None:
    log = Tail(deployed, "ministack")
    with without(deployed, grant):
        deployed.client("sns").publish(
            TopicArn=deployed.outputs["SuccessTopicArn"], Message=f"nonsense {uuid.uuid4()}"
        )
        log.wait_for("An event for", "is lost", grant.action)


@takes_away(
    "SweeperFunctionRole SettleJobs dynamodb:GetItem *",
    "SweeperFunctionRole SettleJobs dynamodb:UpdateItem *",
    "SweeperFunctionRole ReadResults s3:GetObject *results*",
    "SweeperFunctionRole ReadResults s3:GetObject *failures*",
    "SweeperFunctionRole FindResults s3:ListBucket *",
    "SweeperFunctionRole WriteRequests s3:PutObject *",
    "SweeperFunctionRole QueueInference *",
)
def test_an_overdue_job_stays_overdue_without(
    deployed: Stack, api: FemoClient, jobs: dict[str, dict[str, Any]], job_id: str, grant: Grant
) -> None:
    # A failed job has no result: S3 has to say that it is not there, and then shows the failure
    failed = grant.resource in ("RequestsBucket", "RequestsBucket/failures/*")
    was_queued = grant.sid not in ("WriteRequests", "QueueInference")
    job = jobs["failed" if failed else "completed"]
    with without(deployed, grant):  # from before it is overdue: the schedule's runs see it, too
        make_open(deployed, job, job_id, queued=was_queued)
        report, _ = invoke(deployed, "SweeperFunctionName", {})
        found = row(deployed, job_id)
    assert report is not None
    assert (report["failed"], found["status"]) == (1, {"S": "Queued"})
    make_open(deployed, job, job_id, queued=was_queued)
    invoke(deployed, "SweeperFunctionName", {})
    assert api.wait(job_id).status == ("Failed" if failed else "Completed")


def make_open(
    stack: Stack,
    job: dict[str, Any],
    job_id: str,
    *,
    queued: bool = True,
    check_at: int | None = None,
) -> None:
    """Write the row of a job of which no message came, or that was not queued.

    It is due for the sweeper, unless ``check_at`` says when (s since the epoch).
    """
    gone = {"completedAt", "processingSeconds", "outputType", "resultBytes"}
    gone |= {"errorCode", "errorMessage", "errorField"}
    gone |= set() if queued else {"outputLocation", "failureLocation"}
    item = {name: value for name, value in job.items() if name not in gone} | {
        "jobKey": {"S": f"default#{job_id}"},
        "jobId": {"S": job_id},
        "listingKey": {"S": f"{job['createdAt']['S']}#{job_id}"},
        "status": {"S": "Queued"},
        "statusKey": {"S": "default#Queued#0"},
        "openKey": {"S": "default#open#0"},
        "nextCheckAt": {"N": str(check_at or int(time.time()) - 1)},
    }
    if "outputLocation" in item and job["jobId"]["S"] != job_id:
        item["outputLocation"] = {"S": result_like(stack, job, job_id)}
    stack.client("dynamodb").put_item(TableName=stack.outputs["JobsTableName"], Item=item)


def result_like(stack: Stack, job: dict[str, Any], job_id: str) -> str:
    """Write the result of another job as that of this one, if it has any; return its place."""
    s3, bucket = stack.client("s3"), stack.outputs["RequestsBucketName"]
    place = f"s3://{bucket}/results/{job_id}.out"
    if job["status"] == {"S": "Completed"}:
        key = job["outputLocation"]["S"].removeprefix(f"s3://{bucket}/")
        response = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        body = json.dumps(response | {"jobId": job_id})
        s3.put_object(Bucket=bucket, Key=f"results/{job_id}.out", Body=body)
    return place


@takes_away("SweeperFunctionRole LookAtBacklog *")
def test_a_job_that_sagemaker_has_lost_is_not_missed_without(
    deployed: Stack, jobs: dict[str, dict[str, Any]], job_id: str, grant: Grant
) -> None:
    long_ago = {"submissionAt": {"N": str(int(time.time()) - 7200)}}
    lost = jobs["failed"] | long_ago | {"failureLocation": {"S": absent(deployed, job_id)}}
    with without(deployed, grant):
        make_open(deployed, lost, job_id)
        report, _ = invoke(deployed, "SweeperFunctionName", {})
    assert report is not None
    assert (report["failed"], row(deployed, job_id)["status"]) == (1, {"S": "Queued"})
    make_open(deployed, lost, job_id)
    report, _ = invoke(deployed, "SweeperFunctionName", {})
    assert report is not None
    assert report["failed"] == 0
    deployed.client("dynamodb").delete_item(
        TableName=deployed.outputs["JobsTableName"], Key={"jobKey": {"S": f"default#{job_id}"}}
    )


def absent(stack: Stack, name: str) -> str:
    return f"s3://{stack.outputs['RequestsBucketName']}/failures/{name}-absent.out"


@takes_away(
    "SweeperFunctionRole FindOverdueJobs dynamodb:Query *",
    "InFlightFunctionRole CountOpenJobs dynamodb:Query *",
)
def test_open_jobs_are_not_found_without(deployed: Stack, grant: Grant) -> None:
    function = f"{grant.role.removesuffix('Role')}Name"
    with without(deployed, grant):
        answer, is_error = invoke(deployed, function, {})
    assert is_error
    assert answer is not None
    assert grant.action in answer["errorMessage"]
    assert not invoke(deployed, function, {})[1]


REQUESTS = {
    "ConsoleFunctionRole": "console_page.json",
    "ModelsFunctionRole": "models_list_models.json",
}


@takes_away(
    *(
        f"{function}FunctionRole WriteLogs {action} *"
        for function in (
            "Api",
            "Completion",
            "FastLane",
            "Sweeper",
            "InFlight",
            "Models",
            "Console",
        )
        for action in ("logs:CreateLogStream", "logs:PutLogEvents")
    )
)
def test_a_function_leaves_no_log_without(
    deployed: Stack, jobs: dict[str, dict[str, Any]], grant: Grant
) -> None:
    name = deployed.outputs[f"{grant.role.removesuffix('Role')}Name"]
    configuration = deployed.client("lambda").get_function_configuration(FunctionName=name)
    group = configuration["LoggingConfig"]["LogGroup"]
    completed = jobs["completed"]
    event = message(completed, "Completed")
    if grant.role == "FastLaneFunctionRole":
        event = {"Records": []}

    def work() -> None:
        if grant.role == "ApiFunctionRole":
            assert call(deployed, "GET", "/jobs?limit=1").status_code == 200
        elif grant.role in REQUESTS:
            request = json.loads((ROOT / "events" / REQUESTS[grant.role]).read_text())
            answer, _ = invoke(deployed, f"{grant.role.removesuffix('Role')}Name", request)
            assert answer is not None
            assert answer["statusCode"] == 200
        else:
            assert not invoke(deployed, f"{grant.role.removesuffix('Role')}Name", event)[1]

    log = Tail(deployed, "ministack")
    with without(deployed, grant):
        before = count_lines(deployed, group)
        work()
        log.wait_for(f"Log lines of {name} are lost", grant.action)
        assert count_lines(deployed, group) == before
    work()
    wait_for(lambda: count_lines(deployed, group) > before)


def count_lines(stack: Stack, group: str) -> int:
    pages = stack.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return sum(len(page["events"]) for page in pages)


# The endpoint


@pytest.fixture(scope="module")
def infer(deployed: Stack) -> Callable[..., str]:
    """Have the endpoint analyse an object, and return what it writes into S3."""
    s3, bucket = deployed.client("s3"), deployed.outputs["RequestsBucketName"]
    recordings = deployed.outputs["RecordingsBucketName"]

    def work(recording_key: str, *, prefix: str = "smoke", request_is_there: bool = True) -> str:
        job_id = f"smoke-{uuid.uuid4()}"
        request_key = f"{prefix}/{job_id}.json"
        if request_is_there:
            uri = recording_key if "://" in recording_key else f"s3://{recordings}/{recording_key}"
            body = json.dumps({"jobId": job_id, "s3Key": uri})
            s3.put_object(Bucket=bucket, Key=request_key, Body=body)
        answer = deployed.client("sagemaker-runtime").invoke_endpoint_async(
            EndpointName=deployed.outputs["EndpointName"],
            InputLocation=f"s3://{bucket}/{request_key}",
            InferenceId=job_id,
            ContentType="application/json",
        )
        places = [answer["OutputLocation"], answer["FailureLocation"]]
        found: str = wait_for(lambda: next(filter(None, map(read, places)), None))
        return found

    def read(place: str) -> str | None:
        try:
            body = s3.get_object(Bucket=bucket, Key=place.removeprefix(f"s3://{bucket}/"))["Body"]
        except ClientError:
            return None
        text: str = body.read().decode()
        return text

    return work


@takes_away("HostingRole ReadVersions* s3:GetObjectVersion RecordingsBucket/[*]")
def test_a_submitted_version_is_not_analysed_without(
    deployed: Stack, api: FemoClient, key: str, job_id: str, grant: Grant
) -> None:
    with without(deployed, grant):
        api.submit(key, job_id=job_id)
        job = api.wait(job_id).as_json()
    assert (job["status"], job["error"]["code"]) == ("Failed", "recording_forbidden")


@takes_away("HostingRole ReadR* s3:GetObject RecordingsBucket/[*]")
def test_a_recording_of_which_no_version_is_named_is_not_analysed_without(
    deployed: Stack, infer: Callable[..., str], key: str, grant: Grant
) -> None:
    with without(deployed, grant):
        assert "recording_forbidden" in infer(key)
    assert '"result"' in infer(key)


@takes_away("HostingRole ReadR* s3:GetObject ModelsBucket/[*]")
def test_a_model_is_not_loaded_without(deployed: Stack, grant: Grant) -> None:
    sagemaker = deployed.client("sagemaker")
    served = sagemaker.describe_endpoint(EndpointName=deployed.outputs["EndpointName"])
    name = f"permissions-{uuid.uuid4()}"
    with without(deployed, grant):
        sagemaker.create_endpoint(
            EndpointName=name, EndpointConfigName=served["EndpointConfigName"]
        )
        failed = wait_for(
            lambda: (
                None
                if (found := sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"]
                == "Creating"
                else found
            )
        )
    sagemaker.delete_endpoint(EndpointName=name)
    assert failed["EndpointStatus"] == "Failed"
    assert "model.tar.gz" in failed["FailureReason"]
    assert "Forbidden" in failed["FailureReason"]


@takes_away(
    "HostingRole ReadR* s3:GetObject RequestsBucket/requests/[*]",
    "HostingRole ReadR* s3:GetObject RequestsBucket/smoke/[*]",
)
def test_a_request_is_not_read_without(
    deployed: Stack, infer: Callable[..., str], key: str, grant: Grant
) -> None:
    prefix = grant.resource.split("/")[1]
    with without(deployed, grant):
        told = infer(key, prefix=prefix)
    assert "cannot read the input" in told
    assert "AccessDenied" in told
    assert '"result"' in infer(key, prefix=prefix)


@takes_away("HostingRole WriteResults s3:PutObject *results*")
def test_a_job_whose_result_cannot_be_kept_fails_without(
    deployed: Stack, api: FemoClient, key: str, job_id: str, grant: Grant
) -> None:
    with without(deployed, grant):
        api.submit(key, job_id=job_id)
        job = api.wait(job_id).as_json()
    assert (job["status"], job["error"]["code"]) == ("Failed", "processing_failed")


@takes_away("HostingRole WriteResults s3:PutObject *failures*")
def test_the_reason_of_a_failure_is_lost_without(
    deployed: Stack, api: FemoClient, bad_key: str, job_id: str, grant: Grant
) -> None:
    with without(deployed, grant):
        api.submit(bad_key, job_id=job_id)
        job = api.wait(job_id).as_json()
    assert (job["status"], job["error"]["code"]) == ("Failed", "processing_failed")
    again = f"{job_id}-again"
    api.submit(bad_key, job_id=again)
    error = api.wait(again).error
    assert error is not None
    assert error.code == "not_a_recording"


@takes_away(
    "HostingRole FindObjects s3:ListBucket RecordingsBucket",
    "HostingRole FindObjects s3:ListBucket ModelsBucket",
    "HostingRole FindObjects s3:ListBucket RequestsBucket",
)
def test_what_is_missing_is_not_told_as_missing_without(
    deployed: Stack, infer: Callable[..., str], key: str, grant: Grant
) -> None:
    if grant.resource == "RequestsBucket":
        arguments: dict[str, Any] = {"recording_key": key, "request_is_there": False}
        denied, missing = "AccessDenied", "NoSuchKey"
    else:
        bucket = deployed.outputs[f"{grant.resource}Name"]
        arguments = {"recording_key": f"s3://{bucket}/absent.dat"}
        denied, missing = "recording_forbidden", "recording_not_found"
    with without(deployed, grant):
        assert denied in infer(**arguments)
    assert missing in infer(**arguments)


@takes_away(
    "HostingRole TellOutcomes sns:Publish SuccessTopic",
    "HostingRole TellOutcomes sns:Publish ErrorTopic",
    "HostingRole EncryptOutcomes kms:GenerateDataKey *",
    "HostingRole EncryptOutcomes kms:Decrypt *",
)
def test_an_outcome_is_not_told_and_left_to_the_sweeper_without(
    deployed: Stack, api: FemoClient, key: str, bad_key: str, job_id: str, grant: Grant
) -> None:
    fails = grant.resource == "ErrorTopic"
    log = Tail(deployed, "sagemaker")
    with without(deployed, grant):
        api.submit(bad_key if fails else key, job_id=job_id)
        found = row(deployed, job_id)
        log.wait_for(f"Notification of {found['submissionId']['S']}", grant.action)
    found = row(deployed, job_id)
    assert found["status"] == {"S": "Queued"}
    make_open(deployed, found, job_id, queued=True)
    invoke(deployed, "SweeperFunctionName", {})
    assert api.job(job_id).status == ("Failed" if fails else "Completed")


@takes_away(
    "HostingRole WriteLogs logs:CreateLogGroup *",
    "HostingRole WriteLogs logs:CreateLogStream *",
    "HostingRole WriteLogs logs:PutLogEvents *",
)
def test_the_endpoint_leaves_no_log_without(
    deployed: Stack, infer: Callable[..., str], key: str, grant: Grant
) -> None:
    group = f"/aws/sagemaker/Endpoints/{deployed.outputs['EndpointName']}"
    log = Tail(deployed, "sagemaker")
    with without(deployed, grant):
        # Not before: a line that an earlier job left behind would bring the group back
        deployed.client("logs").delete_log_group(logGroupName=group)
        infer(key)
        log.wait_for(f"log lines of {group}", "are lost", grant.action)
    infer(key)
    wait_for(lambda: group_is_there(deployed, group) and count_lines(deployed, group))


def group_is_there(stack: Stack, group: str) -> bool:
    found = stack.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    return any(one["logGroupName"] == group for one in found)
