"""`make bench-jobs`: thousands of jobs on a local stack while it is broken in every way we know.

Requests are repeated, contradicted and broken off; messages are lost, repeated and stale; the
model server and local SageMaker are killed. At the end each job must be in its one right
final state. Exits with 1, and names the jobs, if any is not.
"""

from __future__ import annotations

import hashlib
import io
import json
import queue
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import click
import httpx
from botocore.exceptions import BotoCoreError, ClientError
from tqdm import tqdm

from bench.engine import FEMO, ROOT, WORK, trained_model
from bench.jobs_plan import Incident, IncidentKind, JobFault, Plan, PlannedJob, draw
from bench.jobs_stack import KeptStack, job_of, patiently
from bench.jobs_verdict import Expectation, Finding, judge
from femo_client.api import ApiError, JobsApi

sys.path.insert(0, str(ROOT / "functions" / "shared" / "python"))

from femo_jobs.keys import DEFAULT_KEYS, OPEN, job_id_of

RECORDINGS = 3
RECORDING_MINUTES = 0.5
# What a caller sends again: no answer, a token of a stack that was killed, a service that is not
# there (yet), or one that says itself that it does not know
PASSING = frozenset({0, 401, 500, 502, 503, 504})
IMPATIENT_SECONDS = 0.03  # too short for an answer, long enough for the request to arrive
ANSWER_SECONDS = 900.0
POLL_SECONDS = 0.5
SETTLE_SECONDS = 1800.0
SAMPLE = 200  # jobs that are also read one by one through the API
BATCH = 100  # DynamoDB's limit of a BatchGetItem
MESSAGE_FAULTS = (JobFault.TOLD_TWICE, JobFault.STALE_FAILURE)


def digest(result: Any) -> str:
    """Return a fingerprint of a result."""
    return hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()[:16]


