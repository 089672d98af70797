"""A gain is one only on the same recordings, and with its interval beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from femo_signal.intervals import as_intervals
from femo_signal.learning.comparison import gain_over
from femo_signal.learning.dataset import Dataset
from femo_signal.learning.outcomes import RecordingOutcome, model_outcomes
from femo_signal.learning.scoring import paired_differences
from femo_signal.settings import AnalysisSettings

TRUE = as_intervals([[1000 * k, 1000 * k + 500] for k in range(1, 21)])


def decided(share, *, subjects=8, seed=1, group=None):
    """Of twenty movements a subject, each is accepted with this probability."""
    random = np.random.default_rng(seed)
    found = []
    for subject in range(subjects):
        accepted = random.random(len(TRUE)) < share
        found.append(
            RecordingOutcome(
                recording_id=f"r{subject}",
                group=group or f"s{subject}",
                subject_id=f"s{subject}",
                label_source="annotations",
                detections=TRUE,
                labels=np.ones(len(TRUE), dtype=np.int8),
                probability=accepted.astype(float),
                accepted=accepted,
                reference=TRUE,
                judged=as_intervals([[0, 30_000]]),
            )
        )
    return found


def test_a_model_gains_nothing_over_itself(dataset, model):
    gain = gain_over(dataset, model_outcomes(dataset, model), model)
    assert (gain["f1"], gain["low"], gain["high"]) == (0, 0, 0)
    assert (gain["recordings"], gain["subjects"]) == (6, 3)
    assert gain["status"] == "compared"


def test_a_gain_says_how_many_recordings_the_model_in_service_had_seen(dataset, model):
    outcomes = model_outcomes(dataset, model)
    assert gain_over(dataset, outcomes, model)["recordings_seen_by_serving"] == 6
    without = replace(model, record=None)
    assert gain_over(dataset, outcomes, without)["recordings_seen_by_serving"] is None


def test_models_of_other_settings_are_not_compared_on_features_that_are_not_theirs(dataset, model):
    outcomes = model_outcomes(dataset, model)
    other = AnalysisSettings(method="reference" if dataset.settings.method == "adaptive"
                             else "adaptive")  # fmt: skip
    elsewhere = Dataset(tuple(replace(r, settings=other) for r in dataset.recordings))
    gain = gain_over(elsewhere, outcomes, model)
    assert gain["status"] == "other_settings"
    assert gain["f1"] is gain["low"] is gain["high"] is None


def test_the_interval_of_a_gain_holds_the_sure_one_above_nothing():
    gain = paired_differences(decided(0.9), decided(0.5, seed=2), seed=0)
    assert gain["f1"]["low"] > 0
    assert gain["f1"]["low"] < gain["f1"]["difference"] < gain["f1"]["high"]
    assert gain["sensitivity"]["low"] > 0
    assert gain["precision"] == {"difference": 0, "low": 0, "high": 0}


def test_many_recordings_of_one_subject_do_not_make_a_gain_sure():
    gain = paired_differences(decided(0.9, group="s"), decided(0.5, seed=2, group="s"), seed=0)
    assert gain["f1"]["difference"] > 0
    assert gain["f1"]["low"] is gain["f1"]["high"] is None


@pytest.mark.parametrize("percent", [50.0, 90.0])
def test_a_surer_interval_is_a_wider_one(percent):
    def width(share):
        row = paired_differences(decided(0.9), decided(0.6, seed=2), seed=0, percent=share)["f1"]
        return row["high"] - row["low"]

    assert width(percent) < width(95.0)
