"""Validates, builds and deploys the template with the tools that deploy it to AWS."""

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local_stack import addresses, verification
from local_stack.errors import DeploymentError
from local_stack.processes import tail
from local_stack.target import REGION, STACK_NAME, Deployment

ARTIFACTS_BUCKET = "femo-local-artifacts"
# Any image URI means the checkout's own inference_container here
IMAGE_URI = "000000000000.dkr.ecr.us-east-1.amazonaws.com/femo-inference:local"
KEPT_BUILDS = 4


def deploy(deployment: Deployment, known: dict[str, Any]) -> dict[str, str]:
    """Bring the local AWS to what the template says, and return the stack's outputs.

    Parameters
    ----------
    known
        What a kept folder says about the last deployment; the same again is not repeated.

    Raises
    ------
    DeploymentError
        If a step fails, with the tool's own words.
    """
    report, check = deployment.report, deployment.check
    if not deployment.template.is_file():
        raise DeploymentError(f"There is no template at {deployment.template}.")
    inputs = "-".join((inputs_hash(deployment.template), *deployment.parameters))
    port = int(deployment.gateway.rsplit(":", 1)[-1])
    if known.get("inputs") == inputs and _stack_exists(deployment):
        report("The template is deployed as it is.")
    else:
        _validate(deployment)
        check()
        build = build_functions(deployment)
        check()
        report("Checking that each function imports with what its package holds.")
        verification.check_imports(deployment, build)
        check()
        _deploy(deployment, build)
        check()
        report("Checking what was deployed against the template.")
        verification.check_deployed(deployment, build)
    deployment.folder.deployment.write_text(json.dumps({"inputs": inputs, "port": port}))
    outputs = _outputs(deployment)
    addresses.make_local(deployment, outputs)
    return addresses.local_outputs(outputs, deployment.gateway)


