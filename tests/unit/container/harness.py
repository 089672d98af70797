"""What the tests of the entry points share: a bucket, a running server, a job that waits."""

from __future__ import annotations

import errno
import json
import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx

ROOT = Path(__file__).parents[3]
CONTAINER = ROOT / "inference_container"
STAND_IN = Path(__file__).parent / "stand_in"
IMAGE_PYTHON = ROOT / ".tools/container/bin/python"
INTERPRETER = str(IMAGE_PYTHON) if IMAGE_PYTHON.exists() else sys.executable
"""What the image installs and nothing else, where `make setup` made it: a requirement that is
missing from the image's lock is missing here."""
PATIENCE = 30.0
"""Seconds before a condition that never comes true fails its test."""

StartServer = Callable[..., Any]


class Bucket:
    """A bucket of the local S3."""

    def __init__(self, environment: dict[str, str], name: str) -> None:
        self.name = name
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            region_name="eu-central-1",
        )
        self.client.create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )

    def put(self, key: str, content: bytes | dict[str, Any]) -> str:
        """Store an object and name it by its URI."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.client.put_object(Bucket=self.name, Key=key, Body=body)
        return f"s3://{self.name}/{key}"

    def keys(self, prefix: str = "") -> list[str]:
        """What lies under a prefix."""
        pages = self.client.get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.name, Prefix=prefix)
        return [entry["Key"] for page in found for entry in page.get("Contents", [])]


@dataclass
class Server:
    """A running `serve`."""

    process: subprocess.Popen[str]
    url: str
    scratch: Path
    log: list[dict[str, Any]] = field(default_factory=list)
    client: httpx.Client = field(
        default_factory=lambda: httpx.Client(timeout=PATIENCE, trust_env=False, verify=False)
    )
    _lines: queue.Queue[dict[str, Any] | None] = field(default_factory=queue.Queue)

    def read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                self._lines.put(json.loads(line))
            except ValueError:
                self._lines.put({"event": "printed", "text": line})
        self._lines.put(None)

    def wait_for(self, *events: str) -> dict[str, Any]:
        """Until a line of each of these events has come, in any order; the last of them."""
        missing = set(events)
        while True:
            line = self._lines.get(timeout=PATIENCE)
            assert line is not None, f"serve ended before {sorted(missing)}: {self.log}"
            self.log.append(line)
            missing.discard(line["event"])
            if not missing:
                return line

    def whole_log(self) -> list[dict[str, Any]]:
        """Every line, once the server has ended."""
        self.process.wait(PATIENCE)
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            self.log.append(line)
        return self.log

    def ping(self) -> httpx.Response:
        return self.client.get(f"{self.url}/ping")

    def invoke(self, s3_key: str, *, job: str = "job-1", **options: Any) -> httpx.Response:
        body = {"jobId": job, "s3Key": s3_key, **options}
        return self.client.post(f"{self.url}/invocations", json=body)

    def invoke_in_background(self, s3_key: str, **options: Any) -> Callable[[], httpx.Response]:
        """Send a request; the answer is had by calling what this returns."""
        answers: queue.Queue[httpx.Response | Exception] = queue.Queue()

        def send() -> None:
            try:
                answers.put(self.invoke(s3_key, **options))
            except httpx.HTTPError as error:
                answers.put(error)

        threading.Thread(target=send, daemon=True).start()

        def answer() -> httpx.Response:
            got = answers.get(timeout=PATIENCE)
            if isinstance(got, Exception):
                raise got
            return got

        return answer

    def workers(self, role: str = "analyze") -> list[int]:
        """Process ids of the workers of a role."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [
            int(pid)
            for pid in children.read_text().split()
            if role in Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        ]

    def recordings(self) -> list[Path]:
        """What lies on disk, whole or in part."""
        return [path for path in self.scratch.rglob("*") if path.is_file()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Pipe:
    """A pipe that a stand-in analysis waits at: open means running, closed lets it finish."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self.handle: int | None = None

    def order(self) -> dict[str, str]:
        """The recording that makes an analysis wait here."""
        return {"do": "wait", "pipe": str(self.path)}

    def wait_until_running(self) -> None:
        """Return once an analysis has opened the other end.

        Raises
        ------
        TimeoutError
            If none does within PATIENCE.
        """
        late = threading.Event()

        def give_up() -> None:
            late.set()
            os.close(os.open(self.path, os.O_RDONLY | os.O_NONBLOCK))

        timer = threading.Timer(PATIENCE, give_up)
        timer.start()
        self.handle = os.open(self.path, os.O_WRONLY)
        timer.cancel()
        if late.is_set():
            raise TimeoutError(f"no analysis opened {self.path.name}")

    def is_open(self) -> bool:
        """Whether an analysis has opened the other end by now."""
        try:
            os.close(os.open(self.path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError as error:
            if error.errno == errno.ENXIO:
                return False
            raise
        return True

    def release(self) -> None:
        assert self.handle is not None
        os.close(self.handle)
        self.handle = None


def variables(
    *, stand_in: bool = False, scratch: Path | None = None, **more: str
) -> dict[str, str]:
    """The whole environment of an entry point: nothing of ours but what is given."""
    places = [STAND_IN, ROOT] if stand_in else [ROOT]
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, places)),
        **({"TMPDIR": str(scratch)} if scratch else {}),
        **more,
    }


def run(
    entry: str, *arguments: str, environment: Mapping[str, str], stand_in: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run an entry point to its end."""
    return subprocess.run(
        [INTERPRETER, str(CONTAINER / entry), *arguments],
        env=variables(stand_in=stand_in, **environment),
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
