"""The next recording is downloaded while others are analysed, and never more than have a place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from .harness import ROOT, Bucket, Pipe, Server, StartServer

PINGS = 100
"""Round trips in which a server could do what it must not; a download takes it a few of them."""


def wait_for_download(server: Server, job: str) -> None:
    while server.wait_for("recording downloaded")["job_id"] != job:
        pass


def give_it_time(server: Server) -> None:
    for _ in range(PINGS):
        assert server.ping().status_code == 200


@pytest.fixture
def held(recordings: Bucket, tmp_path: Path) -> dict[str, tuple[str, Pipe]]:
    """Recordings by job, each of which is analysed until its pipe is closed."""
    made = {}
    for name in "abcd":
        pipe = Pipe(tmp_path / name)
        made[name] = (recordings.put(f"held-{name}.dat", pipe.order()), pipe)
    return made


@pytest.mark.parametrize("workers", [1, 2])
def test_the_next_recording_is_there_when_an_analysis_ends_and_no_other_is_on_disk(
    start_server: StartServer, held: dict[str, tuple[str, Pipe]], workers: int
) -> None:
    names = list(held)[: workers + 2]
    *analysed, ahead, beyond = names
    with start_server(MODEL_SERVER_WORKERS=str(workers)) as server:
        answers = {}
        for name in names:  # one after the other, so that it is known which waits
            answers[name] = server.invoke_in_background(held[name][0], job=name)
            if name in analysed:
                held[name][1].wait_until_running()
            elif name == ahead:
                wait_for_download(server, ahead)
        while server.wait_for("job started")["job_id"] != beyond:
            pass
        give_it_time(server)
        assert not held[ahead][1].is_open(), "more are analysed than there are workers"
        assert len(server.recordings()) == workers + 1
        held[analysed[0]][1].release()
        held[ahead][1].wait_until_running()
        wait_for_download(server, beyond)  # only now: it would have been logged before
        done = [line["job_id"] for line in server.log if line["event"] == "job completed"]
        assert done == [analysed[0]]
        assert len(server.recordings()) == workers + 1
        for name in (*analysed[1:], ahead):
            held[name][1].release()
        held[beyond][1].wait_until_running()
        held[beyond][1].release()
        assert [answer().status_code for answer in answers.values()] == [200] * len(names)
        assert server.recordings() == []


def test_a_caller_that_leaves_while_its_recording_lies_ready_takes_no_other_job_along(
    start_server: StartServer, held: dict[str, tuple[str, Pipe]]
) -> None:
    (at_work, pipe), (waiting, _), (after, later) = (held[name] for name in "abc")
    with start_server() as server:
        answer = server.invoke_in_background(at_work, job="a")
        pipe.wait_until_running()
        with httpx.Client(timeout=httpx.Timeout(5, read=0.5)) as client:
            with pytest.raises(httpx.ReadTimeout):
                client.post(f"{server.url}/invocations", json={"jobId": "b", "s3Key": waiting})
            wait_for_download(server, "b")
        assert server.wait_for("job failed")["code"] == "caller_gone"
        assert len(server.recordings()) == 1
        next_answer = server.invoke_in_background(after, job="c")
        wait_for_download(server, "c")
        pipe.release()
        assert answer().status_code == 200
        later.wait_until_running()
        later.release()
        assert next_answer().status_code == 200


def test_a_recording_that_lies_ready_is_told_how_long_it_waited(
    start_server: StartServer, held: dict[str, tuple[str, Pipe]], recordings: Bucket
) -> None:
    (at_work, pipe) = held["a"]
    with start_server() as server:
        first = server.invoke_in_background(at_work, job="a")
        pipe.wait_until_running()
        second = server.invoke_in_background(recordings.put("behind.dat", {}), job="b")
        wait_for_download(server, "b")
        give_it_time(server)
        pipe.release()
        assert [first().status_code, second().status_code] == [200, 200]
        server.wait_for("job completed")
        last = server.wait_for("job completed")
        assert last["job_id"] == "b"
        assert last["waited_seconds"] > 0
        assert last["download_seconds"] + last["analysis_seconds"] < last["seconds"]


def test_sagemaker_sends_as_many_jobs_as_the_container_has_places_for() -> None:
    from bench.scale_policies import deployed
    from femo_container.line import AHEAD

    document: dict[str, Any] = json.loads((ROOT / "statemachines/deployment.asl.json").read_text())
    variables = document["States"]["CreateModel"]["Arguments"]["PrimaryContainer"]["Environment"]
    assert variables["MODEL_SERVER_WORKERS"] == "${ConcurrentJobsPerInstance}"
    policies = deployed({"ConcurrentJobsPerInstance": 7})
    assert (policies.concurrency, policies.in_hand) == (7, 7 + AHEAD)
