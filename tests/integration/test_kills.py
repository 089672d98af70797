"""Parts of a kept stack are killed in the midst of work: after a restart nothing is lost.

What a kept stack promises: whatever a caller outside the stack was told (by the API, by a service
of the local AWS, by a state machine's progress) is on disk before it was told, so it outlives
SIGKILL of any part. What it does not promise:

- MiniStack by itself writes its state at a clean stop only; the promise is the launcher's, made
  for what jobs and runs rest on (objects, tables, queues, topics, events, executions) and what
  deployments change. Logs, metrics and the rest are written every few seconds, and what came
  since goes with a killed MiniStack.
- A request that was never answered may have had its effect or not: its caller repeats it.
- A job whose own process is killed fails, as on AWS; its run is redriven. A job that local
  SageMaker lost sight of runs again from its start.
- Nothing is flushed past the operating system: this is about killed processes, not power cuts.
"""

from __future__ import annotations

import hashlib
import json
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from femo_client.api import ApiError, JobsApi
from local_stack.layout import StackFolder
from local_stack.processes import guardians, members
from local_stack.supervisor import supervisor_pid

from . import executions
from .conftest import ROOT, Stack, run_cli
from .executions import entered, plan_failures
from .test_training import execution_arn, run_pipeline
from .waiting import wait_for

pytestmark = pytest.mark.integration

PARTS = ("supervisor", "MiniStack", "SageMaker")
# State of the training machine and the word in the name of its job
JOBS = {
    "ExtractFeatures": "extract",
    "PrepareDataset": "prepare",
    "Train": "train",
    "Evaluate": "evaluate",
}
STAGES = (*JOBS, "RegisterModel")
ACCEPTED = 5  # more than the endpoint takes at once, so that some wait


class KeptStack:
    """A stack of its own whose state survives; SageMaker's port changes with each start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self) -> None:
        done = self._run("start")
        assert done.returncode == 0, done.stdout + done.stderr

    def stop(self) -> None:
        done = self._run("stop")
        assert done.returncode == 0, done.stdout + done.stderr

    def _run(self, word: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "local_stack", word, "--state-dir", str(self.folder)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    @property
    def now(self) -> Stack:
        description = json.loads((self.folder / "stack.json").read_text())
        return Stack(self.folder, description["outputs"], description["environment"], description)

    def invocations(self) -> dict[str, str]:
        """Return the state, waiting or running, of each job in the endpoint's queue."""
        path = self.folder / "state" / "sagemaker.sqlite"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
            rows = store.execute("SELECT document, state FROM invocations").fetchall()
        return {job_of(json.loads(document)): state for document, state in rows}


def job_of(invocation: Mapping[str, str]) -> str:
    """Return the job that an invocation is an attempt at; its own id, for a smoke job."""
    attributes = invocation.get("CustomAttributes", "")
    return attributes.partition(";")[0].removeprefix("job=") or invocation["InferenceId"]


def process(stack: Stack, part: str) -> psutil.Process:
    about = stack.description
    return psutil.Process(about["pid"] if part == "supervisor" else about["processes"][part])


def held_jobs(stack: Stack, wanted: Mapping[str, str]) -> dict[str, list[psutil.Process]]:
    """Return the processes of each job that is wanted by its stage and its execution's ARN."""
    # As the machine names its jobs
    words = {
        stage: f"-{JOBS[stage]}-{hashlib.sha256(arn.encode()).hexdigest()[:12]}-"
        for stage, arn in wanted.items()
    }
    found: dict[str, list[psutil.Process]] = {}
    for root, one in containers(stack):
        for stage, word in words.items():
            if word in root:
                found.setdefault(stage, []).append(one)
    return found


def model_server(stack: Stack) -> list[psutil.Process]:
    return [one for root, one in containers(stack) if "/algo-" not in root]


def containers(stack: Stack) -> list[tuple[str, psutil.Process]]:
    """Return each process in a container, with the folder that is its /opt/ml."""
    found = []
    for one in members(stack.description["id"]):
        try:
            if root := one.environ().get("FEMO_ML_ROOT"):
                found.append((root, one))
        except psutil.Error:
            continue
    return found


