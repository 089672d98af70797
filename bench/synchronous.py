"""`make bench-synchronous`: what a caller sees that waits for its job, on a local stack.

From a stack where nothing is warm to the first result of an hour of recording; callers with 1, 5
and 20 s of patience (`Prefer: wait`), cold, warm, and with a container that does not answer; one
that hangs up; and more of them at once than may wait. Exits with 1 where one of them is not
answered as docs/fast_lane.md has it.
"""

from __future__ import annotations

import signal
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import click
import httpx
import psutil
from tenacity import RetryError

from bench.engine import ROOT, WORK, recording, trained_model
from bench.jobs_files import LONG_MINUTES, Recordings
from bench.jobs_service import put_model_into_service, running
from bench.jobs_stack import KeptStack, is_running, send, wait_for

sys.path.insert(0, str(ROOT / "functions" / "shared" / "python"))

from femo_jobs.keys import DEFAULT_KEYS

FIRST_RESULT_SECONDS = 30.0  # from nothing, of an hour of recording
PATIENCES = (0, 1, 5, 20)  # s; 0 for a caller that does not ask to wait
PLACES = 3  # MaxWaitingRequests
CROWD = PLACES + 3
ANSWER_SECONDS = 15.0  # what an answer may take beyond the patience, with a function that starts
LONGEST_SECONDS = 29.0  # API Gateway's own
IDLE_SECONDS = 400.0  # after which local SageMaker has stopped a serverless container
HANGS_UP_SECONDS = 1.0
END_SECONDS = 120.0


@dataclass(frozen=True)
class Seen:
    """What a caller has seen of one job."""

    state: str  # of the lane
    patience: int  # s
    http_status: int
    applied: str  # Preference-Applied
    job_status: str
    seconds: float  # until the answer
    until_end: float  # s, until the job was seen to have ended
    lane: str

    def faults(self) -> Iterator[str]:
        """Yield what must not be."""
        what = f"{self.state}, wait={self.patience}"
        if self.http_status not in (200, 202):
            yield f"{what}: answered {self.http_status}"
        if (self.http_status == 200) != (self.job_status == "Completed"):
            yield f"{what}: {self.http_status} with a job that is {self.job_status}"
        if self.seconds > min(self.patience + ANSWER_SECONDS, LONGEST_SECONDS):
            yield f"{what}: answered after {self.seconds:.1f} s"
        if self.applied not in ("", f"wait={self.patience}"):
            yield f"{what}: applied {self.applied}"


@dataclass
class Bench:
    """A stack with a model in service, and what was found."""

    stack: KeptStack
    url: str
    headers: dict[str, str]
    key: str = ""
    faults: list[str] = field(default_factory=list)

    def post(self, patience: int, job_id: str, key: str | None = None) -> httpx.Response:
        """Submit a job as a caller with some patience does."""
        prefer = {"Prefer": f"wait={patience}"} if patience else {}
        return httpx.post(
            f"{self.url}/jobs",
            json={"jobId": job_id, "s3Key": key or self.key},
            headers=self.headers | prefer,
            timeout=60,
        )

    def places_taken(self) -> int:
        """Return how many places to wait in are taken."""
        found = self.stack.client("dynamodb").get_item(
            TableName=self.stack.outputs["JobsTableName"],
            Key={"jobKey": {"S": DEFAULT_KEYS.of_places()}},
            ConsistentRead=True,
        )
        return sum(name != "jobKey" for name in found.get("Item", {}))

    def ended(self, job_id: str) -> dict[str, str]:
        """Return a job once it has ended."""

        def look() -> dict[str, str] | None:
            answer = httpx.get(f"{self.url}/jobs/{job_id}", headers=self.headers, timeout=60)
            job: dict[str, str] = answer.raise_for_status().json()
            return None if job["status"] == "Queued" else job

        try:
            found: dict[str, str] = wait_for(look, END_SECONDS)
        except RetryError:
            found = {"status": "Queued"}
        if found["status"] != "Completed":
            self.faults.append(f"{job_id}: {found['status']}")
        return found

    def see(self, state: str, patience: int, *, key: str | None = None) -> Seen:
        """Submit a job and follow it to its end."""
        job_id = f"bench-{uuid.uuid4()}"
        began = time.perf_counter()
        answer = self.post(patience, job_id, key)
        seconds = time.perf_counter() - began
        body = answer.json()
        if body.get("status") == "Queued":
            self.resume()
        was_taken = answer.status_code in (200, 202)
        if not was_taken:
            self.faults.append(f"{state}, wait={patience}: {answer.text[:200]}")
        has_ended = body.get("status") != "Queued"
        job = self.ended(job_id) if was_taken and not has_ended else body
        seen = Seen(
            state,
            patience,
            answer.status_code,
            answer.headers.get("Preference-Applied", ""),
            body.get("status", ""),
            seconds,
            time.perf_counter() - began,
            job.get("lane", ""),
        )
        self.faults += seen.faults()
        return seen

    def cool(self) -> None:
        """Leave nothing warm: no container, no instance, no function."""
        stack, outputs = self.stack, self.stack.outputs
        if stack.containers(outputs["EndpointName"]):
            none = {"VariantName": "AllTraffic", "DesiredInstanceCount": 0}
            stack.client("sagemaker").update_endpoint_weights_and_capacities(
                EndpointName=outputs["EndpointName"], DesiredWeightsAndCapacities=[none]
            )
        stack.control("advance", {"seconds": IDLE_SECONDS})
        servers = (outputs["EndpointName"], outputs["FastLaneEndpointName"])
        wait_for(lambda: not any(map(stack.containers, servers)), END_SECONDS)
        killed = stack.functions()
        send(killed, signal.SIGKILL)
        # A request that meets a function as it dies would be answered 502
        wait_for(lambda: not any(map(is_running, killed)), END_SECONDS)

    def hold(self) -> None:
        """Have the fast lane's container stand still."""
        send(self._container(), signal.SIGSTOP)

    def resume(self) -> None:
        """Have it go on."""
        send(self._container(), signal.SIGCONT)

    def _container(self) -> list[psutil.Process]:
        return self.stack.containers(self.stack.outputs["FastLaneEndpointName"])


