"""Fixtures: a local S3, and the entry points as real subprocesses."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from .harness import (
    CONTAINER,
    INTERPRETER,
    PATIENCE,
    Bucket,
    Pipe,
    Server,
    StartServer,
    free_port,
    variables,
)

sys.path.insert(0, str(CONTAINER))


@pytest.fixture(scope="session")
def s3_environment() -> Iterator[dict[str, str]]:
    """The variables with which any AWS SDK finds a local S3, and never the real one."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    server.stop()


@pytest.fixture(scope="session")
def recordings(s3_environment: dict[str, str]) -> Bucket:
    return Bucket(s3_environment, "recordings")


@pytest.fixture
def bucket(s3_environment: dict[str, str], request: pytest.FixtureRequest) -> Bucket:
    """A bucket of this test alone."""
    return Bucket(s3_environment, f"test-{hashlib.md5(request.node.nodeid.encode()).hexdigest()}")


@pytest.fixture(scope="session")
def start_server(
    s3_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> StartServer:
    """`with start_server(MODEL_SERVER_TIMEOUT="1") as server`: ready unless told otherwise."""

    @contextmanager
    def start(
        *,
        stand_in: bool = True,
        wait: bool = True,
        model: Path | None = None,
        **more: str,
    ) -> Iterator[Server]:
        folder = tmp_path_factory.mktemp("serve")
        scratch = folder / "tmp"
        scratch.mkdir()
        if model is None:
            (folder / "ml" / "model").mkdir(parents=True)
        else:
            (folder / "ml").mkdir()
            (folder / "ml" / "model").symlink_to(model)
        port = free_port()
        environment = variables(
            stand_in=stand_in,
            scratch=scratch,
            FEMO_ML_ROOT=str(folder / "ml"),
            FEMO_RECORDINGS_BUCKET="recordings",
            SAGEMAKER_BIND_TO_PORT=str(port),
            MODEL_SERVER_HOST="127.0.0.1",
            **{**s3_environment, **more},
        )
        process = subprocess.Popen(
            [INTERPRETER, str(CONTAINER / "serve")],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        server = Server(process, f"http://127.0.0.1:{port}", scratch)
        threading.Thread(target=server.read_log, daemon=True).start()
        try:
            if wait:
                server.wait_for("listening", "worker ready", "fetcher ready")
            yield server
        finally:
            server.client.close()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()
                process.wait()

    return start


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    made = Pipe(tmp_path / "pipe")
    yield made
    if made.handle is not None:
        made.release()
