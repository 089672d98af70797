"""Parts of a kept stack are killed in the midst of work: after a restart nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import BotoCoreError
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed

from femo_client.api import JobsApi
from local_stack.layout import StackFolder
from local_stack.supervisor import is_running

from .conftest import ROOT, Stack, run_cli
from .test_training import execution_arn, run_pipeline

pytestmark = pytest.mark.integration

PARTS = ("supervisor", "MiniStack", "SageMaker")
STAGES = ("ExtractFeatures", "PrepareDataset", "Train", "Evaluate")


class KeptStack:
    """A stack of its own whose state survives; its ports change with each start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._command = [sys.executable, "-m", "local_stack"]

    def start(self) -> None:
        done = self._run("start")
        assert done.returncode == 0, done.stdout + done.stderr

    def stop(self) -> None:
        self._run("stop")

    def _run(self, word: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._command, word, "--state-dir", str(self.folder)],
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

    def kill(self, part: str) -> None:
        """Kill one part, and wait until the stack has noticed and nothing of it is left."""
        description = self.now.description
        pid = description["pid"] if part == "supervisor" else description["processes"][part]
        os.kill(pid, signal.SIGKILL)
        until(lambda: not processes_of(description["id"]))
        until(lambda: not is_running(StackFolder(self.folder)))


def until(look: Any, seconds: float = 60) -> Any:
    return retry(
        retry=retry_if_result(lambda found: not found),
        wait=wait_fixed(0.02),
        stop=stop_after_delay(seconds),
    )(look)()


def processes_of(stack_id: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("LOCAL_STACK_ID") == stack_id:
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


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
    done = run_cli("synthesize", folder, "--recordings", "4", "--minutes", "5", "--seed", "7")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def trained(
    kept: KeptStack, small_cohort: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The output of a first run, whose model is in service."""
    work = tmp_path_factory.mktemp("work")
    manifest = small_cohort / "manifest.json"
    done = run_pipeline(kept.now, work, "-m", manifest, "--gate-minimum", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    output: dict[str, Any] = json.loads(kept.now.wait_for_execution(execution_arn(work))["output"])
    assert until(lambda: in_service(kept.now))
    return output


def in_service(stack: Stack) -> bool:
    deployments = stack.client("stepfunctions").list_executions(
        stateMachineArn=stack.outputs["DeploymentStateMachineArn"]
    )["executions"]
    return bool(deployments) and deployments[0]["status"] == "SUCCEEDED"


def begin(kept: KeptStack, manifest: str, stage: str) -> str:
    """Start a training run and return its ARN once it has entered a state."""
    states = kept.now.client("stepfunctions")
    arn: str = states.start_execution(
        stateMachineArn=kept.now.outputs["TrainingStateMachineArn"],
        input=json.dumps(
            {
                "manifest": manifest,
                "forceExtract": True,
                "autoApprove": False,
                "qualityGate": {"metric": "f1", "minimum": 0},
            }
        ),
    )["executionArn"]
    until(lambda: stage in entered(states, arn))
    return arn


def entered(states: Any, arn: str) -> set[str]:
    events = states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
    return {
        event["stateEnteredEventDetails"]["name"]
        for event in events
        if "stateEnteredEventDetails" in event
    }


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("part", PARTS)
def test_a_training_run_is_finished_after_a_part_was_killed(
    kept: KeptStack, trained: dict[str, Any], part: str, stage: str
) -> None:
    arn = begin(kept, trained["manifest"], stage)

    kept.kill(part)
    kept.start()

    ended = kept.now.wait_for_execution(arn)
    if ended["status"] != "SUCCEEDED":
        kept.now.client("stepfunctions").redrive_execution(executionArn=arn)
        ended = kept.now.wait_for_execution(arn)
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"])["outcome"] == "REGISTERED"


@pytest.mark.parametrize("stage", STAGES)
def test_a_training_run_whose_job_was_killed_fails_and_is_redriven(
    kept: KeptStack, trained: dict[str, Any], stage: str
) -> None:
    program = "train" if stage == "Train" else "process"
    stack = kept.now
    arn = begin(kept, trained["manifest"], stage)

    until(lambda: killed(stack, program), seconds=30)
    ended = stack.wait_for_execution(arn)

    assert ended["status"] == "FAILED", ended
    stack.client("stepfunctions").redrive_execution(executionArn=arn)
    assert stack.wait_for_execution(arn)["status"] == "SUCCEEDED"


def killed(stack: Stack, program: str) -> bool:
    """Kill the container that runs a program of the image; False while there is none."""
    for pid in processes_of(stack.description["id"]):
        try:
            words = psutil.Process(pid).cmdline()
            if any(word.endswith(f"inference_container/{program}") for word in words):
                os.kill(pid, signal.SIGKILL)
                return True
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
    return False


@pytest.mark.parametrize("part", PARTS)
def test_jobs_that_were_accepted_before_a_part_was_killed_are_all_completed(
    kept: KeptStack, trained: dict[str, Any], small_cohort: Path, part: str
) -> None:
    stack = kept.now
    with JobsApi(stack.outputs["ApiUrl"], stack.credentials()) as api:
        key = api.upload(min(small_cohort.glob("*.dat")))
        ids = [f"kill-{uuid.uuid4()}" for _ in range(6)]
        for job_id in ids:
            api.submit({"jobId": job_id, "s3Key": key})

    kept.kill(part)
    kept.start()

    stack = kept.now
    with JobsApi(stack.outputs["ApiUrl"], stack.credentials()) as api:
        assert [api.wait(job_id, timeout_seconds=60)["status"] for job_id in ids] == [
            "Completed"
        ] * len(ids)
        page = api.jobs(status="Completed", limit=100)
    listed = [job["jobId"] for job in page["jobs"] if job["jobId"] in ids]
    assert sorted(listed) == sorted(ids), "each job counts once"


def test_a_stopped_stack_leaves_no_process_and_no_temporary_folder(kept: KeptStack) -> None:
    stack = kept.now
    kept.stop()
    assert processes_of(stack.description["id"]) == []
    assert not (kept.folder / "tmp").exists()
    with pytest.raises(BotoCoreError):
        stack.client("s3").list_buckets()
    kept.start()
