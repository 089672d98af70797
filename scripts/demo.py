"""Run the main job from end to end on this machine, as a newcomer's first look.

Starts the local stack (unless one runs), trains a model on a synthetic cohort, puts it in
service through the deployment state machine, then acts as a client that has only HTTP and a token.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import click
from tqdm import tqdm

from femo_client.api import ApiError, Credentials, JobsApi
from femo_client.summary import summary_lines
from local_stack.errors import StackError
from local_stack.layout import Project, StackFolder
from local_stack.supervisor import read_description

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "demo-output"
FEMO = Path(sys.executable).with_name("femo")
TRAINING_RECORDINGS = 8
TRAINING_MINUTES = 20
DEPLOYMENT_SECONDS = 300.0


class DemoError(Exception):
    """A step of the demonstration failed; the message says which, why and where to look."""


def say(text: str) -> None:
    """Print one line of progress at once."""
    click.echo(text)
    sys.stdout.flush()


def femo(*arguments: str | Path) -> None:
    """Run the command line as a user does; its own output and progress are shown.

    Raises
    ------
    DemoError
        The command failed.
    """
    say(f"$ femo {' '.join(str(word) for word in arguments)}")
    done = subprocess.run([FEMO, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise DemoError(f"`femo {arguments[0]}` failed with exit status {done.returncode}")


@contextmanager
def running_stack() -> Iterator[dict[str, Any]]:
    """Give the description of the running local stack; one that was started here is stopped."""
    folder = StackFolder(Project().root / ".local")
    description = read_description(folder)
    started = description is None
    try:
        if started:
            command = [sys.executable, "-m", "local_stack", "start"]
            if subprocess.run(command, cwd=ROOT, check=False).returncode:
                raise DemoError("the local stack did not start; its own words are above")
            description = read_description(folder)
        else:
            say("Using the stack that runs already (it keeps running).")
        if description is None:
            raise DemoError("the local stack ended right after its start; see .local/logs")
        yield description
    finally:
        if started:
            subprocess.run([sys.executable, "-m", "local_stack", "stop"], cwd=ROOT, check=False)


def train_model() -> Path:
    """Make a synthetic cohort, train a model on it, and return the model's archive."""
    cohort, model = OUTPUT / "cohort", OUTPUT / "model"
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir()
    femo(
        "synthesize",
        cohort.relative_to(ROOT),
        "--recordings",
        str(TRAINING_RECORDINGS),
        "--minutes",
        str(TRAINING_MINUTES),
    )
    manifest = cohort.relative_to(ROOT) / "manifest.json"
    femo("train", manifest, "--output", model.relative_to(ROOT))
    archive = OUTPUT / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("model.txt", "model.json"):
            tar.add(model / name, arcname=name)
    return archive


def new_recording() -> Path:
    """Return a recording of a subject that the model was not trained on."""
    folder = OUTPUT / "new-recording"
    femo(
        "synthesize",
        folder.relative_to(ROOT),
        "--recordings",
        "1",
        "--minutes",
        "30",
        "--seed",
        "2026",
    )
    return next(iter(sorted(folder.glob("*.dat"))))


def deploy_model(aws: boto3.Session, outputs: dict[str, str], archive: Path, smoke: Path) -> None:
    """Put a model in service through the deployment state machine and follow it.

    Raises
    ------
    DemoError
        The execution did not end with the model in service.
    """
    s3 = aws.client("s3")
    key = f"demo/{uuid.uuid4()}/model.tar.gz"
    s3.upload_file(str(archive), outputs["ModelsBucketName"], key)
    s3.upload_file(str(smoke), outputs["ModelsBucketName"], "smoke/recording.dat")
    machine = aws.client("stepfunctions")
    execution = machine.start_execution(
        stateMachineArn=outputs["DeploymentStateMachineArn"],
        input=json.dumps({"modelDataUrl": f"s3://{outputs['ModelsBucketName']}/{key}"}),
    )["executionArn"]
    deadline = time.monotonic() + DEPLOYMENT_SECONDS
    with tqdm(desc="Deployment state machine", bar_format="{desc} {elapsed} {postfix}") as clock:
        while True:
            state = machine.describe_execution(executionArn=execution)
            entered = [
                event["stateEnteredEventDetails"]["name"]
                for event in machine.get_execution_history(
                    executionArn=execution, reverseOrder=True, maxResults=50
                )["events"]
                if "stateEnteredEventDetails" in event
            ]
            clock.set_postfix_str(entered[0] if entered else "")
            if state["status"] != "RUNNING":
                break
            if time.monotonic() > deadline:
                raise DemoError(f"the deployment still runs after {DEPLOYMENT_SECONDS:.0f} s")
            time.sleep(0.5)
    output = json.loads(state.get("output") or "{}")
    if state["status"] != "SUCCEEDED" or output.get("outcome") != "DEPLOYED":
        raise DemoError(
            f"the deployment ended as {state['status']}: "
            f"{state.get('cause') or state.get('error') or json.dumps(output)}"
        )


def credentials(aws: boto3.Session, outputs: dict[str, str]) -> Credentials:
    """Return the machine client's credentials, as an operator reads them once for a client."""
    client = aws.client("cognito-idp").describe_user_pool_client(
        UserPoolId=outputs["UserPoolId"], ClientId=outputs["MachineClientId"]
    )["UserPoolClient"]
    return Credentials(outputs["TokenUrl"], client["ClientId"], client["ClientSecret"])


def run() -> None:
    """Run every step, and print the response, a summary and where the picture lies."""
    began = time.monotonic()
    archive = train_model()
    recording = new_recording()
    smoke = next(iter(sorted((OUTPUT / "cohort").glob("*.dat"))))
    with running_stack() as description:
        outputs = description["outputs"]
        os.environ.update(description["environment"])
        aws = boto3.Session()
        deploy_model(aws, outputs, archive, smoke)
        with JobsApi(outputs["ApiUrl"], credentials(aws, outputs)) as api:
            size = recording.stat().st_size
            with tqdm(desc="Uploading", total=size, unit="B", unit_scale=True) as bar:
                key = api.upload(recording, on_bytes=bar.update)
            job = api.submit({"jobId": f"demo-{uuid.uuid4()}", "s3Key": key, "removeHiccups": True})
            say(f"POST /jobs: {job['status']}, {job['jobId']}")
            with tqdm(desc="GET /jobs/{jobId}", bar_format="{desc} {elapsed} {postfix}") as clock:
                job = api.wait(
                    job["jobId"], on_poll=lambda state: clock.set_postfix_str(state["status"])
                )
    picture = OUTPUT / "movements.png"
    femo(
        "analyze",
        recording.relative_to(ROOT),
        "--model",
        (OUTPUT / "model").relative_to(ROOT),
        "--remove-hiccups",
        "--plot",
        picture.relative_to(ROOT),
    )
    (OUTPUT / "response.json").write_text(json.dumps(job, indent=2) + "\n")
    say(json.dumps(job, indent=2))
    say("")
    for line in summary_lines(job):
        say(line)
    say("")
    say(f"Picture:  {picture.relative_to(ROOT)}")
    say(f"Response: {(OUTPUT / 'response.json').relative_to(ROOT)}")
    say(f"Done in {time.monotonic() - began:.0f} s.")
    if job["status"] != "Completed":
        raise DemoError(f"the job ended as {job['status']}")


def main() -> int:
    """Run the demonstration; return the exit status."""
    try:
        run()
    except (DemoError, ApiError, StackError) as error:
        click.echo(f"demo: error: {error}", err=True)
        return 1
    except KeyboardInterrupt:
        click.echo("demo: stopped", err=True)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
