"""Training, registering and approving by state machine; stopping, redriving and refusing it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .conftest import ROOT, Stack
from .executions import begin, redrive
from .waiting import wait_for

pytestmark = pytest.mark.integration

Result = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


def run_pipeline(stack: Stack, folder: Path, *arguments: str | Path) -> Result:
    """Call run_pipeline.sh as a person would, in a folder of its own."""
    environment = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
    return subprocess.run(
        [ROOT / "run_pipeline.sh", "-l", "--state-file", stack.folder / "stack.json",
         *map(str, arguments)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def execution_arn(folder: Path) -> str:
    arn: str = json.loads((folder / "pipelineExecution.json").read_text())["arn"]
    return arn


@pytest.fixture(scope="module")
def trained(stack: Stack, cohort: Path, work: Path) -> dict[str, Any]:
    """The output of a finished run whose model waits for a person's approval."""
    # The cache may hold what other tests have extracted
    # The model in service may have learnt this very cohort, and is not what is tried here
    options = ("--manual-approval", "--gate-gain", "-1")
    done = run_pipeline(stack, work, "-f", "-m", cohort / "manifest.json", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 extracted, 0 from the cache, 0 left out" in done.stdout
    ended = stack.wait_for_execution(execution_arn(work))
    output: dict[str, Any] = json.loads(ended["output"])
    return {**output, "printed": done.stdout}


def test_a_run_registers_a_model_with_its_metrics(stack: Stack, trained: dict[str, Any]) -> None:
    package = stack.client("sagemaker").describe_model_package(
        ModelPackageName=trained["modelPackageArn"]
    )
    assert trained["outcome"] == "REGISTERED"
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    registered = float(package["CustomerMetadataProperties"]["f1"])
    assert registered == pytest.approx(trained["metrics"]["f1"])
    assert trained["modelPackageArn"] in trained["printed"]
    assert "Quality gate: f1 at least 0.55" in trained["printed"]
    assert "waits for a person's approval" in trained["printed"]


def test_a_second_run_extracts_only_what_is_new(
    stack: Stack, cohort: Path, work: Path, trained: dict[str, Any]
) -> None:
    manifest = json.loads((cohort / "manifest.json").read_text())
    for item in manifest["items"]:
        for field in ("datFileKey", "csvFileKey"):
            item[field] = str(cohort / item[field])
    first = Path(manifest["items"][0]["datFileKey"])
    # Another recording: the first one, cut a few seconds short
    (work / "new.dat").write_bytes(first.read_bytes()[:-200_000])
    (work / "broken.dat").write_bytes(b"not a recording")
    manifest["items"] += [
        {"datFileKey": "new.dat", "subjectId": manifest["items"][0]["subjectId"]},
        {"datFileKey": "broken.dat"},
    ]
    (work / "more.json").write_text(json.dumps(manifest))

    done = run_pipeline(
        stack, work, "-m", work / "more.json", "--manual-approval", "--instances", "3"
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 extracted, 6 from the cache, 1 left out" in done.stdout
    assert "broken.dat" in done.stdout


def test_metrics_of_the_training_job_are_read_from_what_it_prints(
    stack: Stack, trained: dict[str, Any]
) -> None:
    job = stack.client("sagemaker").describe_training_job(
        TrainingJobName=trained["trainingJobName"]
    )
    found = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    assert found["f1"] == pytest.approx(trained["metrics"]["f1"], abs=1e-4)


@pytest.fixture(scope="module")
def rejected(stack: Stack, cohort: Path, work: Path, trained: dict[str, Any]) -> str:
    """What a run with other settings and a gate that no model passes has printed."""
    (work / "settings.json").write_text('{"detection": {"noise_multiplier": 35}}')
    done = run_pipeline(
        stack, work, "-m", cohort / "manifest.json", "--settings", work / "settings.json",
        "--gate-minimum", "1",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_changed_settings_extract_everything(rejected: str) -> None:
    assert "6 extracted, 0 from the cache, 0 left out" in rejected


def test_a_model_below_the_gate_is_rejected_and_not_registered(rejected: str) -> None:
    assert "REJECTED" in rejected
    assert "Model package" not in rejected


def test_too_few_recordings_fail_with_a_reason_and_a_log(stack: Stack, work: Path) -> None:
    (work / "one.dat").write_bytes(b"not a recording either")
    (work / "one.json").write_text('{"version": "1", "items": [{"datFileKey": "one.dat"}]}')
    done = run_pipeline(stack, work, "-m", work / "one.json")
    assert done.returncode == 1
    assert "FAILED in the state PrepareDataset" in done.stderr
    assert "0 usable recordings, 2 needed" in done.stderr
    assert "/aws/sagemaker/ProcessingJobs" in done.stderr


def test_stopping_an_execution_stops_its_job_and_a_redrive_goes_on(
    stack: Stack, trained: dict[str, Any]
) -> None:
    machine, sagemaker = stack.client("stepfunctions"), stack.client("sagemaker")
    arn = begin(
        stack,
        "Training",
        {"manifest": trained["manifest"], "forceExtract": True, "autoApprove": False},
    )
    running = wait_for(
        lambda: sagemaker.list_processing_jobs(StatusEquals="InProgress")["ProcessingJobSummaries"]
    )
    name = running[0]["ProcessingJobName"]

    machine.stop_execution(executionArn=arn)

    assert wait_for(
        lambda: (
            sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"]
            == "Stopped"
        )
    )
    ended = redrive(stack, arn)
    assert ended["status"] == "SUCCEEDED", ended
    assert ended["redriveCount"] == 1


def test_failed_executions_are_told_to_the_operator(stack: Stack) -> None:
    sqs, sns = stack.client("sqs"), stack.client("sns")
    url = sqs.create_queue(QueueName="alerts")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue["QueueArn"],
            }
        ],
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    subscription = sns.subscribe(
        TopicArn=stack.outputs["AlertTopicArn"],
        Protocol="sqs",
        Endpoint=queue["QueueArn"],
        ReturnSubscriptionArn=True,
    )
    ended = stack.run_machine(stack.outputs["TrainingStateMachineArn"], {"manifest": 7})

    def received() -> list[Any]:
        found: list[Any] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2).get("Messages", [])
        return found

    (message,) = wait_for(received)
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    text = json.loads(message["Body"])["Message"]
    assert ended["executionArn"] in text
    assert "ManifestInvalid" in text
