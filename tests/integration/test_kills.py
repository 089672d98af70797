"""Processes are killed in the midst of work: no job and no run is lost, and none is done twice.

A job whose own process is killed fails, as on AWS, and its run is redriven. One that local
SageMaker lost sight of, as it was killed itself, runs again from its start when the stack has been
started again. A request that was never answered may have had its effect or not: its caller
repeats it.
"""

from __future__ import annotations

import hashlib
import json
import signal
import sqlite3
import uuid
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from femo_client import ApiError, FemoClient
from local_stack.layout import StackFolder
from local_stack.processes import members
from local_stack.supervisor import supervisor_pid

from . import executions
from .conftest import Stack
from .executions import entered, plan_failures
from .test_training import execution_arn, run_pipeline
from .waiting import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.drill]

# State of the training machine and the word in the name of its job
JOBS = {
    "ExtractFeatures": "extract",
    "PrepareDataset": "prepare",
    "Train": "train",
    "Evaluate": "evaluate",
}
# Those in which a kill of SageMaker is another thing to it: either kind of job, and a request
STAGES = ("ExtractFeatures", "Train", "RegisterModel")
ACCEPTED = 5  # more than the endpoint takes at once, so that some wait


def invocations(stack: Stack) -> dict[str, str]:
    """Return the state, waiting or running, of each job in the endpoint's queue."""
    path = stack.folder / "state" / "sagemaker.sqlite"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        rows = store.execute("SELECT document, state FROM invocations").fetchall()
    return {job_of(json.loads(document)): state for document, state in rows}


def job_of(invocation: Mapping[str, str]) -> str:
    """Return the job that an invocation is an attempt at; its own id, for a smoke job."""
    attributes = invocation.get("CustomAttributes", "")
    return attributes.partition(";")[0].removeprefix("job=") or invocation["InferenceId"]


