"""A result in the form that its reader asked for, or a word why not."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.stub import Stubber

from femo_api import forms
from femo_jobs import clients
from femo_jobs.jobs import JobStatus, Outcome
from femo_jobs.table import JobTable
from tests.unit.result.examples import events_response

from .conftest import REQUESTS, Answer, output_uri, put

Call = Callable[..., Answer]
JOB = "unique-job-id"
ROUTE = "/jobs/{jobId}/result"


@pytest.fixture
def ask(call: Call) -> Call:
    """Ask for the job's result."""

    def send(accept: str | None = None, job_id: str = JOB) -> Answer:
        headers = {} if accept is None else {"Accept": accept}
        return call("GET", f"/jobs/{job_id}/result", headers=headers, resource=ROUTE)

    return send


@pytest.fixture
def submitted(call: Call, queued: Callable[..., None], recording: str) -> None:
    queued(JOB)
    body = {"jobId": JOB, "s3Key": recording, "subjectId": "S-017"}
    assert call("POST", "/jobs", body).status == 202


@pytest.fixture
def completed(submitted: None, table: JobTable) -> dict[str, Any]:
    """A completed job, of which this is the response."""
    response = events_response() | {"jobId": JOB}
    put(output_uri(JOB), response)
    settle(table)
    return response


def settle(table: JobTable) -> None:
    outcome = Outcome(
        JobStatus.COMPLETED, "2025-06-04T14:31:00.000Z", output_location=output_uri(JOB)
    )
    table.settle(JOB, outcome)


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html, */*;q=0.1"])
def test_who_asks_for_nothing_special_gets_the_whole_response(
    ask: Call, completed: dict[str, Any], accept: str | None
) -> None:
    answer = ask(accept)
    assert (answer.status, answer.body) == (200, completed)
    assert answer.headers["content-disposition"] == f'attachment; filename="{JOB}.json"'
    assert answer.headers["vary"] == "Accept"
    assert "no-store" in answer.headers["cache-control"]


def test_a_table_is_a_table_and_names_the_subject(ask: Call, completed: dict[str, Any]) -> None:
    answer = ask("text/csv")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/csv; charset=utf-8")
    assert answer.headers["content-disposition"] == f'attachment; filename="{JOB}.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.body)))
    assert rows[0]["kind"] == "summary"
    assert rows[0]["movement_count"] == str(completed["result"]["movement_count"])
    assert "S-017" in answer.body


def test_fhir_is_a_bundle_of_the_subject(ask: Call, completed: dict[str, Any]) -> None:
    answer = ask("application/fhir+json")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/fhir+json"
    assert answer.headers["content-disposition"] == f'attachment; filename="{JOB}.fhir.json"'
    bundle = json.loads(answer.body)
    assert bundle["resourceType"] == "Bundle"
    assert "S-017" in answer.body


@pytest.mark.parametrize("accept", ["image/png", "application/xml", "nonsense", "text/csv;q=0"])
def test_a_form_that_is_not_given_is_refused_with_those_that_are(ask: Call, accept: str) -> None:
    answer = ask(accept)
    assert (answer.status, answer.code) == (406, "not_acceptable")
    assert all(form in answer.body["error"]["message"] for form in forms.Form)
    assert answer.headers["vary"] == "Accept"


def test_a_job_that_has_not_ended_has_no_result(ask: Call, submitted: None) -> None:
    answer = ask()
    assert (answer.status, answer.code) == (409, "job_not_completed")
    assert "Queued" in answer.body["error"]["message"]


@pytest.mark.parametrize("job_id", ["nobody", "-", "a%00"])
def test_a_result_of_no_job_is_not_found(ask: Call, job_id: str) -> None:
    answer = ask(job_id=job_id)
    assert (answer.status, answer.code) == (404, "job_not_found")


def test_a_result_that_is_gone_is_told_as_gone(ask: Call, completed: dict[str, Any]) -> None:
    clients.s3().delete_object(Bucket=REQUESTS, Key=f"results/{JOB}.out")
    assert (ask().status, ask().code) == (410, "result_unavailable")
    put(output_uri(JOB), b"{")
    assert (ask("text/csv").status, ask("text/csv").code) == (410, "result_unavailable")


def test_a_result_that_cannot_be_read_now_may_be_asked_for_again(
    ask: Call, completed: dict[str, Any]
) -> None:
    with Stubber(clients.s3()) as s3:
        s3.add_client_error("get_object", "SlowDown", http_status_code=503)
        answer = ask()
    assert (answer.status, answer.code) == (503, "result_unreachable")
    assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize("limit", ["MOST_SENT_BYTES", "MOST_READ_BYTES"])
def test_json_beyond_what_can_be_sent_is_fetched_from_s3_and_other_forms_are_refused(
    ask: Call, completed: dict[str, Any], limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, limit, 100)
    answer = ask()
    assert answer.status == 303
    assert f"results/{JOB}.out" in answer.headers["location"]
    assert "X-Amz-Signature" in answer.headers["location"]
    assert answer.headers["vary"] == "Accept"
    for form in ("text/csv", "application/fhir+json"):
        answer = ask(form)
        assert (answer.status, answer.code) == (406, "result_too_large")


def test_what_is_sent_fits_through_lambda_however_it_is_escaped() -> None:
    assert forms.MOST_SENT_BYTES + 64 * 1024 < 6 * 1024 * 1024


def test_a_result_of_an_earlier_version_is_given_as_it_is_and_in_no_other_form(
    ask: Call, submitted: None, table: JobTable
) -> None:
    old = events_response() | {"jobId": JOB}
    del old["result"]["recording"]
    put(output_uri(JOB), old)
    settle(table)
    assert ask().body == old
    answer = ask("text/csv")
    assert (answer.status, answer.code) == (406, "result_of_another_version")
