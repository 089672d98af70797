"""`make bench-jobs`: thousands of jobs on a local stack while it is broken in every way we know.

Requests are repeated, contradicted and broken off; messages are lost, repeated and stale; the
model server and local SageMaker are killed. At the end each job must be in its one right
final state. Exits with 1, and names the jobs, if any is not.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import ClientError
from tqdm import tqdm

from bench.engine import ROOT, WORK, trained_model
from bench.jobs_callers import Caller, Progress
from bench.jobs_files import Recordings, digest
from bench.jobs_plan import JobFault, Plan, PlannedJob, draw
from bench.jobs_report import show, summary
from bench.jobs_saboteur import Saboteur
from bench.jobs_service import message, put_model_into_service, running
from bench.jobs_stack import POLL_SECONDS, KeptStack, job_of, patiently
from bench.jobs_verdict import Expectation, Finding, judge
from femo_client import ApiError

sys.path.insert(0, str(ROOT / "functions" / "shared" / "python"))

from femo_jobs.keys import DEFAULT_KEYS, OPEN, job_id_of

SETTLE_SECONDS = 1800.0
SAMPLE = 200  # jobs that are also read one by one through the API
BATCH = 100  # DynamoDB's limit of a BatchGetItem
MESSAGE_FAULTS = (JobFault.TOLD_TWICE, JobFault.STALE_FAILURE)


class Messenger:
    """Publishes messages about jobs a second time, late, or contradicting what has happened."""

    def __init__(self, stack: KeptStack, plan: Plan, progress: Progress) -> None:
        self._stack = stack
        self._progress = progress
        self._late = [job.job_id for job in plan.jobs if JobFault.TOLD_LATE in job.faults]
        self._waiting = {
            job.job_id: [fault for fault in MESSAGE_FAULTS if fault in job.faults]
            for job in plan.jobs
            if job.faults & set(MESSAGE_FAULTS)
        }
        self.published = 0

    def work(self) -> int:
        """Publish about the jobs that have an outcome by now; return how many are left."""
        for job_id, row in self._rows(list(self._waiting)):
            if row["status"]["S"] == "Queued":
                continue
            for fault in self._waiting.pop(job_id):
                self._publish(job_id, row, stale=fault is JobFault.STALE_FAILURE)
                self._progress.count(fault)
        return len(self._waiting)

    def tell_late(self) -> None:
        """Publish the late messages."""
        for job_id, row in self._rows(self._late):
            self._publish(job_id, row, stale=False)
            self._progress.count(JobFault.TOLD_LATE)

    def _rows(self, job_ids: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        table = self._stack.outputs["JobsTableName"]
        for start in range(0, len(job_ids), BATCH):
            keys = [
                {"jobKey": {"S": DEFAULT_KEYS.job(job_id)}}
                for job_id in job_ids[start : start + BATCH]
            ]
            request = {table: {"Keys": keys, "ConsistentRead": True}}
            found = patiently(partial(self._batch, request))
            for row in found["Responses"][table]:
                yield row["jobId"]["S"], row

    def _batch(self, request: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self._stack.client("dynamodb").batch_get_item(RequestItems=request)
        return found

    def _publish(self, job_id: str, row: dict[str, Any], *, stale: bool) -> None:
        failed = stale or row["status"]["S"] != "Completed"
        topic = self._stack.outputs["ErrorTopicArn" if failed else "SuccessTopicArn"]
        text = message(job_id, row, failed=failed)
        patiently(lambda: self._stack.client("sns").publish(TopicArn=topic, Message=text))
        self.published += 1


class Run:
    """One run, from the first job to the verdict."""

    def __init__(
        self,
        stack: KeptStack,
        plan: Plan,
        recordings: Recordings,
        *,
        connections: int,
        in_flight: int,
        turn_clock: bool,
    ) -> None:
        self._stack = stack
        self._plan = plan
        self._recordings = recordings
        self._connections = connections
        self._in_flight = in_flight
        self._turn_clock = turn_clock
        self.progress = Progress()
        self._saboteur = Saboteur(stack, plan, self.progress)
        self._messenger = Messenger(stack, plan, self.progress)
        self._jobs: queue.SimpleQueue[PlannedJob] = queue.SimpleQueue()
        self.seconds = 0.0
        self.sweeps = 0
        self.latencies: list[float] = []

    def work(self) -> None:
        """Submit everything, break things meanwhile, and wait until every job is settled."""
        for job in self._plan.jobs:
            self._jobs.put(job)
        callers = [self._thread(self._submit_all) for _ in range(self._connections)]
        saboteur = self._thread(self._saboteur.run)
        began = time.monotonic()
        try:
            with tqdm(total=len(self._plan.jobs), desc="Jobs", unit="job", smoothing=0.05) as bar:
                while any(one.is_alive() for one in [*callers, saboteur]):
                    self._look(bar)
                self._settle_rest(bar)
            self._messenger.tell_late()
            self._wait_for_deliveries()
        finally:
            self.progress.stopping.set()
        self.seconds = time.monotonic() - began

    def _thread(self, work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except Exception as error:
                self.progress.odd(f"the bench itself: {type(error).__name__}: {error}")
                raise

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def _submit_all(self) -> None:
        caller = Caller(self._stack, self._recordings, self.progress)
        while not self.progress.stopping.is_set():
            while self.progress.submitted - self.progress.settled >= self._in_flight:
                if self.progress.stopping.wait(0.05):
                    return
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            caller.submit(job)
            for fault in job.faults - {*MESSAGE_FAULTS, JobFault.TOLD_LATE}:
                self.progress.count(fault)
            self.progress.note_submitted()

    def _look(self, bar: tqdm[Any]) -> int:
        """Follow the progress; return how many jobs are open."""
        submitted = self.progress.submitted
        opened = self._open_jobs()
        self.progress.settled = max(self.progress.settled, submitted - len(opened))
        bar.update(self.progress.settled - bar.n)
        self._messenger.work()
        self.progress.stopping.wait(POLL_SECONDS)
        return len(opened)

    def _open_jobs(self) -> list[str]:
        """Return the jobs that are not settled, oldest first."""

        def look() -> list[str]:
            pages = self._stack.client("dynamodb").get_paginator("query")
            found = [
                (int(item["nextCheckAt"]["N"]), job_id_of(item["jobKey"]["S"]))
                for partition in DEFAULT_KEYS.all_of_open()
                for page in pages.paginate(
                    TableName=self._stack.outputs["JobsTableName"],
                    IndexName=OPEN.name,
                    KeyConditionExpression="openKey = :open",
                    ExpressionAttributeValues={":open": {"S": partition}},
                )
                for item in page["Items"]
            ]
            return [job_id for _, job_id in sorted(found)]

        return patiently(look)

    def _settle_rest(self, bar: tqdm[Any]) -> None:
        deadline = time.monotonic() + SETTLE_SECONDS
        while self._look(bar) and time.monotonic() < deadline:
            if self._turn_clock and not self._stack.queued() and not self._stack.undelivered():
                self._sweep_now()
        if self._messenger.work():
            self.progress.odd("the bench itself: not every message fault was injected")

    def _sweep_now(self) -> None:
        """Have the sweeper look at every open job, as it does by itself minutes later."""
        for job_id in self._open_jobs():
            try:
                self._stack.client("dynamodb").update_item(
                    TableName=self._stack.outputs["JobsTableName"],
                    Key={"jobKey": {"S": DEFAULT_KEYS.job(job_id)}},
                    UpdateExpression="SET nextCheckAt = :now",
                    ConditionExpression="attribute_exists(openKey)",
                    ExpressionAttributeValues={":now": {"N": str(int(time.time()) - 1)}},
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
        event = (ROOT / "events" / "sweeper_scheduled.json").read_bytes()
        self._invoke("SweeperFunctionName", event)
        self.sweeps += 1

    def _invoke(self, output: str, event: bytes) -> Any:
        answer = self._stack.client("lambda").invoke(
            FunctionName=self._stack.outputs[output], Payload=event
        )
        payload = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            self.progress.odd(f"{output}: {payload}")
        return payload

    def _wait_for_deliveries(self) -> None:
        deadline = time.monotonic() + SETTLE_SECONDS
        while self._stack.undelivered() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def check(self) -> list[str]:
        """Return everything that is off."""
        findings = list(self._listed())
        model = trained_model()
        expected = [self._recordings.expectation(job, model) for job in self._plan.jobs]
        faults = [str(fault) for fault in judge(expected, findings)]
        faults += self._one_by_one(expected)
        if left := self._stack.queued():
            faults.append(f"the queue still holds {sorted(left)}")
        in_flight = self._invoke("InFlightFunctionName", b"{}")
        if in_flight != {"jobsInFlight": 0}:
            faults.append(f"in flight: {in_flight}")
        faults += self._dead_letters()
        return faults + self.progress.oddities

    def _listed(self) -> Iterator[Finding]:
        """Read every page of the API's list, and every result that it names."""
        s3 = self._stack.client("s3")
        with self._stack.api() as api, tqdm(desc="Checking", unit="job") as bar:
            for page in api.pages(page_size=100):
                for job in page.as_json()["jobs"]:
                    bar.update()
                    result = None
                    if location := job.get("resultLocation"):
                        bucket, _, key = location.removeprefix("s3://").partition("/")
                        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                        response = json.loads(body)
                        if response["jobId"] != job["jobId"]:
                            self.progress.odd(f"{job['jobId']}: result of {response['jobId']}")
                        result = digest(response["result"])
                    if "completedTimeStamp" in job:
                        self.latencies.append(_seconds(job))
                    code = job.get("error", {}).get("code")
                    yield Finding(job["jobId"], job["status"], result, code)

    def _one_by_one(self, expected: list[Expectation]) -> Iterator[str]:
        """Read jobs, those with most faults first, as a caller would."""
        number = {job.job_id: len(job.faults) for job in self._plan.jobs}
        sure = [one for one in expected if not one.may_be_missing]
        sample = sorted(sure, key=lambda one: -number[one.job_id])[:SAMPLE]
        with self._stack.api() as api:
            for one in tqdm(sample, desc="Reading", unit="job"):
                try:
                    job = api.job(one.job_id).as_json()
                except ApiError as error:
                    yield f"{one.job_id}: GET was answered {error.status}"
                    continue
                result = digest(job["result"]) if job.get("result") else None
                if (job["status"], result) != (one.status, one.result):
                    yield f"{one.job_id}: GET answers {job['status']}, or another result"

    def _dead_letters(self) -> Iterator[str]:
        """Send the completion function's dead letters again, and say which nobody explains."""
        for output in ("SubscriptionDeadLetterQueueUrl", "EventDeadLetterQueueUrl"):
            for text, _ in self._messages(output):
                yield f"{output} holds {text[:200]}"
        known, unreadable = self._saboteur.kept_in_queue, 0
        ids = {job.job_id for job in self._plan.jobs}
        for text, forget in self._messages("CompletionDeadLetterQueueUrl"):
            event = json.loads(text)["requestPayload"]
            told = event["Records"][0]["Sns"]["Message"]
            forget()
            if told == "not JSON":
                unreadable += 1
                continue
            message = json.loads(told)
            job_id = job_of(
                {
                    "CustomAttributes": message["requestParameters"].get("customAttributes", ""),
                    "InferenceId": message["inferenceId"],
                }
            )
            if job_id not in ids or not known:
                yield f"{job_id}: a message of it is in the dead-letter queue, and nothing broke"
            self.progress.count("dead letters sent again")
            self._invoke("CompletionFunctionName", json.dumps(event).encode())
        if unreadable < self._saboteur.unreadable:
            yield f"{unreadable} of {self._saboteur.unreadable} unreadable messages were kept"

    def _messages(self, output: str) -> Iterator[tuple[str, Callable[[], object]]]:
        sqs, url = self._stack.client("sqs"), self._stack.outputs[output]
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for one in found:
                yield (
                    one["Body"],
                    partial(sqs.delete_message, QueueUrl=url, ReceiptHandle=one["ReceiptHandle"]),
                )