def sagemaker_process(stack: Stack) -> psutil.Process:
    return psutil.Process(stack.description["processes"]["SageMaker"])


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
def manifest(stack: Stack, small_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the manifest of a first run, whose model is in service."""
    work = tmp_path_factory.mktemp("work")
    done = run_pipeline(stack, work, "-m", small_cohort / "manifest.json", "--gate-minimum", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    output = json.loads(stack.wait_for_execution(execution_arn(work))["output"])
    wait_for(lambda: in_service(stack))
    address: str = output["manifest"]
    return address


@pytest.fixture(scope="module")
def key(stack: Stack, manifest: str, small_cohort: Path) -> str:
    """A recording that jobs can be submitted for."""
    with jobs_api(stack) as api:
        return api.upload(min(small_cohort.glob("*.dat")))


def in_service(stack: Stack) -> bool:
    deployments = stack.client("stepfunctions").list_executions(
        stateMachineArn=stack.outputs["DeploymentStateMachineArn"]
    )["executions"]
    return bool(deployments) and deployments[0]["status"] == "SUCCEEDED"


def jobs_api(stack: Stack) -> FemoClient:
    return FemoClient(stack.outputs["ApiUrl"], stack.credentials())


def begin(stack: Stack, manifest: str, *, extract: bool = False) -> str:
    machine_input = {
        "manifest": manifest,
        "forceExtract": extract,
        "autoApprove": False,
        "qualityGate": executions.NO_GATE,
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
        Key={"jobKey": {"S": f"default#{job_id}"}},
        ConsistentRead=True,
    )
    item: dict[str, Any] = answer.get("Item", {})
    return item


def listed(api: FemoClient) -> list[str]:
    """Return the id of every job that the API lists as completed, on all pages."""
    return [job.job_id for job in api.jobs(status="Completed", page_size=100)]


@dataclass(frozen=True)
class Aftermath:
    """What a stack had in hand when its SageMaker was killed."""

    packages_before: list[str]
    runs: dict[str, str]  # stage -> ARN of the run that was in it
    waiting: list[str]  # jobs in the queue
    running: list[str]  # jobs that the model server had
    unanswered: str  # job whose POST got no answer


@pytest.fixture(scope="module")
def aftermath(stack: Stack, manifest: str, key: str) -> Aftermath:
    """Bring one run to each stage, and jobs to each of theirs; kill SageMaker, and start again.

    What shall not get any further is frozen (SIGSTOP), so that the moment is the same each time.
    """
    server, sagemaker = model_server(stack), sagemaker_process(stack)
    packages_before = packages(stack)
    with jobs_api(stack) as api, ThreadPoolExecutor(1) as pool:
        send(server, signal.SIGSTOP)
        accepted = [f"kill-{uuid.uuid4()}" for _ in range(ACCEPTED)]
        for job_id in accepted:
            api.submit(key, job_id=job_id)

        runs = {
            stage: begin(stack, manifest, extract=stage == "ExtractFeatures")
            for stage in STAGES
            if stage in JOBS
        }
        frozen = freeze(stack, runs)
        runs["RegisterModel"] = hold_registration(stack, manifest)
        unanswered = f"kill-{uuid.uuid4()}"
        post: Future[Any] = pool.submit(api.submit, key, job_id=unanswered)
        wait_for(lambda: row(stack, unanswered))

        queue = invocations(stack)
        waiting = [job_id for job_id, state in queue.items() if state == "waiting"]
        running = [job_id for job_id, state in queue.items() if state == "running"]
        assert waiting
        assert running
        assert sorted(waiting + running) == sorted(accepted)
        assert not post.done()
        assert {stage: entered(stack, arn)[-1] for stage, arn in runs.items()} == {
            stage: stage for stage in STAGES
        }
        sagemaker.kill()
        send([*server, *frozen], signal.SIGCONT)
        wait_for(lambda: supervisor_pid(StackFolder(stack.folder)) is None)
        stack.start()
        error = post.exception(60)
        assert error is None or isinstance(error, ApiError)
    return Aftermath(packages_before, runs, waiting, running, unanswered)


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
    sagemaker_process(stack).suspend()
    stack.client("stepfunctions").redrive_execution(executionArn=arn)
    wait_for(lambda: "RegisterModel" in entered(stack, arn))
    return arn


@pytest.mark.parametrize("stage", STAGES)
def test_a_training_run_is_finished_after_sagemaker_was_killed_in(
    stack: Stack, aftermath: Aftermath, stage: str
) -> None:
    ended = stack.wait_for_execution(aftermath.runs[stage])
    assert ended["status"] == "SUCCEEDED", ended
    before = 1 if stage == "RegisterModel" else 0
    assert ended["redriveCount"] == before, "it goes on by itself"
    assert json.loads(ended["output"])["outcome"] == "REGISTERED"


def test_each_training_run_that_a_kill_interrupted_has_registered_one_model(
    stack: Stack, aftermath: Aftermath
) -> None:
    told = [
        json.loads(stack.wait_for_execution(arn)["output"])["modelPackageArn"]
        for arn in aftermath.runs.values()
    ]
    new = set(packages(stack)) - set(aftermath.packages_before)
    assert sorted(told) == sorted(new)


def test_jobs_in_every_stage_are_completed_once_after_sagemaker_was_killed(
    stack: Stack, aftermath: Aftermath, key: str
) -> None:
    with jobs_api(stack) as api:
        # A caller that got no answer asks again
        api.submit(key, job_id=aftermath.unanswered)
        ids = [*aftermath.waiting, *aftermath.running, aftermath.unanswered]
        jobs = [api.wait(job_id, timeout_seconds=60).as_json() for job_id in ids]
        counted = [job_id for job_id in listed(api) if job_id in ids]
    assert [job["status"] for job in jobs] == ["Completed"] * len(ids)
    assert all(job["result"] == jobs[0]["result"] for job in jobs)
    assert sorted(counted) == sorted(ids), "each job counts once"
    wait_for(lambda: not invocations(stack))


def test_a_job_whose_result_was_written_and_not_told_is_told_after_a_kill(
    stack: Stack, key: str
) -> None:
    job_id = hold_between_result_and_message(stack, key)
    assert row(stack, job_id)["status"] == {"S": "Queued"}

    sagemaker_process(stack).kill()
    stack.stop()
    stack.start()

    with jobs_api(stack) as api:
        assert api.wait(job_id, timeout_seconds=60).status == "Completed"
        assert listed(api).count(job_id) == 1
    wait_for(lambda: not invocations(stack))


def hold_between_result_and_message(stack: Stack, key: str) -> str:
    """Freeze SageMaker when it has written the result of a job that is in its queue yet."""
    s3, sagemaker, server = stack.client("s3"), sagemaker_process(stack), model_server(stack)

    def caught() -> str | None:
        job_id = f"kill-{uuid.uuid4()}"
        send(server, signal.SIGSTOP)
        with jobs_api(stack) as api:
            api.submit(key, job_id=job_id)
        bucket, _, name = row(stack, job_id)["outputLocation"]["S"][len("s3://") :].partition("/")
        send(server, signal.SIGCONT)
        wait_for(lambda: written(s3, bucket, name), every=0.001)
        sagemaker.suspend()
        if job_id in invocations(stack) and row(stack, job_id)["status"]["S"] == "Queued":
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


def test_jobs_outlive_the_death_of_their_model_server(stack: Stack, key: str) -> None:
    ids = [f"kill-{uuid.uuid4()}" for _ in range(ACCEPTED)]
    server = wait_for(lambda: model_server(stack))
    with jobs_api(stack) as api:
        wait_for(lambda: in_service(stack))
        send(server, signal.SIGSTOP)
        for job_id in ids:
            api.submit(key, job_id=job_id)
        wait_for(lambda: set(invocations(stack).values()) == {"waiting", "running"})

        send(server, signal.SIGKILL)

        assert {api.wait(job_id, timeout_seconds=60).status for job_id in ids} == {"Completed"}
        assert sorted(job_id for job_id in listed(api) if job_id in ids) == sorted(ids)


def test_a_training_run_whose_job_was_killed_in_each_stage_fails_and_is_redriven(
    stack: Stack, manifest: str, tmp_path: Path
) -> None:
    arn = begin(stack, manifest, extract=True)
    before: list[str] = []
    for number, stage in enumerate(JOBS, 1):
        send(freeze(stack, {stage: arn}), signal.SIGKILL)
        assert stack.wait_for_execution(arn)["status"] == "FAILED"
        reached = entered(stack, arn)
        assert reached[-1] == stage
        if before:
            assert reached[len(before)] == before[-1], "it goes on where it failed"
        before = reached
        if number < len(JOBS):
            stack.client("stepfunctions").redrive_execution(executionArn=arn)

    done = run_pipeline(stack, tmp_path, "--redrive", arn)

    assert done.returncode == 0, done.stdout + done.stderr
    ended = stack.wait_for_execution(arn)
    assert ended["status"] == "SUCCEEDED", ended
    assert entered(stack, arn)[len(before)] == before[-1]
    assert json.loads(ended["output"])["modelPackageArn"] in packages(stack)
