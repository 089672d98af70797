"""Features are named, defined where they can be, and right where they can be computed by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from femo_signal.detection.building import build_profile
from femo_signal.detection.profile import Profile
from femo_signal.intervals import empty
from femo_signal.learning.features import FEATURES, FORMAT_FEATURES, extract_features, feature_names
from femo_signal.recording import Channel, Signals
from femo_signal.synthetic import synthesize_cohort

RATE, STEP, SECONDS = 128, 8, 120


def column(features, name):
    return features[:, feature_names.index(name)]


@pytest.fixture(scope="module")
def quiet(tmp_path_factory) -> Profile:
    """Two minutes with one 5 Hz kick at 60 s on sensor_3, and nothing but noise besides."""
    folder = tmp_path_factory.mktemp("quiet")
    synthesize_cohort(folder, recordings=1, minutes=1, recording_format="v2")
    info = build_profile(folder / "recording-001.bin").info
    rng = np.random.default_rng(0)
    clock = np.arange(SECONDS * RATE) / RATE - 59.5
    kick = np.where((clock > 0) & (clock < 1), np.sin(np.pi * clock) ** 2, 0.0)
    noise = 0.001 * rng.standard_normal((2, len(clock)))
    samples = {
        "sensor_3": noise[0] + 0.1 * kick * np.cos(2 * np.pi * 5 * (clock - 0.5)),
        "sensor_6": noise[1],
    }

    def channel(x):
        return Channel(x.astype(np.float32), RATE, 0, STEP)

    still = channel(0.01 * rng.standard_normal(len(clock)))
    core = np.array([[59.7, 60.3]]) * 1024
    found = np.array([[58.2, 61.8]]) * 1024
    from femo_signal.settings import AnalysisSettings

    return Profile(
        info=replace(info, length_ticks=SECONDS * 1024),
        settings=AnalysisSettings(method="reference"),
        signals=Signals(
            sensors={name: channel(x) for name, x in samples.items()},
            acceleration=still,
            roll=still,
            pitch=still,
            yaw=still,
            live=frozenset({"sensor_3", "sensor_6", "acceleration", "roll", "pitch", "yaw"}),
        ),
        thresholds={"sensor_3": 0.01, "sensor_6": 0.01},
        body_movement=np.array([[20, 30]], dtype=np.int64) * 1024,
        detections=found.astype(np.int64),
        sensor_detections={"sensor_3": found.astype(np.int64), "sensor_6": empty()},
        core_detections={"sensor_3": core.astype(np.int64), "sensor_6": empty()},
        sensation=empty(),
        presses=empty(),
        raw_presses=empty(),
        gaps=empty(),
    )


def test_every_feature_has_a_unit_a_description_and_a_source():
    assert len(set(feature_names)) == len(FEATURES)
    for spec in FEATURES:
        assert spec.unit
        assert spec.description
        assert spec.source
        assert spec.direction in (-1, 0, 1)


def test_features_of_a_known_kick_are_what_they_should_be(quiet):
    (row,) = extract_features(quiet)
    value = dict(zip(feature_names, row, strict=True))
    assert value["strength"] == pytest.approx(1.0, abs=0.02)  # 0.1 V over 0.01 V
    assert value["frequency"] == pytest.approx(5.0, abs=0.5)
    assert value["longest_core"] == pytest.approx(0.6, abs=0.01)
    assert value["since_body_movement"] == pytest.approx(30.0, abs=0.1)
    assert value["until_body_movement"] == value["gap_before"] == value["gap_after"] == 60.0
    assert value["energy_skew"] == pytest.approx(0.0, abs=0.02)
    assert value["unchained_strength"] == pytest.approx(1.0, abs=0.02)
    assert value["chain_seconds"] == value["in_bout"] == 0.0
    assert value["imu_level"] < -1


def test_a_louder_device_has_the_same_features(quiet):
    scaled = replace(
        quiet,
        signals=replace(
            quiet.signals,
            sensors={
                name: replace(channel, samples=channel.samples * 3)
                for name, channel in quiet.signals.sensors.items()
            },
        ),
        thresholds={name: 3 * level for name, level in quiet.thresholds.items()},
    )
    np.testing.assert_allclose(extract_features(scaled), extract_features(quiet), atol=1e-5)


def test_a_format_without_accelerometers_leaves_their_features_undefined(quiet):
    features = extract_features(quiet)
    for name in FORMAT_FEATURES:
        assert np.isnan(column(features, name)).all()
    assert np.isfinite(column(features, "piezo_both")).all()


def test_a_dead_piezo_has_no_vote(quiet):
    live = quiet.signals.live - {"sensor_6"}
    features = extract_features(replace(quiet, signals=replace(quiet.signals, live=live)))
    assert np.isnan(column(features, "second_strength")).all()
    assert np.isfinite(column(features, "strength")).all()


def test_no_detections_give_an_empty_table(quiet):
    assert extract_features(replace(quiet, detections=empty())).shape == (0, len(FEATURES))


def test_detections_at_the_very_ends_are_described(quiet):
    ends = np.array([[1, 2000], [SECONDS * 1024 - 2000, SECONDS * 1024 - 1]], dtype=np.int64)
    features = extract_features(replace(quiet, detections=ends))
    assert features.shape == (2, len(FEATURES))
    assert np.isfinite(column(features, "strength")).all()


def test_hiccups_and_kicks_are_told_apart_by_their_chains(reference_dataset):
    features, labels = reference_dataset.features, reference_dataset.labels
    chained = column(features, "chain_seconds") > 60
    alone = column(features, "unchained_strength") < -0.9
    assert (labels[chained & alone] == 0).mean() > 0.85
    assert (labels[~chained] == 1).mean() > 0.85
