"""A training run, job after job, as the state machine has it: extract, prepare, train, evaluate."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from femo_signal.learning.training import Dataset, RecordingFeatures
from femo_signal.synthetic import synthesize_cohort

from .harness import CONTAINER, INTERPRETER, PATIENCE, Bucket, run, variables

RECORDINGS = 4


class Run:
    """Folders of the jobs of one training run."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment

    def root(self, job: str) -> Path:
        return self.folder / job

    def give(self, job: str, path: str, source: Path) -> None:
        """Let a job have a folder as its input."""
        target = self.root(job) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source, target_is_directory=True)

    def start(self, job: str, entry: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, "FEMO_ML_ROOT": str(self.root(job))}
        return run(entry, *arguments, environment=environment)

    def output(self, job: str, name: str) -> Path:
        return self.root(job) / "processing/output" / name


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory, s3_environment: dict[str, str]) -> Run:
    folder = tmp_path_factory.mktemp("run")
    made = Run(folder, s3_environment)
    manifest = synthesize_cohort(folder / "cohort", recordings=RECORDINGS, minutes=10, seed=5)
    content = json.loads(manifest.read_text())
    bucket = Bucket(s3_environment, "training-cohort")
    for item in content["items"]:
        item["bucketName"] = bucket.name
        for key in (item["datFileKey"], item["csvFileKey"]):
            bucket.put(key, (folder / "cohort" / key).read_bytes())
    bucket.put("broken.dat", b"not a recording at all")
    content["items"].append({"bucketName": bucket.name, "datFileKey": "broken.dat"})
    given = made.root("extract") / "processing/input/manifest/manifest.json"
    given.parent.mkdir(parents=True)
    given.write_text(json.dumps(content))
    ended = made.start("extract", "process", "extract")
    assert ended.returncode == 0, ended.stderr
    return made


@pytest.fixture(scope="module")
def prepared(extracted: Run) -> Run:
    extracted.give("prepare", "processing/input/features", extracted.output("extract", "features"))
    ended = extracted.start("prepare", "process", "prepare")
    assert ended.returncode == 0, ended.stderr
    return extracted


@pytest.fixture(scope="module")
def trained(prepared: Run) -> tuple[Run, str]:
    root = prepared.root("train")
    prepared.give("train", "input/data/dataset", prepared.output("prepare", "dataset"))
    write_hyperparameters(root, {"num_iterations": "30", "learning_rate": "0.1", "seed": "11",
                                 "sagemaker_region": "\"eu-central-1\""})  # fmt: skip
    ended = prepared.start("train", "train")
    assert ended.returncode == 0, ended.stderr
    return prepared, ended.stdout


def write_hyperparameters(root: Path, values: dict[str, str]) -> None:
    path = root / "input/config/hyperparameters.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def failure(root: Path) -> str:
    text = (root / "output/failure").read_text()
    assert len(text.encode()) <= 1024
    assert "\n" not in text
    return text


def test_a_copy_under_another_name_and_subject_is_told(extracted: Run, tmp_path: Path) -> None:
    features = tmp_path / "processing/input/features"
    features.mkdir(parents=True)
    for path in extracted.output("extract", "features").iterdir():
        (features / path.name).symlink_to(path)
    first = RecordingFeatures.load(min(features.glob("*.npz")))
    copy = replace(first, recording_id="s3://elsewhere/copy.dat", subject_id="somebody-else")
    copy.save(features / "copy.npz")
    ended = run("process", "prepare", environment={"FEMO_ML_ROOT": str(tmp_path)})
    assert ended.returncode == 0, ended.stderr
    dataset = Dataset.load(tmp_path / "processing/output/dataset")
    (notice,) = [text for text in dataset.notices if "the same recording as" in text]
    assert "copy.dat" in notice
    alike = [
        group
        for group, recording in zip(dataset.group_names, dataset.recordings, strict=True)
        if recording.content_sha256 == first.content_sha256
    ]
    assert len(alike) == 2
    assert len(set(alike)) == 1


def test_the_data_set_says_what_was_left_out_and_why(prepared: Run) -> None:
    summary = json.loads((prepared.output("prepare", "dataset") / "preparation.json").read_text())
    assert len(summary["used"]) == RECORDINGS
    (left_out,) = summary["left_out"]
    assert left_out["recording_id"] == "s3://training-cohort/broken.dat"
    assert left_out["code"] == "not_a_recording"


def test_training_leaves_a_model_that_loads(trained: tuple[Run, str]) -> None:
    from femo_signal.learning.model import MovementModel

    run_, _ = trained
    model = MovementModel.load(run_.root("train") / "model").warm_up()
    assert model.card.hyperparameters.num_iterations == 30
    assert model.card.training["seed"] == 11
    assert {path.name for path in (run_.root("train") / "model").iterdir()} == {
        "model.txt",
        "model.json",
    }