def inputs_hash(template: Path) -> str:
    """Return a hash of all that a build and a deployment of a template read."""
    digest = hashlib.sha256()
    digest.update(f"{sys.version_info[:2]} {platform.machine()}".encode())
    for path in sorted(_inputs(template)):
        digest.update(f"\0{path.relative_to(template.parent)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _inputs(template: Path) -> Iterator[Path]:
    yield template
    for source in verification.local_sources(template):
        for path in _files(source) if source.is_dir() else [source]:
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                yield path


def _files(folder: Path) -> Iterator[Path]:
    # Through links, as sam does: the layer links to what the functions share with the rest.
    for root, _, names in os.walk(folder, followlinks=True):
        yield from (Path(root, name) for name in names)


def _validate(deployment: Deployment) -> None:
    sources = verification.local_sources(deployment.template)
    machines = sorted(path for path in sources if path.name.endswith(".asl.json"))
    if not machines:
        return
    deployment.report(f"Validating {len(machines)} state machine definitions.")
    for machine in machines:
        result = subprocess.run(
            [str(deployment.project.asl_validator), "--json-path", str(machine)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if result.returncode != 0:
            raise DeploymentError(
                f"{machine.name} is not valid:\n{(result.stdout + result.stderr).strip()}"
            )


def _parameters() -> dict[str, str]:
    return {
        "FunctionArchitecture": "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64",
        "FunctionRuntime": f"python{sys.version_info.major}.{sys.version_info.minor}",
        "ImageUri": IMAGE_URI,
        # Nobody depends on this endpoint; the template's own default waits for a person
        "AutoApprove": "true",
    }


def _overrides(template: Path, wanted: tuple[str, ...] = ()) -> list[str]:
    declared = verification.load_template(template).get("Parameters", {})
    chosen = {name: value for name, value in _parameters().items() if name in declared}
    given = [f"{name}={value}" for name, value in chosen.items()]
    unknown = [word for word in wanted if word.partition("=")[0] not in declared]
    if unknown:
        raise DeploymentError(f"The template has no parameter {unknown[0].partition('=')[0]}.")
    return ["--parameter-overrides", *given, *wanted] if given or wanted else []


def build_functions(deployment: Deployment) -> Path:
    """Build the functions of a template and return the folder with them and the built template.

    What was built of the same inputs is not built again, by whichever stack.

    Raises
    ------
    DeploymentError
        If it fails, with the tool's own words.
    """
    cache = deployment.project.build_cache
    folder = cache / "built" / inputs_hash(deployment.template)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(cache / "lock", deployment.check):
        if (folder / "template.yaml").is_file():
            deployment.report("The functions are built as they are.")
            return folder
        deployment.report("Building the functions (sam build).")
        # Beside its later place: the built template names unbuilt folders relative to itself
        partial = folder.parent / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        _sam(
            deployment,
            "build",
            "--template-file",
            str(deployment.template),
            "--build-dir",
            str(partial),
            "--cached",
            "--cache-dir",
            str(cache / "cache"),
            "--parallel",
            *_overrides(deployment.template),
        )
        _compile(deployment, partial)
        partial.rename(folder)
        others = [path for path in folder.parent.iterdir() if path.is_dir() and path != folder]
        others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for path in others[KEPT_BUILDS - 1 :]:
            shutil.rmtree(path, ignore_errors=True)
    return folder


def _compile(deployment: Deployment, build: Path) -> None:
    """Put bytecode into a build, by the command that does it before a deployment to AWS."""
    project = deployment.project
    done = subprocess.run(
        [
            str(project.python),
            "-m",
            "scripts.bytecode",
            str(build),
            "--python",
            str(project.python),
        ],
        cwd=project.root,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise DeploymentError(done.stderr.strip())


@contextlib.contextmanager
def _only_one(lock: Path, check: Callable[[], None]) -> Iterator[None]:
    """Wait until no other stack of this checkout builds."""
    with lock.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                check()
                time.sleep(0.1)
        yield


def _deploy(deployment: Deployment, build: Path) -> None:
    deployment.report("Deploying the template (sam deploy).")
    s3 = deployment.client("s3")
    if ARTIFACTS_BUCKET not in {item["Name"] for item in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=ARTIFACTS_BUCKET)
    _sam(
        deployment,
        "deploy",
        "--template-file",
        str(build / "template.yaml"),
        "--stack-name",
        STACK_NAME,
        "--s3-bucket",
        ARTIFACTS_BUCKET,
        "--region",
        REGION,
        "--capabilities",
        "CAPABILITY_IAM",
        "CAPABILITY_NAMED_IAM",
        "CAPABILITY_AUTO_EXPAND",
        "--no-confirm-changeset",
        "--no-fail-on-empty-changeset",
        "--no-progressbar",
        *_overrides(deployment.template, deployment.parameters),
    )


def _sam(deployment: Deployment, command: str, *arguments: str) -> None:
    log = deployment.folder.log(f"sam-{command}")
    started = time.monotonic()
    # samconfig.toml says how to reach AWS, which this is not
    no_config = deployment.folder.scratch / "no-samconfig.toml"
    no_config.write_text("version = 0.1\n")
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                str(deployment.project.tool("sam", "sam")),
                command,
                "--config-file",
                str(no_config),
                *arguments,
            ],
            cwd=deployment.template.parent,
            env={
                **deployment.environment,
                "PATH": f"{deployment.project.python.parent}:{deployment.environment['PATH']}",
                "SAM_CLI_TELEMETRY": "0",
                "SAM_CLI_POLL_DELAY": "0.5",
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            while (status := process.poll()) is None:
                deployment.check()
                time.sleep(0.1)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        output.write(f"\n[{time.monotonic() - started:.1f} s]\n")
    if status != 0:
        raise DeploymentError(f"sam {command} failed. Its last lines ({log}):\n{tail(log, 40)}")


def _stack_exists(deployment: Deployment) -> bool:
    try:
        stacks = deployment.client("cloudformation").describe_stacks(StackName=STACK_NAME)
    except ClientError:
        return False
    return bool(stacks["Stacks"][0]["StackStatus"].endswith("_COMPLETE"))


def _outputs(deployment: Deployment) -> dict[str, str]:
    stack = deployment.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}