def send(processes: list[psutil.Process], number: signal.Signals) -> None:
    for one in processes:
        try:
            one.send_signal(number)
        except psutil.NoSuchProcess:
            continue


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptStack]:
    stack = KeptStack(tmp_path_factory.mktemp("kept"))
    stack.start()
    try:
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def small_cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small-cohort")
    done = run_cli(
        "synthesize", folder, "--kind", "rich", "--recordings", "4", "--minutes", "5", "--seed", "7"
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def manifest(kept: KeptStack, small_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the manifest of a first run, whose model is in service."""
    work = tmp_path_factory.mktemp("work")
    done = run_pipeline(kept.now, work, "-m", small_cohort / "manifest.json", "--gate-minimum", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    output = json.loads(kept.now.wait_for_execution(execution_arn(work))["output"])
    wait_for(lambda: in_service(kept.now))
    address: str = output["manifest"]
    return address


@pytest.fixture(scope="module")
def key(kept: KeptStack, manifest: str, small_cohort: Path) -> str:
    """A recording that jobs can be submitted for."""
    with jobs_api(kept.now) as api:
        return api.upload(min(small_cohort.glob("*.dat")))


def in_service(stack: Stack) -> bool:
    deployments = stack.client("stepfunctions").list_executions(
        stateMachineArn=stack.outputs["DeploymentStateMachineArn"]
    )["executions"]
    return bool(deployments) and deployments[0]["status"] == "SUCCEEDED"


def jobs_api(stack: Stack) -> JobsApi:
    return JobsApi(stack.outputs["ApiUrl"], stack.credentials())


def begin(stack: Stack, manifest: str, *, extract: bool = False) -> str:
    machine_input = {
        "manifest": manifest,
        "forceExtract": extract,
        "autoApprove": False,
        "qualityGate": {"metric": "f1", "minimum": 0, "gain": -1},
    }
    return executions.begin(stack, "Training", machine_input)


def packages(stack: Stack) -> list[str]:
    found = stack.client("sagemaker").list_model_packages(
        ModelPackageGroupName=stack.outputs["ModelPackageGroupName"], MaxResults=100
    )
    return [package["ModelPackageArn"] for package in found["ModelPackageSummaryList"]]


def row(stack: Stack, job_id: str) -> dict[str, Any]:
    answer = stack.client("dynamodb").get_item(
        TableName=stack.outputs["JobsTableName"],
        Key={"jobId": {"S": job_id}},
        ConsistentRead=True,
    )
    item: dict[str, Any] = answer.get("Item", {})
    return item


def listed(api: JobsApi) -> list[str]:
    """Return the id of every job that the API lists as completed, on all pages."""
    found: list[str] = []
    token: str | None = None
    while True:
        page = api.jobs(status="Completed", limit=100, next_token=token)
        found += [job["jobId"] for job in page["jobs"]]
        token = page.get("nextToken")
        if token is None:
            return found


def assert_nothing_is_left(stack: Stack) -> None:
    stack_id = stack.description["id"]
    assert members(stack_id) == []
    assert guardians(stack_id) == []
    assert not (stack.folder / "tmp").exists()
    assert not (stack.folder / "stack.json").exists()
    assert supervisor_pid(StackFolder(stack.folder)) is None


@dataclass
class Aftermath:
    """What a stack had in hand when one of its parts was killed, and what runs since."""

    before: Stack
    after: Stack
    packages_before: list[str]
    runs: dict[str, str]  # stage -> ARN of the run that was in it
    waiting: list[str]  # jobs in the queue
    running: list[str]  # jobs that the model server had
    unanswered: str  # job whose POST got no answer
    uploaded: str  # key of an object that was answered for just before


@pytest.fixture(scope="module", params=PARTS)
def aftermath(
    request: pytest.FixtureRequest, kept: KeptStack, manifest: str, key: str
) -> Aftermath:
    """Bring one run to each stage, and jobs to each of theirs; kill one part, and start again.

    What shall not get any further is frozen (SIGSTOP), so that the moment is the same each time.
    """
    stack, part = kept.now, request.param
    server, sagemaker = model_server(stack), process(stack, "SageMaker")
    packages_before = packages(stack)
    with jobs_api(stack) as api, ThreadPoolExecutor(1) as pool:
        send(server, signal.SIGSTOP)
        accepted = [f"kill-{uuid.uuid4()}" for _ in range(ACCEPTED)]
        for job_id in accepted:
            api.submit({"jobId": job_id, "s3Key": key})

        runs = {stage: begin(stack, manifest, extract=stage == "ExtractFeatures") for stage in JOBS}
        frozen = freeze(stack, runs)
        runs["RegisterModel"] = hold_registration(stack, manifest)
        unanswered = f"kill-{uuid.uuid4()}"
        post: Future[Any] = pool.submit(api.submit, {"jobId": unanswered, "s3Key": key})
        wait_for(lambda: row(stack, unanswered))
        uploaded = f"kills/{uuid.uuid4()}"
        stack.client("s3").put_object(
            Bucket=stack.outputs["ModelsBucketName"], Key=uploaded, Body=b"answered"
        )

        queue = kept.invocations()
        waiting = [job_id for job_id, state in queue.items() if state == "waiting"]
        running = [job_id for job_id, state in queue.items() if state == "running"]
        assert waiting
        assert running
        assert sorted(waiting + running) == sorted(accepted)
        assert not post.done()
        assert {stage: entered(stack, arn)[-1] for stage, arn in runs.items()} == {
            stage: stage for stage in STAGES
        }
        process(stack, part).kill()
        if part != "supervisor":
            # Left to end as it likes. What a supervisor leaves has to be killed, and the next
            # start comes before that has happened.
            send([sagemaker, *server, *frozen], signal.SIGCONT)
            wait_for(lambda: supervisor_pid(StackFolder(kept.folder)) is None)
        kept.start()
        error = post.exception(60)
        assert error is None or isinstance(error, ApiError)
    return Aftermath(stack, kept.now, packages_before, runs, waiting, running, unanswered, uploaded)


def freeze(stack: Stack, runs: Mapping[str, str]) -> list[psutil.Process]:
    """Stop the job of each run at the stage that it is wanted in."""
    frozen: dict[str, list[psutil.Process]] = {}

    def look() -> bool:
        left = {stage: arn for stage, arn in runs.items() if stage not in frozen}
        for stage, processes in held_jobs(stack, left).items():
            send(processes, signal.SIGSTOP)
            frozen[stage] = processes
        return len(frozen) == len(runs)

    wait_for(look)
    return [one for processes in frozen.values() for one in processes]


def hold_registration(stack: Stack, manifest: str) -> str:
    """Freeze SageMaker while a run waits for its answer to CreateModelPackage."""
    plan_failures(stack, "Training", before=["ReadMetrics"])
    arn = begin(stack, manifest)
    assert stack.wait_for_execution(arn)["status"] == "FAILED"
    process(stack, "SageMaker").suspend()
    stack.client("stepfunctions").redrive_execution(executionArn=arn)
    wait_for(lambda: "RegisterModel" in entered(stack, arn))
    return arn


@pytest.mark.parametrize("stage", STAGES)
def test_a_training_run_is_finished_after_a_part_was_killed_in(
    aftermath: Aftermath, stage: str
) -> None:
    ended = aftermath.after.wait_for_execution(aftermath.runs[stage])
    assert ended["status"] == "SUCCEEDED", ended
    before = 1 if stage == "RegisterModel" else 0
    assert ended["redriveCount"] == before, "it goes on by itself"
    assert json.loads(ended["output"])["outcome"] == "REGISTERED"


def test_each_training_run_that_a_kill_interrupted_has_registered_one_model(
    aftermath: Aftermath,
) -> None:
    told = [
        json.loads(aftermath.after.wait_for_execution(arn)["output"])["modelPackageArn"]
        for arn in aftermath.runs.values()
    ]
    new = set(packages(aftermath.after)) - set(aftermath.packages_before)
    assert sorted(told) == sorted(new)


def test_jobs_in_every_stage_are_completed_once_after_a_part_was_killed(
    kept: KeptStack, aftermath: Aftermath, key: str
) -> None:
    with jobs_api(aftermath.after) as api:
        # A caller that got no answer asks again
        api.submit({"jobId": aftermath.unanswered, "s3Key": key})
        ids = [*aftermath.waiting, *aftermath.running, aftermath.unanswered]
        jobs = [api.wait(job_id, timeout_seconds=60) for job_id in ids]
        counted = [job_id for job_id in listed(api) if job_id in ids]
    assert [job["status"] for job in jobs] == ["Completed"] * len(ids)
    assert all(job["result"] == jobs[0]["result"] for job in jobs)
    assert sorted(counted) == sorted(ids), "each job counts once"
    wait_for(lambda: not kept.invocations())


def test_what_was_answered_just_before_a_kill_is_there_afterwards(aftermath: Aftermath) -> None:
    found = aftermath.after.client("s3").get_object(
        Bucket=aftermath.after.outputs["ModelsBucketName"], Key=aftermath.uploaded
    )
    assert found["Body"].read() == b"answered"


def test_a_stack_that_is_started_right_after_a_kill_keeps_its_own_temporary_folder(
    aftermath: Aftermath,
) -> None:
    killed = aftermath.before.description["id"]
    assert members(killed) == []
    assert guardians(killed) == []
    assert (aftermath.after.folder / "tmp" / "library" / "femo_signal").exists()


@pytest.mark.parametrize("part", PARTS)
def test_a_job_whose_result_was_written_and_not_told_is_told_after_a_kill(
    kept: KeptStack, key: str, part: str
) -> None:
    stack = kept.now
    job_id = hold_between_result_and_message(kept, key)
    assert row(stack, job_id)["status"] == {"S": "Queued"}

    process(stack, part).kill()
    send([process(stack, "SageMaker")], signal.SIGKILL)
    kept.stop()
    assert_nothing_is_left(stack)
    kept.start()

    with jobs_api(kept.now) as api:
        assert api.wait(job_id, timeout_seconds=60)["status"] == "Completed"
        assert listed(api).count(job_id) == 1
    wait_for(lambda: not kept.invocations())


def hold_between_result_and_message(kept: KeptStack, key: str) -> str:
    """Freeze SageMaker when it has written the result of a job that is in its queue yet."""
    stack = kept.now
    s3, sagemaker, server = stack.client("s3"), process(stack, "SageMaker"), model_server(stack)

    def caught() -> str | None:
        job_id = f"kill-{uuid.uuid4()}"
        send(server, signal.SIGSTOP)
        with jobs_api(stack) as api:
            api.submit({"jobId": job_id, "s3Key": key})
        bucket, _, name = row(stack, job_id)["outputLocation"]["S"][len("s3://") :].partition("/")
        send(server, signal.SIGCONT)
        wait_for(lambda: written(s3, bucket, name), every=0.001)
        sagemaker.suspend()
        if job_id in kept.invocations() and row(stack, job_id)["status"]["S"] == "Queued":
            return job_id
        sagemaker.resume()  # it was faster: once more
        return None

    job_id: str = wait_for(caught)
    return job_id


def written(s3: Any, bucket: str, name: str) -> bool:
    try:
        s3.head_object(Bucket=bucket, Key=name)
    except ClientError:
        return False
    return True


def test_jobs_outlive_the_death_of_their_model_server(kept: KeptStack, key: str) -> None:
    stack = kept.now
    ids = [f"kill-{uuid.uuid4()}" for _ in range(ACCEPTED)]
    server = wait_for(lambda: model_server(stack))
    with jobs_api(stack) as api:
        wait_for(lambda: in_service(stack))
        send(server, signal.SIGSTOP)
        for job_id in ids:
            api.submit({"jobId": job_id, "s3Key": key})
        wait_for(lambda: set(kept.invocations().values()) == {"waiting", "running"})

        send(server, signal.SIGKILL)

        assert {api.wait(job_id, timeout_seconds=60)["status"] for job_id in ids} == {"Completed"}
        assert sorted(job_id for job_id in listed(api) if job_id in ids) == sorted(ids)


@pytest.fixture(scope="module")
def failed(kept: KeptStack, manifest: str) -> dict[str, str]:
    """A run for each stage with a job, in which that job was killed."""
    stack = kept.now
    runs = {stage: begin(stack, manifest, extract=stage == "ExtractFeatures") for stage in JOBS}
    send(freeze(stack, runs), signal.SIGKILL)
    return runs


@pytest.mark.parametrize("stage", JOBS)
def test_a_training_run_whose_job_was_killed_fails_and_is_redriven(
    kept: KeptStack, failed: dict[str, str], tmp_path: Path, stage: str
) -> None:
    stack, arn = kept.now, failed[stage]
    states = stack.client("stepfunctions")
    assert stack.wait_for_execution(arn)["status"] == "FAILED"
    reached = entered(stack, arn)
    assert reached[-1] == stage

    if stage == "Train":
        done = run_pipeline(stack, tmp_path, "--redrive", arn)
        assert done.returncode == 0, done.stdout + done.stderr
    else:
        states.redrive_execution(executionArn=arn)

    ended = stack.wait_for_execution(arn)
    assert ended["status"] == "SUCCEEDED", ended
    again = entered(stack, arn)[len(reached) :]
    assert again[0] == stage, "it goes on where it failed"
    assert json.loads(ended["output"])["modelPackageArn"] in packages(stack)


@pytest.mark.parametrize("part", ["supervisor", "supervisor and guardian"])
def test_a_stop_after_a_killed_supervisor_leaves_no_process_and_no_temporary_folder(
    kept: KeptStack, part: str
) -> None:
    stack = kept.now
    if part == "supervisor and guardian":
        send(guardians(stack.description["id"]), signal.SIGKILL)
    process(stack, "supervisor").kill()
    kept.stop()
    assert_nothing_is_left(stack)
    with pytest.raises(BotoCoreError):
        stack.client("s3").list_buckets()
    kept.start()


def test_a_stopped_stack_leaves_no_process_and_no_temporary_folder(kept: KeptStack) -> None:
    stack = kept.now
    kept.stop()
    assert_nothing_is_left(stack)
    kept.start()
