"""The image runs as SageMaker runs it, and holds what the lock names and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from femo_signal.learning.model import MovementModel
from femo_signal.synthetic import synthesize_cohort
from tests.unit.container.harness import PATIENCE, Bucket

from . import machine
from .conftest import IMAGE, Container, Trained, server_process

LOCK = machine.ROOT / "requirements/container.txt"


def test_a_push_sends_the_one_kind_of_manifest_that_sagemaker_takes(
    built: dict[str, str], tmp_path: Path
) -> None:
    machine.run(
        ["buildah", "push", "--disable-compression", "--format", "v2s2", IMAGE, f"dir:{tmp_path}"],
        built,
    )
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    assert manifest["config"]["mediaType"] == "application/vnd.docker.container.image.v1+json"
    assert manifest["layers"]
    for layer in manifest["layers"]:
        assert layer["mediaType"].startswith("application/vnd.docker.image.rootfs.diff.tar")


def test_the_image_holds_what_the_lock_names_and_nothing_else(
    container: Container, tmp_path: Path
) -> None:
    code = (
        "import importlib.metadata as m, json, platform, sys\n"
        "about = {'sys_platform': sys.platform, 'platform_machine': platform.machine(),"
        " 'python_full_version': platform.python_version()}\n"
        "print(json.dumps([{d.metadata['Name']: d.version for d in m.distributions()},"
        " about, sys.path]))"
    )
    done = container.run(tmp_path, {}, "python", "-c", code)
    assert done.returncode == 0, done.stderr
    installed, about, path = json.loads(done.stdout)
    lines = re.sub(r"\\\n\s*--hash=\S+", "", LOCK.read_text()).splitlines()
    named = [Requirement(line.strip(" \\")) for line in lines if "==" in line]
    wanted = {
        canonicalize_name(item.name): str(item.specifier).removeprefix("==")
        for item in named
        if item.marker is None or item.marker.evaluate(about)
    }
    assert {canonicalize_name(name): version for name, version in installed.items()} == wanted
    assert not [place for place in path if "dist-packages" in place]


def test_a_training_run_leaves_a_model_and_its_evaluation(trained: Trained) -> None:
    model = MovementModel.load(trained.root("train") / "model").warm_up()
    assert model.card.training["seed"] == 11
    output = trained.root("evaluate") / "processing/output/evaluation"
    assert json.loads((output / "metrics.json").read_text())


@pytest.fixture(scope="module")
def longer(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A recording of some seconds' work, as an object in the bucket."""
    folder = tmp_path_factory.mktemp("longer")
    synthesize_cohort(folder, recordings=1, minutes=40, seed=7)
    (path,) = folder.glob("*.dat")
    return trained.bucket.put("longer.dat", path.read_bytes())


def test_sigterm_lets_the_job_in_flight_finish_and_ends_the_server_well(
    container: Container, trained: Trained, longer: str, tmp_path: Path
) -> None:
    for name in ("model.txt", "model.json"):
        (tmp_path / "model").mkdir(exist_ok=True)
        (tmp_path / "model" / name).write_bytes((trained.root("train/model") / name).read_bytes())
    given = {
        **trained.environment,
        "FEMO_RECORDINGS_BUCKET": trained.bucket.name,
        "MODEL_SERVER_GRACE_SECONDS": "24",
    }
    with container.serve(tmp_path, given) as server:
        assert server.ping().status_code == 200
        short = server.invoke(_first(trained.bucket))
        assert short.status_code == 200, short.text
        assert short.json()["jobId"] == "job-1"
        answer = server.invoke_in_background(longer, job="job-2")
        while server.wait_for("job started").get("job_id") != "job-2":
            pass
        server_process(server.process).terminate()
        server.wait_for("shutting down")
        assert answer().status_code == 200
        assert server.process.wait(PATIENCE) == 0
        events = [line["event"] for line in server.whole_log()]
        assert events.index("shutting down") < len(events) - 1 - events[::-1].index("job completed")
        assert events[-1] == "stopped"


def _first(bucket: Bucket) -> str:
    key = min(key for key in bucket.keys("recording") if key.endswith(".dat"))
    return f"s3://{bucket.name}/{key}"
