"""Run the main job from end to end on this machine, as a newcomer's first look.

Starts the local stack (unless one runs), trains, registers and approves a model on a synthetic
cohort through the training machine, waits until the deployment machine has put it in service, then
acts as a client that has only HTTP and a token.
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

from femo_client import ApiError, Credentials, FemoClient
from femo_client.summary import summary_lines
from local_stack.errors import StackError
from local_stack.layout import Project, StackFolder
from local_stack.supervisor import read_description

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "demo-output"
FEMO = Path(sys.executable).with_name("femo")
COHORTS = (
    # Many clear events to learn from, and nights as they are, of both formats
    ("rich", "v1", 4, 10),
    ("rich", "v2", 4, 10),
    ("lifelike", "v1", 4, 15),
    ("lifelike", "v2", 4, 15),
)
"""Kind, format, recordings and minutes of what the model is trained on."""
NIGHT_MINUTES = 8 * 60
SHOWN_ROWS = 3
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


def synthesize_cohorts() -> Path:
    """Make recordings of synthetic women, with annotations, and return the manifest of them all."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir()
    items: list[dict[str, str]] = []
    for seed, (kind, recording_format, recordings, minutes) in enumerate(COHORTS):
        folder = OUTPUT / "cohort" / f"{kind}-{recording_format}"
        femo(
            "synthesize",
            folder.relative_to(ROOT),
            *("--kind", kind),
            *("--format", recording_format),
            *("--recordings", str(recordings)),
            *("--minutes", str(minutes)),
            *("--seed", str(seed)),
        )
        for item in json.loads((folder / "manifest.json").read_text())["items"]:
            files = {name: f"{folder.name}/{item[name]}" for name in ("datFileKey", "csvFileKey")}
            items.append({**item, **files})
    manifest = OUTPUT / "cohort" / "manifest.json"
    manifest.write_text(json.dumps({"version": "1", "items": items}, indent=2) + "\n")
    return manifest.relative_to(ROOT)


def new_night() -> Path:
    """Return a lifelike night of a woman that the model was not trained on."""
    folder = OUTPUT / "night"
    femo(
        "synthesize",
        folder.relative_to(ROOT),
        *("--kind", "lifelike"),
        *("--format", "v2"),
        *("--recordings", "1"),
        *("--minutes", str(NIGHT_MINUTES)),
        *("--seed", "2026"),
    )
    return folder / "recording-001.bin"


def shortened(value: Any) -> Any:
    """Return a response with the first rows of each long list; the file has them all."""
    if isinstance(value, dict):
        return {name: shortened(part) for name, part in value.items()}
    if isinstance(value, list):
        left_out = len(value) - SHOWN_ROWS
        more = [f"... and {left_out} more"] if left_out > 0 else []
        return [shortened(part) for part in value[:SHOWN_ROWS]] + more
    return value


def train_and_register(aws: boto3.Session, manifest: Path) -> str:
    """Run the training machine as a data scientist does, and return the package's ARN.

    Raises
    ------
    DemoError
        The run did not end with a registered model.
    """
    command = ["./run_pipeline.sh", "-l", "-m", str(manifest), "--auto-approve"]
    say(f"$ {' '.join(command)}")
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise DemoError("the training pipeline failed; its own words are above")
    execution = json.loads((ROOT / "pipelineExecution.json").read_text())["arn"]
    ended = aws.client("stepfunctions").describe_execution(executionArn=execution)
    output = json.loads(ended["output"])
    if output["outcome"] != "REGISTERED":
        raise DemoError(f"the model was not registered: {output.get('reason', output['outcome'])}")
    return str(output["modelPackageArn"])


def follow_deployment(aws: boto3.Session, machine: str, package: str) -> None:
    """Follow the deployment that the approval of the package has started.

    Raises
    ------
    DemoError
        No deployment was started, or it did not end with the model in service.
    """
    states = aws.client("stepfunctions")
    deadline = time.monotonic() + DEPLOYMENT_SECONDS
    with tqdm(desc="Deployment machine", bar_format="{desc}: {elapsed} {postfix}") as clock:
        while True:
            if (execution := deployment_of(states, machine, package)) is None:
                clock.set_postfix_str("waiting for the rule to start it")
            else:
                ended = states.describe_execution(executionArn=execution)
                clock.set_postfix_str(state_entered_last(states, execution))
                if ended["status"] != "RUNNING":
                    break
            if time.monotonic() > deadline:
                raise DemoError(f"no model was in service after {DEPLOYMENT_SECONDS:.0f} s")
            time.sleep(0.5)
    output = json.loads(ended.get("output") or "{}")
    if output.get("outcome") != "DEPLOYED":
        raise DemoError(
            f"the deployment ended as {ended['status']}: "
            f"{ended.get('cause') or ended.get('error') or json.dumps(output)}"
        )