def _seconds(job: dict[str, Any]) -> float:
    ended = datetime.fromisoformat(job["completedTimeStamp"])
    return (ended - datetime.fromisoformat(job["createdAt"])).total_seconds()


@click.command()
@click.option("--jobs", "count", default=200, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=1, show_default=True, help="The same seed, the same faults.")
@click.option("--connections", default=4, show_default=True, type=click.IntRange(1))
@click.option(
    "--in-flight",
    default=60,
    show_default=True,
    type=click.IntRange(1),
    help="Jobs without an outcome, from which on callers wait.",
)
@click.option(
    "--real-time",
    is_flag=True,
    help="Wait for the sweeper's own schedule; else its clock is turned on at the end.",
)
@click.option("--json", "report", type=click.Path(path_type=Path, dir_okay=False))
def main(
    count: int,
    seed: int,
    connections: int,
    in_flight: int,
    real_time: bool,
    report: Path | None,
) -> None:
    """Run, check and print; the exit status is 1 if a job is lost, stuck, doubled or wrong."""
    folder = WORK / "jobs"
    recordings = Recordings.make(folder / "recordings")
    names = {"good": sorted(recordings.good), "bad": sorted(recordings.bad)}
    plan = draw(count, seed, run=f"run-{seed}", **names)
    trained_model()
    try:
        with running(folder / "stack") as stack:
            put_model_into_service(stack, recordings)
            with stack.api() as api:
                recordings.upload(api)
            run = Run(
                stack,
                plan,
                recordings,
                connections=connections,
                in_flight=in_flight,
                turn_clock=not real_time,
            )
            run.work()
            faults = run.check()
    except KeyboardInterrupt:
        sys.exit("bench: interrupted; the stack is stopped")
    figures = summary(
        count,
        run.seconds,
        posts=run.progress.post_seconds,
        latencies=run.latencies,
        faults=run.progress.injected,
    ) | {"seed": seed, "off": faults}
    show(figures)
    if report is not None:
        report.write_text(json.dumps(figures, indent=1) + "\n")
    if faults:
        print("\n".join(faults))
        sys.exit(f"bench: error: {len(faults)} things are off")
    print("\nNone lost, none stuck, none counted twice; every outcome is the right one.")


if __name__ == "__main__":
    main()
