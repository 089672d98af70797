"""`make bench-api`: cold import, package size and latency of the API function, on a local stack.

An empty route (`GET /health`) is measured in turn with the others, on the same stack. MiniStack
waits some 50 ms after a call that logs nothing, as /health and GET do: ratios to it flatter.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import click
import httpx
from tqdm import tqdm

from bench.engine import FEMO, ROOT, WORK
from femo_client import Credentials, FemoClient
from local_stack.layout import Project, StackFolder
from local_stack.supervisor import read_description
from local_stack.verification import load_template

COLD_IMPORT_MILLISECONDS = 700.0
PACKAGE_MEGABYTES = 25.0
RATIO = 1.5
IMPORTS = 7
SDK = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")


@contextmanager
def stack() -> Iterator[dict[str, Any]]:
    """Give a stack of its own, in its own folder."""
    folder = StackFolder(WORK / "stack")
    command = [sys.executable, "-m", "local_stack"]
    place = ["--state-dir", str(folder.path)]
    subprocess.run([*command, "start", *place, "--fresh"], cwd=ROOT, check=True, stdout=sys.stderr)
    try:
        description = read_description(folder)
        if description is None:
            sys.exit("bench: error: the stack ended right after its start")
        yield description
    finally:
        subprocess.run([*command, "stop", *place], cwd=ROOT, check=False, stdout=sys.stderr)


def built_packages() -> list[Path]:
    """Return the API function's package and the shared layer, as `sam build` left them last."""
    builds = (Project().build_cache / "built").glob("*/ApiFunction")
    api = max(builds, key=lambda path: path.stat().st_mtime)
    return [api, ROOT / "functions" / "shared" / "python"]


