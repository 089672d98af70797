"""A local stack with one trained model, and this process as a notebook that knows nothing else.

What is started here runs in the project's own environment: the SDK's has none of our code.
"""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tenacity import (
    retry,
    retry_if_exception_type,
    retry_if_result,
    stop_after_delay,
    wait_fixed,
)

from .notebook import Notebook

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv" / "bin"
LOCAL_STACK = (BIN / "python", "-m", "local_stack")


@dataclass
class Network:
    """Attempts of this process to reach another machine; each is refused."""

    attempts: list[str] = field(default_factory=list)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Refuse all but the loopback addresses."""
        if event == "socket.getaddrinfo":
            host = arguments[0]
        elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
            host = arguments[1][0]
        else:
            return
        if not is_loopback(host):
            self.attempts.append(f"{event} {host}")
            raise PermissionError(f"{host} is not this machine")


def is_loopback(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session")
def guarded() -> Network:
    made = Network()
    sys.addaudithook(made.audit)
    return made


@pytest.fixture(autouse=True)
def network(guarded: Network) -> Iterator[Network]:
    """Let a test fail that tried to reach another machine."""
    guarded.attempts.clear()
    yield guarded
    for thread in threading.enumerate():
        if thread.name == "sagemaker-telemetry":
            thread.join(30)
    assert guarded.attempts == []


def call(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run a program of the project as from a new shell, and return what it prints."""
    kept = ("HOME", "PATH", "LANG")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a local stack that runs."""
    folder = tmp_path_factory.mktemp("stack")
    call(*LOCAL_STACK, "start", "--state-dir", folder, "--fresh")
    try:
        yield folder
    finally:
        call(*LOCAL_STACK, "stop", "--state-dir", folder)


@pytest.fixture(scope="session")
def work(state: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recording, after a training whose model waits for approval."""
    folder = tmp_path_factory.mktemp("work")
    call(
        BIN / "femo", "synthesize", folder, "--kind", "rich", "--recordings", "4", "--minutes", "5",
        "--seed", "7",
    )  # fmt: skip
    call(
        ROOT / "run_pipeline.sh", "-l", "--state-file", state / "stack.json",
        "-m", "manifest.json", "--gate-minimum", "0", "--manual-approval", cwd=folder,
    )  # fmt: skip
    min(folder.glob("*.dat")).rename(folder / "recording.dat")
    return folder


@pytest.fixture(scope="session")
def notebook(state: Path, work: Path) -> Iterator[Notebook]:
    """The page's cells, in a process that was started as the page says."""
    page = Notebook(ROOT / "docs" / "notebooks.md")
    configuration = work / "sagemaker.yaml"
    configuration.write_text(page.block("yaml"))
    exports = page.block("sh").replace("status", f"status --state-dir {state}")
    printed = call("bash", "-euc", f"{exports}\nenv -0")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("AWS_", "FEMO_", "SAGEMAKER_")):
                patch.delenv(name)
        for line in printed.split("\0"):
            name, _, value = line.partition("=")
            if name.startswith(("AWS_", "FEMO_")):
                patch.setenv(name, value)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(name, os.devnull)
        for name in ("SAGEMAKER_USER_CONFIG_OVERRIDE", "SAGEMAKER_ADMIN_CONFIG_OVERRIDE"):
            patch.setenv(name, str(configuration))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.chdir(work)
        yield page


@pytest.fixture(scope="session")
def deployed(notebook: Notebook) -> Notebook:
    """The notebook after the approval, with the model in service."""
    look = retry(
        retry=retry_if_result(lambda outcome: outcome in ("NOT_STARTED", "RUNNING"))
        | retry_if_exception_type(ClientError),
        wait=wait_fixed(0.5),
        stop=stop_after_delay(240),
        reraise=True,
    )(notebook.run("Approve")["deployment"])
    assert look() == "DEPLOYED"
    return notebook
