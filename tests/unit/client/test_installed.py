"""The base install: what `pip install femo-cloud` brings into an empty environment, and no more."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .local_service import LocalService, local_service

ROOT = Path(__file__).resolve().parents[3]
UV = ROOT / ".tools" / "uv" / "bin" / "uv"
SCIENCE = {"boto3", "femo_pipeline", "femo_signal", "lightgbm", "matplotlib", "numpy", "pandas",
           "scipy", "sklearn"}  # fmt: skip
BASE = {
    *("annotated-types", "anyio", "certifi", "click", "femo-cloud", "h11", "httpcore", "httpx"),
    *("idna", "pydantic", "pydantic-core", "sniffio", "tenacity", "tqdm", "typing-extensions"),
    *("typing-inspection",),
}
ANALYSIS = """
import json, sys
from femo_client import ApiError, FemoClient

with FemoClient.from_environment() as client:
    job = client.wait(client.submit_file(sys.argv[1], job_id="bare", subject="S-017"))
    result = client.result(job)
    client.download_result(job, "response.json")
    listed = [job.job_id for job in client.jobs(subject="S-017")]
    try:
        client.job("none")
    except ApiError as error:
        refusal = [type(error).__name__, error.code, error.request_id]
loaded = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps([str(job.status), result.movement_count, listed, refusal, loaded]))
"""


def run(*command: object, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    bare = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True, text=True, cwd=folder, env=bare | environment, timeout=120,
    )  # fmt: skip


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment into which only the wheel was installed, by its own wishes."""
    desk = tmp_path_factory.mktemp("desk")
    # From a copy, as a build leaves modules behind that were there once
    source = desk / "source"
    for package in sorted(ROOT.glob("femo_*")):
        shutil.copytree(package, source / package.name, ignore=shutil.ignore_patterns("*.pyc"))
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, source / name)
    built = run(UV, "build", "--wheel", "--no-build-isolation", "--python", sys.executable,
                "--out-dir", desk, source, folder=desk)  # fmt: skip
    assert built.returncode == 0, built.stderr
    (wheel,) = desk.glob("*.whl")
    locked = re.sub(r" *\\\n *--hash=\S+", "", (ROOT / "requirements" / "dev.txt").read_text())
    (desk / "locked.txt").write_text(locked)
    made = run(UV, "venv", "--python", sys.executable, "bare", folder=desk)
    assert made.returncode == 0, made.stderr
    # Of pip's own settings uv reads none
    index = os.environ.get("PIP_INDEX_URL")
    installed = run(UV, "pip", "install", "--python", "bare/bin/python",
                    "--constraint", "locked.txt", wheel, folder=desk,
                    **({"UV_DEFAULT_INDEX": index} if index else {}))  # fmt: skip
    assert installed.returncode == 0, installed.stderr
    (desk / "night.dat").write_bytes(b"a recording")
    return desk


@pytest.fixture
def service() -> Iterator[LocalService]:
    with local_service() as service:
        yield service


def test_the_base_install_brings_http_and_models_and_nothing_of_the_science(desk: Path) -> None:
    listed = run(UV, "pip", "list", "--python", "bare/bin/python", "--format", "json", folder=desk)
    names = {package["name"] for package in json.loads(listed.stdout)}
    assert {"femo-cloud", "httpx", "pydantic", "tenacity"} <= names
    assert names <= BASE
    assert list(desk.glob("bare/lib/*/site-packages/femo_client/py.typed"))


def test_a_recording_is_analysed_and_its_result_read_from_the_base_install(
    desk: Path, service: LocalService
) -> None:
    done = run("bare/bin/python", "-c", ANALYSIS, "night.dat", folder=desk, **service.environment)
    assert done.returncode == 0, done.stderr
    status, movements, listed, refusal, loaded = json.loads(done.stdout)
    assert (status, movements, listed) == ("Completed", 1, ["bare"])
    assert refusal == ["NotFoundError", "job_not_found", "local-request"]
    assert not SCIENCE & set(loaded)
    assert json.loads((desk / "response.json").read_text())["result"]["movement_count"] == 1
    assert list(service.recordings.values()) == [b"a recording"]


def test_the_commands_of_the_service_work_in_the_base_install(
    desk: Path, service: LocalService
) -> None:
    done = run("bare/bin/femo", "submit", "night.dat", "--job-id", "x", folder=desk,
               **service.environment)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "Completed"
    refused = run("bare/bin/femo", "status", "none", folder=desk, **service.environment)
    assert refused.returncode == 2
    assert "no such job. (job_not_found, request local-request)" in refused.stderr
    assert run("bare/bin/femo", "--help", folder=desk).returncode == 0


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (["analyze", "night.dat", "--model", "."], "science"),
        (["inspect", "night.dat"], "science"),
        (["deploy", "1"], "aws"),
    ],
)
def test_a_command_that_needs_more_says_what_to_install(
    desk: Path, command: list[str], extra: str
) -> None:
    done = run("bare/bin/femo", *command, folder=desk)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"pip install 'femo-cloud[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_table_without_pandas_says_what_to_install(desk: Path, service: LocalService) -> None:
    code = (
        "from femo_client import ConfigurationError, FemoClient, to_dataframe\n"
        "with FemoClient.from_environment() as client:\n"
        "    job = client.submit_file('night.dat', job_id='x')\n"
        "    try:\n        to_dataframe(client.result(job))\n"
        "    except ConfigurationError as error:\n        print(error)\n"
    )
    done = run("bare/bin/python", "-c", code, folder=desk, **service.environment)
    assert "femo-cloud[dataframe]" in done.stdout, done.stderr
