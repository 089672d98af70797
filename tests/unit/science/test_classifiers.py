"""The trees decide only where they surely beat what has learnt less."""

from __future__ import annotations

import json

import numpy as np
import pytest

from femo_signal.errors import ModelError
from femo_signal.intervals import as_intervals
from femo_signal.learning.classifiers import LinearModel, rule_scores
from femo_signal.learning.evaluation import choose_classifier
from femo_signal.learning.features import names_of
from femo_signal.learning.model import MovementModel
from femo_signal.learning.outcomes import RecordingOutcome
from femo_signal.settings import AnalysisSettings, CandidateSettings

ADAPTIVE = AnalysisSettings(method="adaptive")
NAMES = names_of(ADAPTIVE)


def outcomes(shares, *, subjects=12, seed=1):
    """Recordings of ten movements and ten others; each is told rightly with this probability."""
    random = np.random.default_rng(seed)
    rows = as_intervals([[1000 * k, 1000 * k + 500] for k in range(1, 21)])
    labels = np.tile([1, 0], 10).astype(np.int8)
    told = {}
    for kind, share in shares.items():
        told[kind] = []
        for subject in range(subjects):
            right = random.random(len(rows)) < share
            accepted = np.where(right, labels == 1, labels == 0)
            told[kind].append(
                RecordingOutcome(
                    recording_id=f"r{subject}",
                    group=f"subject s{subject:02d}",
                    subject_id=f"s{subject:02d}",
                    label_source="annotations",
                    detections=rows,
                    labels=labels,
                    probability=accepted.astype(float),
                    accepted=accepted,
                    reference=rows[labels == 1],
                    judged=as_intervals([[0, 30_000]]),
                )
            )
    return told


def test_trees_that_are_surely_better_decide():
    choice = choose_classifier(outcomes({"trees": 0.95, "linear": 0.7, "rule": 0.7}), seed=0)
    assert choice.classifier == "trees"
    assert all(gain["low"] > 0 for gain in choice.comparison["trees_gain_over"].values())


@pytest.mark.parametrize(
    ("shares", "decides"),
    [
        ({"trees": 0.9, "linear": 0.9, "rule": 0.7}, "linear"),
        ({"trees": 0.9, "linear": 0.7, "rule": 0.9}, "rule"),
    ],
)
def test_trees_that_only_seem_better_do_not_go_into_service(shares, decides):
    assert choose_classifier(outcomes(shares), seed=0).classifier == decides


def test_without_an_unlearned_rule_the_trees_decide():
    assert choose_classifier(outcomes({"trees": 0.5, "linear": 0.9}), seed=0).classifier == "trees"


def test_the_choice_does_not_depend_on_who_computes_it():
    shares = {"trees": 0.9, "linear": 0.85, "rule": 0.8}
    assert choose_classifier(outcomes(shares), seed=3) == choose_classifier(
        outcomes(shares), seed=3
    )


def test_the_rule_accepts_what_exceeds_chance_enough_and_no_pulse_of_a_bout():
    table = np.zeros((3, len(NAMES)))
    level = np.log(CandidateSettings().rule_strength)
    table[:, NAMES.index("strength")] = [level - 0.01, level + 0.01, level + 3]
    table[2, NAMES.index("hiccup_pulse")] = 1
    scores = rule_scores(table, NAMES, settings=CandidateSettings())
    assert (scores >= 0.5).tolist() == [False, True, False]


def test_a_linear_model_scores_rows_with_missing_features():
    random = np.random.default_rng(0)
    features = random.normal(size=(200, 3))
    labels = (features[:, 0] > 0).astype(np.int8)
    features[::7, 1] = np.nan
    scores = LinearModel.fit(features, labels).scores(features)
    assert np.isfinite(scores).all()
    assert ((scores > 0.5) == (labels == 1)).mean() > 0.95


def test_a_model_without_the_numbers_that_decide_is_refused(tmp_path, model_folder):
    card = json.loads((model_folder / "model.json").read_text())
    card |= {"classifier": "linear", "linear": None}
    (tmp_path / "model.json").write_text(json.dumps(card))
    (tmp_path / "model.txt").write_bytes((model_folder / "model.txt").read_bytes())
    with pytest.raises(ModelError, match="linear"):
        MovementModel.load(tmp_path)


def test_the_rule_decides_for_no_model_of_the_reference_method(tmp_path, reference_model):
    reference_model.save(tmp_path)
    card = json.loads((tmp_path / "model.json").read_text())
    card["classifier"] = "rule"
    (tmp_path / "model.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="adaptive"):
        MovementModel.load(tmp_path)


def test_an_model_finds_most_movements_of_subjects_it_has_not_seen(model):
    metrics = model.card.metrics
    assert metrics["f1"] > 0.8
    assert metrics["f1"] > model.card.evaluation["accept_all"]["f1"]


def test_an_model_survives_the_disk_and_says_what_decides(tmp_path, model):
    model.save(tmp_path)
    again = MovementModel.load(tmp_path)
    assert again.card.classifier == model.card.classifier
    table = np.zeros((4, len(NAMES)))
    table[:, NAMES.index("strength")] = [-1, 0, 1, 2]
    assert np.array_equal(again.predict_proba(table), model.predict_proba(table))


def test_an_model_analyses_a_recording_with_undilated_movements(cohort, model):
    from femo_signal.reporting.analysis import analyze_recording

    answer = analyze_recording(cohort.parent / "recording-001.dat", model, extract_events=False)
    summary = answer["result"]["summary"]
    assert summary["kicks"] > 0
    assert summary["movement_minutes"] == pytest.approx(
        summary["undilated_movement_minutes"], rel=1e-6
    )
