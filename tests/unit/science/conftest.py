"""What the science tests share: one small cohort, its dataset, and a model trained on it."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from femo_signal.intervals import Intervals
from femo_signal.learning.dataset import Dataset, prepare_dataset
from femo_signal.learning.labels import extract_recording
from femo_signal.learning.model import MovementModel
from femo_signal.learning.training import train_model
from femo_signal.manifest import load_manifest
from femo_signal.settings import AnalysisSettings
from femo_signal.synthetic import synthesize_cohort

GOLDEN = Path(__file__).parents[4] / "shared" / "golden"


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of six recordings of three subjects, ten minutes each."""
    return synthesize_cohort(tmp_path_factory.mktemp("cohort"), recordings=6, minutes=10)


def extracted(cohort: Path, settings: AnalysisSettings) -> Dataset:
    return prepare_dataset(
        [
            extract_recording(
                cohort.parent / item.dat_file_key,
                labels_csv=cohort.parent / str(item.csv_file_key),
                recording_id=item.recording_id,
                subject_id=item.subject_id,
                settings=settings,
            )
            for item in load_manifest(cohort).items
        ]
    )


@pytest.fixture(scope="session")
def dataset(cohort: Path) -> Dataset:
    return extracted(cohort, AnalysisSettings())


@pytest.fixture(scope="session")
def reference_dataset(cohort: Path) -> Dataset:
    return extracted(cohort, AnalysisSettings(method="reference"))


@pytest.fixture(scope="session")
def model(dataset: Dataset) -> MovementModel:
    return train_model(dataset)


@pytest.fixture(scope="session")
def reference_model(reference_dataset: Dataset) -> MovementModel:
    """A model that decides by its trees."""
    return train_model(reference_dataset)


@pytest.fixture(scope="session")
def model_folder(model: MovementModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    model.save(folder, with_record=True)
    return folder


@pytest.fixture(scope="session", params=["v1_6min.dat", "v2_6min.bin", "v1_12min_hiccup.dat"])
def golden(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A recording of another generator than ours, and what is in it."""
    if not GOLDEN.is_dir():
        pytest.skip("the golden recordings (../shared/golden) are not on this machine")
    path = tmp_path_factory.mktemp("golden") / request.param
    with gzip.open(GOLDEN / f"{request.param}.gz") as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file)
    return path, json.loads((GOLDEN / f"{path.stem}.truth.json").read_text())


def truth_of(recording: Path) -> dict[str, Any]:
    """Return the ground truth beside a synthetic recording."""
    truth: dict[str, Any] = json.loads(recording.with_suffix(".truth.json").read_text())
    return truth


def ticks(rows: list[Any], *, trim_ticks: int) -> Intervals:
    """Turn seconds from the start of a recording into ticks of the trimmed axis."""
    seconds = np.array([row[:2] for row in rows], dtype=float).reshape(-1, 2)
    return (seconds * 1024).astype(np.int64) - trim_ticks


@pytest.fixture(scope="session")
def desk(cohort: Path, model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the recording and the model that the examples name."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copy(cohort.parent / "recording-001.dat", folder / "night.dat")
    shutil.copytree(model_folder, folder / "model")
    return folder


@pytest.fixture
def at_desk(desk: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(desk)
    return desk