@dataclass
class Recordings:
    """The files that jobs are submitted for, and what has to come out."""

    good: dict[str, Path]
    bad: dict[str, tuple[Path, str]]  # with the code of the error
    keys: dict[str, str] = field(default_factory=dict)
    _results: dict[tuple[str, tuple[bool, ...]], str] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path) -> Recordings:
        """Write short synthetic recordings, and files that are none."""
        shutil.rmtree(folder, ignore_errors=True)
        words = ["synthesize", folder, "--kind", "rich"]
        words += ["--recordings", RECORDINGS, "--minutes", RECORDING_MINUTES]
        subprocess.run([str(FEMO), *map(str, words)], check=True, capture_output=True)
        good = {path.stem: path for path in sorted(folder.glob("*.dat"))}
        whole = next(iter(good.values())).read_bytes()
        contents = {
            "noise": (random.Random(0).randbytes(20_000), "not_a_recording"),
            "header": (whole[:64], "recording_without_data"),
            "beginning": (whole[: len(whole) // 4], "recording_too_short"),
        }
        bad = {}
        for name, (content, code) in contents.items():
            path = folder / f"bad-{name}.dat"
            path.write_bytes(content)
            bad[name] = (path, code)
        return cls(good, bad)

    def upload(self, api: JobsApi) -> None:
        """Upload every file."""
        paths = self.good | {name: path for name, (path, _) in self.bad.items()}
        self.keys = {name: api.upload(path) for name, path in paths.items()}

    def expectation(self, job: PlannedJob, model: Path) -> Expectation:
        """Return what has to become of a job, by the analysis on this machine."""
        if job.recording in self.bad:
            code = self.bad[job.recording][1]
            return Expectation(
                job.job_id, "Failed", error_code=code, may_be_missing=job.may_be_missing
            )
        key = (job.recording, tuple(job.options.values()))
        if key not in self._results:
            self._results[key] = digest(_analysed(self.good[job.recording], model, job))
        return Expectation(
            job.job_id, "Completed", self._results[key], may_be_missing=job.may_be_missing
        )


def _analysed(path: Path, model: Path, job: PlannedJob) -> Any:
    from femo_signal.learning.model import MovementModel
    from femo_signal.reporting.analysis import analyze_recording

    report = analyze_recording(
        path,
        MovementModel.load(model),
        remove_hiccups=job.options["removeHiccups"],
        include_full_intervals=job.options["includeFullIntervals"],
        extract_events=job.options["extractEvents"],
    )
    return json.loads(json.dumps(report["result"]))


class Progress:
    """What the threads of a run tell each other."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.submitted = 0
        self.settled = 0
        self.post_seconds: list[float] = []
        self.injected: Counter[str] = Counter()
        self.oddities: list[str] = []
        self._lock = threading.Lock()

    def count(self, kind: str, number: int = 1) -> None:
        """Note faults that were injected."""
        with self._lock:
            self.injected[kind] += number

    def note_submitted(self) -> None:
        """Note one more job."""
        with self._lock:
            self.submitted += 1

    def odd(self, what: str) -> None:
        """Note something that must not happen."""
        with self._lock:
            self.oddities.append(what)


class Caller:
    """One connection that submits jobs, as a backend would."""

    def __init__(self, stack: KeptStack, recordings: Recordings, progress: Progress) -> None:
        self._stack = stack
        self._recordings = recordings
        self._progress = progress
        self._api: JobsApi | None = None

    def submit(self, job: PlannedJob) -> None:
        """Submit a job with its faults."""
        body = {"jobId": job.job_id, "s3Key": self._recordings.keys[job.recording], **job.options}
        if JobFault.ABANDONED in job.faults:
            self._break_off(body)
            return
        if JobFault.UNANSWERED in job.faults:
            self._break_off(body)
        if JobFault.RACED in job.faults:
            other = Caller(self._stack, self._recordings, self._progress)
            thread = threading.Thread(target=other._post, args=(body,), daemon=True)
            thread.start()
            self._post(body)
            thread.join(ANSWER_SECONDS)
        else:
            began = time.perf_counter()
            if self._post(body) == 1:
                self._progress.post_seconds.append(time.perf_counter() - began)
        if JobFault.REPEATED in job.faults:
            self._post(body)
        if JobFault.CONTRADICTED in job.faults:
            self._contradict(body)

    def _post(self, body: dict[str, Any]) -> int:
        """Send until there is an answer that says what became of it; return how often."""
        deadline = time.monotonic() + ANSWER_SECONDS
        tries = 0
        while not self._progress.stopping.is_set():
            tries += 1
            try:
                answer = self._connected().submit(body)
            except (ApiError, BotoCoreError, ClientError) as error:
                status = error.status if isinstance(error, ApiError) else 0
                if status not in PASSING or time.monotonic() > deadline:
                    self._progress.odd(f"{body['jobId']}: POST was answered {status}: {error}")
                    return tries
                self._api = None
                self._progress.stopping.wait(1)
                continue
            if answer["jobId"] != body["jobId"]:
                self._progress.odd(f"{body['jobId']}: POST was answered with {answer['jobId']}")
            return tries
        return tries

    def _contradict(self, body: dict[str, Any]) -> None:
        other = {**body, "removeHiccups": not body["removeHiccups"]}
        while not self._progress.stopping.is_set():
            try:
                self._connected().submit(other)
            except (ApiError, BotoCoreError, ClientError) as error:
                if isinstance(error, ApiError) and error.code == "job_id_conflict":
                    return
                if not isinstance(error, ApiError) or error.status in PASSING:
                    self._api = None
                    self._progress.stopping.wait(1)
                    continue
                self._progress.odd(f"{body['jobId']}: another body was answered {error.status}")
                return
            self._progress.odd(f"{body['jobId']}: another body under the same id was accepted")
            return

    def _break_off(self, body: dict[str, Any]) -> None:
        try:
            headers = {"Authorization": f"Bearer {self._connected().token()}"}
            httpx.post(
                f"{self._stack.outputs['ApiUrl']}/jobs",
                json=body,
                headers=headers,
                timeout=httpx.Timeout(5, read=IMPATIENT_SECONDS),
            )
        except (httpx.TransportError, ApiError, BotoCoreError, ClientError):
            return

    def _connected(self) -> JobsApi:
        if self._api is None:
            self._api = self._stack.api()
        return self._api


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


def message(job_id: str, row: dict[str, Any], *, failed: bool) -> str:
    """Return what SageMaker publishes about a job."""
    document = {
        "awsRegion": "us-east-1",
        "eventTime": "2026-01-01T00:00:00.000Z",
        "receivedTime": "2026-01-01T00:00:00.000Z",
        "invocationStatus": "Failed" if failed else "Completed",
        "requestParameters": {
            "accept": "application/json",
            "contentType": "application/json",
            "customAttributes": f"job={job_id};attempt={row['attempts']['N']}",
        },
        "inferenceId": row["submissionId"]["S"],
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    if failed:
        document["failureReason"] = "ServerError: stale"
        document["responseParameters"] = {"failureLocation": row["failureLocation"]["S"]}
    else:
        document["responseParameters"] = {
            "contentType": "application/json",
            "outputLocation": row["outputLocation"]["S"],
        }
    return json.dumps(document)


class Saboteur:
    """Breaks the stack when its time has come, and repairs it."""

    def __init__(self, stack: KeptStack, plan: Plan, progress: Progress) -> None:
        self._stack = stack
        self._incidents = plan.incidents
        self._jobs = len(plan.jobs)
        self._progress = progress
        self.unreadable = 0
        self.kept_in_queue: set[str] = set()  # jobs whose messages must be in the dead-letter queue

    def run(self) -> None:
        """Cause every incident, one after the other."""
        for incident in self._incidents:
            while self._progress.submitted < incident.after:
                if self._progress.stopping.wait(POLL_SECONDS):
                    return
            self._cause(incident)
            self._progress.count(incident.kind)

    def _cause(self, incident: Incident) -> None:
        stack = self._stack
        match incident.kind:
            case IncidentKind.SERVER_KILLED:
                self._wait_for_a_running_job()
                stack.kill_model_server()
            case IncidentKind.SUBSCRIPTIONS_LOST:
                topics = [stack.outputs["SuccessTopicArn"], stack.outputs["ErrorTopicArn"]]
                self._while(stack.unsubscribed(topics), incident)
            case IncidentKind.PUBLISHING_DENIED:
                self._while(stack.denied("HostingRole", "sns:Publish"), incident)
            case IncidentKind.TABLE_DENIED:
                action = "dynamodb:UpdateItem"
                denied = stack.denied("CompletionFunctionRole", action)
                self.kept_in_queue |= self._while(denied, incident)
            case IncidentKind.UNREADABLE_MESSAGE:
                topic = stack.outputs["SuccessTopicArn"]
                patiently(lambda: stack.client("sns").publish(TopicArn=topic, Message="not JSON"))
                self.unreadable += 1
            case IncidentKind.SAGEMAKER_KILLED:
                stack.kill_sagemaker()
                stack.start()

    def _wait_for_a_running_job(self) -> None:
        while "running" not in self._stack.queued().values():
            if self._progress.submitted >= self._jobs or self._progress.stopping.wait(0.02):
                return

    def _while(self, broken: AbstractContextManager[None], incident: Incident) -> set[str]:
        """Keep something broken until enough inferences have ended; return their jobs."""
        ended: set[str] = set()
        with broken:
            waiting = set(self._stack.queued())
            while len(ended) < incident.outcomes and not self._progress.stopping.wait(0.1):
                now = set(self._stack.queued())
                ended |= waiting - now
                waiting |= now
                if self._progress.submitted >= self._jobs and not now:
                    break
            until = time.monotonic() + 60
            while self._stack.undelivered() and time.monotonic() < until:
                # What is under way must meet the broken part, not the repaired one
                if self._progress.stopping.wait(POLL_SECONDS):
                    break
        self._progress.count(f"{incident.kind}: jobs", len(ended))
        return ended


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
        s3, token, pages = self._stack.client("s3"), None, 0
        with self._stack.api() as api, tqdm(desc="Checking", unit="job") as bar:
            while token is not None or pages == 0:
                page = api.jobs(limit=100, next_token=token)
                pages += 1
                for job in page["jobs"]:
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
                token = page.get("nextToken")

    def _one_by_one(self, expected: list[Expectation]) -> Iterator[str]:
        """Read jobs, those with most faults first, as a caller would."""
        number = {job.job_id: len(job.faults) for job in self._plan.jobs}
        sure = [one for one in expected if not one.may_be_missing]
        sample = sorted(sure, key=lambda one: -number[one.job_id])[:SAMPLE]
        with self._stack.api() as api:
            for one in tqdm(sample, desc="Reading", unit="job"):
                try:
                    job = api.status(one.job_id)
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


def put_model_into_service(stack: KeptStack, recordings: Recordings) -> None:
    """Deploy a small model with the deployment machine."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name in ("model.txt", "model.json"):
            archive.add(trained_model() / name, arcname=name)
    s3, bucket = stack.client("s3"), stack.outputs["ModelsBucketName"]
    s3.put_object(Bucket=bucket, Key="bench/model.tar.gz", Body=content.getvalue())
    s3.upload_file(str(next(iter(recordings.good.values()))), bucket, "smoke/recording.dat")
    states = stack.client("stepfunctions")
    arn = states.start_execution(
        stateMachineArn=stack.outputs["DeploymentStateMachineArn"],
        input=json.dumps({"modelDataUrl": f"s3://{bucket}/bench/model.tar.gz"}),
    )["executionArn"]
    while (state := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        time.sleep(POLL_SECONDS)
    if json.loads(state.get("output", "{}")).get("outcome") != "DEPLOYED":
        sys.exit(f"bench: error: no model is in service: {state}")


@contextmanager
def running(folder: Path) -> Iterator[KeptStack]:
    """Give a stack of its own, and stop it whatever happens, Ctrl-C included."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGTERM, interrupt)
    stack = KeptStack(folder)
    try:
        stack.start()
        yield stack
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        stack.stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, old)


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def summary(run: Run, jobs: int) -> dict[str, Any]:
    """Return the figures of a run."""
    posts, latencies = run.progress.post_seconds, run.latencies
    return {
        "jobs": jobs,
        "seconds": round(run.seconds, 1),
        "jobsPerSecond": round(jobs / run.seconds, 2),
        "postMilliseconds": {
            "p50": round(percentile(posts, 0.5) * 1000),
            "p99": round(percentile(posts, 0.99) * 1000),
        },
        "secondsToOutcome": {
            "p50": round(percentile(latencies, 0.5), 1),
            "p99": round(percentile(latencies, 0.99), 1),
        },
        "faults": dict(sorted(run.progress.injected.items())),
    }


def show(figures: dict[str, Any]) -> None:
    """Print the table."""
    post, outcome = figures["postMilliseconds"], figures["secondsToOutcome"]
    print("| what | measured |\n|---|---|")
    print(f"| jobs | {figures['jobs']} in {figures['seconds']:.0f} s |")
    print(f"| jobs/s | {figures['jobsPerSecond']} |")
    print(f"| POST /jobs, p50 / p99 | {post['p50']} / {post['p99']} ms |")
    print(f"| from POST to outcome, p50 / p99 | {outcome['p50']} / {outcome['p99']} s |")
    for kind, number in figures["faults"].items():
        print(f"| {kind} | {number} |")


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
    plan = draw(
        count,
        seed,
        run=f"run-{seed}",
        good=sorted(recordings.good),
        bad=sorted(recordings.bad),
    )
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
    figures = summary(run, count) | {"seed": seed, "off": faults}
    show(figures)
    if report is not None:
        report.write_text(json.dumps(figures, indent=1) + "\n")
    if faults:
        print("\n".join(faults))
        sys.exit(f"bench: error: {len(faults)} things are off")
    print("\nNone lost, none stuck, none counted twice; every outcome is the right one.")


if __name__ == "__main__":
    main()
