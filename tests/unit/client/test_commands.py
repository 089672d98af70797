"""`femo submit`, `status` and `jobs`: what is refused, and what a person is told."""

from __future__ import annotations

import functools
import importlib
import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
import tqdm
from click.testing import CliRunner, Result

from femo_cli.main import femo
from femo_client import FemoClient

from .service import CREDENTIALS, SINGLE, URL, Service, answering

STACK = {
    "FEMO_API_URL": URL,
    "FEMO_TOKEN_URL": CREDENTIALS.token_url,
    "FEMO_CLIENT_ID": "id",
    "FEMO_CLIENT_SECRET": CREDENTIALS.client_secret,
}
Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command of `femo` against a service."""

    def invoke(service: Service, command: str, *arguments: str) -> Result:
        reached = functools.partial(FemoClient, transport=httpx.MockTransport(service))
        monkeypatch.setattr("femo_client.client.FemoClient", reached)
        return CliRunner().invoke(femo, [command, *arguments], env=STACK)

    return invoke


@pytest.fixture
def recording(tmp_path: Path) -> str:
    path = tmp_path / "recording.dat"
    path.write_bytes(b"a recording")
    return str(path)


def taking(**job: Any) -> Service:
    """A service that takes an upload and answers a job."""
    return Service(
        {
            "POST /dev/uploads": answering(201, SINGLE),
            "PUT /put": answering(200, {}),
            "POST /dev/jobs": answering(202, {"jobId": "x", "status": "Queued", **job}),
            "GET /dev/jobs/x": answering(200, {"jobId": "x", "status": "Completed", **job}),
        }
    )


@pytest.mark.parametrize("job_id", ["../jobs", "a b", "-a", "a" * 65])
def test_an_id_that_is_none_is_refused_before_anything_is_uploaded(
    run: Run, recording: str, job_id: str
) -> None:
    service = taking()
    for command in (["submit", recording, f"--job-id={job_id}"], ["status", "--", job_id]):
        done = run(service, *command)
        assert done.exit_code == 2
        assert "1 to 64" in done.stderr
    assert not service.requests


def test_a_file_is_submitted_under_the_key_of_its_content(run: Run, recording: str) -> None:
    service = taking()
    done = run(service, "submit", recording, "--job-id", "x", "--no-wait")
    assert done.exit_code == 0, done.output
    body = json.loads(service.asked("/dev/jobs")[0].content)
    assert (body["jobId"], body["s3Key"]) == ("x", SINGLE["s3Key"])
    assert json.loads(done.stdout)["jobId"] == "x"


def test_the_id_is_told_before_an_answer_can_be_lost(run: Run, recording: str) -> None:
    service = taking()
    service.answers["POST /dev/jobs"] = answering(
        500, {"error": {"code": "internal_error", "message": "x"}}
    )
    done = run(service, "submit", recording)
    assert done.exit_code == 1
    sent = json.loads(service.asked("/dev/jobs")[0].content)["jobId"]
    assert f"Submitting as {sent}" in done.stderr


def test_a_completed_job_without_a_result_is_no_success(run: Run, recording: str) -> None:
    error = {"code": "result_unavailable", "message": "gone"}
    done = run(taking(result=None, error=error), "submit", recording, "--job-id", "x")
    assert done.exit_code == 1
    assert "result_unavailable" in done.stdout


def test_a_refusal_names_the_field(run: Run) -> None:
    refusal = {"error": {"code": "invalid_next_token", "message": "No.", "field": "nextToken"}}
    service = Service({"GET /dev/jobs": answering(400, refusal)})
    done = run(service, "jobs", "--next-token", "x")
    assert done.exit_code == 2
    assert "femo: error: No. (invalid_next_token, field nextToken)" in done.stderr


def test_each_filter_reaches_the_service_and_none_that_was_not_given(run: Run) -> None:
    service = Service({"GET /dev/jobs": answering(200, {"jobs": []})})
    times = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-02-01T00:00:00Z"]
    done = run(
        service,
        *("jobs", "--status", "Failed", "--subject", "S-017", "--recording", "a b.dat", *times),
    )
    assert done.exit_code == 0, done.output
    assert run(service, "jobs").exit_code == 0
    asked, bare = service.asked("/dev/jobs")
    assert dict(asked.url.params) == {
        "status": "Failed",
        "subjectId": "S-017",
        "s3Key": "a b.dat",
        "from": "2026-01-01T00:00:00Z",
        "to": "2026-02-01T00:00:00Z",
        "limit": "20",
    }
    assert dict(bare.url.params) == {"limit": "20"}


def test_a_job_is_submitted_with_its_subject(run: Run, recording: str) -> None:
    service = taking()
    done = run(service, "submit", recording, "--job-id", "x", "--no-wait", "--subject", "S-017")
    assert done.exit_code == 0, done.output
    run(service, "submit", recording, "--job-id", "x", "--no-wait")
    named, unnamed = (json.loads(sent.content) for sent in service.asked("/dev/jobs"))
    assert named["subjectId"] == "S-017"
    assert "subjectId" not in unnamed


@pytest.mark.parametrize("name", ["missing.dat", ""])
def test_what_is_no_file_is_said_so(run: Run, tmp_path: Path, name: str) -> None:
    service = taking()
    done = run(service, "submit", str(tmp_path / name))
    assert done.exit_code == 2
    assert "neither a file" in done.stderr
    (tmp_path / "empty.dat").touch()
    done = run(service, "submit", str(tmp_path / "empty.dat"))
    assert done.exit_code == 2
    assert "is empty" in done.stderr
    assert not service.requests


def test_a_short_recording_is_answered_by_the_request_that_submits_it(
    run: Run, recording: str
) -> None:
    service = taking()
    service.answers["POST /dev/jobs"] = answering(200, {"jobId": "x", "status": "Completed"})
    done = run(service, "submit", recording, "--job-id", "x")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["status"] == "Completed"
    (sent,) = service.asked("/dev/jobs")
    assert sent.headers["Prefer"] == "wait=20"
    assert not service.asked("/dev/jobs/x")


def test_who_does_not_want_to_wait_is_not_held_up(run: Run, recording: str) -> None:
    service = taking()
    done = run(service, "submit", recording, "--job-id", "x", "--no-wait")
    assert done.exit_code == 0, done.output
    (sent,) = service.asked("/dev/jobs")
    assert "Prefer" not in sent.headers


def test_time_goes_on_to_be_shown_while_the_service_holds_its_answer_back(
    run: Run, recording: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = threading.Event()

    class Clock(tqdm.tqdm):
        def refresh(self, *arguments: Any, **options: Any) -> None:
            shown.set()

    def held_back(_request: httpx.Request) -> httpx.Response:
        shown.clear()
        assert shown.wait(10), "nothing was shown while the service held its answer back"
        return httpx.Response(200, json={"jobId": "x", "status": "Completed"})

    monkeypatch.setattr(tqdm, "tqdm", Clock)
    monkeypatch.setattr(importlib.import_module("femo_cli.submit"), "_TICK_SECONDS", 0.01)
    service = taking()
    service.answers["POST /dev/jobs"] = held_back
    done = run(service, "submit", recording, "--job-id", "x")
    assert done.exit_code == 0, done.output


def test_a_full_service_says_when_to_come_again(run: Run, recording: str) -> None:
    service = taking()
    refusal = {"error": {"code": "backlog_full", "message": "So many jobs wait."}}
    service.answers["POST /dev/jobs"] = lambda _request: httpx.Response(
        503, json=refusal, headers={"Retry-After": "600"}
    )
    done = run(service, "submit", recording, "--job-id", "x")
    assert done.exit_code == 1
    assert "So many jobs wait. (backlog_full, again in 600 s)" in done.stderr
    assert len(service.asked("/dev/jobs")) == 1


def test_a_token_serves_in_place_of_a_machine_client(run: Run) -> None:
    service = taking()
    done = run(service, "status", "x", "--token", "mine")
    assert done.exit_code == 0, done.output
    (asked,) = service.requests
    assert asked.headers["Authorization"] == "Bearer mine"


def test_all_that_is_missing_to_reach_a_service_is_named_at_once() -> None:
    nothing = dict.fromkeys([*STACK, "FEMO_TOKEN"])
    done = CliRunner().invoke(femo, ["status", "x"], env=nothing)
    assert done.exit_code == 2
    assert all(name in done.stderr for name in (*STACK, "FEMO_TOKEN"))


def test_a_refusal_names_the_request_for_whoever_reads_the_services_logs(run: Run) -> None:
    body = {"error": {"code": "internal_error", "message": "Ours."}}
    service = Service({"GET /dev/jobs/x": answering(500, body, x_amzn_RequestId="r-1")})
    done = run(service, "status", "x")
    assert done.exit_code == 1
    assert "femo: error: Ours. (internal_error, request r-1)" in done.stderr


def told_commands() -> list[tuple[str, str]]:
    """Commands of `femo` that texts of the commands and pages tell, with their options."""
    root = Path(__file__).parents[3]
    sources = [*root.glob("femo_*/**/*.py"), *root.glob("docs/*.md"), root / "README.md"]
    text = "\n".join(source.read_text() for source in sources)
    found = re.findall(r"(?:`|^|/)femo ([a-z]+) ([^`\n#]*)", text, re.MULTILINE)
    return sorted({(name, option) for name, rest in found
                   for option in re.findall(r"(?<!\S)--[a-z-]+", rest)})  # fmt: skip


def test_no_text_names_an_option_that_its_command_has_not() -> None:
    told = told_commands()
    assert ("analyze", "--report") in told
    context = click.Context(femo)
    for name, option in told:
        command = femo.get_command(context, name)
        assert command is not None, name
        known = {one for param in command.params for one in param.opts + param.secondary_opts}
        assert option in known | {"--help"}, f"femo {name} {option}"


def unreachable(times: int, *answers: httpx.Response) -> Callable[[httpx.Request], httpx.Response]:
    """Answer a number of times not at all, and then one after the other."""
    left = iter(answers)
    faults = iter(range(times))

    def answer(_request: httpx.Request) -> httpx.Response:
        if next(faults, None) is not None:
            raise httpx.ConnectError("no route")
        return next(left)

    return answer


def test_a_job_that_runs_is_followed_through_a_time_without_network_which_is_told(
    run: Run, recording: str
) -> None:
    service = taking()
    completed = httpx.Response(200, json={"jobId": "x", "status": "Completed"})
    service.answers["GET /dev/jobs/x"] = unreachable(12, completed)
    done = run(service, "submit", recording, "--job-id", "x")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["status"] == "Completed"
    assert done.stderr.count("cannot be asked at the moment") == 1
    assert "no route" in done.stderr
    assert "answers again" in done.stderr


@pytest.mark.parametrize("has_arrived", [True, False])
def test_a_job_whose_answer_is_lost_is_found_again_or_sent_again_under_its_id(
    run: Run, recording: str, has_arrived: bool
) -> None:
    service = taking()
    completed = {"jobId": "x", "status": "Completed"}
    service.answers["POST /dev/jobs"] = unreachable(5, httpx.Response(200, json=completed))
    if not has_arrived:
        missing = {"error": {"code": "job_not_found", "message": "None."}}
        service.answers["GET /dev/jobs/x"] = answering(404, missing)
    done = run(service, "submit", recording, "--job-id", "x")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["status"] == "Completed"
    sent = {request.content for request in service.asked("/dev/jobs")}
    assert len(sent) == 1
