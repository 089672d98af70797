"""Fixtures: the image, built once, and a container of it that runs the entry points."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from femo_signal.synthetic import synthesize_cohort
from tests.unit.container.conftest import s3_environment  # noqa: F401 - a fixture
from tests.unit.container.harness import PATIENCE, Bucket, Server, free_port

from . import machine

IMAGE = "localhost/femo-cloud:tested"
JOB_PATIENCE = 300
"""Seconds that a job of the small cohort may take on a busy machine."""


@dataclass(frozen=True)
class Container:
    """A container of the image; each run sees its own folder as /opt/ml."""

    name: str
    environment: dict[str, str]
    config: dict[str, Any]

    def command(self, ml_root: Path, variables: dict[str, str], *words: str) -> list[str]:
        """Return the command line that runs a program in the container."""
        given = [part for name, value in variables.items() for part in ("--env", f"{name}={value}")]
        return ["buildah", "run", "--volume", f"{ml_root}:/opt/ml", *given, self.name, "--", *words]

    def run(
        self, ml_root: Path, variables: dict[str, str], *words: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        return subprocess.run(
            self.command(ml_root, variables, *words),
            env=self.environment, capture_output=True, text=True, timeout=JOB_PATIENCE,
        )  # fmt: skip

    @contextmanager
    def serve(self, ml_root: Path, variables: dict[str, str]) -> Iterator[Server]:
        """Run the image as an endpoint does: its entry point with `serve`."""
        port = free_port()
        binding = {"SAGEMAKER_BIND_TO_PORT": str(port), "MODEL_SERVER_HOST": "127.0.0.1"}
        words = [*self.config["Entrypoint"], "serve"]
        process = subprocess.Popen(
            self.command(ml_root, {**binding, **variables}, *words),
            env=self.environment, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        server = Server(process, f"http://127.0.0.1:{port}", ml_root)
        threading.Thread(target=server.read_log, daemon=True).start()
        try:
            server.wait_for("listening", "worker ready", "fetcher ready")
            yield server
        finally:
            server.client.close()
            if process.poll() is None:
                server_process(process).kill()
            process.wait(PATIENCE)


def server_process(outer: subprocess.Popen[str]) -> psutil.Process:
    """Return the process in the container that is process 1 under Docker."""
    found = [
        process
        for process in psutil.Process(outer.pid).children(recursive=True)
        if process.cmdline()[-1:] == ["/opt/femo/serve"]
    ]
    return min(found, key=lambda process: process.create_time())


@pytest.fixture(scope="session")
def built() -> dict[str, str]:
    """Build the image; the environment in which buildah finds it."""
    missing = machine.what_is_missing()
    if missing:
        pytest.skip(missing)
    environment = machine.prepare_buildah()
    machine.make_base(environment)
    machine.build_image(environment, IMAGE)
    # An earlier run's image has lost its name to this one; each takes as much disk as the whole
    machine.run(["buildah", "rmi", "--prune"], environment)
    return environment


@pytest.fixture(scope="session")
def container(built: dict[str, str]) -> Iterator[Container]:
    name = machine.run(["buildah", "from", IMAGE], built)
    about = json.loads(machine.run(["buildah", "inspect", "--type", "image", IMAGE], built))
    yield Container(name, built, about["Docker"]["config"])
    machine.run(["buildah", "rm", name], built)


@dataclass
class Trained:
    """What the jobs of one training run left, job by job."""

    folder: Path
    ended: dict[str, subprocess.CompletedProcess[str]]
    bucket: Bucket
    environment: dict[str, str]

    def root(self, job: str) -> Path:
        """/opt/ml of a job."""
        return self.folder / job


@pytest.fixture(scope="session")
def trained(
    container: Container,
    s3_environment: dict[str, str],  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Trained:
    """Run extract, prepare, train and evaluate one after the other, as the machine has them."""
    folder = tmp_path_factory.mktemp("training")
    bucket = Bucket(s3_environment, "cohort")
    trained = Trained(folder, {}, bucket, s3_environment)
    manifest = synthesize_cohort(folder / "cohort", recordings=4, minutes=10, seed=5)
    content = json.loads(manifest.read_text())
    for item in content["items"]:
        item["bucketName"] = bucket.name
        for key in (item["datFileKey"], item["csvFileKey"]):
            bucket.put(key, (folder / "cohort" / key).read_bytes())
    given = trained.root("extract") / "processing/input/manifest/manifest.json"
    given.parent.mkdir(parents=True)
    given.write_text(json.dumps(content))

    def job(name: str, *words: str, inputs: dict[str, Path]) -> Path:
        root = trained.root(name)
        for path, source in inputs.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            source.rename(root / path)
        trained.ended[name] = container.run(root, s3_environment, *words)
        assert trained.ended[name].returncode == 0, trained.ended[name].stderr[-4000:]
        return root

    features = job("extract", "process", "extract", inputs={}) / "processing/output/features"
    dataset = job("prepare", "process", "prepare",
                  inputs={"processing/input/features": features})  # fmt: skip
    parameters = trained.root("train") / "input/config/hyperparameters.json"
    parameters.parent.mkdir(parents=True)
    parameters.write_text(json.dumps({"num_iterations": "30", "seed": "11"}))
    (dataset / "processing/output/dataset").rename(folder / "dataset")
    root = job("train", *container.config["Entrypoint"], "train",
               inputs={"input/data/dataset": folder / "dataset"})  # fmt: skip
    job("evaluate", "process", "evaluate",
        inputs={"processing/input/dataset": root / "input/data/dataset"})  # fmt: skip
    return trained