def deployment_of(states: Any, machine: str, package: str) -> str | None:
    """Return the newest deployment of a package, whose execution is named after its version."""
    name = package.rsplit(":model-package/", 1)[1].replace("/", "-")
    listed = states.list_executions(stateMachineArn=machine)["executions"]
    found = (one["executionArn"] for one in listed if one["name"].startswith(f"{name}-"))
    return next(found, None)


def state_entered_last(states: Any, execution: str) -> str:
    """Return the name of the state that an execution has entered last."""
    history = states.get_execution_history(executionArn=execution, reverseOrder=True, maxResults=20)
    for event in history["events"]:
        if "stateEnteredEventDetails" in event:
            return str(event["stateEnteredEventDetails"]["name"])
    return ""


def fetch_model(aws: boto3.Session, package: str) -> Path:
    """Fetch the registered model's artefact and unpack it, for the picture."""
    described = aws.client("sagemaker").describe_model_package(ModelPackageName=package)
    (container,) = described["InferenceSpecification"]["Containers"]
    bucket, _, key = container["ModelDataUrl"].removeprefix("s3://").partition("/")
    archive, folder = OUTPUT / "model.tar.gz", OUTPUT / "model"
    aws.client("s3").download_file(bucket, key, str(archive))
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


def credentials(aws: boto3.Session, outputs: dict[str, str]) -> Credentials:
    """Return the machine client's credentials, as an operator reads them once for a client."""
    client = aws.client("cognito-idp").describe_user_pool_client(
        UserPoolId=outputs["UserPoolId"], ClientId=outputs["MachineClientId"]
    )["UserPoolClient"]
    return Credentials(outputs["TokenUrl"], client["ClientId"], client["ClientSecret"])


def run() -> None:
    """Run every step, and print the response, a summary and where picture and report lie."""
    began = time.monotonic()
    manifest = synthesize_cohorts()
    recording = new_night()
    with running_stack() as description:
        outputs = description["outputs"]
        os.environ.update(description["environment"])
        aws = boto3.Session()
        package = train_and_register(aws, manifest)
        follow_deployment(aws, outputs["DeploymentStateMachineArn"], package)
        model = fetch_model(aws, package)
        with FemoClient(outputs["ApiUrl"], credentials(aws, outputs)) as api:
            size = recording.stat().st_size
            with tqdm(desc="Uploading", total=size, unit="B", unit_scale=True) as bar:
                key = api.upload(recording, on_bytes=bar.update)
            queued = api.submit(key, job_id=f"demo-{uuid.uuid4()}", remove_hiccups=True)
            say(f"POST /jobs: {queued.status}, {queued.job_id}")
            with tqdm(desc="GET /jobs/{jobId}", bar_format="{desc} {elapsed} {postfix}") as clock:
                ended = api.wait(
                    queued, on_poll=lambda state: clock.set_postfix_str(str(state.status))
                )
            job = ended.as_json()
    picture, page = OUTPUT / "movements.png", OUTPUT / "night.html"
    femo(
        "analyze",
        recording.relative_to(ROOT),
        "--model",
        model.relative_to(ROOT),
        "--remove-hiccups",
        "--plot",
        picture.relative_to(ROOT),
        "--report",
        page.relative_to(ROOT),
    )
    (OUTPUT / "response.json").write_text(json.dumps(job, indent=2) + "\n")
    say(json.dumps(shortened(job), indent=2))
    say("")
    for line in summary_lines(job):
        say(line)
    say("")
    say(f"Lane:     {job.get('lane', 'not told')}")
    say(f"Picture:  {picture.relative_to(ROOT)}")
    say(f"Report:   {page.relative_to(ROOT)} (open it in a browser)")
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
