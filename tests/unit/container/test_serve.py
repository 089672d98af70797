"""What SageMaker and a caller see of `serve`, run as SageMaker runs it."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from femo_result import EventsResponse
from tests.unit.result.examples import events_result

from .harness import PATIENCE, Bucket, Pipe, Server, StartServer, run

FIELDS = {
    "jobId",
    "status",
    "processing_time_seconds",
    "output_type",
    "result",
    "source",
    "completedTimeStamp",
}


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Iterator[Server]:
    with start_server() as running:
        yield running


def post(server: Server, content: bytes | str) -> httpx.Response:
    return server.client.post(f"{server.url}/invocations", content=content)


def error_of(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code >= 400
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body.keys() == {"error"}
    error: dict[str, Any] = body["error"]
    return error


def wait_for_heal(server: Server) -> None:
    server.wait_for("worker ready")
    assert server.ping().status_code == 200


def test_a_job_gets_the_whole_response_with_its_length(server: Server, recordings: Bucket) -> None:
    uri = recordings.put("night/one.dat", b"x" * 5000)
    response = server.invoke(uri, job="job-7", requestTime="2025-06-04T14:30:00.000Z")
    assert response.status_code == 200
    assert int(response.headers["content-length"]) == len(response.content)
    body = response.json()
    assert body.keys() == FIELDS
    assert (body["jobId"], body["status"], body["output_type"]) == ("job-7", "Completed", "events")
    assert body["result"]["size"] == 5000
    assert body["completedTimeStamp"].endswith("Z")


def test_options_reach_the_analysis(server: Server, recordings: Bucket) -> None:
    uri = recordings.put("options.dat", {})
    body = server.invoke(
        uri, removeHiccups=True, includeFullIntervals=True, extractEvents=False
    ).json()
    assert body["output_type"] == "metadata"
    assert body["result"]["remove_hiccups"] is True
    assert body["result"]["include_full_intervals"] is True


@pytest.mark.parametrize(("variable", "package"), [("femo-dev/7", "femo-dev/7"), ("", None)])
def test_the_package_that_was_deployed_reaches_the_result(
    start_server: StartServer, recordings: Bucket, variable: str, package: str | None
) -> None:
    uri = recordings.put("package.dat", {})
    with start_server(FEMO_MODEL_PACKAGE=variable) as server:
        assert server.invoke(uri).json()["result"]["package"] == package


def test_a_plain_key_is_looked_up_in_the_recordings_bucket(
    server: Server, recordings: Bucket
) -> None:
    recordings.put("plain key + sign/é.dat", {})
    assert server.invoke("plain key + sign/é.dat").status_code == 200


def test_a_large_recording_arrives_whole_in_ranges(server: Server, recordings: Bucket) -> None:
    uri = recordings.put("large.dat", os.urandom(35 * 1024**2))
    assert server.invoke(uri).json()["result"]["size"] == 35 * 1024**2


@pytest.mark.parametrize(
    ("content", "status", "code", "field"),
    [
        (b"", 400, "malformed_request", None),
        (b"{", 400, "malformed_request", None),
        (b"[1]", 400, "malformed_request", None),
        (b"\xff\xfe", 400, "malformed_request", None),
        ({"s3Key": "a"}, 422, "invalid_field", "jobId"),
        ({"jobId": "a"}, 422, "invalid_field", "s3Key"),
        ({"jobId": "../a", "s3Key": "a"}, 422, "invalid_field", "jobId"),
        ({"jobId": "a" * 65, "s3Key": "a"}, 422, "invalid_field", "jobId"),
        ({"jobId": "a", "s3Key": ""}, 422, "invalid_field", "s3Key"),
        ({"jobId": "a", "s3Key": "s3://"}, 422, "invalid_s3_key", "s3Key"),
        ({"jobId": "a", "s3Key": "s3://recordings"}, 422, "invalid_s3_key", "s3Key"),
        ({"jobId": "a", "s3Key": "s3://a b/c"}, 422, "invalid_s3_key", "s3Key"),
        ({"jobId": "a", "s3Key": "s3://arn:aws:s3:eu-west-1:1:accesspoint:x/k"}, 422,
         "invalid_s3_key", "s3Key"),
        ({"jobId": "a", "s3Key": "é" * 600}, 422, "invalid_s3_key", "s3Key"),
        ({"jobId": "a", "s3Key": "a\u0000b"}, 404, "recording_not_found", "s3Key"),
        (b'{"jobId": "a", "s3Key": "\\ud800"}', 400, "malformed_request", None),
        ({"jobId": "a", "s3Key": "k", "removeHiccups": "yes"}, 422, "invalid_field",
         "removeHiccups"),
        ({"jobId": "a", "s3Key": "k", "requestTime": "noon"}, 422, "invalid_field", "requestTime"),
        ({"jobId": "a", "s3Key": "k", "versionId": ""}, 422, "invalid_field", "versionId"),
        ({"jobId": "a", "s3Key": "k", "etag": 7}, 422, "invalid_field", "etag"),
        ({"jobId": "a", "s3Key": "k", "priority": 1}, 422, "unknown_field", "priority"),
        ({"jobId": "a", "s3Key": "no/such.dat"}, 404, "recording_not_found", "s3Key"),
        ({"jobId": "a", "s3Key": "s3://no-such-bucket/a"}, 404, "recording_not_found", "s3Key"),
    ],
)  # fmt: skip
def test_a_bad_request_is_answered_with_its_reason(
    server: Server, content: Any, status: int, code: str, field: str | None
) -> None:
    body = content if isinstance(content, bytes) else json.dumps(content)
    response = post(server, body)
    error = error_of(response)
    assert (response.status_code, error["code"], error.get("field")) == (status, code, field)
    assert "\n" not in error["message"]


def test_a_body_that_holds_the_recording_itself_is_too_large(server: Server) -> None:
    response = post(server, b" " * 70_000)
    assert (response.status_code, error_of(response)["code"]) == (413, "request_too_large")


def test_other_routes_answer_in_the_same_shape(server: Server) -> None:
    assert error_of(server.client.get(f"{server.url}/nothing"))["code"] == "not_found"
    assert error_of(server.client.get(f"{server.url}/invocations"))["code"] == "method_not_allowed"


def test_a_broken_recording_is_the_callers_fault(server: Server, recordings: Bucket) -> None:
    response = server.invoke(recordings.put("broken.dat", {"do": "refuse"}))
    assert response.status_code == 422
    error = error_of(response)
    assert error["code"] == "not_a_recording"
    assert error["message"] == "recording.dat: 7 bytes at byte 0: no"


def test_a_fault_of_ours_is_a_500_that_shows_nothing_of_the_recording(
    server: Server, recordings: Bucket
) -> None:
    response = server.invoke(recordings.put("fault.dat", {"do": "fail"}))
    assert response.status_code == 500
    assert error_of(response)["code"] == "internal_error"
    assert "secret" not in response.text
    line = server.wait_for("analysis failed")
    assert line["error_type"] == "KeyError"
    assert "secret" not in json.dumps(line)


def test_a_result_that_json_cannot_hold_is_a_500(server: Server, recordings: Bucket) -> None:
    response = server.invoke(recordings.put("nan.dat", {"do": "not a number"}))
    assert (response.status_code, error_of(response)["code"]) == (500, "internal_error")


def test_what_a_library_prints_does_not_garble_the_answer(
    start_server: StartServer, recordings: Bucket
) -> None:
    uri = recordings.put("print.dat", {"do": "print"})
    with start_server() as server:
        assert server.invoke(uri).status_code == 200
        assert "a library speaks" in server.wait_for("printed")["text"]


def test_a_recording_above_the_limit_is_refused_before_it_is_downloaded(
    start_server: StartServer, recordings: Bucket
) -> None:
    uri = recordings.put("size.dat", b"x" * 2000)
    with start_server(MODEL_SERVER_MAX_RECORDING_BYTES="1000") as server:
        response = server.invoke(uri)
        assert (response.status_code, error_of(response)["code"]) == (413, "recording_too_large")


def test_an_s3_that_is_down_is_our_fault(start_server: StartServer) -> None:
    with start_server(AWS_ENDPOINT_URL="http://127.0.0.1:9") as server:
        response = server.invoke("s3://recordings/a.dat")
        assert (response.status_code, error_of(response)["code"]) == (503, "storage_unavailable")


def test_ping_is_503_while_no_worker_has_loaded_and_says_why(
    start_server: StartServer, tmp_path: Path
) -> None:
    with start_server(wait=False, model=tmp_path / "missing") as server:
        server.wait_for("listening", "worker refused to start")
        response = server.ping()
        assert (response.status_code, error_of(response)["code"]) == (503, "invalid_model")
        response = server.invoke("s3://recordings/a.dat")
        assert (response.status_code, error_of(response)["code"]) == (503, "invalid_model")


def broken_model(folder: Path, trees: str, **card: Any) -> Path:
    """Two files that look like a model."""
    folder.mkdir()
    (folder / "model.txt").write_text(trees)
    (folder / "model.json").write_text(json.dumps(card))
    return folder


def test_a_model_that_is_broken_is_told_by_file_and_reason_in_ping_invocation_and_log(
    start_server: StartServer, tmp_path: Path
) -> None:
    model = broken_model(tmp_path / "model", "tree\n", schema_version=1)
    with start_server(stand_in=False, wait=False, model=model) as server:
        line = server.wait_for("listening", "worker refused to start")
        response = server.ping()
        assert (response.status_code, error_of(response)["code"]) == (503, "invalid_model")
        told = error_of(response)["message"]
        assert "model.json: schema_version is 1" in told
        assert "train the model again" in told
        assert error_of(server.invoke("s3://recordings/a.dat"))["message"] == told
        refusals = [entry for entry in server.log if entry["event"] == "worker refused to start"]
        assert "model.json: schema_version is 1" in refusals[0]["reason"], line


def test_workers_that_a_model_kills_are_not_started_for_ever(
    start_server: StartServer, tmp_path: Path
) -> None:
    (tmp_path / "deadly").mkdir()
    (tmp_path / "deadly" / "kill").touch()
    with start_server(wait=False, model=tmp_path / "deadly") as server:
        server.wait_for("listening", "worker refused to start")
        response = server.ping()
        assert (response.status_code, error_of(response)["code"]) == (503, "worker_could_not_load")
        assert "SIGKILL" in error_of(response)["message"]
        assert server.workers() == []


def test_a_fetcher_that_is_killed_fails_its_job_alone_and_is_replaced(
    start_server: StartServer, recordings: Bucket
) -> None:
    uri = recordings.put("refetched.dat", {})
    with start_server() as server:
        os.kill(server.workers("fetch")[0], signal.SIGKILL)
        server.wait_for("fetcher ended")
        response = server.ping()
        assert (response.status_code, error_of(response)["code"]) == (503, "loading")
        assert server.invoke(uri).status_code == 200


def test_ping_answers_at_once_while_a_job_keeps_the_cpu_busy(
    start_server: StartServer, recordings: Bucket
) -> None:
    uri = recordings.put("busy.dat", {"do": "compute"})
    with start_server(MODEL_SERVER_GRACE_SECONDS="0") as server:
        answer = server.invoke_in_background(uri)
        server.wait_for("job started")
        for _ in range(50):
            began = time.monotonic()
            assert server.ping().status_code == 200
            assert time.monotonic() - began < 2.0
        server.process.send_signal(signal.SIGTERM)
        assert error_of(answer())["code"] == "shutting_down"


def test_a_job_that_takes_too_long_is_killed_and_the_next_one_runs(
    start_server: StartServer, recordings: Bucket, pipe: Pipe
) -> None:
    slow, quick = recordings.put("slow.dat", pipe.order()), recordings.put("quick.dat", {})
    with start_server(MODEL_SERVER_TIMEOUT="1") as server:
        response = server.invoke(slow)
        assert (response.status_code, error_of(response)["code"]) == (504, "timeout")
        wait_for_heal(server)
        assert server.invoke(quick).status_code == 200
        assert not list(next(server.scratch.iterdir()).iterdir())


def test_a_job_whose_caller_hangs_up_frees_its_worker(
    start_server: StartServer, recordings: Bucket, pipe: Pipe
) -> None:
    uri = recordings.put("hang-up.dat", pipe.order())
    with start_server() as server:
        with (
            httpx.Client(timeout=httpx.Timeout(5, read=0.5)) as client,
            pytest.raises(httpx.ReadTimeout),
        ):
            client.post(f"{server.url}/invocations", json={"jobId": "a", "s3Key": uri})
        assert server.wait_for("job failed")["code"] == "caller_gone"
        wait_for_heal(server)


def test_a_worker_killed_in_a_job_fails_that_job_alone(
    start_server: StartServer, recordings: Bucket, pipe: Pipe
) -> None:
    uri, quick = recordings.put("killed.dat", pipe.order()), recordings.put("after.dat", {})
    with start_server() as server:
        answer = server.invoke_in_background(uri)
        pipe.wait_until_running()
        (worker,) = server.workers()
        os.kill(worker, signal.SIGKILL)
        response = answer()
        assert (response.status_code, error_of(response)["code"]) == (500, "worker_lost")
        wait_for_heal(server)
        assert server.invoke(quick).status_code == 200


def test_a_killed_worker_costs_no_waiting_job_its_turn(
    start_server: StartServer, recordings: Bucket, tmp_path: Path
) -> None:
    pipes = [Pipe(tmp_path / name) for name in ("a", "b")]
    at_work = [recordings.put(f"at-work-{p.path.name}.dat", p.order()) for p in pipes]
    waiting = recordings.put("waiting.dat", {})
    with start_server(MODEL_SERVER_WORKERS="2") as server, ThreadPoolExecutor(38) as senders:
        held = [server.invoke_in_background(uri) for uri in at_work]
        for pipe in pipes:
            pipe.wait_until_running()
        answers = [senders.submit(server.invoke, waiting, job=f"job-{n}") for n in range(38)]
        while sum(line["event"] == "job started" for line in server.log) < 40:
            server.wait_for("job started")
        for worker in server.workers():
            os.kill(worker, signal.SIGKILL)
        assert [answer.result(PATIENCE).status_code for answer in answers] == [200] * 38
        assert [error_of(answer())["code"] for answer in held] == ["worker_lost"] * 2


def test_a_job_that_comes_while_the_worker_is_replaced_waits_for_it(
    start_server: StartServer, recordings: Bucket
) -> None:
    uri = recordings.put("replaced.dat", {})
    with start_server() as server:
        os.kill(server.workers()[0], signal.SIGKILL)
        server.wait_for("worker ended")
        assert server.invoke(uri).status_code == 200


def test_what_the_system_cannot_give_for_now_does_not_end_a_worker_for_good(
    start_server: StartServer, recordings: Bucket, tmp_path: Path
) -> None:
    (tmp_path / "out of memory once").touch()
    uri = recordings.put("memory.dat", {})
    with start_server(wait=False, model=tmp_path) as server:
        server.wait_for("listening", "worker failed to start")
        assert server.invoke(uri).status_code == 200


def test_a_full_disk_is_no_fault_of_the_recording(server: Server, recordings: Bucket) -> None:
    response = server.invoke(recordings.put("full.dat", {"do": "full disk"}))
    assert (response.status_code, error_of(response)["code"]) == (500, "system_error")
    assert "secret" not in response.text


def test_the_version_that_was_submitted_is_analysed_whatever_has_replaced_it(
    server: Server, bucket: Bucket
) -> None:
    bucket.client.put_bucket_versioning(
        Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"}
    )
    uri = bucket.put("night.dat", b"x" * 5000)
    submitted = bucket.client.head_object(Bucket=bucket.name, Key="night.dat")
    bucket.put("night.dat", b"y" * 7000)
    named = {"versionId": submitted["VersionId"], "etag": submitted["ETag"]}
    response = server.invoke(uri, **named).json()
    assert response["result"]["size"] == 5000
    assert response["source"] == {"s3Key": uri, **named}


def test_a_recording_that_was_replaced_is_refused_where_its_bucket_keeps_no_versions(
    server: Server, bucket: Bucket
) -> None:
    uri = bucket.put("night.dat", b"x" * 5000)
    etag = bucket.client.head_object(Bucket=bucket.name, Key="night.dat")["ETag"]
    assert server.invoke(uri, etag=etag).json()["source"] == {
        "s3Key": uri,
        "versionId": None,
        "etag": etag,
    }
    bucket.put("night.dat", b"y" * 5000)
    response = server.invoke(uri, etag=etag)
    assert (response.status_code, error_of(response)["code"]) == (409, "recording_changed")


def test_a_version_that_is_gone_is_not_replaced_by_the_current_one(
    server: Server, bucket: Bucket
) -> None:
    bucket.client.put_bucket_versioning(
        Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"}
    )
    uri = bucket.put("night.dat", b"x" * 5000)
    version = bucket.client.head_object(Bucket=bucket.name, Key="night.dat")["VersionId"]
    bucket.put("night.dat", b"y" * 5000)
    bucket.client.delete_object(Bucket=bucket.name, Key="night.dat", VersionId=version)
    response = server.invoke(uri, versionId=version)
    assert (response.status_code, error_of(response)["code"]) == (404, "recording_not_found")


def test_the_response_is_the_one_that_is_described() -> None:
    from femo_container.invocation import completed

    source = {"s3Key": "s3://bucket/night.dat", "versionId": None, "etag": "x"}
    analysis = {"output_type": "events", "result": events_result()}
    EventsResponse.model_validate(completed("a", analysis, source, seconds=1.0))


def test_time_spent_in_waiting_for_a_worker_is_not_held_against_the_recording() -> None:
    from femo_container.line import JobClock

    clock = JobClock(3600)
    assert clock.seconds == 3590, "SageMaker must not give the job up first"
    assert clock.reason == "loading"
    clock.begin_work()
    assert clock.reason == "timeout"
    late = JobClock(1e-9)
    late.begin_work()
    assert late.reason == "loading"
    fetched = JobClock(1e-9)
    fetched.begin_work()
    fetched.begin_wait()
    assert fetched.reason == "loading", "downloaded, and never analysed"


def test_a_worker_killed_while_idle_is_noticed_by_ping_and_replaced(
    start_server: StartServer, recordings: Bucket
) -> None:
    uri = recordings.put("idle.dat", {})
    with start_server() as server:
        (worker,) = server.workers()
        os.kill(worker, signal.SIGKILL)
        server.wait_for("worker ended")
        response = server.ping()
        assert (response.status_code, error_of(response)["code"]) == (503, "loading")
        wait_for_heal(server)
        assert server.invoke(uri).status_code == 200


def test_as_many_jobs_run_at_once_as_there_are_workers(
    start_server: StartServer, recordings: Bucket, tmp_path: Path
) -> None:
    pipes = [Pipe(tmp_path / name) for name in ("a", "b")]
    uris = [recordings.put(f"{p.path.name}.dat", p.order()) for p in pipes]
    with start_server(MODEL_SERVER_WORKERS="2") as server:
        answers = [server.invoke_in_background(uri) for uri in uris]
        for waiting in pipes:  # returns only if both run at the same time
            waiting.wait_until_running()
        for waiting in pipes:
            waiting.release()
        assert [answer().status_code for answer in answers] == [200, 200]


def test_more_requests_than_workers_wait_their_turn(server: Server, recordings: Bucket) -> None:
    uris = [recordings.put(f"turn-{n}.dat", {}) for n in range(6)]
    with ThreadPoolExecutor(6) as senders:
        answers = list(senders.map(server.invoke, uris))
    assert [answer.status_code for answer in answers] == [200] * 6


def test_sigterm_lets_a_short_job_finish_and_leaves_nothing_behind(
    start_server: StartServer, recordings: Bucket, pipe: Pipe
) -> None:
    uri = recordings.put("finish.dat", pipe.order())
    with start_server() as server:
        answer = server.invoke_in_background(uri)
        pipe.wait_until_running()
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("shutting down")
        pipe.release()
        assert answer().status_code == 200
        assert server.process.wait(PATIENCE) == 0
        assert not list(server.scratch.iterdir())


def test_sigterm_gives_a_long_job_up_as_our_fault_and_leaves_nothing_behind(
    start_server: StartServer, recordings: Bucket, pipe: Pipe
) -> None:
    uri = recordings.put("give-up.dat", pipe.order())
    with start_server(MODEL_SERVER_GRACE_SECONDS="0.2") as server:
        answer = server.invoke_in_background(uri)
        pipe.wait_until_running()
        (worker,) = server.workers()
        server.process.send_signal(signal.SIGTERM)
        response = answer()
        assert (response.status_code, error_of(response)["code"]) == (503, "shutting_down")
        assert server.process.wait(PATIENCE) == 0
        assert not list(server.scratch.iterdir())
        assert not Path(f"/proc/{worker}").exists()


def test_a_killed_server_takes_its_worker_and_the_jobs_files_along(
    start_server: StartServer, recordings: Bucket, pipe: Pipe
) -> None:
    uri = recordings.put("orphan.dat", pipe.order())
    with start_server() as server:
        server.invoke_in_background(uri)
        pipe.wait_until_running()
        (worker,) = server.workers()
        handle = os.pidfd_open(worker)
        server.process.kill()
        assert select.select([handle], [], [], PATIENCE)[0], "the worker outlived its server"
        os.close(handle)
        assert not list(server.scratch.iterdir())


def test_the_log_never_holds_a_key_or_a_message(
    start_server: StartServer, recordings: Bucket
) -> None:
    uri = recordings.put("jane-doe/born-1990.dat", {"do": "fail"})
    with start_server() as server:
        server.invoke(uri)
        server.invoke("s3://recordings/jane-doe/missing.dat")
        server.process.send_signal(signal.SIGTERM)
        text = json.dumps(server.whole_log())
    assert "jane" not in text
    assert "secret" not in text
    assert "job-1" in text


@pytest.mark.parametrize(
    "variable", ["MODEL_SERVER_WORKERS", "MODEL_SERVER_TIMEOUT", "SAGEMAKER_BIND_TO_PORT"]
)
def test_a_variable_that_makes_no_sense_ends_serve_with_one_line(
    variable: str,
) -> None:
    ended = run("serve", environment={variable: "many"})
    assert ended.returncode == 1
    assert variable in ended.stderr
    assert ended.stderr.count("\n") == 1
