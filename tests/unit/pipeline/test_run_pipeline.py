"""run_pipeline.sh as a data scientist meets it: what is uploaded, shown, written and returned."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from moto import mock_aws

from femo_pipeline import cli
from femo_pipeline.errors import StackError
from femo_pipeline.execution import reason_of
from femo_pipeline.report import outcome_lines
from femo_pipeline.stack import (
    OVERRIDES,
    Clients,
    Overrides,
    Stack,
    find_cloud_stack,
    find_local_stack,
)

from .machines import ROOT

ARN = "arn:aws:states:us-east-1:111122223333:execution:Training:run-1"
MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:Training"
PACKAGE = "arn:aws:sagemaker:us-east-1:111122223333:model-package/femo-dev/7"
IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/femo-inference:2"
BEGAN = datetime(2025, 6, 4, 14, 30, tzinfo=UTC)
OUTPUT = {
    "outcome": "REGISTERED",
    "reason": "f1 is 0.71, at least the 0.55 that the quality gate asks for",
    "approval": "PendingManualApproval",
    "modelPackageArn": PACKAGE,
    "features": "s3://models/training/1/features",
    "evaluation": "s3://models/training/1/evaluation/evaluation.json",
    "modelDataUrl": "s3://models/training/1/model.tar.gz",
}
EVALUATION = {
    "metrics": {"f1": 0.7123, "specificity": None, "false_detections_per_hour": 3.25},
    "accept_all": {"f1": 0.4},
    "per_recording": [{"recording": "s3://recordings/a.dat", "f1": 0.8, "precision": None}],
}
EXTRACTION = [
    {"recording_id": "s3://recordings/a.dat", "status": "cached"},
    {"recording_id": "s3://recordings/b.dat", "status": "failed", "reason": "the file is empty"},
]


class Services:
    """The stack's services: S3 is moto's, the others answer what a test has put down."""

    def __init__(self) -> None:
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        self.s3 = session.client("s3")
        for bucket in ("recordings", "models"):
            self.s3.create_bucket(Bucket=bucket)
        self.s3.put_object(
            Bucket="models",
            Key="training/1/evaluation/evaluation.json",
            Body=json.dumps(EVALUATION).encode(),
        )
        self.s3.put_object(
            Bucket="models",
            Key="training/1/features/report-algo-1.json",
            Body=json.dumps({"recordings": EXTRACTION}).encode(),
        )
        states, sagemaker = session.client("stepfunctions"), session.client("sagemaker")
        logs = session.client("logs")
        self.states, self.sagemaker, self.logs = Stubber(states), Stubber(sagemaker), Stubber(logs)
        self.stubbers = (self.states, self.sagemaker, self.logs)
        for stubber in self.stubbers:
            stubber.activate()
        self.stack = Stack(
            name="femo-dev",
            machine_arn=MACHINE,
            recordings_bucket="recordings",
            models_bucket="models",
            artifact_bucket="models",
            clients=Clients(s3=self.s3, states=states, sagemaker=sagemaker, logs=logs),
            is_local=False,
            poll_seconds=0,
        )
        self.execution_input: dict[str, Any] = {}

    def started(self) -> None:
        self.states.add_response(
            "start_execution",
            {"executionArn": ARN, "startDate": BEGAN},
            {"stateMachineArn": MACHINE, "input": ANY},
        )
        self.states.client.meta.events.register(
            "provide-client-params.sfn.StartExecution",
            lambda params, **_: self.execution_input.update(json.loads(params["input"])),
        )

    def running(self, state: str) -> None:
        self.states.add_response("describe_execution", self._execution("RUNNING"))
        self._entered(state)

    def succeeded(self, output: dict[str, Any]) -> None:
        answer = self._execution("SUCCEEDED", output=json.dumps(output))
        self.states.add_response("describe_execution", answer)

    def failed(self, state: str, error: str, cause: str, *, status: str = "FAILED") -> None:
        answer = self._execution(status, error=error, cause=cause)
        self.states.add_response("describe_execution", answer)
        self._entered(state)

    def job(self, name: str, *lines: str) -> None:
        self.sagemaker.add_response(
            "list_processing_jobs",
            {
                "ProcessingJobSummaries": [
                    {
                        "ProcessingJobName": name,
                        "ProcessingJobArn": f"arn:aws:sagemaker:us-east-1:111122223333:{name}",
                        "ProcessingJobStatus": "InProgress",
                        "CreationTime": BEGAN,
                    }
                ]
            },
        )
        self.logs.add_response(
            "describe_log_streams", {"logStreams": [{"logStreamName": f"{name}/algo-1-1"}]}
        )
        self.logs.add_response("get_log_events", {"events": [{"message": line} for line in lines]})

    def _entered(self, state: str) -> None:
        event = {
            "timestamp": BEGAN,
            "type": "TaskStateEntered",
            "id": 2,
            "stateEnteredEventDetails": {"name": state},
        }
        self.states.add_response("get_execution_history", {"events": [event]})

    @staticmethod
    def _execution(status: str, **more: Any) -> dict[str, Any]:
        ended = {} if status == "RUNNING" else {"stopDate": BEGAN + timedelta(seconds=75)}
        return {
            "executionArn": ARN,
            "stateMachineArn": MACHINE,
            "status": status,
            "startDate": BEGAN,
            **ended,
            **more,
        }


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    for name in ("SAGEMAKER_PIPELINE_ROLE_ARN", "SAGEMAKER_ARTIFACT_BUCKET", "IMAGE_URI",
                 "SAGEMAKER_PROJECT_NAME"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        made = Services()
        monkeypatch.setattr(cli, "find_cloud_stack", lambda *_: made.stack)
        monkeypatch.setattr(cli, "find_local_stack", lambda *_: made.stack)
        yield made
        for stubber in made.stubbers:
            stubber.assert_no_pending_responses()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


RunPipeline = Callable[..., int]


@pytest.fixture
def run_pipeline(monkeypatch: pytest.MonkeyPatch) -> RunPipeline:
    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["run_pipeline.sh", *arguments])
        try:
            cli.main()
        except SystemExit as stop:
            return int(stop.code or 0)
        return 0

    return run


def write_manifest(folder: Path, *items: dict[str, str]) -> str:
    path = folder / "manifest.json"
    path.write_text(json.dumps({"version": "1", "items": items}))
    return str(path)


def stored_manifest(services: Services) -> Any:
    bucket, _, key = services.execution_input["manifest"].removeprefix("s3://").partition("/")
    return json.loads(services.s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def test_a_run_prints_the_evaluation_and_the_package_and_remembers_its_arn(
    services: Services, folder: Path, run_pipeline: RunPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    services.started()
    services.running("ExtractFeatures")
    services.job(
        "femo-dev-extract-1", '{"event": "progress", "done": 3, "total": 8}', "not JSON at all"
    )
    services.succeeded(OUTPUT)

    status = run_pipeline("-m", write_manifest(folder, {"datFileKey": "a.dat"}))

    printed = capsys.readouterr()
    assert status == 0
    assert json.loads((folder / "pipelineExecution.json").read_text()) == {"arn": ARN}
    assert PACKAGE in printed.out
    assert "update-model-package" in printed.out
    assert "0.712" in printed.out
    assert "a.dat" in printed.out
    assert "0 extracted, 1 from the cache, 1 left out" in printed.out
    assert "s3://recordings/b.dat: the file is empty" in printed.out
    assert "ExtractFeatures: job femo-dev-extract-1" in printed.err


def test_only_what_was_asked_for_goes_into_the_input(
    services: Services, folder: Path, run_pipeline: RunPipeline
) -> None:
    services.started()
    services.succeeded({"outcome": "REJECTED", "reason": "f1 is 0.1"})

    assert run_pipeline("-m", write_manifest(folder, {"datFileKey": "a.dat"})) == 0

    assert set(services.execution_input) == {"manifest"}


def test_options_and_environment_go_into_the_input(
    services: Services, folder: Path, run_pipeline: RunPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = "arn:aws:iam::111122223333:role/jobs"
    monkeypatch.setenv("SAGEMAKER_PIPELINE_ROLE_ARN", role)
    monkeypatch.setenv("SAGEMAKER_ARTIFACT_BUCKET", "models")
    monkeypatch.setenv("IMAGE_URI", IMAGE)
    services.started()
    services.succeeded({"outcome": "REJECTED"})

    run_pipeline(
        "-f", "-m", write_manifest(folder, {"datFileKey": "a.dat"}), "--manual-approval",
        "--gate-minimum", "0.7", "--gate-gain", "-0.01", "--instances", "2",
        "--hyperparameter", "num_leaves=20",
    )  # fmt: skip

    del services.execution_input["manifest"]
    assert services.execution_input == {
        "forceExtract": True,
        "autoApprove": False,
        "qualityGate": {"minimum": 0.7, "gain": -0.01},
        "extractInstances": 2,
        "hyperparameters": {"num_leaves": "20"},
        "imageUri": IMAGE,
        "roleArn": role,
        "artifactBucket": "models",
    }


def test_a_run_may_do_without_a_person_where_it_says_so(
    services: Services, folder: Path, run_pipeline: RunPipeline
) -> None:
    services.started()
    services.succeeded({"outcome": "REJECTED"})
    run_pipeline("-m", write_manifest(folder, {"datFileKey": "a.dat"}), "--auto-approve")
    assert services.execution_input["autoApprove"] is True


GATE = {"metric": "f1", "minimum": 0.55, "gain": -0.05}


def test_a_person_is_told_of_the_gate_the_gain_and_how_to_approve() -> None:
    gain = {"f1": 0.0123, "low": -0.031, "high": 0.05, "recordings": 12, "subjects": 6}
    lines = outcome_lines(
        {
            **OUTPUT,
            "qualityGate": GATE,
            "gainOverServing": gain,
            "servingModelPackage": "femo-dev/6",
        },
        endpoint_url="http://127.0.0.1:4567",
    )
    assert (
        "Gain in F1 over femo-dev/6: +0.012 (95 %: -0.031 to +0.050; 12 recordings; 6 subjects)"
        in lines
    )
    assert any("f1 at least 0.55" in line and "at least -0.05" in line for line in lines)
    (approval,) = [line for line in lines if "update-model-package" in line]
    assert "--endpoint-url http://127.0.0.1:4567 --region us-east-1 " in approval
    assert f"--model-package-arn {PACKAGE} --model-approval-status Approved" in approval


def test_a_gain_that_could_not_be_told_is_no_number() -> None:
    gain = {"f1": None, "low": None, "high": None, "status": "other features"}
    lines = outcome_lines({**OUTPUT, "qualityGate": GATE, "gainOverServing": gain})
    assert "Gain in F1 over the model in service: - (other features)" in lines


def test_settings_are_checked_and_stored_where_the_machine_reads_them(
    services: Services, folder: Path, run_pipeline: RunPipeline
) -> None:
    services.started()
    services.succeeded({"outcome": "REJECTED"})
    (folder / "settings.json").write_text('{"detection": {"noise_multiplier": 30}}')

    run_pipeline(
        "-m", write_manifest(folder, {"datFileKey": "a.dat"}), "--settings", "settings.json"
    )

    uri = services.execution_input["settings"]
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    assert key.endswith(".json"), "the machine takes no other"
    stored = json.loads(services.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert stored["detection"]["noise_multiplier"] == 30


@pytest.mark.parametrize(
    ("text", "complaint"),
    [(None, "No such file"), ("{", "JSON"), ('{"detection": {"noise": 1}}', "detection.noise")],
)
def test_settings_that_cannot_be_used_are_one_line_and_nothing_is_started(
    services: Services,
    folder: Path,
    run_pipeline: RunPipeline,
    capsys: pytest.CaptureFixture[str],
    text: str | None,
    complaint: str,
) -> None:
    if text is not None:
        (folder / "settings.json").write_text(text)
    status = run_pipeline(
        "-m", write_manifest(folder, {"datFileKey": "a.dat"}), "--settings", "settings.json"
    )
    assert status == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "settings.json" in line
    assert complaint in line


def test_recordings_without_a_bucket_are_taken_to_lie_in_the_stacks_own(
    services: Services, folder: Path, run_pipeline: RunPipeline
) -> None:
    services.started()
    services.succeeded({"outcome": "REJECTED"})
    run_pipeline(
        "-m",
        write_manifest(
            folder, {"datFileKey": "a.dat"}, {"datFileKey": "a.dat", "bucketName": "other"}
        ),
    )
    buckets = [item["bucketName"] for item in stored_manifest(services)["items"]]
    assert buckets == ["recordings", "other"]


def test_local_recordings_are_uploaded_once_under_what_they_contain(
    services: Services, folder: Path, run_pipeline: RunPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "night").mkdir()
    (folder / "night" / "a.dat").write_bytes(b"recording")
    (folder / "a.csv").write_text("start_seconds,end_seconds\n")
    item = {"datFileKey": "night/a.dat", "csvFileKey": "a.csv", "subjectId": "s1"}
    manifest = write_manifest(folder, item)
    for uploaded in ("2 of 2", "0 of 2"):
        services.started()
        services.succeeded({"outcome": "REJECTED"})

        assert run_pipeline("-l", "-m", manifest) == 0

        assert f"{uploaded} files uploaded" in capsys.readouterr().err
    (item,) = stored_manifest(services)["items"]
    assert item["bucketName"] == "recordings"
    assert item["subjectId"] == "s1"
    for field, content in (("datFileKey", b"recording"), ("csvFileKey", b"start")):
        body = services.s3.get_object(Bucket="recordings", Key=item[field])["Body"].read()
        assert body.startswith(content)


def unusable(folder: Path, kind: str) -> str:
    """The name of something that is no readable file."""
    if kind == "pipe":
        os.mkfifo(folder / "bad.dat")
    if kind == "folder":
        (folder / "bad.dat").mkdir()
    if kind == "circle":
        (folder / "bad.dat").symlink_to("bad.dat")
    return {"long": "x" * 1000, "nul": "a\0b"}.get(kind, "bad.dat")


UNUSABLE = ["missing", "pipe", "folder", "circle", "long", "nul"]


@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_local_recording_that_cannot_be_read_is_left_out_and_named(
    services: Services,
    folder: Path,
    run_pipeline: RunPipeline,
    capsys: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    (folder / "good.dat").write_bytes(b"recording")
    name = unusable(folder, kind)
    services.started()
    services.succeeded({"outcome": "REJECTED"})
    manifest = write_manifest(folder, {"datFileKey": name}, {"datFileKey": "good.dat"})
    assert run_pipeline("-l", "-m", manifest) == 0
    assert f"left out {name}" in capsys.readouterr().err
    (kept,) = stored_manifest(services)["items"]
    assert kept["datFileKey"].endswith("good.dat")


@pytest.mark.parametrize("arguments", [["--strict"], []])
def test_nothing_is_started_if_no_recording_is_left_or_none_may_be_left_out(
    services: Services,
    folder: Path,
    run_pipeline: RunPipeline,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    (folder / "good.dat").write_bytes(b"recording")
    items = [{"datFileKey": "gone.dat"}]
    if arguments:
        items.append({"datFileKey": "good.dat"})
    assert run_pipeline("-l", "-m", write_manifest(folder, *items), *arguments) == 2
    message = capsys.readouterr().err
    assert "gone.dat" in message
    assert len(message.splitlines()) == 1
    assert not (folder / "pipelineExecution.json").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IMAGE_URI", "femo-inference"),
        ("SAGEMAKER_PIPELINE_ROLE_ARN", "jobs"),
        ("SAGEMAKER_ARTIFACT_BUCKET", "s3://models"),
    ],
)
def test_a_variable_that_the_machine_would_refuse_is_told_before_anything_is_uploaded(
    services: Services,
    folder: Path,
    run_pipeline: RunPipeline,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv(name, value)
    (folder / "good.dat").write_bytes(b"recording")
    assert run_pipeline("-l", "-m", write_manifest(folder, {"datFileKey": "good.dat"})) == 2
    assert name in capsys.readouterr().err
    assert "Contents" not in services.s3.list_objects_v2(Bucket="recordings")


def test_the_runner_takes_what_the_machine_takes() -> None:
    definition = (ROOT / "statemachines/training.asl.json").read_text()
    for _, pattern in OVERRIDES.values():
        written = pattern.replace("/", "\\/")  # as a regular expression of JSONata
        assert written.replace("\\", "\\\\") in definition
    assert str(list(cli.GATE_METRICS)) in definition


def test_a_place_where_the_runs_name_cannot_be_kept_is_told_before_it_is_started(
    services: Services, folder: Path, run_pipeline: RunPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "pipelineExecution.json").mkdir()
    assert run_pipeline("-m", write_manifest(folder, {"datFileKey": "a.dat"})) == 2
    assert "pipelineExecution.json" in capsys.readouterr().err


def test_the_same_recording_under_two_paths_is_refused(
    services: Services, folder: Path, run_pipeline: RunPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.dat").write_bytes(b"recording")
    manifest = write_manifest(folder, {"datFileKey": "a.dat"}, {"datFileKey": "./a.dat"})
    assert run_pipeline("-l", "-m", manifest) == 2
    assert "name each recording once" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"version": "1"}', '{"version": "1", "items": [{"datFile": "a"}]}', None],
)
def test_a_manifest_that_is_none_is_one_line_and_exit_status_2(
    folder: Path, run_pipeline: RunPipeline, capsys: pytest.CaptureFixture[str], text: str | None
) -> None:
    path = folder / "manifest.json"
    if text is not None:
        path.write_text(text)
    assert run_pipeline("-m", str(path)) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_empty_manifest_trains_nothing_and_needs_no_stack(
    folder: Path, run_pipeline: RunPipeline
) -> None:
    assert run_pipeline("-m", write_manifest(folder)) == 0
    assert json.loads((folder / "pipelineExecution.json").read_text()) == {"arn": "NotTrained"}


def test_a_failure_tells_the_state_the_reason_and_where_the_log_is(
    services: Services, folder: Path, run_pipeline: RunPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    job = "femo-dev-prepare-1"
    cause = {"ProcessingJobName": job, "ExitMessage": "prepare: 1 usable recordings, 2 needed"}
    services.started()
    services.failed("PrepareDataset", "States.TaskFailed", json.dumps(cause))
    services.job(job, "the last words")

    status = run_pipeline("-m", write_manifest(folder, {"datFileKey": "a.dat"}))

    message = capsys.readouterr().err
    assert status == 1
    assert "FAILED in the state PrepareDataset after 1 min 15 s" in message
    assert "1 usable recordings, 2 needed" in message
    assert "the last words" in message
    assert f"/aws/sagemaker/ProcessingJobs --log-stream-name-prefix {job}" in message
    assert f"--redrive {ARN}" in message
    assert json.loads((folder / "pipelineExecution.json").read_text()) == {"arn": ARN}


def test_a_failed_run_goes_on_when_it_is_redriven(
    services: Services, folder: Path, run_pipeline: RunPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    services.states.add_response("redrive_execution", {"redriveDate": BEGAN}, {"executionArn": ARN})
    services.succeeded(OUTPUT)
    assert run_pipeline("--redrive", ARN) == 0
    assert PACKAGE in capsys.readouterr().out


def test_a_run_that_was_left_can_be_followed_again(
    services: Services, folder: Path, run_pipeline: RunPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    services.succeeded(OUTPUT)
    assert run_pipeline("--follow", ARN) == 0
    assert PACKAGE in capsys.readouterr().out


def test_a_deployment_finds_a_recording_to_try_the_model_with(
    services: Services, folder: Path, run_pipeline: RunPipeline
) -> None:
    sizes = []
    for _ in range(2):
        services.started()
        services.succeeded({"outcome": "REJECTED"})
        assert run_pipeline("-m", write_manifest(folder, {"datFileKey": "a.dat"})) == 0
        found = services.s3.head_object(Bucket="models", Key="smoke/recording.dat")
        sizes.append((found["ContentLength"], found["LastModified"]))
    assert sizes[0][0] > 100_000
    assert sizes[0] == sizes[1], "the one that is there stays"


def test_a_stopped_execution_is_a_failure(
    services: Services, folder: Path, run_pipeline: RunPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    services.started()
    services.failed("ReadManifest", "", "", status="ABORTED")
    assert run_pipeline("-m", write_manifest(folder, {"datFileKey": "a.dat"})) == 1
    assert "ABORTED in the state ReadManifest" in capsys.readouterr().err


def test_a_machine_that_may_not_be_started_is_told_in_one_line(
    services: Services, folder: Path, run_pipeline: RunPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    services.states.add_client_error("start_execution", "AccessDeniedException", "no")
    assert run_pipeline("-m", write_manifest(folder, {"datFileKey": "a.dat"})) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert "the training machine cannot be started" in message
    assert "Traceback" not in message


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-m"],
        ["--nonsense"],
        ["-m", "x", "--instances", "0"],
        ["-m", "x", "--redrive", ARN],
        ["-m", "x", "--hyperparameter", "num_leaves"],
        ["-m", "x", "--hyperparameter", "bushes=3"],
        ["-m", "x", "--hyperparameter", "num_leaves=many"],
        ["-m", "x", "--hyperparameter", "num_leaves=3", "--hyperparameter", "num_leaves=4"],
        ["-m", "x", "--gate-metric", "auc"],
        ["-m", "x", "--gate-minimum", "nan"],
        ["-m", "x", "--gate-minimum", "55"],
        ["-m", "x", "--gate-gain", "nan"],
        ["-m", "x", "--gate-gain", "-2"],
        ["--redrive", ARN, "--strict"],
        ["--redrive", ARN, "--settings", "settings.json"],
        ["--redrive", ARN, "-f"],
        ["--follow", ARN, "--gate-minimum", "0"],
        ["--follow", ARN, "--manual-approval"],
        ["--redrive", ARN, "--auto-approve"],
    ],
)
def test_a_wrong_call_is_exit_status_2(run_pipeline: RunPipeline, arguments: list[str]) -> None:
    assert run_pipeline(*arguments) == 2


def test_help_is_exit_status_0(
    run_pipeline: RunPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_pipeline("-h") == 0
    assert "--manifest" in capsys.readouterr().out


def test_without_a_local_stack_the_message_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="make up"):
        find_local_stack(tmp_path / "stack.json", Overrides())


def test_the_local_stack_is_found_where_it_says_it_listens(tmp_path: Path) -> None:
    state = tmp_path / "stack.json"
    state.write_text(
        json.dumps(
            {
                "environment": {
                    "AWS_ACCESS_KEY_ID": "test",
                    "AWS_SECRET_ACCESS_KEY": "test",
                    "AWS_DEFAULT_REGION": "us-east-1",
                    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
                    "AWS_ENDPOINT_URL_SAGEMAKER": "http://127.0.0.1:4567",
                },
                "outputs": {
                    "TrainingStateMachineArn": MACHINE,
                    "RecordingsBucketName": "r",
                    "ModelsBucketName": "m",
                },
            }
        )
    )
    stack = find_local_stack(state, Overrides(artifact_bucket="a"))
    assert stack.clients.s3.meta.endpoint_url == "http://127.0.0.1:4566"
    assert stack.clients.sagemaker.meta.endpoint_url == "http://127.0.0.1:4567"
    assert (stack.recordings_bucket, stack.artifact_bucket) == ("r", "a")


@mock_aws
def test_a_stack_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with pytest.raises(StackError, match="femo-dev"):
        find_cloud_stack("femo-dev", Overrides())


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        ("plain words", "plain words"),
        ('{"FailureReason": "AlgorithmError: no", "Tags": []}', "AlgorithmError: no"),
        ('{"FailureReason": "AlgorithmError", "ExitMessage": "said"}', "said"),
        ("[1]", "[1]"),
        ("", ""),
    ],
)
def test_the_reason_is_found_in_what_step_functions_gives(cause: str, reason: str) -> None:
    assert reason_of(cause) == reason