def test_metrics_are_lines_that_a_regular_expression_of_sagemaker_finds(
    trained: tuple[Run, str],
) -> None:
    _, output = trained
    for name in ("f1", "sensitivity", "precision", "false_detections_per_hour"):
        (value,) = re.findall(rf"^{name}=([0-9.eE+-]+)$", output, re.MULTILINE)
        assert float(value) >= 0


@pytest.mark.parametrize("packed", [False, True])
def test_evaluation_takes_the_model_packed_or_not_and_writes_figures(
    trained: tuple[Run, str], packed: bool
) -> None:
    run_, output = trained
    job = f"evaluate-{packed}"
    run_.give(job, "processing/input/dataset", run_.output("prepare", "dataset"))
    model = run_.root("train") / "model"
    if packed:
        target = run_.root(job) / "processing/input/model/model.tar.gz"
        target.parent.mkdir(parents=True)
        with tarfile.open(target, "w:gz") as archive:
            archive.add(model, arcname=".")
    else:
        run_.give(job, "processing/input/model", model)
    ended = run_.start(job, "process", "evaluate")
    assert ended.returncode == 0, ended.stderr
    folder = run_.output(job, "evaluation")
    figures = json.loads((folder / "evaluation.json").read_text())
    (f1,) = re.findall(r"^f1=(.+)$", output, re.MULTILINE)
    assert figures["metrics"]["f1"] == pytest.approx(float(f1), abs=1e-5)
    assert len((folder / "per_recording.csv").read_text().splitlines()) == RECORDINGS + 1
    record = json.loads((folder / "training.json").read_text())
    assert len(record["recordings"]) == RECORDINGS
    assert all(len(one["content_sha256"]) == 64 for one in record["recordings"])
    assert record["model_version"] == json.loads((model / "model.json").read_text())["version"]


def test_evaluation_tells_the_gain_over_the_model_in_service_and_goes_on_without_one(
    trained: tuple[Run, str], tmp_path: Path
) -> None:
    run_, _ = trained
    given = tmp_path / "processing/input"
    given.mkdir(parents=True)
    (given / "dataset").symlink_to(run_.output("prepare", "dataset"))
    (given / "serving").mkdir()
    environment = {"FEMO_ML_ROOT": str(tmp_path)}

    def evaluated() -> dict[str, Any]:
        ended = run("process", "evaluate", environment=environment)
        assert ended.returncode == 0, ended.stderr
        figures = tmp_path / "processing/output/evaluation/metrics.json"
        read: dict[str, Any] = json.loads(figures.read_text())
        return read

    without = evaluated()
    assert without["gain_over_serving"] is None
    assert without["gain_over_serving_status"] == "no_model_in_service"
    archive = given / "serving/model.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(run_.root("train") / "model", arcname=".")
    gain = evaluated()["gain_over_serving"]
    assert gain["status"] == "compared"
    assert gain["recordings"] == RECORDINGS
    assert gain["low"] <= gain["f1"] <= gain["high"]
    assert gain["recordings_seen_by_serving"] == RECORDINGS  # the artefact tells by its keys
    assert gain["compared_on"] == "too_few_unseen"
    archive.write_bytes(archive.read_bytes()[:100])
    unreadable = evaluated()
    assert unreadable["gain_over_serving_status"] == "unreadable"
    assert unreadable["gain_over_serving"]["f1"] is None
    assert unreadable["metrics"] == without["metrics"]


def test_the_model_that_an_endpoint_is_given_names_no_recording_and_no_subject(
    trained: tuple[Run, str],
) -> None:
    folder = trained[0].root("train") / "model"
    given = "".join(path.read_text() for path in folder.iterdir())
    assert "recording-00" not in given
    assert "subject-0" not in given
    assert "broken.dat" not in given


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.7, 0.99])
def test_a_model_archive_that_was_cut_is_told_and_not_a_fault_of_ours(
    trained: tuple[Run, str], tmp_path: Path, kept: float
) -> None:
    run_, _ = trained
    (tmp_path / "processing/input").mkdir(parents=True)
    (tmp_path / "processing/input/dataset").symlink_to(run_.output("prepare", "dataset"))
    archive = tmp_path / "processing/input/model/model.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(run_.root("train") / "model", arcname=".")
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(kept * len(whole))])
    ended = run("process", "evaluate", environment={"FEMO_ML_ROOT": str(tmp_path)})
    assert ended.returncode == 1
    assert failure(tmp_path).startswith("evaluate: invalid_model: model.tar.gz: ")


