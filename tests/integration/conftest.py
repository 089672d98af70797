"""The whole template in the local stack, started once for all integration tests of a worker."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed

from femo_client import Credentials, FemoClient

ROOT = Path(__file__).resolve().parents[2]
FEMO = Path(sys.executable).with_name("femo")


@dataclass(frozen=True)
class Stack:
    """A deployed local stack; it may be stopped and started again, and goes on with its state."""

    folder: Path

    @property
    def description(self) -> dict[str, Any]:
        described: dict[str, Any] = json.loads((self.folder / "stack.json").read_text())
        return described

    @property
    def outputs(self) -> dict[str, str]:
        outputs: dict[str, str] = self.description["outputs"]
        return outputs

    @property
    def environment(self) -> dict[str, str]:
        environment: dict[str, str] = self.description["environment"]
        return environment

    def start(self) -> None:
        # Which lane serves is one test's matter; the others' jobs go through the queue they try
        self._run("start", "--parameter", "FastLane=off")

    def stop(self) -> None:
        self._run("stop")

    def _run(self, word: str, *options: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "local_stack", word, "--state-dir", str(self.folder), *options],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def client(self, service: str) -> Any:
        variable = "AWS_ENDPOINT_URL_" + service.upper().replace("-", "_")
        environment = self.environment
        return _client(
            service,
            environment.get(variable, environment["AWS_ENDPOINT_URL"]),
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            environment["AWS_DEFAULT_REGION"],
        )

    def credentials(self, **changes: Any) -> Credentials:
        pool = self.client("cognito-idp")
        client = pool.describe_user_pool_client(
            UserPoolId=self.outputs["UserPoolId"], ClientId=self.outputs["MachineClientId"]
        )["UserPoolClient"]
        values = {
            "token_url": self.outputs["TokenUrl"],
            "client_id": client["ClientId"],
            "client_secret": client["ClientSecret"],
        }
        return Credentials(**(values | changes))

    def run_machine(self, arn: str, machine_input: dict[str, Any]) -> dict[str, Any]:
        """Start an execution and return it once it has ended."""
        machine = self.client("stepfunctions")
        execution = machine.start_execution(stateMachineArn=arn, input=json.dumps(machine_input))
        return self.wait_for_execution(execution["executionArn"])

    def wait_for_execution(self, arn: str, seconds: float = 240) -> dict[str, Any]:
        machine = self.client("stepfunctions")

        @retry(
            retry=retry_if_result(lambda state: state["status"] == "RUNNING"),
            wait=wait_fixed(0.2),
            stop=stop_after_delay(seconds),
        )
        def ended() -> dict[str, Any]:
            return machine.describe_execution(executionArn=arn)

        return ended()


@functools.cache
def _client(service: str, endpoint_url: str, key: str, secret: str, region: str) -> Any:
    """Return a client; to make one takes longer than most calls."""
    session = boto3.Session(key, secret, region_name=region)
    return session.client(service, endpoint_url=endpoint_url)  # type: ignore[call-overload]


def run_cli(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(FEMO), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=300
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what leaves nothing in service behind all that needs a service."""
    items.sort(key=lambda item: item.path.name == "test_removal.py")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"))
    stack.start()
    try:
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six recordings of three subjects, ten minutes each, with a manifest."""
    return synthesized(tmp_path_factory.mktemp("cohort"), recordings=6, minutes=10)


@pytest.fixture(scope="session")
def small_cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four recordings of five minutes, for runs whose model does not matter."""
    return synthesized(tmp_path_factory.mktemp("small-cohort"), recordings=4, minutes=5)


def synthesized(folder: Path, *, recordings: int, minutes: int) -> Path:
    options = {"--kind": "rich", "--recordings": recordings, "--minutes": minutes, "--seed": 7}
    words = [str(word) for pair in options.items() for word in pair]
    done = run_cli("synthesize", folder, *words)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def manifest(stack: Stack, small_cohort: Path) -> str:
    """The address of a manifest among the recordings; models of it pass no gate but one at 0."""
    s3, bucket = stack.client("s3"), stack.outputs["RecordingsBucketName"]
    document = json.loads((small_cohort / "manifest.json").read_text())
    for item in document["items"]:
        item["bucketName"] = bucket
        for field in ("datFileKey", "csvFileKey"):
            s3.upload_file(str(small_cohort / item[field]), bucket, f"cohort/{item[field]}")
            item[field] = f"cohort/{item[field]}"
    key = "cohort/manifest.json"
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(document))
    return f"s3://{bucket}/{key}"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, cohort: Path) -> Path:
    folder = tmp_path_factory.mktemp("model")
    done = run_cli("train", cohort / "manifest.json", "--output", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def recording(cohort: Path) -> Path:
    return min(cohort.glob("*.dat"))


@pytest.fixture(scope="session")
def deployed(
    stack: Stack, model: Path, recording: Path, tmp_path_factory: pytest.TempPathFactory
) -> Stack:
    """The stack with a model in service."""
    archive = tmp_path_factory.mktemp("archive") / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("model.txt", "model.json"):
            tar.add(model / name, arcname=name)
    s3 = stack.client("s3")
    bucket = stack.outputs["ModelsBucketName"]
    key = f"tests/{uuid.uuid4()}/model.tar.gz"
    s3.upload_file(str(archive), bucket, key)
    s3.upload_file(str(recording), bucket, "smoke/recording.dat")
    ended = stack.run_machine(
        stack.outputs["DeploymentStateMachineArn"], {"modelDataUrl": f"s3://{bucket}/{key}"}
    )
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"])["outcome"] == "DEPLOYED", ended["output"]
    return stack


def pending_package(deployed: Stack) -> str:
    """Register the model that is in service, to be approved; return the package's ARN."""
    sagemaker = deployed.client("sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName=deployed.outputs["EndpointName"])
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    container = model["PrimaryContainer"]
    arn: str = sagemaker.create_model_package(
        ModelPackageGroupName=deployed.outputs["ModelPackageGroupName"],
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={
            "Containers": [{name: container[name] for name in ("Image", "ModelDataUrl")}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]
    return arn


@pytest.fixture
def package(deployed: Stack) -> str:
    """The ARN of a package that waits for its approval: the model that is in service."""
    return pending_package(deployed)


@pytest.fixture
def api(stack: Stack) -> Iterator[FemoClient]:
    with FemoClient(stack.outputs["ApiUrl"], stack.credentials()) as client:
        yield client


@pytest.fixture
def job_id() -> str:
    return f"test-{uuid.uuid4()}"


@pytest.fixture(scope="session", autouse=True)
def no_aws_of_the_developer() -> None:
    """Keep a developer's own AWS profile out of the tests."""
    for name in list(os.environ):
        if name.startswith("AWS_") and name != "AWS_CA_BUNDLE":
            del os.environ[name]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


@pytest.fixture(scope="session", autouse=True)
def impatience() -> Iterator[None]:
    """Ask for a job's status more often than a caller would."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("femo_client.calls._LAST_POLL_SECONDS", 0.25)
        yield
