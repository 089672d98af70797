"""The main job, as a client with HTTP and a token meets it."""

from __future__ import annotations

import json
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from femo_cli.submit import submit
from femo_client import FemoClient, NoAnswerError, uploads
from femo_client.steps import Flow
from femo_client.uploads import HASHED_BYTES

from .conftest import Stack, run_cli

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def recording_key(deployed: Stack, recording: Path) -> str:
    with FemoClient(deployed.outputs["ApiUrl"], deployed.credentials()) as api:
        return api.upload(recording)


def analysed_on_disk(recording: Path, model: Path, *options: str) -> dict[str, Any]:
    done = run_cli("analyze", recording, "--model", model, *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_submitted_recording_completes_with_the_events_that_the_command_line_finds(
    api: FemoClient, recording_key: str, job_id: str, recording: Path, model: Path
) -> None:
    submitted = api.submit(recording_key, job_id=job_id)
    assert submitted.status == "Queued"

    job = api.wait(job_id).as_json()

    assert job["status"] == "Completed", job
    assert job["output_type"] == "events"
    assert job["result"]["events"], "a ten-minute recording with kicks has events"
    assert unregistered(job["result"]) == analysed_on_disk(recording, model)["result"]
    in_service = api.service().as_json()
    assert in_service["endpoint"] == {"status": "InService"}
    assert in_service["modelPackage"] == job["result"]["model"]["package"]
    assert in_service["modelPackage"] == job.get("modelPackage")
    lane = in_service["lanes"]["asynchronous"]
    assert (lane["state"], lane["expectedWait"]["basis"]) == ("ready", "measured")


def unregistered(result: dict[str, Any]) -> dict[str, Any]:
    """Return a result as of a model on disk, which is no registered package."""
    return {**result, "model": {**result["model"], "package": None}}


def test_the_whole_response_can_be_fetched_by_its_url_without_a_token(
    api: FemoClient, recording_key: str, job_id: str
) -> None:
    api.submit(recording_key, job_id=job_id)
    job = api.wait(job_id).as_json()
    response = httpx.get(job["resultUrl"]).json()
    assert response["jobId"] == job_id
    assert response["status"] == "Completed"
    assert response["result"] == job["result"]


def test_metadata_without_hiccups_and_with_intervals_is_answered_when_asked_for(
    api: FemoClient, recording_key: str, job_id: str, recording: Path, model: Path
) -> None:
    api.submit(
        recording_key,
        job_id=job_id,
        extract_events=False,
        remove_hiccups=True,
        include_full_intervals=True,
    )
    job = api.wait(job_id).as_json()
    assert job["output_type"] == "metadata"
    options = ("--metadata", "--remove-hiccups", "--include-full-intervals")
    on_disk = analysed_on_disk(recording, model, *options)["result"]
    assert unregistered(job["result"]) == on_disk


def test_a_caller_that_waits_has_the_result_in_one_request(
    deployed: Stack, recording_key: str, job_id: str
) -> None:
    body = {"jobId": job_id, "s3Key": recording_key}
    answer = post(deployed, "/jobs", json=body, headers={"Prefer": "wait=20"})
    assert (answer.status_code, answer.json()["status"]) == (200, "Completed"), answer.text
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert answer.json()["result"]["events"]
    # An answer that was lost on its way is had again, at once
    again = post(deployed, "/jobs", json=body, headers={"Prefer": "wait=20"})
    assert (again.status_code, again.json()["result"]) == (200, answer.json()["result"])
    unasked = {**body, "jobId": f"{job_id}-unasked"}
    assert post(deployed, "/jobs", json=unasked).status_code == 202


def test_a_machine_that_submits_jobs_cannot_warm_the_service_up(deployed: Stack) -> None:
    assert post(deployed, "/service/warm-up").status_code == 401


def test_the_same_request_again_is_the_same_job_and_another_one_a_conflict(
    deployed: Stack, recording_key: str, job_id: str
) -> None:
    body = {"jobId": job_id, "s3Key": recording_key}
    first = post(deployed, "/jobs", json=body)
    assert first.status_code == 202
    assert first.headers["Location"].endswith(job_id)
    assert post(deployed, "/jobs", json=body).status_code == 200
    later = {**body, "requestTime": "2025-06-04T14:30:00.000Z"}
    assert post(deployed, "/jobs", json=later).status_code == 200
    conflict = post(deployed, "/jobs", json={**body, "removeHiccups": True})
    assert (conflict.status_code, conflict.json()["error"]["code"]) == (409, "job_id_conflict")


def test_a_file_submitted_again_under_its_id_is_the_same_job_whatever_it_is_called(
    deployed: Stack, job_id: str, recording: Path, tmp_path: Path
) -> None:
    credentials = deployed.credentials()
    environment = {
        "FEMO_API_URL": deployed.outputs["ApiUrl"],
        "FEMO_TOKEN_URL": credentials.token_url,
        "FEMO_CLIENT_ID": credentials.client_id,
        "FEMO_CLIENT_SECRET": credentials.client_secret,
    }
    copy = tmp_path / "Möller 2. Nacht.dat"
    shutil.copy(recording, copy)
    jobs = []
    for path in (recording, copy):
        done = CliRunner().invoke(submit, [str(path), "--job-id", job_id], env=environment)
        assert done.exit_code == 0, done.output
        jobs.append(json.loads(done.stdout))
    assert jobs[0]["createdAt"] == jobs[1]["createdAt"]
    assert jobs[0]["result"] == jobs[1]["result"]
    different = tmp_path / "other.dat"
    different.write_bytes(recording.read_bytes() + bytes(1))
    done = CliRunner().invoke(submit, [str(different), "--job-id", job_id], env=environment)
    assert (done.exit_code, "job_id_conflict" in done.stderr) == (2, True)


def test_an_interrupted_upload_in_parts_goes_on_and_is_there_once(
    deployed: Stack, api: FemoClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.dat"
    path.write_bytes(random.Random(7).randbytes(2 * HASHED_BYTES + 1000))
    send = uploads._sent
    sent: list[int] = []

    def break_off(path: Path, piece: dict[str, Any]) -> Flow[int]:
        sent.append(piece["offsetBytes"])
        if piece["offsetBytes"]:
            raise NoAnswerError("the network is gone")
        return (yield from send(path, piece))

    with monkeypatch.context() as patched:
        patched.setattr(uploads, "_PARALLEL_PARTS", 1)
        patched.setattr(uploads, "_sent", break_off)
        with pytest.raises(NoAnswerError):
            api.upload(path)
    arrived: list[int] = []
    key = api.upload(path, on_bytes=arrived.append)
    assert sent == [0, HASHED_BYTES]
    assert arrived[0] == HASHED_BYTES  # what was there already
    assert sorted(arrived) == [1000, HASHED_BYTES, HASHED_BYTES]
    s3, bucket = deployed.client("s3"), deployed.outputs["RecordingsBucketName"]
    stored = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    assert stored == path.read_bytes()
    assert api.upload(path) == key
    assert len(s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]) == 1


def test_a_job_whose_result_is_gone_is_told_with_a_reason(
    deployed: Stack, api: FemoClient, recording_key: str, job_id: str
) -> None:
    api.submit(recording_key, job_id=job_id)
    location = str(api.wait(job_id).result_location)
    bucket, _, name = location.removeprefix("s3://").partition("/")
    deployed.client("s3").delete_object(Bucket=bucket, Key=name)
    job = api.job(job_id).as_json()
    assert (job["status"], job["result"]) == ("Completed", None)
    assert job["error"]["code"] == "result_unavailable"
    assert "resultUrl" not in job


def test_twenty_jobs_at_once_all_complete_and_are_listed_newest_first(
    api: FemoClient, recording_key: str, job_id: str
) -> None:
    ids = [f"{job_id}-{number}" for number in range(20)]
    with ThreadPoolExecutor(max_workers=5) as pool:
        list(pool.map(lambda name: api.submit(recording_key, job_id=name), ids))
    assert {api.wait(name).status for name in ids} == {"Completed"}

    listed = list(islice(api.jobs(status="Completed", page_size=7), len(ids) + 1))
    created = [job.created_at for job in listed]
    assert created == sorted(created, reverse=True)
    assert set(ids) <= {job.job_id for job in listed}


def test_a_v2_recording_completes_too(
    deployed: Stack, api: FemoClient, job_id: str, tmp_path: Path
) -> None:
    made = run_cli(
        "synthesize",
        tmp_path,
        "--recordings",
        "1",
        "--minutes",
        "6",
        "--format",
        "v2",
        "--seed",
        3,
        "--kind",
        "rich",
    )
    assert made.returncode == 0, made.stderr
    recording = next(path for path in tmp_path.iterdir() if path.suffix in {".dat", ".bin"})
    api.submit(api.upload(recording), job_id=job_id)
    assert api.wait(job_id).status == "Completed"


def post(stack: Stack, path: str, **request: Any) -> httpx.Response:
    with FemoClient(stack.outputs["ApiUrl"], stack.credentials()) as api:
        headers = {"Authorization": f"Bearer {api.token()}", **request.pop("headers", {})}
    return httpx.post(stack.outputs["ApiUrl"] + path, headers=headers, timeout=60, **request)