def test_copies_of_one_recording_do_not_make_up_for_too_few(extracted: Run, tmp_path: Path) -> None:
    features = tmp_path / "processing/input/features"
    features.mkdir(parents=True)
    first = RecordingFeatures.load(min(extracted.output("extract", "features").glob("*.npz")))
    for number in range(3):
        copy = replace(first, recording_id=f"s3://b/{number}.dat", subject_id=f"s{number}")
        copy.save(features / f"{number}.npz")
    ended = run("process", "prepare", environment={"FEMO_ML_ROOT": str(tmp_path)})
    assert ended.returncode == 1
    assert failure(tmp_path).startswith("prepare: too_few_recordings: 1 usable recordings")


def test_too_few_recordings_fail_the_run_and_name_the_first_reason(
    extracted: Run, tmp_path: Path
) -> None:
    environment = {"FEMO_ML_ROOT": str(tmp_path), "MINIMUM_RECORDINGS": "5"}
    (tmp_path / "processing/input").mkdir(parents=True)
    (tmp_path / "processing/input/features").symlink_to(extracted.output("extract", "features"))
    ended = run("process", "prepare", environment=environment)
    assert ended.returncode == 1
    told = failure(tmp_path)
    assert told.startswith("prepare: too_few_recordings: 4 usable recordings, 5 needed")
    assert "broken.dat" in told or "recording" in told


def test_a_share_of_an_empty_host_does_not_disturb_the_others(
    extracted: Run, tmp_path: Path
) -> None:
    features = tmp_path / "processing/input/features"
    features.mkdir(parents=True)
    for path in extracted.output("extract", "features").iterdir():
        (features / path.name).symlink_to(path)
    empty = {"host": "algo-2", "settings_digest": "x", "counts": {}, "recordings": []}
    (features / "report-algo-2.json").write_text(json.dumps(empty))
    ended = run("process", "prepare", environment={"FEMO_ML_ROOT": str(tmp_path)})
    assert ended.returncode == 0


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"num_iterations": "many"}, "invalid_hyperparameter"),
        ({"bushes": "10"}, "invalid_hyperparameter"),
        ({"learning_rate": "0"}, "invalid_hyperparameter"),
        ({"seed": "lucky"}, "invalid_hyperparameter"),
    ],
)
def test_a_wrong_hyperparameter_fails_with_its_name(
    prepared: Run, tmp_path: Path, values: dict[str, str], told: str
) -> None:
    (tmp_path / "input/data").mkdir(parents=True)
    (tmp_path / "input/data/dataset").symlink_to(prepared.output("prepare", "dataset"))
    write_hyperparameters(tmp_path, values)
    ended = run("train", environment={"FEMO_ML_ROOT": str(tmp_path)})
    assert ended.returncode == 1
    assert failure(tmp_path).startswith(f"train: {told}: ")
    assert next(iter(values)) in failure(tmp_path)
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "model").exists()


def test_training_without_its_channel_says_which_is_missing(tmp_path: Path) -> None:
    ended = run("train", environment={"FEMO_ML_ROOT": str(tmp_path)})
    assert ended.returncode == 1
    assert "'dataset'" in failure(tmp_path)


@contextmanager
def started(entry: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [INTERPRETER, str(CONTAINER / entry)],
        env=variables(**environment), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_sigterm_stops_a_training_job_and_is_told(prepared: Run, tmp_path: Path) -> None:
    (tmp_path / "input/data").mkdir(parents=True)
    (tmp_path / "input/data/dataset").symlink_to(prepared.output("prepare", "dataset"))
    write_hyperparameters(
        tmp_path, {"num_iterations": "5000", "num_leaves": "1024", "min_data_in_leaf": "1"}
    )
    with started("train", {"FEMO_ML_ROOT": str(tmp_path)}) as process:
        assert process.stderr is not None
        lines: Iterator[dict[str, Any]] = (json.loads(line) for line in process.stderr)
        assert any(line["event"] == "training started" for line in lines)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 143
    assert "stopped" in failure(tmp_path)
    assert not (tmp_path / "model/model.txt").exists()


def test_a_model_archive_that_would_write_outside_its_folder_is_refused(
    prepared: Run, tmp_path: Path
) -> None:
    (tmp_path / "processing/input").mkdir(parents=True)
    (tmp_path / "processing/input/dataset").symlink_to(prepared.output("prepare", "dataset"))
    archive = tmp_path / "processing/input/model/model.tar.gz"
    archive.parent.mkdir()
    (tmp_path / "evil").write_text("x")
    with tarfile.open(archive, "w:gz") as made:
        made.add(tmp_path / "evil", arcname="../../evil.txt")
    ended = run("process", "evaluate", environment={"FEMO_ML_ROOT": str(tmp_path)})
    assert ended.returncode == 1
    assert "model.tar.gz" in failure(tmp_path)
    assert os.fspath(tmp_path) not in failure(tmp_path)
