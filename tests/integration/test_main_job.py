"""The main job, as a client with HTTP and a token meets it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from femo_client.api import JobsApi

from .conftest import Stack, run_cli

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def recording_key(deployed: Stack, recording: Path) -> str:
    with JobsApi(deployed.outputs["ApiUrl"], deployed.credentials()) as api:
        return api.upload(recording)


def analysed_on_disk(recording: Path, model: Path, *options: str) -> dict[str, Any]:
    done = run_cli("analyze", recording, "--model", model, *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_submitted_recording_completes_with_the_events_that_the_command_line_finds(
    api: JobsApi, recording_key: str, job_id: str, recording: Path, model: Path
) -> None:
    submitted = api.submit({"jobId": job_id, "s3Key": recording_key})
    assert submitted["status"] == "Queued"

    job = api.wait(job_id)

    assert job["status"] == "Completed", job
    assert job["output_type"] == "events"
    assert job["result"]["events"], "a ten-minute recording with kicks has events"
    assert job["result"] == analysed_on_disk(recording, model)["result"]


def test_the_whole_response_can_be_fetched_by_its_url_without_a_token(
    api: JobsApi, recording_key: str, job_id: str
) -> None:
    api.submit({"jobId": job_id, "s3Key": recording_key})
    job = api.wait(job_id)
    response = httpx.get(job["resultUrl"]).json()
    assert response["jobId"] == job_id
    assert response["status"] == "Completed"
    assert response["result"] == job["result"]


def test_metadata_without_hiccups_and_with_intervals_is_answered_when_asked_for(
    api: JobsApi, recording_key: str, job_id: str, recording: Path, model: Path
) -> None:
    api.submit(
        {
            "jobId": job_id,
            "s3Key": recording_key,
            "extractEvents": False,
            "removeHiccups": True,
            "includeFullIntervals": True,
        }
    )
    job = api.wait(job_id)
    assert job["output_type"] == "metadata"
    options = ("--metadata", "--remove-hiccups", "--include-full-intervals")
    assert job["result"] == analysed_on_disk(recording, model, *options)["result"]


def test_the_same_request_again_is_the_same_job_and_another_one_a_conflict(
    deployed: Stack, recording_key: str, job_id: str
) -> None:
    body = {"jobId": job_id, "s3Key": recording_key}
    first = post(deployed, "/jobs", json=body)
    assert first.status_code == 202
    assert first.headers["Location"].endswith(job_id)
    assert post(deployed, "/jobs", json=body).status_code == 200
    conflict = post(deployed, "/jobs", json={**body, "removeHiccups": True})
    assert (conflict.status_code, conflict.json()["error"]["code"]) == (409, "job_id_conflict")


def test_twenty_jobs_at_once_all_complete_and_are_listed_newest_first(
    api: JobsApi, recording_key: str, job_id: str
) -> None:
    ids = [f"{job_id}-{number}" for number in range(20)]
    with ThreadPoolExecutor(max_workers=5) as pool:
        list(pool.map(lambda name: api.submit({"jobId": name, "s3Key": recording_key}), ids))
    assert {api.wait(name)["status"] for name in ids} == {"Completed"}

    listed: list[dict[str, Any]] = []
    token = None
    while len(listed) < len(ids):
        page = api.jobs(status="Completed", limit=7, next_token=token)
        listed += page["jobs"]
        token = page.get("nextToken")
        if token is None:
            break
    created = [job["createdAt"] for job in listed]
    assert created == sorted(created, reverse=True)
    assert set(ids) <= {job["jobId"] for job in listed}


def test_a_v2_recording_completes_too(
    deployed: Stack, api: JobsApi, job_id: str, tmp_path: Path
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
    api.submit({"jobId": job_id, "s3Key": api.upload(recording)})
    assert api.wait(job_id)["status"] == "Completed"


def post(stack: Stack, path: str, **request: Any) -> httpx.Response:
    with JobsApi(stack.outputs["ApiUrl"], stack.credentials()) as api:
        headers = {"Authorization": f"Bearer {api.token()}", **request.pop("headers", {})}
    return httpx.post(stack.outputs["ApiUrl"] + path, headers=headers, timeout=60, **request)
