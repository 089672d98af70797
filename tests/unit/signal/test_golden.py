"""The engine gives what the reference gave on the golden recordings."""

from __future__ import annotations

import gzip
import json
import shutil

import numpy as np
import pytest

from femo_signal.detection.building import build_profile
from femo_signal.detection.presses import match_as_reference
from femo_signal.intervals import intersection, total, union
from femo_signal.reporting.summary import summarize

from .recordings import REFERENCE

RECORDINGS = ("v1_6min.dat", "v2_6min.bin", "v1_12min_hiccup.dat")
EDGE_TICKS = 10  # 10 ms; 50 are allowed


@pytest.fixture(scope="module", params=RECORDINGS)
def case(request, golden, tmp_path_factory):
    path = tmp_path_factory.mktemp("golden") / request.param
    with gzip.open(golden / f"{request.param}.gz") as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file)
    with np.load(golden / f"{path.stem}.npz", allow_pickle=False) as stored:
        reference = {
            name: stored[name]
            for name in stored.files
            if name.endswith("_runs") or stored[name].ndim < 2
        }
    return path, build_profile(path, settings=REFERENCE), reference


def runs(reference, name):
    return reference[f"{name}_runs"].astype(np.int64)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("detections", "user_scheme"),
        ("body_movement", "imu_map"),
        ("sensation", "sensation_map"),
        ("presses", "pre_sensation"),
    ],
)
def test_every_interval_is_where_the_reference_has_it(case, name, stored):
    _, profile, reference = case
    found, expected = getattr(profile, name), runs(reference, stored)
    assert len(found) == len(expected)
    assert np.abs(found - expected).max() <= EDGE_TICKS
    both = total(intersection(found, expected))
    assert both / total(union(found, expected)) >= 0.99


def test_each_sensor_detects_what_it_did_for_the_reference(case):
    _, profile, reference = case
    for name, level in zip(reference["sensors"], reference["fm_threshold"], strict=True):
        assert profile.thresholds[str(name)] == pytest.approx(level, rel=5e-4)
        expected = runs(reference, f"fm_segmented_{name}")
        found = profile.sensor_detections[str(name)]
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= EDGE_TICKS


def test_the_signals_are_the_references(case):
    _, profile, reference = case
    for name, channel in profile.signals.sensors.items():
        expected = reference[f"pre_{name}_s16"]
        error = np.abs(channel.samples[::2][: len(expected)] - expected)
        assert error.max() < 2e-5
    expected = reference["pre_imu_acceleration_s16"]
    assert np.abs(profile.signals.acceleration.samples[::2] - expected).max() < 2e-3


@pytest.mark.parametrize("accepted", ["all_positive", "every_other_positive", "after_hic25"])
def test_summaries_and_match_counts_are_the_references(case, accepted):
    _, profile, reference = case
    movements = {
        "all_positive": profile.detections,
        "every_other_positive": profile.detections[::2],
        "after_hic25": runs(reference, "hic25_removed_map"),
    }[accepted]
    expected = json.loads(str(reference["meta_json"]))[accepted]
    summary = summarize(movements, profile.judge(), profile)
    assert summary.kicks == expected["numKicks"]
    assert summary.movement_minutes == pytest.approx(expected["totalFMDuration_min"], abs=1e-3)
    still_for_the_reference = summary.total_minutes - summary.movement_minutes
    assert still_for_the_reference == pytest.approx(expected["totalNonFMDuration_min"], abs=1e-3)
    assert summary.onset_intervals_seconds == pytest.approx(expected["onsetInterval_s"], abs=0.05)
    match = match_as_reference(movements, profile)
    assert match is not None
    for name in ("true_positive", "false_positive", "true_negative", "false_negative"):
        assert getattr(match, f"{name}s") == expected["match"][name], name


def test_facts_of_the_header_are_told(case):
    _, profile, reference = case
    header = json.loads(str(reference["header_json"]))
    assert profile.info.start.isoformat(timespec="milliseconds") == header["start_time"].replace(
        "Z", "+00:00"
    )
    assert profile.info.format == header["file_format"]
    assert profile.info.length_ticks == int(reference["pre_len"])
    assert profile.info.trim_ticks == int(reference["trim_samples"])
    assert profile.info.gaps == profile.info.notices == ()


def test_the_plain_twin_is_the_reference_to_the_tick(case, twin):
    path, _, reference = case
    expected = twin.profile(twin.load(path))
    assert np.array_equal(twin.runs(expected.detections), runs(reference, "user_scheme"))
    assert np.array_equal(twin.runs(expected.body_movement), runs(reference, "imu_map"))
    for name, level in zip(reference["sensors"], reference["fm_threshold"], strict=True):
        assert expected.thresholds[str(name)] == pytest.approx(level, rel=5e-5)