def cold_imports(packages: list[Path], *, compiled: bool) -> list[float]:
    """Return times of the function's import in a clean interpreter, in ms."""
    function = load_template(ROOT / "template.yaml")["Resources"]["ApiFunction"]["Properties"]
    defaults = load_template(ROOT / "template.yaml")["Globals"]["Function"]
    module = function["Handler"].rpartition(".")[0]
    variables = {
        name: value if isinstance(value, str) else "1"
        for name, value in {
            **defaults["Environment"]["Variables"],
            **function["Environment"]["Variables"],
        }.items()
    }
    variables["POWERTOOLS_LOG_LEVEL"] = "INFO"
    with tempfile.TemporaryDirectory() as folder:
        copies = []
        for number, package in enumerate(packages):
            copy = Path(folder) / str(number)
            shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
            copies.append(str(copy))
        if compiled:
            subprocess.run(
                [sys.executable, "-m", "compileall", "-q", *copies], check=True, env=os.environ
            )
        program = (
            "import sys, time; began = time.perf_counter()\n"
            f"sys.path[:0] = {copies!r}\nimport importlib; importlib.import_module({module!r})\n"
            "print((time.perf_counter() - began) * 1000)"
        )
        # Without site-packages, and writing no bytecode, so that each start is a first one.
        command = [sys.executable, "-S", "-B", "-c", program]
        environment = {**variables, "PATH": os.environ["PATH"], "AWS_REGION": "us-east-1"}
        environment |= {"AWS_DEFAULT_REGION": "us-east-1", "POWERTOOLS_TRACE_DISABLED": "1"}
        return [
            float(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
            for _ in range(IMPORTS)
        ]


def megabytes(packages: list[Path], *, with_sdk: bool) -> float:
    """Return the unzipped size of the packages."""
    return (
        sum(
            path.stat().st_size
            for package in packages
            for path in package.rglob("*")
            if path.is_file()
            and "__pycache__" not in path.parts
            and (with_sdk or not path.relative_to(package).parts[0].startswith(SDK))
        )
        / 1e6
    )


def put_model_into_service(outputs: dict[str, str]) -> None:
    """Train a small model through the training machine and wait until it is in service."""
    cohort = WORK / "api-cohort"
    if not (cohort / "manifest.json").exists():
        words = ["synthesize", str(cohort), "--recordings", "4", "--minutes", "5"]
        words += ["--kind", "rich"]
        subprocess.run([str(FEMO), *words], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(
        [
            str(ROOT / "run_pipeline.sh"),
            *("-l", "--state-file", str(WORK / "stack" / "stack.json")),
            *("-m", str(cohort / "manifest.json"), "--gate-minimum", "0"),
        ],
        cwd=WORK,
        check=True,
        stdout=sys.stderr,
    )
    sagemaker = boto3.client("sagemaker")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        endpoints = sagemaker.list_endpoints(NameContains=outputs["EndpointName"])["Endpoints"]
        if any(endpoint["EndpointStatus"] == "InService" for endpoint in endpoints):
            return
        time.sleep(0.5)
    sys.exit("bench: error: no model was in service after two minutes")


def latencies(outputs: dict[str, str], rounds: int) -> dict[str, list[float]]:
    """Return the times of warm requests in ms, an empty route, POST and GET in turn."""
    pool = boto3.client("cognito-idp").describe_user_pool_client(
        UserPoolId=outputs["UserPoolId"], ClientId=outputs["MachineClientId"]
    )["UserPoolClient"]
    credentials = Credentials(outputs["TokenUrl"], pool["ClientId"], pool["ClientSecret"])
    recording = min((WORK / "api-cohort").glob("*.dat"))
    found: dict[str, list[float]] = {"GET /health": [], "POST /jobs": [], "GET /jobs/{jobId}": []}
    with FemoClient(outputs["ApiUrl"], credentials) as api, httpx.Client(timeout=60) as http:
        key = api.upload(recording)
        headers = {"Authorization": f"Bearer {api.token()}"}
        url = outputs["ApiUrl"]
        for number in tqdm(range(rounds + 3), desc="Requests", unit="round"):
            job_id = f"bench-{uuid.uuid4()}"
            calls: dict[str, dict[str, Any]] = {
                "GET /health": {"method": "GET", "url": f"{url}/health"},
                "POST /jobs": {
                    "method": "POST",
                    "url": f"{url}/jobs",
                    "json": {"jobId": job_id, "s3Key": key},
                    "headers": headers,
                },
                "GET /jobs/{jobId}": {
                    "method": "GET",
                    "url": f"{url}/jobs/{job_id}",
                    "headers": headers,
                },
            }
            for name, request in calls.items():
                began = time.perf_counter()
                http.request(**request).raise_for_status()
                if number >= 3:  # the first rounds warm the function up
                    found[name].append((time.perf_counter() - began) * 1000)
            api.wait(job_id)
    return found


@click.command()
@click.option("--rounds", default=60, show_default=True, type=click.IntRange(1))
@click.option("--check", is_flag=True, help="Fail where a limit is exceeded.")
def main(rounds: int, check: bool) -> None:
    """Measure and print; the limits are in the last column."""
    with stack() as description:
        os.environ.update(description["environment"])
        outputs = description["outputs"]
        packages = built_packages()
        cold = statistics.median(cold_imports(packages, compiled=False))
        compiled = statistics.median(cold_imports(packages, compiled=True))
        put_model_into_service(outputs)
        found = latencies(outputs, rounds)
    medians = {name: statistics.median(times) for name, times in found.items()}
    empty = medians["GET /health"]
    size = megabytes(packages, with_sdk=False)
    print("| what | measured | limit |\n|---|---|---|")
    print(f"| cold import, no bytecode | {cold:.0f} ms | {COLD_IMPORT_MILLISECONDS:.0f} ms |")
    print(f"| cold import, compiled | {compiled:.0f} ms | |")
    print(f"| package, unzipped, without the SDK | {size:.1f} MB | {PACKAGE_MEGABYTES:.0f} MB |")
    print(f"| package, unzipped, in all | {megabytes(packages, with_sdk=True):.1f} MB | |")
    for name, times in found.items():
        high = sorted(times)[int(0.95 * len(times))]
        ratio = medians[name] / empty
        limit = f"{RATIO} x GET /health" if name != "GET /health" else ""
        print(
            f"| {name}, p50 / p95 | {medians[name]:.0f} / {high:.0f} ms, {ratio:.2f} x | {limit} |"
        )
    print(
        "\nMiniStack waits some 50 ms after a call that logs nothing (GET), which flatters ratios."
    )
    exceeded = [
        name
        for name, value, limit in (
            ("cold import", cold, COLD_IMPORT_MILLISECONDS),
            ("package", size, PACKAGE_MEGABYTES),
            ("POST /jobs", medians["POST /jobs"] / empty, RATIO),
            ("GET /jobs/{jobId}", medians["GET /jobs/{jobId}"] / empty, RATIO),
        )
        if value > limit
    ]
    if check and exceeded:
        sys.exit(f"bench: error: over the limit: {', '.join(exceeded)}")


if __name__ == "__main__":
    main()