def from_nothing(bench: Bench, keys: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of the table of first results, nothing being warm."""
    for name, key in keys.items():
        bench.cool()
        seen = bench.see("nothing warm", 20, key=key)
        if seen.until_end > FIRST_RESULT_SECONDS or seen.lane != "serverless":
            bench.faults.append(f"{name}: {seen.until_end:.1f} s by the lane {seen.lane}")
        yield f"| {name} | {seen.until_end:.1f} | {seen.lane} | {FIRST_RESULT_SECONDS:.0f} |"


def patience(bench: Bench) -> Iterator[Seen]:
    """Yield what callers with more and less patience see, in each state of the lane."""
    for seconds in PATIENCES:
        bench.cool()
        yield bench.see("cold", seconds)
    for seconds in PATIENCES:
        yield bench.see("warm", seconds)
    for seconds in PATIENCES:
        bench.hold()
        yield bench.see("does not answer", seconds)


def hang_up(bench: Bench) -> str:
    """Tell what becomes of the job of a caller that hangs up, and of the place it has waited in."""
    job_id = f"bench-{uuid.uuid4()}"
    bench.hold()
    with suppress(httpx.ReadTimeout):
        httpx.post(
            f"{bench.url}/jobs",
            json={"jobId": job_id, "s3Key": bench.key},
            headers=bench.headers | {"Prefer": "wait=20"},
            timeout=httpx.Timeout(60, read=HANGS_UP_SECONDS),
        )
        bench.faults.append("the caller that hangs up was answered")
    wait_for(lambda: bench.places_taken() == 1, END_SECONDS)
    bench.resume()
    bench.ended(job_id)
    began = time.perf_counter()
    wait_for(lambda: bench.places_taken() == 0, END_SECONDS)
    freed = time.perf_counter() - began
    repeat = bench.post(0, job_id)
    if (repeat.status_code, repeat.json()["status"]) != (200, "Completed"):
        bench.faults.append(f"a repeat after hanging up was answered {repeat.status_code}")
    return (
        f"A caller that hangs up: its job is completed, its place free {freed:.1f} s later, and a "
        f"repeat answered {repeat.status_code} with the job."
    )


def crowd(bench: Bench) -> str:
    """Tell what more callers at once see than may wait."""
    bench.hold()
    jobs = [f"bench-{uuid.uuid4()}" for _ in range(CROWD)]
    with ThreadPoolExecutor(CROWD) as pool:
        # Longer than the start of a function for each: the first still wait as the last comes
        answers = list(pool.map(partial(bench.post, 20), jobs))
    bench.resume()
    waited = [one for one in answers if "Preference-Applied" in one.headers]
    if any(one.status_code != 202 for one in answers):
        bench.faults.append(f"of a crowd: {[one.status_code for one in answers]}")
    if not 1 <= len(waited) <= PLACES:
        bench.faults.append(f"{len(waited)} of {CROWD} have waited, {PLACES} may")
    for job_id in jobs:
        bench.ended(job_id)
    return (
        f"{CROWD} callers at once, of whom {PLACES} may wait: {len(waited)} have waited, the "
        "others were answered 202 without Preference-Applied; every job is completed."
    )


@click.command()
@click.option("--only-first", is_flag=True, help="Only the first result from nothing.")
def main(*, only_first: bool) -> None:
    """Measure and print; the exit status is 1 where a caller is not answered as it must be."""
    folder = WORK / "synchronous"
    recordings = Recordings.make(folder / "recordings")
    trained_model()
    with running(folder / "stack", [f"MaxWaitingRequests={PLACES}"]) as stack:
        put_model_into_service(stack, recordings)
        with stack.api() as api:
            headers = {"Authorization": f"Bearer {api.token()}"}
            bench = Bench(stack, stack.outputs["ApiUrl"], headers)
            bench.key = api.upload(next(iter(recordings.good.values())))
            hours = {
                f"first result of {LONG_MINUTES} min as {kind}, from nothing": api.upload(
                    recording(kind, LONG_MINUTES)
                )
                for kind in ("v1", "v2")
            }
        print("| what | s | lane | limit, s |\n|---|---|---|---|")
        for line in from_nothing(bench, hours):
            print(line, flush=True)
        if not only_first:
            show(bench)
    if bench.faults:
        print("\n".join(bench.faults))
        sys.exit(f"bench: error: {len(bench.faults)} things are off")


def show(bench: Bench) -> None:
    """Print what callers see that wait."""
    print(
        "\n| lane | Prefer | answer | Preference-Applied | job | s to answer | s to its end | by |"
        "\n|---|---|---|---|---|---|---|---|"
    )
    for seen in patience(bench):
        prefer = f"wait={seen.patience}" if seen.patience else ""
        print(
            f"| {seen.state} | {prefer} | {seen.http_status} | {seen.applied} | {seen.job_status} "
            f"| {seen.seconds:.1f} | {seen.until_end:.1f} | {seen.lane} |",
            flush=True,
        )
    print(f"\n{hang_up(bench)}\n{crowd(bench)}", flush=True)


if __name__ == "__main__":
    main()
